"""Texts made of parts of others: exact to the character, where a source map knows places only."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from .compose import SourceMap
from .mappings import Segment, columns, decode, encode


class Part(NamedTuple):
    """A run of characters that was taken over as it was.

    Attributes:
        start: where it begins in the whole.
        source: index of the text that it comes from; -1 for what comes from none.
        origin: where it begins in that text.
    """

    start: int
    source: int
    origin: int


@dataclass(frozen=True, slots=True)
class Parts:
    """A text and where its parts come from.

    Attributes:
        text: the whole.
        parts: its parts, in order, the first at 0.
        names: what the texts are called.
        texts: the texts.
        line_break: what ends a line, in the whole and in the texts.
    """

    text: str
    parts: tuple[Part, ...]
    names: tuple[str, ...]
    texts: tuple[str, ...]
    line_break: re.Pattern[str]


class _Places:
    """Lines and columns of a text, from 0, the columns in UTF-16 code units, and back."""

    def __init__(self, text: str, line_break: re.Pattern[str]) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in line_break.finditer(text))]
        self._is_narrow = text.isascii() or max(text) <= "\uffff"

    def offset(self, line: int, column: int) -> int:
        """Return the position of a place, in characters; at most the end of the text."""
        if line >= len(self._starts):
            return len(self._text)
        start = self._starts[line]
        if self._is_narrow:
            return start + column
        units = self._text[start : start + column].encode("utf-16-le", "surrogatepass")
        return start + len(units[: 2 * column].decode("utf-16-le", "replace"))

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of a position in characters."""
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        if self._is_narrow:
            return line, offset - start
        return line, columns(self._text[start:offset])


def relocate(whole: SourceMap, parts: Parts) -> SourceMap:
    """Return a map that leads to the texts instead of to the whole they make.

    Args:
        whole: a map whose only source is the whole.
        parts: what the whole was made of.
    """
    texts = [_Places(text, parts.line_break) for text in parts.texts]
    made = _Places(parts.text, parts.line_break)
    starts = [part.start for part in parts.parts]

    def moved(segments: list[Segment]) -> Iterator[Segment]:
        for segment in segments:
            if len(segment) == 1:
                yield segment
                continue
            offset = made.offset(segment[2], segment[3])
            start, source, origin = parts.parts[bisect_right(starts, offset) - 1]
            if source < 0:
                yield segment[:1]
            else:
                line, column = texts[source].place(origin + offset - start)
                yield (segment[0], source, line, column, *segment[4:])

    return replace(
        whole,
        mappings=encode([list(moved(line)) for line in decode(whole.mappings)]),
        sources=parts.names,
        contents=parts.texts,
    )
