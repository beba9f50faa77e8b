"""What a value of the configuration may be, and how an error names one that is not.

Each parser takes the value, the place to name in an error, and the folder that relative paths
start from. It accepts its own result, so that a configuration can be made from parsed values.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assetpipe.errors import ConfigError

Parser = Callable[[Any, str, Path], Any]

_AGES = 1e11  # seconds, some three thousand years
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")


def wrong(value: object, where: str, expected: str) -> ConfigError:
    """Return the error about a value that is not what is expected."""
    key = where.rpartition(":")[0] or where
    return ConfigError(f"{value!r} is not {expected}", where=where, hint=f"mend it in {key}")


def unknown(message: str, name: str, known: list[str], where: str) -> ConfigError:
    """Return the error about a name that is not among the known ones; the nearest is suggested."""
    import difflib  # only for people who err

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known are: {', '.join(sorted(known))}"
    return ConfigError(message, where=where, hint=hint)


def path(value: Any, where: str, folder: Path) -> Path:
    """Parse a path."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise wrong(value, where, "a path")
    return Path(os.path.normpath(folder / value))


def boolean(value: Any, where: str, _folder: Path) -> bool:
    """Parse true or false."""
    if not isinstance(value, bool):
        raise wrong(value, where, "true or false")
    return value


def count(minimum: int, maximum: int | None = None) -> Parser:
    """Return the parser of whole numbers from a minimum on, up to a maximum if there is one."""
    range_ = f"of {minimum} or more" if maximum is None else f"from {minimum} to {maximum}"

    def parse(value: Any, where: str, _folder: Path) -> int:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or value < minimum or (maximum is not None and value > maximum):
            raise wrong(value, where, f"a whole number {range_}")
        return int(value)

    return parse


def seconds(value: Any, where: str, _folder: Path) -> float:
    """Parse a number of seconds."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise wrong(value, where, "a number of seconds")
    return float(value)


def duration(value: Any, where: str, _folder: Path) -> float:
    """Parse a time span: a number of seconds, or a number and one of ``s m h d``, to seconds."""
    given = value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        value = float(match[1]) * _SECONDS[match[2] or "s"] if len(match[1]) < 12 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _AGES:
        raise wrong(given, where, 'a time span such as "90s", "15m", "12h" or "30d"')
    return float(value)


def share(value: Any, where: str, _folder: Path) -> float:
    """Parse a share: a number from 0 to 1, or per cent, such as ``"50%"``."""
    number = value
    if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())):
        number = float(match[1]) / (100 if match[2] else 1)
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number <= 1:
        raise wrong(value, where, 'a share from 0 to 1, or such as "50%"')
    return float(number)


def text(value: Any, where: str, _folder: Path) -> str:
    """Parse a string."""
    if not isinstance(value, str):
        raise wrong(value, where, "a string")
    return value


def globs(value: Any, where: str, _folder: Path) -> tuple[str, ...]:
    """Parse a list of globs, or one."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise wrong(value, where, "a list of globs")
    return tuple(value)


def paths(value: Any, where: str, folder: Path) -> tuple[Path, ...]:
    """Parse a list of paths, or one."""
    if isinstance(value, str | os.PathLike):
        value = [value]
    if not isinstance(value, list | tuple):
        raise wrong(value, where, "a list of paths")
    return tuple(path(item, where, folder) for item in value)


def one_of(known: tuple[str, ...], what: str) -> Parser:
    """Return the parser of one of the known words."""

    def parse(value: Any, where: str, _folder: Path) -> str:
        if value not in known:
            raise unknown(f"unknown {what} {value!r}", str(value), list(known), where)
        return str(value)

    return parse
