"""Where the project's configuration says that the release lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assetpipe.errors import ConfigError
from assetpipe.globs import rooted

DEFAULT_OUT = "build/static"

# The first that is there counts, as for the build.
_CONFIG_FILES = ("assetpipe.toml", "pyproject.toml")

_REMOTE = ("https://", "http://", "s3://", "gs://", "az://")


def project_folder(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` with a configuration file, else ``start``."""
    return next(filter(is_configured, (start, *start.parents)), start)


def is_configured(folder: Path) -> bool:
    """Say whether a folder has a configuration file."""
    return any((folder / name).is_file() for name in _CONFIG_FILES)


def output_folder(project: Path) -> Path:
    """Return the output folder that the project's configuration names, or the default one.

    Raises:
        ConfigError: the configuration file cannot be read, or its ``out`` is not a path.
    """
    out, where = configured(project, "out", DEFAULT_OUT)
    if not isinstance(out, str):
        raise ConfigError(f"out is {out!r}, which is not a path", where=where)
    return project / out


def is_url(place: object) -> bool:
    """Say whether a place is one that a release is fetched from, and no path."""
    return isinstance(place, str) and place.startswith(_REMOTE)


def bundle_members(project: Path, bundle: str, sources: Path) -> list[str]:
    """Return the members of a bundle that the project's configuration names, in order.

    Args:
        project: the project's folder.
        bundle: logical name; of any other asset there are no members.
        sources: the folder of sources, where globs are looked for.

    Raises:
        ConfigError: the configuration file cannot be read, or its ``bundles`` are no table of
            globs.
    """
    bundles, where = configured(project, "bundles", {})
    globs = bundles.get(bundle, []) if isinstance(bundles, dict) else None
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        raise ConfigError(f"bundles is {bundles!r}, which is no table of globs", where=where)
    if not globs:
        return []
    files = (path.relative_to(sources) for path in sources.rglob("*") if path.is_file())
    names = sorted(file.as_posix() for file in files)
    return list(dict.fromkeys(name for glob in globs for name in filter(rooted(glob), names)))


def configured(project: Path, key: str, default: object) -> tuple[object, str]:
    """Return a value of the project's configuration, and the file it is in.

    Raises:
        ConfigError: the file cannot be read.
    """
    import tomllib  # only for projects that do not say in the app where the release lies

    file = next(filter(Path.is_file, (project / name for name in _CONFIG_FILES)), None)
    if file is None:
        return default, ""
    try:
        table: Any = tomllib.loads(file.read_text("utf-8"))
        if file.name == "pyproject.toml":
            table = table.get("tool", {}).get("assetpipe", {})
        return table.get(key, default), str(file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML: {error}", where=str(file)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(file)) from error
    except AttributeError:
        raise ConfigError("[tool.assetpipe] is not a table", where=str(file)) from None
