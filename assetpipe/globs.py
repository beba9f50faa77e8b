"""Globs over logical names, as the configuration writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

_PIECE = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?\]?[^\]]*\]|[^*?\[]+|\[")
_ANY_FOLDERS, _ALL_BELOW, _ANYTHING = "(?:[^/]+/)*", "/.+", ".*"


def _translate(pattern: str) -> str:
    # Without a slash inside, a pattern means the name in any folder, as in .gitignore.
    if pattern.endswith("/"):
        pattern += "**"
    if "/" not in pattern:
        pattern = "**/" + pattern
    parts = []
    for piece in _PIECE.findall(pattern.removeprefix("/")):
        if piece == "**/":
            parts.append(_ANY_FOLDERS)
        elif piece == "/**":
            parts.append(_ALL_BELOW)
        elif piece == "**":
            parts.append(_ANYTHING)
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece[0] == "[" and len(piece) > 1:
            inside = piece[1:-1].replace("\\", "\\\\")
            parts.append("[" + ("^/" + inside[1:] if inside.startswith("!") else inside) + "]")
        else:
            parts.append(re.escape(piece))
    return "".join(parts)


@lru_cache(maxsize=64)
def _compile(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_translate(pattern)})" for pattern in patterns), re.DOTALL)


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a test that says whether a logical name matches any of the patterns.

    ``*`` and ``?`` stay within one path segment, ``**`` crosses them, ``[abc]`` and ``[!abc]``
    are character sets. A pattern without a slash matches the last segment in any folder; one
    with a slash matches the whole name; one that ends with a slash matches all below it.
    """
    if not patterns:
        return lambda _name: False
    match = _compile(tuple(patterns)).fullmatch
    return lambda name: match(name) is not None
