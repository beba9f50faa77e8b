"""Attribute values: character references resolved, with the way back to exact positions.

Source: WHATWG HTML, 13.2.5.72 to 13.2.5.80 ("character reference state" and those behind it).
"""

from __future__ import annotations

import re
from html.entities import html5
from typing import NamedTuple

from assetpipe.kinds.patterns import compiled

_REFERENCE = compiled(
    r"&(?:#(?:[xX](?P<hex>[0-9A-Fa-f]++)|(?P<decimal>[0-9]++));?+|(?P<name>[0-9A-Za-z]++;?+))"
)
_LONGEST = max(map(len, html5))
_GOES_ON = compiled("[=0-9A-Za-z]")


class Value(NamedTuple):
    """The value of an attribute.

    Attributes:
        text: what it stands for.
        start: position of its first character in the document, inside the quotes.
        places: position of each character of ``text``, and of the value's end, counted from
            ``start``; ``None`` where all stand for themselves.
    """

    text: str
    start: int
    places: tuple[int, ...] | None = None

    def at(self, index: int) -> int:
        """Return the position in the document of a character of the text, or of its end."""
        return self.start + (index if self.places is None else self.places[index])


def value(raw: str, start: int) -> Value:
    """Return the value of an attribute that is written as ``raw`` at a position."""
    if "&" not in raw:
        return Value(raw, start)
    parts: list[str] = []
    places: list[int] = []
    at = 0
    for match in _REFERENCE.finditer(raw):
        resolved, end = _resolve(match)
        if not resolved:
            continue
        parts += [raw[at : match.start()], resolved]
        places += [*range(at, match.start()), *[match.start()] * len(resolved)]
        at = end
    return Value("".join([*parts, raw[at:]]), start, (*places, *range(at, len(raw) + 1)))


def _resolve(match: re.Match[str]) -> tuple[str, int]:
    """Return what a character reference stands for, or nothing, and where it ends."""
    if match["hex"] or match["decimal"]:
        digits = match["hex"] or match["decimal"]
        return _character(digits.lstrip("0"), 16 if match["hex"] else 10), match.end()
    name = match["name"][:_LONGEST]
    while name and name not in html5:
        name = name[:-1]
    end = match.start("name") + len(name)
    if name and not name.endswith(";") and _GOES_ON.match(match.string, end):
        return "", end  # `&copy=1` is a parameter, for historical reasons.
    return html5.get(name, ""), end


def _character(digits: str, base: int) -> str:
    """Return the character of a number, without leading zeros (13.2.5.80)."""
    code = int(digits, base) if 0 < len(digits) < 8 else 0 if not digits else 0x110000
    if code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return "\ufffd"
    if 0x80 <= code <= 0x9F:
        return bytes([code]).decode("cp1252", "ignore") or chr(code)
    return chr(code)
