"""The Flask extension: ``url_for('static', …)`` gives the URLs of a release, and serves them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Flask, Response, abort, after_this_request, has_request_context, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.wsgi import wrap_file

from assetpipe.errors import AssetpipeError, ConfigError, ManifestError, UnknownAssetError
from assetpipe.manifest import FILE_NAME, load
from assetpipe.names import nearest
from assetpipe.serve.project import (
    DEFAULT_OUT,
    bundle_members,
    is_configured,
    output_folder,
    project_folder,
)
from assetpipe.serve.resolver import ManifestResolver, Resolver, SourceResolver
from assetpipe.serve.static import CHUNK, StaticFiles
from assetpipe.serve.tags import script_tags, stylesheet_tags

_PREFIX = "ASSETPIPE_"


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_blueprints(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and (prefix is None or isinstance(prefix, str))
        for name, prefix in value.items()
    )


def _starts_with(*starts: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value.startswith(starts)


# Every key that the extension reads: what its value is, and a test of that.
_KEYS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "ASSETPIPE_AUTO_RELOAD": ("True or False", _is_bool),
    "ASSETPIPE_BLUEPRINTS": ("a dict from blueprint names to prefixes or None", _is_blueprints),
    "ASSETPIPE_CDN_URL": (
        "a URL such as https://cdn.example.com/assets",
        _starts_with("https://", "http://", "//"),
    ),
    "ASSETPIPE_MANIFEST": (
        "the path of a manifest.json",
        lambda value: isinstance(value, str | os.PathLike) and "://" not in str(value),
    ),
    "ASSETPIPE_MODE": ('"manifest" or "source"', lambda value: value in ("manifest", "source")),
    "ASSETPIPE_OUT": ("a path", lambda value: isinstance(value, str | os.PathLike)),
    "ASSETPIPE_STRICT": ("True or False", _is_bool),
    "ASSETPIPE_URL_PATH": ("a path such as /static", _starts_with("/")),
}

# An app may name any number of files, such as its users' pictures: not all are worth a line.
_MOST_WARNINGS = 1000

# What url_for takes beside the arguments of a query.
_NOT_IN_QUERY = {"filename", "_anchor", "_method", "_scheme", "_external"}
_ANCHOR_SAFE = "%!#$&'()*+,/:;=?@"  # as in Flask.url_for


class AssetPipe:
    """Makes a Flask app use the release that ``assetpipe build`` made.

    Call it with the app, or without and ``init_app`` later; one object may serve many apps.
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Register with an app: ``url_for`` gives hashed URLs, the static route serves them.

        The keys in ``app.config`` are read when the first static URL or file is asked for,
        except ``ASSETPIPE_URL_PATH``, which is read here; ``None`` and ``""`` mean the default:

        - ``ASSETPIPE_MODE``: ``"manifest"``, the default, serves the release; ``"source"``, the
          default when ``app.debug``, leaves Flask as it is.
        - ``ASSETPIPE_OUT``: folder of the release, relative to the project's folder, which is
          the nearest one at or above ``app.root_path`` with a pyproject.toml or assetpipe.toml.
          Default: the ``out`` of that file, else ``build/static``. Without such a file the
          current folder is looked at, too, since that is where a build without one writes.
        - ``ASSETPIPE_MANIFEST``: path of the manifest itself, instead of ``ASSETPIPE_OUT``.
        - ``ASSETPIPE_CDN_URL``: URL below which the release was published. Default: none, the
          app serves it.
        - ``ASSETPIPE_STRICT``: raise an error for a name that the release does not have, instead
          of logging a warning and leaving its URL as it is. Default: ``False``.
        - ``ASSETPIPE_BLUEPRINTS``: by blueprint name, the prefix of its static folder in the
          sources; ``None`` leaves that blueprint alone. Default: its name, with dots as slashes.
        - ``ASSETPIPE_AUTO_RELOAD``: look for a new release at each use. Default: ``app.debug``.
        - ``ASSETPIPE_URL_PATH``: path of the static route for an app without one (with
          ``static_folder=None``). Default: ``/static``.

        The view function of the static route is replaced: what guards it, such as a login, has to
        be put around it after this call.

        Raises:
            ConfigError: a key is unknown or has a wrong value, or the app is registered already.
        """
        if "assetpipe" in app.extensions:
            raise ConfigError(
                f"AssetPipe is registered with the app {app.name!r} already",
                hint="call either AssetPipe(app) or init_app(app), and only once",
            )
        _check_config(app.config)
        _ensure_static_route(app)
        assets = _AppAssets(app)
        app.extensions["assetpipe"] = assets
        assets.install()
        if app.config.get("ASSETPIPE_MODE") == "manifest":
            _log_broken_manifest(app)


class _Mount(NamedTuple):
    """How the static folder of a blueprint, or of the app, lies in the release.

    Attributes:
        prefix: what leads its logical names, empty or with a slash at its end.
        arguments: values that the blueprint's own URL needs, and the release's has no place for.
    """

    prefix: str = ""
    arguments: frozenset[str] = frozenset()


_APP_MOUNT = _Mount()


@dataclass(frozen=True, slots=True)
class _State:
    """What an app uses now; a new release replaces it as a whole.

    Attributes:
        resolver: from logical names to files and URLs.
        names: all logical names of the release.
        files: answers requests; ``None`` leaves them to Flask.
        on_cdn: URLs come from the resolver, not from the app's router.
        strict: an unknown name is an error.
        prefixes: by blueprint name, as configured.
        mounts: by blueprint name, filled as they are asked for; ``None`` leaves one alone.
        warned: unknown names that a warning was logged of.
        watched: the manifest to look at before each use, if any.
        signature: what the manifest looked like when it was read.
    """

    resolver: Resolver
    names: Collection[str] = ()
    files: StaticFiles | None = None
    on_cdn: bool = False
    strict: bool = False
    prefixes: Mapping[str, str | None] = field(default_factory=dict)
    mounts: dict[str, _Mount | None] = field(default_factory=dict)
    warned: set[str] = field(default_factory=set)
    watched: Path | None = None
    signature: tuple[int, ...] = ()

    def is_stale(self) -> bool:
        return self.watched is not None and _signature(self.watched) != self.signature


class _AppAssets:
    """The extension's side of one app, kept in ``app.extensions``."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._flask_url_for = app.url_for
        self._url_for = _wrap(app.url_for, self.static_url)
        self._flask_view = app.view_functions["static"]
        self._lock = Lock()
        self._state: _State | None = None

    def install(self) -> None:
        """Take over ``url_for`` and the static route, and give templates their helpers."""
        helpers = {"script_tag": self.script_tag, "stylesheet_tag": self.stylesheet_tag}
        # Not as globals of the environment: to add one is to create it, and the app may still
        # change its options.
        self._app.context_processor(lambda: helpers)
        _replace_url_for(self._app, self._flask_url_for, self._url_for)
        self._app.view_functions["static"] = self.serve

    def _uninstall(self) -> None:
        """Give back what nobody has wrapped since; the rest goes on to call Flask's own."""
        _replace_url_for(self._app, self._url_for, self._flask_url_for)
        if self._app.view_functions["static"] == self.serve:
            self._app.view_functions["static"] = self._flask_view

    def static_url(self, endpoint: str, values: dict[str, Any]) -> str | None:
        """Return the URL of an asset of the release; ``None`` leaves the endpoint to Flask.

        ``values`` are the keyword arguments of ``url_for``; they become those of the result.
        """
        state = self._current()
        mount = _APP_MOUNT if endpoint == "static" else self._mount(state, endpoint)
        if mount is None or "filename" not in values:
            return None
        name = f"{mount.prefix}{values['filename']}"
        if name not in state.resolver:
            self._report_unknown(state, mount, name)
            return None
        for argument in mount.arguments:
            values.pop(argument, None)
        if state.on_cdn:
            return state.resolver.url(name) + self._suffix(values)
        values["filename"] = state.resolver.file(name)
        # References between files are relative, so those of blueprints lie below this route, too.
        return self._flask_url_for("static", **values)

    def script_tag(self, name: str, **attributes: object) -> Markup:
        """Return the ``<script>`` of an asset; in source mode of each member of a bundle.

        Args:
            name: logical name of a script of the app's own static folder.
            attributes: of the tag, such as ``defer=True`` or ``type="module"``.
        """
        return Markup(script_tags(self._urls(name), attributes))  # noqa: S704 - all is escaped

    def stylesheet_tag(self, name: str, **attributes: object) -> Markup:
        """Return the ``<link>`` of an asset; in source mode of each member of a bundle.

        Args:
            name: logical name of a stylesheet of the app's own static folder.
            attributes: of the tag, such as ``media="print"``.
        """
        return Markup(stylesheet_tags(self._urls(name), attributes))  # noqa: S704 - all is escaped

    def _urls(self, name: str) -> list[str]:
        names, folder = [name], self._app.static_folder
        if self._current().files is None and folder:
            project = project_folder(Path(self._app.root_path))
            names = bundle_members(project, name, Path(folder)) or names
        return [self._app.url_for("static", filename=each) for each in names]

    def serve(self, filename: str) -> ResponseReturnValue:
        """Answer a request below the static route."""
        files = self._current().files
        if files is None:
            view: Callable[..., ResponseReturnValue] = self._app.ensure_sync(self._flask_view)
            return view(filename=filename)
        answer = files.respond(request.method, filename, request.headers)
        if answer.status == 404:
            # The app's own page, as from Flask's static route, but never kept.
            after_this_request(_forbid_storing)
            abort(404)
        body: Iterable[bytes] | None = answer.body
        if answer.body is not None and answer.status == 200:
            # Servers send a whole file faster; not all of them honour a part of one.
            body = wrap_file(request.environ, answer.body.file, CHUNK)
        return self._app.response_class(
            body, answer.status, answer.headers, direct_passthrough=body is not None
        )

    def _current(self) -> _State:
        state = self._state
        if state is None or state.is_stale():
            with self._lock:
                state = self._state
                if state is None or state.is_stale():
                    state = self._state = self._load(state)
        return state

    def _load(self, previous: _State | None) -> _State:
        app = self._app
        _check_config(app.config)
        if _mode(app) == "source":
            self._uninstall()
            return _State(SourceResolver(app.static_url_path or ""))
        path = _manifest_path(app)
        signature = _signature(path)  # before reading: what changes meanwhile is seen next time
        try:
            manifest = load(path)
        except ManifestError as error:
            if previous is None:
                raise _with_cure_for_tests(error) from None
            app.logger.error("the last good release stays in use: %s", error)
            return replace(previous, signature=signature)
        if previous is None:
            _warn_of_lost_view(app, self._flask_view)
        cdn_url = app.config.get("ASSETPIPE_CDN_URL") or None
        return _State(
            resolver=ManifestResolver(manifest, cdn_url or "/"),
            names=manifest.assets,
            files=StaticFiles(path.parent, manifest),
            on_cdn=cdn_url is not None,
            strict=bool(app.config.get("ASSETPIPE_STRICT")),
            prefixes=app.config.get("ASSETPIPE_BLUEPRINTS") or {},
            watched=path if _auto_reload(app) else None,
            signature=signature,
        )

    def _mount(self, state: _State, endpoint: str) -> _Mount | None:
        """Return how the static endpoint of a blueprint lies in the release, if it does."""
        if endpoint[0] == ".":
            # Relative to the blueprint of the request, as in Flask.url_for.
            blueprint = request.blueprint if has_request_context() else None
            endpoint = f"{blueprint}{endpoint}" if blueprint else endpoint[1:]
            if endpoint == "static":
                return _APP_MOUNT
        name, _, last = endpoint.rpartition(".")
        if last != "static":
            return None
        if name not in state.mounts and name in self._app.blueprints:
            state.mounts[name] = self._find_mount(state, name)
        return state.mounts.get(name)

    def _find_mount(self, state: _State, name: str) -> _Mount | None:
        prefix = state.prefixes.get(name, name.replace(".", "/"))
        if prefix is None or not self._app.blueprints[name].has_static_folder:
            return None
        prefix = f"{prefix.strip('/')}/".lstrip("/")
        if not any(asset.startswith(prefix) for asset in state.names):
            return None  # a third-party extension's: its files are not in the sources
        rules = self._app.url_map.iter_rules(f"{name}.static")
        arguments = frozenset[str]().union(*(rule.arguments for rule in rules))
        return _Mount(prefix, arguments - {"filename"})

    def _suffix(self, values: dict[str, Any]) -> str:
        """Return the query and the fragment that ``Flask.url_for`` would append."""
        if self._app.url_default_functions:
            self._app.inject_url_defaults("static", values)
        if len(values) == 1:
            return ""
        anchor = values.get("_anchor")
        arguments = {key: value for key, value in values.items() if key not in _NOT_IN_QUERY}
        query = _query_builder().build("query", arguments)[1:] if arguments else ""
        return query if anchor is None else f"{query}#{quote(anchor, safe=_ANCHOR_SAFE)}"

    def _report_unknown(self, state: _State, mount: _Mount, name: str) -> None:
        if not state.strict and (name in state.warned or len(state.warned) >= _MOST_WARNINGS):
            return
        try:
            state.resolver.file(name)
        except UnknownAssetError as error:
            if state.strict:
                raise
            state.warned.add(name)
            cure = error.hint or ""
            if mount is not _APP_MOUNT:
                cure += " (to leave a blueprint alone, set it to None in ASSETPIPE_BLUEPRINTS)"
            self._app.logger.warning("%s; its URL is left as it is; %s", error.message, cure)


def _wrap(
    flask_url_for: Callable[..., str], static_url: Callable[[str, dict[str, Any]], str | None]
) -> Callable[..., str]:
    # A function, since Jinja calls functions faster than methods.
    def url_for(endpoint: str, **values: Any) -> str:
        """Build a URL as ``Flask.url_for`` does; for a static file, that of the release."""
        url = static_url(endpoint, values) if endpoint.endswith("static") else None
        return flask_url_for(endpoint, **values) if url is None else url

    return url_for


def _replace_url_for(app: Flask, old: Callable[..., str], new: Callable[..., str]) -> None:
    if app.url_for == old:
        app.url_for = new  # type: ignore[method-assign]
    # An environment that exists has taken the app's method into its globals. One that does not
    # is never created here: the app may still change its options.
    environment = vars(app).get("jinja_env")
    if environment is not None and environment.globals.get("url_for") == old:
        environment.globals["url_for"] = new


def _ensure_static_route(app: Flask) -> None:
    if "static" in app.view_functions:
        return
    if app.url_map.host_matching:
        raise ConfigError(
            "the app matches hosts, and has no static route",
            hint="give the app a static_folder and a static_host",
        )
    path = (app.config.get("ASSETPIPE_URL_PATH") or "/static").rstrip("/")
    app.add_url_rule(f"{path}/<path:filename>", endpoint="static", view_func=_serve_nothing)


def _serve_nothing(filename: str) -> ResponseReturnValue:
    """Stand for the static view of an app that has no static folder of its own."""
    abort(404, f"in source mode, nothing serves {filename}: the app has no static folder")


def _forbid_storing(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _check_config(config: Mapping[str, Any]) -> None:
    """Check all ``ASSETPIPE_*`` keys.

    Raises:
        ConfigError: a key is unknown, or its value is none that it may have.
    """
    for key, value in config.items():
        if not key.startswith(_PREFIX):
            continue
        if key not in _KEYS:
            # Without the prefix, which makes all keys look alike.
            meant = nearest(key.removeprefix(_PREFIX), [k.removeprefix(_PREFIX) for k in _KEYS])
            raise ConfigError(
                f"unknown configuration key {key}",
                hint=f"did you mean {_PREFIX}{meant}?"
                if meant
                else f"the keys are {', '.join(_KEYS)}",
            )
        description, is_valid = _KEYS[key]
        if value not in (None, "") and not is_valid(value):
            raise ConfigError(f"{key} is {value!r}", hint=f"it has to be {description}")


def _mode(app: Flask) -> str:
    mode: str | None = app.config.get("ASSETPIPE_MODE")
    return mode or ("source" if app.debug else "manifest")


def _auto_reload(app: Flask) -> bool:
    auto_reload = app.config.get("ASSETPIPE_AUTO_RELOAD")
    return auto_reload if isinstance(auto_reload, bool) else app.debug


def _manifest_path(app: Flask) -> Path:
    project = project_folder(Path(app.root_path))
    manifest = app.config.get("ASSETPIPE_MANIFEST")
    if manifest:
        return project / Path(manifest)
    out = app.config.get("ASSETPIPE_OUT")
    if is_configured(project):
        return (project / out if out else output_folder(project)) / FILE_NAME
    places = [folder / (out or DEFAULT_OUT) / FILE_NAME for folder in (project, Path.cwd())]
    return next(filter(Path.is_file, places), places[0])


def _signature(path: Path) -> tuple[int, ...]:
    """Return what changes when the file is replaced; empty when it is not there."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _warn_of_lost_view(app: Flask, view: Callable[..., Any]) -> None:
    """Say so when the view function that is not called any more was the app's own."""
    if getattr(view, "__module__", None) not in (Flask.__module__, __name__):
        app.logger.warning(
            "the app's own view function of the endpoint 'static' is not used: AssetPipe serves"
            " the files; if it guarded them, put it around the view after AssetPipe(app)"
        )


def _log_broken_manifest(app: Flask) -> None:
    """Say at start what the first page would fail with."""
    try:
        load(_manifest_path(app))
    except AssetpipeError as error:
        app.logger.error("%s", error)


def _with_cure_for_tests(error: ManifestError) -> ManifestError:
    cure = f'{error.hint}; where there is no build, as in tests, set ASSETPIPE_MODE = "source"'
    return ManifestError(error.message, where=error.where, hint=cure)


@cache
def _query_builder() -> MapAdapter:
    """Return a router of one URL, which appends query arguments exactly as the app's own does."""
    return Map([Rule("/", endpoint="query")]).bind("")
