"""Globs over logical names, as the configuration writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

DEFAULT_IGNORE = (
    "*~", "#*#", "*.swp", "*.swo", "*.swx", "*.crswap", "4913", "*___jb_tmp___", "*___jb_old___",
    "Thumbs.db", "ehthumbs.db", "desktop.ini", "__MACOSX",
)  # fmt: skip
"""Editors' temporary files and systems' litter, ignored beside all dotfiles but one."""

HIDDEN_BUT_SHIPPED = ".well-known"
"""The one name with a leading dot that is not ignored (RFC 8615)."""

_PIECE = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?[^\]]+\]|[^*?\[]+|\[")
_SPECIAL = re.compile(r"[*?\[/]")
_ANY_FOLDERS, _ALL_BELOW, _ANYTHING = "(?:[^/]+/)*", "/.+", ".*"


def regex(pattern: str) -> str:
    """Return the regular expression of a glob, for a whole logical name."""
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
            parts.append(_set(piece[1:-1]))
        else:
            parts.append(re.escape(piece))
    return "".join(parts)


def _set(inside: str) -> str:
    start = "[^/" if inside.startswith("!") else "["
    # Python reserves some doubled characters in sets; only the dash has a meaning here.
    members = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside.removeprefix("!"))
    try:
        re.compile(f"{start}{members}]")
    except re.error:
        return "(?!)"  # a range from a later to an earlier character holds nothing
    return f"{start}{members}]"


def rooted(pattern: str) -> Callable[[str], bool]:
    """Return a test like ``matcher`` for one pattern that always means the whole name."""
    return matcher([f"/{pattern.removeprefix('/')}"])


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a test that says whether a logical name matches any of the patterns.

    ``*`` and ``?`` stay within one path segment, ``**`` crosses them, ``[abc]`` and ``[!abc]``
    are character sets. A pattern without a slash matches the last segment in any folder; one
    with a slash matches the whole name; one that ends with a slash matches all below it.
    """
    if not patterns:
        return lambda _name: False
    # Most patterns are a plain name or a star and a suffix, which need no regular expression:
    # a walk over twenty thousand files feels the difference.
    exact, suffixes, others = set(), [], []
    for pattern in patterns:
        if not _SPECIAL.search(pattern):
            exact.add(pattern)
        elif pattern[0] == "*" and not _SPECIAL.search(pattern, 1):
            suffixes.append(pattern[1:])
        else:
            others.append(regex(pattern))
    endings = tuple(suffixes)
    match = re.compile("|".join(f"(?:{other})" for other in others), re.DOTALL).fullmatch

    def matches(name: str) -> bool:
        base = name[name.rfind("/") + 1 :]
        return base in exact or base.endswith(endings) or (bool(others) and match(name) is not None)

    return matches
