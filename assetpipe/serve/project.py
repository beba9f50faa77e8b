"""Where the project's configuration says that the release lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assetpipe.errors import ConfigError

DEFAULT_OUT = "build/static"

# The first that is there counts, as for the build.
_CONFIG_FILES = ("assetpipe.toml", "pyproject.toml")


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
    for name in _CONFIG_FILES:
        file = project / name
        if file.is_file():
            return project / _configured_out(file)
    return project / DEFAULT_OUT


def _configured_out(file: Path) -> str:
    import tomllib  # only for projects that do not say in the app where the release lies

    try:
        table: Any = tomllib.loads(file.read_text("utf-8"))
        if file.name == "pyproject.toml":
            table = table.get("tool", {}).get("assetpipe", {})
        out = table.get("out", DEFAULT_OUT)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML: {error}", where=str(file)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(file)) from error
    except AttributeError:
        raise ConfigError("[tool.assetpipe] is not a table", where=str(file)) from None
    if not isinstance(out, str):
        raise ConfigError(f"out is {out!r}, which is not a path", where=str(file))
    return out
