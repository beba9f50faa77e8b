"""What an app does with its static files, told as a person would, and what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException

from assetpipe.build.model import Source
from assetpipe.build.plugins import GROUP
from assetpipe.build.sources import find, place_of
from assetpipe.cli.sources import app_config
from assetpipe.errors import AssetpipeError, ConfigError, InputError, ManifestError
from assetpipe.flask.assets import EXTENSION, AppAssets
from assetpipe.flask.config import manifest_path, mode, release_place
from assetpipe.flask.mounts import configured_prefixes, folders, is_built, prefix_of
from assetpipe.manifest import HISTORY, Asset, Manifest, load
from assetpipe.names import is_fingerprinted, nearest, split_suffix
from assetpipe.serve.remote import Remote

_BUILD = "run `flask assetpipe build`"
_SHOWN = 3


class Finding(NamedTuple):
    """One thing that was looked at: whether it is well, and a sentence about it."""

    is_well: bool
    text: str


def examine(app: Flask) -> list[Finding]:
    """Return what an app with the extension does with its static files."""
    return [
        _mode(app),
        *_release(app),
        *_settings(app),
        *_front(app),
        *_blueprints(app),
    ]


def explain(app: Flask, url: str) -> Finding:
    """Return why the URL of a static file is as it is.

    Args:
        app: the app, with the extension.
        url: a whole URL, a path, or a name as in ``url_for``.
    """
    try:
        name, endpoint = _asked(app, url)
    except ValueError as error:
        return Finding(False, f"{url} is no URL: {error}.")
    if endpoint.rpartition(".")[2] not in ("", "static"):
        return Finding(True, f"{url} is no static file: the app answers it by {endpoint!r}.")
    blueprint = endpoint.rpartition(".")[0]
    if blueprint and prefix_of(app, blueprint) is None:
        alone = "whose URLs are left alone, because ASSETPIPE_BLUEPRINTS sets it to None"
        return Finding(True, f"{url} belongs to the blueprint {blueprint}, {alone}.")
    if mode(app) == "source":
        return _mode(app)
    try:
        manifest = release_place(app).load()
    except ManifestError as error:
        return Finding(False, _sentence(error))
    files = {asset.file: each for each, asset in manifest.assets.items()}
    asset = manifest.assets.get(name)
    if name in files and is_fingerprinted(name):
        return Finding(True, f"{url} is hashed: it is {files[name]} of the current release.")
    source = next((each for each in _sources(app) if each.name == name), None)
    if source is not None and _is_newer(source, _made(app, manifest)):
        place = place_of(source.path)
        return Finding(False, f"{place} changed after the release was made: {_BUILD}.")
    if asset is not None:
        return _known(app, url, name, asset)
    if source is not None:
        place = place_of(source.path)
        return Finding(False, f"{place} is there, but the release does not have it: {_BUILD}.")
    return _unknown(app, url, name, manifest)


def _mode(app: Flask) -> Finding:
    configured = app.config.get("ASSETPIPE_MODE")
    why = "as ASSETPIPE_MODE says" if configured else "because app.debug is on"
    if mode(app) == "source":
        return Finding(
            True,
            f"The app is in source mode, {why}: URLs and files are those of the sources. "
            'For hashed URLs set ASSETPIPE_MODE = "manifest"'
            + ("." if configured else ", or leave out --debug."),
        )
    why = why if configured else "as it is without --debug"
    return Finding(True, f"The app is in manifest mode, {why}: it serves the release.")


def _release(app: Flask) -> Iterator[Finding]:
    release = release_place(app)
    if isinstance(release, Remote):
        yield from _remote_release(app, release)
        return
    try:
        manifest = release.load()
    except ManifestError as error:
        # In source mode nobody asks for it.
        yield Finding(mode(app) == "source", _sentence(error))
        return
    place = place_of(str(manifest_path(app).parent))
    count = len(manifest.assets)
    yield Finding(True, f"The release {manifest.release} in {place} has {count} assets.")
    made, is_well = _made(app, manifest), mode(app) == "source"
    try:
        sources = _sources(app)
    except InputError as error:
        yield Finding(is_well, _sentence(error))
        return
    newer = [each.name for each in sources if _is_newer(each, made)]
    if newer:
        yield Finding(is_well, f"{_listed(newer)} changed after the release was made: {_BUILD}.")
    compiled = {f".{point.name.removeprefix('.').lower()}" for point in entry_points(group=GROUP)}
    missing = [
        each.name
        for each in sources
        if not _is_newer(each, made)
        and each.name not in manifest.assets
        and split_suffix(each.name)[1].lower() not in compiled
    ]
    if missing:
        yield Finding(is_well, f"The release does not have {_listed(missing)}: {_BUILD}.")


def _remote_release(app: Flask, remote: Remote) -> Iterator[Finding]:
    try:
        manifest = remote.fetch()[1]
    except ManifestError as error:
        yield Finding(mode(app) == "source", _sentence(error))
        with suppress(ManifestError):
            kept = load(remote.copy)
            place = place_of(str(remote.copy))
            yield Finding(True, f"Until then the app uses release {kept.release}, from {place}.")
        return
    count = len(manifest.assets)
    yield Finding(True, f"The release {manifest.release} at {remote.name} has {count} assets.")


def _sources(app: Flask) -> list[Source]:
    """Return what a build would build; nothing where the sources are not, as in production.

    Raises:
        InputError: they cannot be built.
    """
    try:
        config = app_config(app, {})
        return find(config.roots, config.ignore, (config.out, config.cache))
    except ConfigError:
        return []


def _made(app: Flask, manifest: Manifest) -> int:
    """Return when the release was made, in nanoseconds."""
    if release_place(app).is_remote:
        return sys.maxsize  # nobody can tell
    path = manifest_path(app)
    # A build that finds nothing new renews the second.
    paths = (path, path.parent / HISTORY / f"{manifest.release}.json")
    return max(each.stat().st_mtime_ns for each in paths if each.is_file())


def _is_newer(source: Source, made: int) -> bool:
    return int(source.signature.split("-")[1]) > made


def _settings(app: Flask) -> Iterator[Finding]:
    config, is_remote = app.config, release_place(app).is_remote
    try:
        cdn_url = _cdn_url(app)
    except ConfigError as error:
        yield Finding(False, _sentence(error))
        return
    if is_remote:
        yield Finding(True, f"URLs lead to {cdn_url}; the app serves no files itself.")
    elif cdn_url:
        yield Finding(True, f"URLs lead to {cdn_url}; the app serves the same files below its own.")
    if config.get("ASSETPIPE_MANIFEST") and config.get("ASSETPIPE_OUT") and not is_remote:
        yield Finding(
            False, "ASSETPIPE_OUT is not looked at, as ASSETPIPE_MANIFEST is set: remove one."
        )
    if cdn_url and config.get("ASSETPIPE_CROSSORIGIN") == "use-credentials":
        yield Finding(
            False,
            'ASSETPIPE_CROSSORIGIN is "use-credentials", which browsers refuse where '
            'Access-Control-Allow-Origin is "*": set it to "anonymous".',
        )
    if is_remote or (config.get("ASSETPIPE_AUTO_RELOAD") is False and cdn_url is None):
        yield Finding(True, "A new release is seen when the app is started again.")


def _cdn_url(app: Flask) -> str | None:
    return release_place(app).base(app.config.get("ASSETPIPE_CDN_URL") or None)


def _front(app: Flask) -> Iterator[Finding]:
    if mode(app) == "source" or release_place(app).is_remote:
        return
    assets: AppAssets = app.extensions[EXTENSION]
    insists, obstacle = app.config.get("ASSETPIPE_IN_FRONT"), assets.front.obstacle()
    if insists or (insists is None and not obstacle):
        yield Finding(True, "Requests for files are answered in front of the app.")
    elif insists is False:
        yield Finding(True, "Requests for files go through the app, as ASSETPIPE_IN_FRONT says.")
    else:
        yield Finding(
            True,
            f"Requests for files go through the app, as {obstacle}. "
            "If that does nothing for files, set ASSETPIPE_IN_FRONT = True.",
        )


def _blueprints(app: Flask) -> Iterator[Finding]:
    """Yield what becomes of the static folder of each blueprint."""
    prefixes = configured_prefixes(app)
    for name in sorted({*prefixes} - {*app.blueprints}):
        meant = nearest(name, app.blueprints)
        hint = f"; did you mean {meant}?" if meant else "."
        yield Finding(
            False, f"ASSETPIPE_BLUEPRINTS names {name}, and there is no such blueprint{hint}"
        )
    for name, blueprint in app.blueprints.items():
        if blueprint.has_static_folder and prefixes.get(name, "") is None:
            yield Finding(
                True, f"The blueprint {name} is left alone, as ASSETPIPE_BLUEPRINTS says."
            )
    try:
        assets = release_place(app).load().assets
    except ManifestError:
        return
    for folder in folders(app):
        if not folder.blueprint or any(each.startswith(folder.prefix) for each in assets):
            continue
        if is_built(app, folder):
            yield Finding(
                False,
                f"The URLs of the blueprint {folder.blueprint} are not hashed, as the release has "
                f"nothing below {folder.prefix}: {_BUILD}, "
                "or set the blueprint to None in ASSETPIPE_BLUEPRINTS.",
            )
        else:
            yield Finding(
                True,
                f"The blueprint {folder.blueprint} belongs to a package, and is left alone.",
            )


def _known(app: Flask, url: str, name: str, asset: Asset) -> Finding:
    if asset.file == name:
        key = "immutable" if asset.immutable else "plain"
        kept = "kept for a year" if asset.immutable else "asked for again at each use"
        return Finding(
            True,
            f"{url} keeps its name, since `{key}` in the configuration lists it; it is {kept}.",
        )
    with app.test_request_context():
        hashed = app.url_for("static", filename=name)
    call = f"url_for('static', filename={name!r})"
    text = f"{call} gives {hashed}."
    if "/" in url and urlsplit(url).path != urlsplit(hashed).path and url != name:
        text += f" Where a page has {url}, the path is written by hand: write the call instead."
    return Finding(True, text)


def _unknown(app: Flask, url: str, name: str, manifest: Manifest) -> Finding:
    folder = next((each for each in folders(app) if each.has(name)), None)
    if folder is not None and not is_built(app, folder):
        return Finding(
            True,
            f"{url} belongs to the blueprint {folder.blueprint} of a package, which is left alone: "
            "name it in ASSETPIPE_BLUEPRINTS, and its files will be built.",
        )
    if folder is not None:
        place = place_of(str(folder.file(name)))
        return Finding(True, f"{place} is left out of the release: a build ignores it.")
    for path in (manifest_path(app).parent / HISTORY).glob("*.json"):
        try:
            earlier = {asset.file for asset in load(path).assets.values()}
        except AssetpipeError:
            continue
        if name in earlier:
            return Finding(
                True, f"{url} is hashed: it belongs to another release, {path.stem}, that is kept."
            )
    meant = nearest(name, manifest.assets)
    hint = f" Did you mean {meant}?" if meant else " Put the file into a static folder, and build."
    return Finding(False, f"The release has no {name}.{hint}")


def _asked(app: Flask, url: str) -> tuple[str, str]:
    """Return the logical name that a URL means, and the endpoint that answers it, if any.

    Raises:
        ValueError: it is no URL.
    """
    split = urlsplit(url)
    path = unquote(split.path)
    base = unquote(urlsplit(_cdn_url(app) or "").path)
    if base and split.netloc and path.startswith(base):
        return path.removeprefix(base).lstrip("/"), ""
    root = app.config["APPLICATION_ROOT"].rstrip("/")
    candidates = (path.removeprefix(root), path, f"/{path}")
    for endpoint, values in _matches(app, split.netloc, candidates):
        blueprint, _, last = endpoint.rpartition(".")
        if last == "static" and "filename" in values:
            prefix = prefix_of(app, blueprint) if blueprint else ""
            return f"{prefix or ''}{values['filename']}", endpoint
        if path.startswith("/"):
            return "", endpoint
    return path.lstrip("/"), ""


def _matches(
    app: Flask, host: str, paths: Iterable[str]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the endpoints that answer paths, and their values, on any host of static files."""
    routes = app.url_map
    rules = [rule for rule in routes.iter_rules() if rule.endpoint.endswith("static")]
    if routes.host_matching:
        hosts = dict.fromkeys([host, *(rule.host or "" for rule in rules)])
        adapters = [routes.bind(each) for each in hosts]
    else:
        subdomains = dict.fromkeys(rule.subdomain for rule in rules)
        adapters = [routes.bind("", subdomain=each) for each in subdomains]
    for path in paths:
        for adapter in adapters:
            with suppress(HTTPException):
                yield adapter.match(path)


def _sentence(error: AssetpipeError) -> str:
    place = f"{place_of(error.where)}: " if error.where else ""
    hint = (error.hint or "").replace("`assetpipe build`", "`flask assetpipe build`")
    return f"{place}{error.message}; {hint}." if hint else f"{place}{error.message}."


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
