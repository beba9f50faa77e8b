"""The extension's side of one app: its URLs, its template helpers, and its static route."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from urllib.parse import quote

import flask
from flask import Flask, Response, abort
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.routing import Map, MapAdapter, Rule

from assetpipe.errors import (
    AssetpipeError,
    ConfigError,
    ManifestError,
    OutsideError,
    UnknownAssetError,
)
from assetpipe.flask.config import (
    LIVE_PREFIX,
    auto_reload,
    check_config,
    live_reload,
    mode,
    release_place,
)
from assetpipe.flask.front import Front, in_front
from assetpipe.flask.mounts import APP_MOUNT, Folder, Mount, Mounts, folders
from assetpipe.manifest import Asset, Image
from assetpipe.serve.answers import Body
from assetpipe.serve.counts import URL_FOUND, URL_UNKNOWN, Counts
from assetpipe.serve.handover import Handover
from assetpipe.serve.helpers import Helpers
from assetpipe.serve.images import seen
from assetpipe.serve.links import Preload, link_header
from assetpipe.serve.project import bundle_members, is_url, project_folder
from assetpipe.serve.release import Current, Place, Release
from assetpipe.serve.resolver import ManifestResolver, Resolver, SourceResolver
from assetpipe.serve.static import MEMORY, StaticFiles
from assetpipe.serve.tags import named
from assetpipe.serve.wsgi import content

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from assetpipe.flask.live import Live

EXTENSION = "assetpipe"
"""The key in ``app.extensions``."""

# An app may name any number of files, such as its users' pictures: not all are worth a line.
_MOST_WARNINGS = 1000

# What url_for takes beside the arguments of a query.
_NOT_IN_QUERY = {"filename", "_anchor", "_method", "_scheme", "_external"}
_ANCHOR_SAFE = "%!#$&'()*+,/:;=?@"  # as in Flask.url_for

_USED = "_assetpipe_used"  # in flask.g


@dataclass(frozen=True, slots=True)
class _State:
    """What an app uses now; a new release replaces it as a whole.

    Attributes:
        resolver: from logical names to files and URLs.
        release: the release; ``None`` leaves everything to Flask.
        mounts: how the static folders of blueprints lie in it.
        on_cdn: URLs come from the resolver, not from the app's router.
        strict: an unknown name is an error.
        is_live: a new release may come at any time.
        warned: unknown names that a warning was logged of.
    """

    resolver: Resolver
    release: Release | None
    mounts: Mounts
    on_cdn: bool = False
    strict: bool = False
    is_live: bool = False
    warned: set[str] = field(default_factory=set)


class AppAssets:
    """The extension's side of one app, kept in ``app.extensions``.

    What is Flask's own here is replaced where an app is of another framework; see ``quart``.

    Args:
        app: the app.
    """

    _framework: ClassVar[ModuleType] = flask
    _app_class: ClassVar[type] = Flask
    _entry: ClassVar[str] = "wsgi_app"  # the method that servers call

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._prefix = _ensure_static_route(app)
        self.counts = Counts()
        # What most calls of url_for come down to, while nothing can change it: by file name the
        # URL on the CDN, or else the output file.
        self._urls: dict[object, str] = {}
        self._files: dict[object, str] = {}
        self._flask_url_for = app.url_for
        self._url_for = self._wrapped(app.url_for)
        self._flask_view = app.view_functions["static"]
        self._view = self.serve
        self._lock = Lock()
        self._state: _State | None = None
        self._current: Current | None = None
        self._live: Live | None = None
        self.front = Front(
            app,
            self._prefix,
            self._view,
            entry=self._entry,
            app_class=self._app_class,
            signals=(self._framework.request_started, self._framework.request_finished),
        )

    def install(self) -> None:
        """Take over ``url_for`` and the static route, and give templates their helpers.

        Raises:
            ConfigError: the configuration is wrong.
            ManifestError: the manifest lies at a URL, and can be read neither there nor from the
                last good copy.
        """
        app = self._app
        # Not as globals of the environment: to add one is to create it, and the app may still
        # change its options.
        self._add_helpers()
        _replace_url_for(app, self._flask_url_for, self._url_for)
        app.view_functions["static"] = self._view
        self._set_automatic_options(False)
        self._add_front()
        self._look_at_release()

    def _add_helpers(self) -> None:
        self._app.context_processor(lambda: self._helpers)

    def _add_front(self) -> None:
        app = self._app
        self._add_live_reload()
        app.wsgi_app = in_front(  # type: ignore[assignment, method-assign]
            app.wsgi_app, self._prefix, self._files_in_front
        )

    def _add_live_reload(self) -> None:
        """Answer the script in pages, and put it there; whether to is asked at each request."""
        app = self._app
        rest, processed = app.wsgi_app, app.process_response

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            is_asked = environ.get("PATH_INFO", "").startswith(f"{LIVE_PREFIX}/")
            live = self.live() if is_asked else None
            return live.answer(environ, start_response) if live else rest(environ, start_response)

        def process_response(*arguments: Any) -> Response:
            response = processed(*arguments)
            live = self.live()
            return live.insert(response) if live else response

        app.wsgi_app = application  # type: ignore[method-assign]
        app.process_response = process_response  # type: ignore[assignment, method-assign]

    def live(self) -> Live | None:
        """Return what pages are told by; ``None`` outside of debug, where nothing of it loads."""
        if not live_reload(self._app):
            return None
        with self._lock:
            if self._live is None:
                from assetpipe.flask.live import Live

                self._live = Live(self._app, is_served=self._entry == "wsgi_app")
            return self._live

    def live_reload_tag(self, **attributes: object) -> Markup:
        """Return the ``<script>`` of live reload; empty outside of debug.

        Pages get one without asking; this is for a place of its own, or other attributes.
        """
        live = self.live()
        return Markup(live.tag(named(attributes)) if live else "")  # noqa: S704 - it is escaped

    def _uninstall(self) -> None:
        """Give back what nobody has wrapped since; the rest goes on to call Flask's own."""
        _replace_url_for(self._app, self._url_for, self._flask_url_for)
        if self._app.view_functions["static"] is self._view:
            self._app.view_functions["static"] = self._flask_view
            self._set_automatic_options(True)

    def _set_automatic_options(self, value: bool) -> None:
        """Leave it to Flask, or not, to answer what methods there are."""
        for rule in self._app.url_map.iter_rules("static"):
            rule.provide_automatic_options = value  # type: ignore[attr-defined]

    # What the app's router and its templates ask.

    def _wrapped(self, flask_url_for: Callable[..., str]) -> Callable[..., str]:
        urls, files, counts = self._urls, self._files, self.counts
        defaults = self._app.url_default_functions

        # A function, since Jinja calls functions faster than methods.
        def url_for(endpoint: str, **values: Any) -> str:
            """Build a URL as ``Flask.url_for`` does; for a static file, that of the release."""
            if endpoint == "static":
                name = values.get("filename")
                if name in files:
                    counts.values[URL_FOUND] += 1
                    values["filename"] = files[name]
                    return flask_url_for(endpoint, **values)
                if name in urls and len(values) == 1 and not defaults:
                    counts.values[URL_FOUND] += 1
                    return urls[name]
            elif not endpoint.endswith("static"):
                return flask_url_for(endpoint, **values)
            url = self.static_url(endpoint, values)
            return flask_url_for(endpoint, **values) if url is None else url

        return url_for

    def static_url(self, endpoint: str, values: dict[str, Any]) -> str | None:
        """Return the URL of an asset of the release; ``None`` leaves the endpoint to Flask.

        ``values`` are the keyword arguments of ``url_for``; they become those of the result.
        """
        state = self._now()
        mount = APP_MOUNT if endpoint == "static" else self._mount(state, endpoint)
        if mount is None or "filename" not in values:
            return None
        name = f"{mount.prefix}{values['filename']}"
        if name not in state.resolver:
            self._report_unknown(state, mount, name)
            return None
        self.counts.values[URL_FOUND] += 1
        for argument in mount.arguments:
            values.pop(argument, None)
        if state.on_cdn:
            return state.resolver.url(name) + self._suffix(values)
        values["filename"] = state.resolver.file(name)
        # References between files are relative, so those of blueprints lie below this route, too.
        return self._flask_url_for("static", **values)

    def url(self, name: str) -> str:
        """Return the URL of an asset, by its logical name in the release.

        Raises:
            UnknownAssetError: the release has no asset of this name, and the app is strict.
        """
        if self._now().release is not None:
            return self._app.url_for("static", filename=name)
        folder = self._folder(name)
        if folder is None:
            return self._app.url_for("static", filename=name)
        return self._app.url_for(folder.endpoint, filename=name.removeprefix(folder.prefix))

    def asset(self, name: str) -> Asset | None:
        """Return what the release says of an asset; ``None`` in source mode, and if unknown."""
        release = self._now().release
        return release.manifest.assets.get(name) if release else None

    def names(self, name: str) -> list[str]:
        """Return the asset itself, or in source mode the members of a bundle."""
        if self._now().release is None and self._app.static_folder:
            project = project_folder(Path(self._app.root_path))
            return bundle_members(project, name, Path(self._app.static_folder)) or [name]
        return [name]

    def read(self, name: str) -> bytes:
        """Return the bytes of an asset.

        Raises:
            UnknownAssetError: there is none of this name.
            OutsideError: it cannot be read.
        """
        state = self._now()
        if state.release is not None:
            state.resolver.file(name)
            return self.place.read(state.release.manifest.assets[name])
        folder = self._folder(name)
        if folder is None:
            raise UnknownAssetError(f"no static folder has a file {name!r}")
        path = folder.file(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise OutsideError(f"cannot be read: {error.strerror}", where=str(path)) from error

    def measured(self, name: str) -> Image | None:
        """Return how large an image is; ``None`` if that is unknown, and outside of source mode."""
        folder = self._folder(name) if self._now().release is None else None
        return seen(folder.file(name)) if folder else None

    def note_use(self, preload: Preload) -> None:
        """Remember what a page uses, for the header field of its response."""
        most = self._app.config.get("ASSETPIPE_PRELOAD_HEADERS")
        if not most or not self._framework.has_request_context():
            return
        used: list[Preload] | None = getattr(self._framework.g, _USED, None)
        if used is None:
            used = []
            setattr(self._framework.g, _USED, used)
            self._change_response(partial(_add_links, used, most))
        used.append(preload)

    def _change_response(self, change: Callable[[Response], Response]) -> None:
        """Have the response of this request changed before it is sent."""
        self._framework.after_this_request(change)

    @cached_property
    def _helpers(self) -> dict[str, Callable[..., object]]:
        """Return the template helpers, by name."""
        config = self._app.config
        helpers = Helpers(
            self,
            Markup,
            integrity=bool(config.get("ASSETPIPE_INTEGRITY")),
            crossorigin=config.get("ASSETPIPE_CROSSORIGIN") or None,
            is_cross_origin=bool(config.get("ASSETPIPE_CDN_URL"))
            or is_url(config.get("ASSETPIPE_MANIFEST")),
            measured=self.measured,
        )
        return {**helpers.table(), "live_reload_tag": self.live_reload_tag}

    @cached_property
    def place(self) -> Place:
        """Where the release lies."""
        return release_place(self._app)

    @property
    def _cdn_url(self) -> str | None:
        return self.place.base(self._app.config.get("ASSETPIPE_CDN_URL") or None)

    # What a request asks.

    def _files_in_front(self) -> StaticFiles | None:
        release = self._now().release
        if release is None:
            return None
        wanted = self._app.config.get("ASSETPIPE_IN_FRONT")
        is_first = wanted if isinstance(wanted, bool) else not self.front.obstacle()
        return release.files if is_first else None

    def serve(self, filename: str) -> ResponseReturnValue:
        """Answer a request below the static route."""
        release = self._now().release
        request = flask.request
        if release is None:
            if request.method == "OPTIONS":
                return self._methods()
            view: Callable[..., ResponseReturnValue] = self._app.ensure_sync(self._flask_view)
            return view(filename=filename)
        environ: WSGIEnvironment = request.environ
        answer = release.files.respond(request.method, filename, environ)
        if answer.status == 404:
            self._refuse()
        body = content(answer, environ)
        return self._app.response_class(
            body,
            answer.status,
            answer.headers,
            direct_passthrough=isinstance(answer.body, Body),
        )

    def _methods(self) -> Response:
        """Answer what methods the static route has, as the framework does by itself."""
        # Its own way to make this response takes other arguments from version to version.
        response = self._app.response_class("")
        rule = self._framework.request.url_rule
        response.allow.update(rule.methods or ())
        return response

    def _refuse(self) -> NoReturn:
        """Answer with the app's own page, as Flask's static route does; but nobody keeps it."""
        self._change_response(_forbid_storing)
        abort(404)

    # The state.

    def _now(self) -> _State:
        state = self._state
        if state is None or (
            state.is_live and self._current is not None and self._current.get() is not state.release
        ):
            with self._lock:
                state = self._state = self._load(self._state)
        return state

    def _load(self, last: _State | None) -> _State:
        app = self._app
        config = app.config
        check_config(config)
        if mode(app) == "source":
            self._uninstall()
            sources = SourceResolver(app.static_url_path or "")
            return _State(sources, None, Mounts(app, ()))
        is_live = auto_reload(app)
        self._current = self._current or self._make_current()
        try:
            release = self._current.get()
        except ManifestError as error:
            raise _with_cure_for_tests(error) from None
        if last is not None and last.release is release:
            return last  # another thread was faster
        if last is None:
            self._warn_of_lost_view()
        cdn_url = self._cdn_url
        resolver = ManifestResolver(release.manifest, cdn_url or "/")
        if not is_live:
            fixed, answer = (self._urls, resolver.url) if cdn_url else (self._files, resolver.file)
            fixed.update((name, answer(name)) for name in release.manifest.assets)
        return _State(
            resolver=resolver,
            release=release,
            mounts=Mounts(app, release.manifest.assets),
            on_cdn=cdn_url is not None,
            strict=bool(config.get("ASSETPIPE_STRICT")),
            is_live=is_live,
        )

    def _make_current(self) -> Current:
        config = self._app.config
        sendfile = config.get("ASSETPIPE_SENDFILE")
        memory = config.get("ASSETPIPE_MEMORY")
        return Current(
            self.place,
            partial(
                StaticFiles,
                memory=MEMORY if memory is None else memory,
                handover=Handover(sendfile) if sendfile else None,
                counts=self.counts,
            ),
            auto_reload=auto_reload(self._app),
            counts=self.counts,
        )

    def _look_at_release(self) -> None:
        """Read a release at a URL, and say at start what the first page would fail with."""
        app = self._app
        is_remote = is_url(app.config.get("ASSETPIPE_MANIFEST")) and mode(app) == "manifest"
        try:
            if is_remote and self._cdn_url:  # which is an error where there is none
                self._current = self._make_current()
                self._current.get()
            elif app.config.get("ASSETPIPE_MODE") == "manifest":
                release_place(app).load()
        except AssetpipeError as error:
            # The command line has to start: it is how people build, and ask what is wrong.
            if is_remote and os.environ.get("FLASK_RUN_FROM_CLI") != "true":
                raise
            app.logger.error("%s", error)

    def _folder(self, name: str) -> Folder | None:
        """Return the static folder that has the source of a logical name."""
        return next((each for each in self._folders() if each.has(name)), None)

    def _folders(self) -> list[Folder]:
        return list(folders(self._app))

    def _mount(self, state: _State, endpoint: str) -> Mount | None:
        """Return how the static endpoint of a blueprint lies in the release, if it does."""
        if endpoint[0] == ".":
            # Relative to the blueprint of the request, as in Flask.url_for.
            blueprint = self._blueprint()
            endpoint = f"{blueprint}{endpoint}" if blueprint else endpoint[1:]
            if endpoint == "static":
                return APP_MOUNT
        name, _, last = endpoint.rpartition(".")
        return state.mounts.get(name) if last == "static" else None

    def _blueprint(self) -> str | None:
        """Return the blueprint of the request, if there is one."""
        framework = self._framework
        return framework.request.blueprint if framework.has_request_context() else None

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

    def _warn_of_lost_view(self) -> None:
        """Say so when the view function that is not called any more was the app's own."""
        module = getattr(self._flask_view, "__module__", None)
        if module not in (self._app_class.__module__, __name__):
            self._app.logger.warning(
                "the app's own view function of the endpoint 'static' is not used: AssetPipe"
                " serves the files; if it guarded them, put it around the view after"
                " AssetPipe(app)"
            )

    def _report_unknown(self, state: _State, mount: Mount, name: str) -> None:
        self.counts.values[URL_UNKNOWN] += 1
        if not state.strict and (name in state.warned or len(state.warned) >= _MOST_WARNINGS):
            return
        try:
            state.resolver.file(name)
        except UnknownAssetError as error:
            if state.strict:
                raise
            state.warned.add(name)
            cure = error.hint or ""
            if mount is not APP_MOUNT:
                cure += " (to leave a blueprint alone, set it to None in ASSETPIPE_BLUEPRINTS)"
            self._app.logger.warning("%s; its URL is left as it is; %s", error.message, cure)


def _add_links(used: list[Preload], most: int, response: Response) -> Response:
    """Name what a page used, so that browsers and CDNs may fetch it before they have the page."""
    links = link_header(used, most=most)
    if links and response.mimetype == "text/html":
        response.headers.add("Link", links)
    return response


def _replace_url_for(app: Flask, old: Callable[..., str], new: Callable[..., str]) -> None:
    if app.url_for == old:
        app.url_for = new  # type: ignore[method-assign]
    # An environment that exists has taken the app's method into its globals. One that does not
    # is never created here: the app may still change its options.
    environment = vars(app).get("jinja_env")
    if environment is not None and environment.globals.get("url_for") == old:
        environment.globals["url_for"] = new


def _ensure_static_route(app: Flask) -> str:
    """Return the prefix of the static files' paths, after giving the app a route if need be."""
    if "static" not in app.view_functions:
        if app.url_map.host_matching:
            raise ConfigError(
                "the app matches hosts, and has no static route",
                hint="give the app a static_folder and a static_host",
            )
        path = (app.config.get("ASSETPIPE_URL_PATH") or "/static").rstrip("/")
        app.add_url_rule(f"{path}/<path:filename>", endpoint="static", view_func=_serve_nothing)
    return next(app.url_map.iter_rules("static")).rule.partition("<")[0]


def _serve_nothing(filename: str) -> ResponseReturnValue:
    """Stand for the static view of an app that has no static folder of its own."""
    abort(404, f"in source mode, nothing serves {filename}: the app has no static folder")


def _forbid_storing(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _with_cure_for_tests(error: ManifestError) -> ManifestError:
    cure = f'{error.hint}; where there is no build, as in tests, set ASSETPIPE_MODE = "source"'
    return ManifestError(error.message, where=error.where, hint=cure)


@cache
def _query_builder() -> MapAdapter:
    """Return a router of one URL, which appends query arguments exactly as the app's own does."""
    return Map([Rule("/", endpoint="query")]).bind("")
