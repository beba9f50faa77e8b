"""The configuration keys that the extension reads from ``app.config``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from assetpipe.errors import ConfigError
from assetpipe.manifest import FILE_NAME
from assetpipe.names import nearest
from assetpipe.serve.handover import Handover
from assetpipe.serve.project import (
    DEFAULT_OUT,
    is_configured,
    is_url,
    output_folder,
    project_folder,
)
from assetpipe.serve.release import TIMEOUT, Place, place

LIVE_PREFIX = "/_assetpipe"
"""What the paths of live reload begin with."""

_PREFIX = "ASSETPIPE_"


class ConfiguredApp(Protocol):
    """What of an app its configuration is read from."""

    config: Any
    debug: bool
    root_path: str


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_blueprints(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and (prefix is None or isinstance(prefix, str))
        for name, prefix in value.items()
    )


def _starts_with(*starts: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value.startswith(starts)


def _is_handover(value: object) -> bool:
    with suppress(ConfigError):
        return isinstance(value, str) and bool(Handover(value))
    return False


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


# Every key that the extension reads: what its value is, and a test of that.
_KEYS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "ASSETPIPE_AUTO_RELOAD": ("True or False", _is_bool),
    "ASSETPIPE_BLUEPRINTS": ("a dict from blueprint names to prefixes or None", _is_blueprints),
    "ASSETPIPE_CDN_URL": (
        "a URL such as https://cdn.example.com/assets",
        _starts_with("https://", "http://", "//"),
    ),
    "ASSETPIPE_CROSSORIGIN": (
        '"anonymous" or "use-credentials"',
        lambda value: value in ("anonymous", "use-credentials"),
    ),
    "ASSETPIPE_INTEGRITY": ("True or False", _is_bool),
    "ASSETPIPE_IN_FRONT": ("True or False", _is_bool),
    "ASSETPIPE_LIVE_RELOAD": ("True or False", _is_bool),
    "ASSETPIPE_MANIFEST": (
        "the path of a manifest.json, or a URL such as https://cdn.example.com/static/",
        lambda value: is_url(value) or (_is_path(value) and "://" not in str(value)),
    ),
    "ASSETPIPE_MANIFEST_COPY": ("a path", _is_path),
    "ASSETPIPE_MANIFEST_TIMEOUT": ("a number of seconds above 0", _is_duration),
    "ASSETPIPE_MEMORY": ("a number of bytes", _is_count),
    "ASSETPIPE_MODE": ('"manifest" or "source"', lambda value: value in ("manifest", "source")),
    "ASSETPIPE_OUT": ("a path", _is_path),
    "ASSETPIPE_PRELOAD_HEADERS": ("how many to send at most, 0 for none", _is_count),
    "ASSETPIPE_SENDFILE": (
        '"X-Accel-Redirect=/internal/" or "X-Sendfile=/srv/static/"',
        _is_handover,
    ),
    "ASSETPIPE_STRICT": ("True or False", _is_bool),
    "ASSETPIPE_URL_PATH": ("a path such as /static", _starts_with("/")),
}


def check_config(config: Mapping[str, Any]) -> None:
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


def mode(app: ConfiguredApp) -> str:
    """Return ``manifest`` or ``source``."""
    configured: str | None = app.config.get("ASSETPIPE_MODE")
    return configured or ("source" if app.debug else "manifest")


def auto_reload(app: ConfiguredApp) -> bool:
    """Say whether to look for a new release at each use."""
    configured = app.config.get("ASSETPIPE_AUTO_RELOAD")
    return configured if isinstance(configured, bool) else app.debug


def live_reload(app: ConfiguredApp) -> bool:
    """Say whether pages that are open are told of changes: in debug alone, and not in tests."""
    configured = app.config.get("ASSETPIPE_LIVE_RELOAD")
    wanted = configured if isinstance(configured, bool) else not app.config.get("TESTING")
    return wanted and app.debug


def release_place(app: ConfiguredApp) -> Place:
    """Return where the release of an app lies.

    Raises:
        ConfigError: it is a URL that cannot be read.
    """
    config = app.config
    manifest = config.get("ASSETPIPE_MANIFEST")
    copy = config.get("ASSETPIPE_MANIFEST_COPY")
    return place(
        manifest if is_url(manifest) else manifest_path(app),
        timeout=config.get("ASSETPIPE_MANIFEST_TIMEOUT") or TIMEOUT,
        copy=project_folder(Path(app.root_path)) / copy if copy else None,
    )


def manifest_path(app: ConfiguredApp) -> Path:
    """Return where on this machine the manifest of an app is, or a build writes it."""
    project = project_folder(Path(app.root_path))
    manifest = app.config.get("ASSETPIPE_MANIFEST")
    if manifest and not is_url(manifest):
        return project / Path(manifest)
    out = app.config.get("ASSETPIPE_OUT")
    if is_configured(project):
        return (project / out if out else output_folder(project)) / FILE_NAME
    places = [folder / (out or DEFAULT_OUT) / FILE_NAME for folder in (project, Path.cwd())]
    return next(filter(Path.is_file, places), places[0])
