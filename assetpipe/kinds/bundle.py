"""What bundling takes and gives: many texts in, one text out, and what of it came from where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a bundle.

    Attributes:
        name: logical name, for messages.
        text: its characters; relative URLs already lead from where the bundle lies.
    """

    name: str
    text: str


class Piece(NamedTuple):
    """A part of a bundle that is, character for character, a part of a member.

    Attributes:
        start: position in the bundle, in characters.
        member: index of the member.
        origin: position in the member's text, in characters.
        length: how many characters.
    """

    start: int
    member: int
    origin: int
    length: int


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning about one member.

    Attributes:
        message: one sentence without a final full stop.
        member: index of the member.
        position: where in its text, in characters.
        hint: what to do about it.
    """

    message: str
    member: int
    position: int
    hint: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A bundle.

    Attributes:
        text: what it says, not minified.
        pieces: where its members went, in order of ``start``; the rest is glue.
        maps: of each member the URL of the source map that it named, or ``""``.
        line_end: what its lines, and those of the members, are counted by.
        notes: warnings.
    """

    text: str
    pieces: tuple[Piece, ...]
    maps: tuple[str, ...]
    line_end: re.Pattern[str]
    notes: tuple[Remark, ...] = ()


class CannotBundleError(Exception):
    """A member would not mean in the bundle what it means by itself.

    Attributes:
        message: why, one sentence without a final full stop.
        member: index of the member.
        position: where in its text that shows, in characters.
        hint: what to do instead.
    """

    def __init__(self, message: str, member: int, position: int, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.member = member
        self.position = position
        self.hint = hint


class Writer:
    """A bundle that is being written.

    Args:
        members: its members.
        line_end: what lines are counted by.
    """

    def __init__(self, members: Sequence[Member], line_end: re.Pattern[str]) -> None:
        self._members = members
        self._line_end = line_end
        self._parts: list[str] = []
        self._pieces: list[Piece] = []
        self._length = 0

    def glue(self, text: str) -> None:
        """Append text that comes from no member."""
        self._parts.append(text)
        self._length += len(text)

    def take(self, member: int, start: int, end: int) -> None:
        """Append a part of a member's text."""
        if start < end:
            self._pieces.append(Piece(self._length, member, start, end - start))
            self.glue(self._members[member].text[start:end])

    def end_line(self) -> None:
        """Append a line break, unless what stands there ends with one."""
        if self._parts and not self._parts[-1].endswith("\n"):
            self.glue("\n")

    def joined(self, maps: Sequence[str], notes: Sequence[Remark]) -> Joined:
        """Return the bundle."""
        return Joined(
            "".join(self._parts), tuple(self._pieces), tuple(maps), self._line_end, tuple(notes)
        )
