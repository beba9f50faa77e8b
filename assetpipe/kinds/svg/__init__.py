"""The format SVG: pictures in XML, minified without a trace in the picture, and their references.

A document that is not well-formed ships as it is, with a warning that names the place.
"""

from __future__ import annotations

import re

from assetpipe.kinds.patterns import compiled

from ..model import UTF_16, WORTHWHILE, Kind, Note, Options, Reference, Transformed
from ..text import Lines, Text, decode
from .document import Document, parse
from .minify import Cut, cuts
from .references import Link, Unfollowed, find

_VERSION = "1"

_LABEL = compiled(
    r"""<\?xml[ \t\r\n][^>"']*+(?:"[^"]*+"|'[^']*+')[ \t\r\n]++encoding[ \t\r\n]*+=[ \t\r\n]*+"""
    r"""["']([-.\w]++)["']""",
    re.ASCII,
)
_UTF_8 = frozenset({"", "utf-8", "utf8"})
_ONE_BYTE = compiled(
    r"(?ai)us-ascii|latin-?1|iso-8859-(?:[1-9]|1[013-6])|windows-125[0-8]|koi8-[ru]"
)
"""Encodings of one byte a character, ASCII as it is."""


_LARGEST = 8 << 20
"""Bytes of the largest picture that is read: of the densest, each takes 125 bytes of memory."""


class Svg:
    """Pictures in SVG."""

    name = "svg"

    def version(self) -> str:
        """Return the version of this code and of the scanner of style sheets."""
        return _VERSION

    def transform(self, data: bytes, options: Options) -> Transformed:
        """Minify a picture and find its references; one that is odd ships as it is, noted."""
        if len(data) > _LARGEST:
            message = "larger than 8 MiB: shipped as it is, and what it refers to is not followed"
            return Transformed(data, notes=(Note(message, hint="split it"),), encoding="latin-1")
        text = decode(data)
        found = _LABEL.match(text.chars)
        label = found[1].lower() if found else ""
        is_utf_8 = text.encoding == "utf-8" and label in _UTF_8
        if not is_utf_8 and not text.encoding.startswith("utf-16"):
            if not _ONE_BYTE.fullmatch(label) or text.bom:
                return Transformed(data, notes=(_unreadable(label),), encoding="latin-1")
            text = Text(data.decode(label, "replace"), "latin-1", 0, ascii=text.ascii)
        document = parse(text.chars)
        links, unfollowed = find(document)
        notes = _notes(document, unfollowed)
        edits: list[tuple[int, int, bytes]] = []
        if options.minify and not document.error:
            if text.encoding.startswith("utf-16"):
                notes += (UTF_16,)
            elif is_utf_8 or text.ascii:
                edits = _edits(text, cuts(document))
        body = _apply(data, edits)
        if len(body) > len(data) * WORTHWHILE:
            body, edits = data, []
        return Transformed(body, _references(links, edits, text), notes, text.encoding)


KIND: Kind = Svg()


def _unreadable(label: str) -> Note:
    what = "this is not UTF-8" if label in _UTF_8 else f"the encoding {label} is not read"
    message = f"{what}: shipped as it is, and what it refers to is not followed"
    return Note(message, 1, 1, hint="save it as UTF-8")


def _notes(document: Document, unfollowed: list[Unfollowed]) -> tuple[Note, ...]:
    lines = Lines(document.chars)
    notes = [Note(each.message, *lines.at(each.position), hint=each.hint) for each in unfollowed]
    if document.error:
        place = lines.at(document.error.position)
        hint = "mend it: browsers show an error instead of the picture"
        notes.append(Note(f"{document.error.message}: shipped unminified", *place, hint=hint))
    return tuple(notes)


def _edits(text: Text, changes: list[Cut]) -> list[tuple[int, int, bytes]]:
    """Return changes with their places in bytes."""
    places = text.offsets([place for each in changes for place in each[:2]])
    return [
        (start, end, each.text.encode(text.encoding))
        for start, end, each in zip(places[::2], places[1::2], changes, strict=True)
    ]


def _apply(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return the bytes with edits made."""
    parts, at = [], 0
    for start, end, new in edits:
        parts += [data[at:start], new]
        at = end
    return b"".join([*parts, data[at:]])


def _references(
    links: list[Link], edits: list[tuple[int, int, bytes]], text: Text
) -> tuple[Reference, ...]:
    """Return the links that no edit has removed, with their places in the body."""
    if not links:
        return ()
    lines = Lines(text.chars)
    places = text.offsets([place for link in links for place in link[:2]])
    found, moved, index = [], 0, 0
    for link, start, end in zip(links, places[::2], places[1::2], strict=True):
        while index < len(edits) and edits[index][1] <= start:
            moved += len(edits[index][2]) - edits[index][1] + edits[index][0]
            index += 1
        if index == len(edits) or end <= edits[index][0]:
            place = lines.at(link.start)
            found.append(Reference(start + moved, end + moved, link.specifier, link.role, *place))
    return tuple(found)
