"""The field ``mappings`` of a source map: text, numbers, and what can be done with the text alone.

All follow ECMA-426, section 9 (https://tc39.es/ecma426/). Lines and columns count from 0, columns
in UTF-16 code units. In the text every number is the difference to the one before it, so a change
of the generated text changes few segments, and most functions here touch no others.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from assetpipe.kinds.patterns import compiled

Segment: TypeAlias = tuple[int] | tuple[int, int, int, int] | tuple[int, int, int, int, int]
"""Generated column; then, unless the text stems from nowhere, source, line, column; then a name."""


class NotASourceMapError(Exception):
    """What should be a source map, or a part of one, is none.

    Attributes:
        message: what is wrong, one sentence without a final full stop.
        line: where, from 1; 0 where there is no place to name.
        column: where, from 1.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


# --- Numbers: VLQ in base 64 (ECMA-426, section 6) ----------------------------------------------

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_CONTINUES = 32  # the bit of a digit that says that another follows
_REMEMBERED = 1 << 15  # Numbers below this come up again and again, and are spelled once.
_LIMIT = 1 << 31  # No number reaches this (section 6.2).
_LONGEST = 7  # digits of a number


class _Spelled(dict[int, str]):
    """Numbers as text."""

    def __missing__(self, number: int) -> str:
        rest = -number << 1 | 1 if number < 0 else number << 1
        digits = ""
        while rest > 31:
            digits += _DIGITS[rest & 31 | _CONTINUES]
            rest >>= 5
        digits += _DIGITS[rest]
        if -_REMEMBERED < number < _REMEMBERED:
            self[number] = digits
        return digits


_SPELLED = _Spelled()


class _Value(dict[str, int]):
    """What the text of one number stands for."""

    def __missing__(self, text: str) -> int:
        number = 0
        for digit in reversed(text[:_LONGEST]):
            number = number << 5 | _VALUES[digit] & 31
        if number >> 1 >= _LIMIT or len(text) > _LONGEST:
            raise NotASourceMapError("a number in its mappings is too large")
        value = -(number >> 1) if number & 1 else number >> 1
        if -_REMEMBERED < value < _REMEMBERED and len(text) < 5:
            self[text] = value
        return value


_VALUE = _Value()
_NUMBER = compiled("[g-z0-9+/]*+[A-Za-f]")
_MALFORMED = compiled(r"[^A-Za-z0-9+/,;]|[g-z0-9+/](?![A-Za-z0-9+/])")
_LENGTHS = (1, 4, 5)


class _Read(dict[str, tuple[int, ...]]):
    """The numbers of a segment's text; there are far fewer texts than segments."""

    def __missing__(self, text: str) -> tuple[int, ...]:
        numbers = self[text] = tuple(map(_VALUE.__getitem__, _NUMBER.findall(text)))
        if len(numbers) not in _LENGTHS:
            raise NotASourceMapError(f"a segment of its mappings has {len(numbers)} numbers")
        return numbers


# --- Text to segments and back -----------------------------------------------------------------


def decode(mappings: str) -> list[list[Segment]]:
    """Return the segments of each line, in the order of the text, all numbers absolute.

    Raises:
        NotASourceMapError: that are no mappings.
    """
    if malformed := _MALFORMED.search(mappings):
        raise NotASourceMapError(f"its mappings are malformed at character {malformed.start()}")
    read = _Read()
    source = line = column = name = 0
    lines: list[list[Segment]] = []
    for text in mappings.split(";"):
        segments: list[Segment] = []
        lines.append(segments)
        if not text:
            continue
        append = segments.append
        at = 0
        for numbers in map(read.__getitem__, text.split(",")):
            at += numbers[0]
            if len(numbers) == 4:
                source += numbers[1]
                line += numbers[2]
                column += numbers[3]
                append((at, source, line, column))
            elif len(numbers) == 5:
                source += numbers[1]
                line += numbers[2]
                column += numbers[3]
                name += numbers[4]
                append((at, source, line, column, name))
            else:
                append((at,))
            # Bits of a negative number reach up for ever, and of one in range not to the limit.
            if not 0 <= at | source | line | column | name < _LIMIT:
                raise NotASourceMapError("its mappings lead to a place out of range")
    return lines


def encode(lines: Iterable[Iterable[Segment]]) -> str:
    """Return the text of segments: ``encode(decode(text))`` says what ``text`` says."""
    spelled = _SPELLED
    source = line = column = name = 0
    texts = []
    for segments in lines:
        parts: list[str] = []
        append = parts.append
        before = 0
        for segment in segments:
            at = segment[0]
            if len(segment) == 1:
                append(spelled[at - before])
            else:
                text = (
                    f"{spelled[at - before]}{spelled[segment[1] - source]}"
                    f"{spelled[segment[2] - line]}{spelled[segment[3] - column]}"
                )
                source, line, column = segment[1:4]
                if len(segment) == 5:
                    text += spelled[segment[4] - name]
                    name = segment[4]
                append(text)
            before = at
        texts.append(",".join(parts))
    return ";".join(texts)


# --- Mappings of the same tokens in two texts --------------------------------------------------

_ASTRAL = compiled("[\U00010000-\U0010ffff]")


def between(
    source: str,
    source_starts: Sequence[int],
    body: str,
    body_starts: Sequence[int],
    line_breaks: re.Pattern[str],
) -> str:
    """Return the mappings of a body whose tokens all stem from one source, index 0.

    Args:
        source: the text that the tokens stem from.
        source_starts: where each token starts there, in characters, ascending.
        body: the generated text.
        body_starts: where the same tokens start there.
        line_breaks: matches what ends a line in either text.
    """
    spelled = _SPELLED
    rows = _units(source, [match.end() for match in line_breaks.finditer(source)])
    ends = _units(body, [match.end() for match in line_breaks.finditer(body)])
    origins = _units(source, source_starts)
    places = _units(body, body_starts)
    texts = []
    row = column = first = 0
    origin = 0  # of the last token
    next_row = rows[0] if rows else _LIMIT
    line_start = 0
    for line_end in [*ends, _LIMIT]:
        last = bisect_left(places, line_end, first)
        parts: list[str] = []
        append = parts.append
        before = line_start
        for place, start in zip(places[first:last], origins[first:last], strict=True):
            if start < next_row:
                append(f"{spelled[place - before]}AA{spelled[start - origin]}")
                column += start - origin
            else:
                passed = row
                row = bisect_left(rows, start + 1, row)
                next_row = rows[row] if row < len(rows) else _LIMIT
                moved = start - rows[row - 1] - column
                append(f"{spelled[place - before]}A{spelled[row - passed]}{spelled[moved]}")
                column += moved
            before, origin = place, start
        texts.append(",".join(parts))
        first, line_start = last, line_end
    return ";".join(texts).rstrip(";")


def places(
    text: str, positions: Sequence[int], line_breaks: re.Pattern[str]
) -> tuple[tuple[int, int], ...]:
    """Return line and column, both from 0, of ascending character positions of a text."""
    lines = _units(text, [match.end() for match in line_breaks.finditer(text)])
    starts = [0, *lines]
    found = []
    for position in _units(text, positions):
        line = bisect_right(lines, position)
        found.append((line, position - starts[line]))
    return tuple(found)


def columns(text: str) -> int:
    """Return how many columns a text takes."""
    return _units(text, [len(text)])[0]


def _units(text: str, positions: Sequence[int]) -> Sequence[int]:
    """Return ascending character positions in UTF-16 code units."""
    if text.isascii():
        return positions
    astral = [match.start() for match in _ASTRAL.finditer(text)]
    if not astral:
        return positions
    found, passed = [], 0
    for position in positions:
        passed = bisect_left(astral, position, passed)
        found.append(position + passed)
    return found


# --- Mappings of a body in which references were filled in -------------------------------------


class _First(dict[str, tuple[int, str]]):
    """The first number of a segment's text, and the text behind it."""

    def __missing__(self, text: str) -> tuple[int, str]:
        match = _NUMBER.match(text)
        if match is None:
            raise NotASourceMapError(f"its mappings are malformed: {text[:40]!r}")
        first = self[text] = _VALUE[match[0]], text[match.end() :]
        return first


Edit: TypeAlias = tuple[int, int, int]
"""What became longer or shorter: its line, the column of its old end, and by how much."""


def shift(mappings: str, edits: Sequence[Edit]) -> str:
    """Return the mappings of a body after stretches of its lines were replaced.

    All that stands at or behind the end of a stretch moves. A segment inside it stays, unless the
    new text is too short for that: then it moves to the last column of the new text.

    Args:
        mappings: of the body before.
        edits: ascending by line and column; both of the body before, in UTF-16 code units.

    Raises:
        NotASourceMapError: the touched part of the text are no mappings.
    """
    if not edits:
        return mappings
    lines = mappings.split(";", edits[-1][0] + 1)
    firsts = _First()
    for number, group in groupby(edits, key=itemgetter(0)):
        if number < len(lines) and lines[number]:
            lines[number] = _shifted(lines[number], list(group), firsts)
    return ";".join(lines)


def _shifted(text: str, edits: list[Edit], firsts: _First) -> str:
    """Return the text of one line after edits of that line."""
    segments = text.split(",")
    waiting = iter(edits)
    _, end, delta = next(waiting)
    at = moved = before = 0  # old column, the sum of the edits in front of it, last new column
    for index, segment in enumerate(segments):
        step, rest = firsts[segment]
        at += step
        while at >= end:
            moved += delta
            _, end, delta = next(waiting, (0, _LIMIT * 2, 0))
        place = at + moved
        if at >= end + delta:
            place = max(end + delta + moved - 1, before)
        if place - before != step:
            segments[index] = _SPELLED[place - before] + rest
        if end > _LIMIT:
            break
        before = place
    return ",".join(segments)
