"""Regular expressions that never go back, on every Python.

Up to 3.11.4, a possessive group (``(?:…)*+``) whose last round fails half way stays where that
round had got, instead of where it began (https://github.com/python/cpython/issues/106052): not
even a comment is matched then. Debian 12 ships such a Python. An atomic group around the greedy
form means the same, and is right everywhere; it is slower, so only those versions get it.
"""

from __future__ import annotations

import re
from functools import cache

_POSSESSIVE = re.compile(r"([*+?]|\{[0-9,]+\})\+")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\[\s\S])*\]")


def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Compile a pattern; its possessive groups do what they say."""
    return re.compile(pattern if _is_sound() else atomic(pattern, flags), flags)


@cache
def _is_sound() -> bool:
    match = re.match("(?:ab?c)*+", "aca")
    return match is not None and match.end() == 2


def atomic(pattern: str, flags: int = 0) -> str:
    """Return a pattern with atomic groups in the place of possessive ones."""
    out: list[str] = []
    opened: list[int] = []  # where in `out` each open group begins
    at = 0
    while at < len(pattern):
        character = pattern[at]
        end = at + 1
        if character == "\\":
            end = at + 2
        elif character == "[":
            inside = _CLASS.match(pattern, at)
            end = inside.end() if inside else end
        elif character == "#" and flags & re.VERBOSE:
            end = pattern.find("\n", at) + 1 or len(pattern)
        elif character == "(":
            opened.append(len(out))
        elif character == ")":
            start = opened.pop()
            quantifier = _POSSESSIVE.match(pattern, end)
            if quantifier:
                out[start] = "(?>" + out[start]
                out.append(f"){quantifier[1]})")
                at = quantifier.end()
                continue
        out.append(pattern[at:end])
        at = end
    return "".join(out)
