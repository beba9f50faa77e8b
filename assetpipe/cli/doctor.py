"""What an app does with its static files, told as a person would, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException

from assetpipe.build import Config
from assetpipe.build.sources import find, place_of
from assetpipe.errors import AssetpipeError, ManifestError
from assetpipe.flask.assets import EXTENSION, AppAssets
from assetpipe.flask.config import manifest_path, mode
from assetpipe.flask.mounts import folders, prefix_of
from assetpipe.manifest import HISTORY, Asset, Manifest, load
from assetpipe.names import HASH_LENGTH, nearest, split_suffix

_BUILD = "run `flask assetpipe build`"
_HASH = re.compile(rf"\.[0-9a-f]{{{HASH_LENGTH}}}\Z")
_SHOWN = 3


class Finding(NamedTuple):
    """One thing that was looked at: whether it is well, and a sentence about it."""

    is_well: bool
    text: str


def examine(app: Flask, config: Config) -> list[Finding]:
    """Return what an app does with its static files.

    Args:
        app: the app, with the extension.
        config: that of a build of its files.
    """
    return [
        _mode(app),
        *_release(app, config),
        *_settings(app.config),
        *_front(app),
        *_blueprints(app),
    ]


def explain(app: Flask, url: str) -> list[Finding]:
    """Return why the URL of a static file is as it is.

    Args:
        app: the app, with the extension.
        url: a whole URL, a path, or a name as in ``url_for``.
    """
    name, blueprint = _name(app, url)
    prefixes = app.config.get("ASSETPIPE_BLUEPRINTS") or {}
    if blueprint and prefix_of(app, prefixes, blueprint) is None:
        alone = "whose URLs are left alone, because ASSETPIPE_BLUEPRINTS sets it to None"
        return [Finding(True, f"{url} belongs to the blueprint {blueprint}, {alone}.")]
    if mode(app) == "source":
        return [_mode(app)]
    try:
        manifest = load(manifest_path(app))
    except ManifestError as error:
        return [Finding(False, _sentence(error))]
    files = {asset.file: each for each, asset in manifest.assets.items()}
    asset = manifest.assets.get(name)
    if name in files and _HASH.search(split_suffix(name)[0]):
        return [Finding(True, f"{url} is hashed: it is {files[name]} of the current release.")]
    if asset is not None:
        return [_known(app, url, name, asset)]
    return [_unknown(app, url, name, manifest)]


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


def _release(app: Flask, config: Config) -> Iterator[Finding]:
    path = manifest_path(app)
    try:
        manifest = load(path)
    except ManifestError as error:
        # In source mode nobody asks for it.
        yield Finding(mode(app) == "source", _sentence(error))
        return
    place = place_of(str(path.parent))
    count = len(manifest.assets)
    yield Finding(True, f"The release {manifest.release} in {place} has {count} assets.")
    yield from _stale(manifest, path, config)


def _stale(manifest: Manifest, path: Path, config: Config) -> Iterator[Finding]:
    """Yield what the sources have that the release does not."""
    kept = path.parent / HISTORY / f"{manifest.release}.json"
    made = max(each.stat().st_mtime_ns for each in (path, kept) if each.is_file())
    sources = find(config.roots, config.ignore, (config.out, config.cache))
    newer = [each.name for each in sources if Path(each.path).stat().st_mtime_ns > made]
    if newer:
        yield Finding(False, f"{_listed(newer)} changed after the release was made: {_BUILD}.")


def _settings(config: Mapping[str, object]) -> Iterator[Finding]:
    cdn_url = config.get("ASSETPIPE_CDN_URL")
    if cdn_url:
        yield Finding(True, f"URLs lead to {cdn_url}; the app serves the same files below its own.")
    if config.get("ASSETPIPE_MANIFEST") and config.get("ASSETPIPE_OUT"):
        yield Finding(
            False, "ASSETPIPE_OUT is not looked at, as ASSETPIPE_MANIFEST is set: remove one."
        )
    if config.get("ASSETPIPE_CROSSORIGIN") == "use-credentials":
        yield Finding(
            False,
            'ASSETPIPE_CROSSORIGIN is "use-credentials", which browsers refuse where '
            'Access-Control-Allow-Origin is "*": set it to "anonymous".',
        )
    if config.get("ASSETPIPE_AUTO_RELOAD") is False and cdn_url is None:
        yield Finding(True, "A new release is seen when the app is started again.")


def _front(app: Flask) -> Iterator[Finding]:
    if mode(app) == "source":
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
    prefixes = app.config.get("ASSETPIPE_BLUEPRINTS") or {}
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
        assets = load(manifest_path(app)).assets
    except ManifestError:
        return
    for folder in folders(app, prefixes):
        if not folder.blueprint or any(each.startswith(folder.prefix) for each in assets):
            continue
        if folder.is_within(Path(app.root_path)) or folder.blueprint in prefixes:
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
    prefixes = app.config.get("ASSETPIPE_BLUEPRINTS") or {}
    folder = next((each for each in folders(app, prefixes) if each.has(name)), None)
    if folder is not None:
        place = place_of(str(folder.file(name)))
        return Finding(False, f"{place} is there, but the release does not have it: {_BUILD}.")
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


def _name(app: Flask, url: str) -> tuple[str, str]:
    """Return the logical name that a URL means, and the blueprint that it belongs to, if any."""
    path = urlsplit(url).path
    base = urlsplit(app.config.get("ASSETPIPE_CDN_URL") or "").path
    if base and urlsplit(url).netloc and path.startswith(base):
        return unquote(path.removeprefix(base).lstrip("/")), ""
    prefixes = app.config.get("ASSETPIPE_BLUEPRINTS") or {}
    for candidate in (path, f"/{path}"):
        try:
            endpoint, values = app.url_map.bind("").match(candidate)
        except HTTPException:
            continue
        blueprint, _, last = endpoint.rpartition(".")
        if last == "static" and "filename" in values:
            prefix = prefix_of(app, prefixes, blueprint) if blueprint else ""
            return f"{prefix or ''}{values['filename']}", blueprint
    return unquote(path.lstrip("/")), ""


def _sentence(error: AssetpipeError) -> str:
    place = f"{place_of(error.where)}: " if error.where else ""
    hint = (error.hint or "").replace("`assetpipe build`", "`flask assetpipe build`")
    return f"{place}{error.message}; {hint}." if hint else f"{place}{error.message}."


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
