"""What goes into a build and what comes out; the stages between define their own values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from assetpipe import manifest
from assetpipe.manifest import Asset

if TYPE_CHECKING:
    from assetpipe.kinds.model import Note
    from assetpipe.kinds.sourcemap.parts import Parts

Severity = Literal["warning", "error"]


class Source(NamedTuple):
    """A file that was found, not yet read.

    A named tuple, as a build without changes makes nothing else, twenty thousand times.

    Attributes:
        name: logical name.
        path: where it lies.
        size: bytes.
        signature: changes whenever the file may have changed (size, times, inode).
    """

    name: str
    path: str
    size: int
    signature: str


Need = tuple[str, str]
"""The path of a file that was read, and its signature."""


class Input(NamedTuple):
    """The bytes that a transform begins with, and where they come from.

    Attributes:
        data: the bytes.
        maps: the source maps of what they come from, each with the name of the file that its
            paths are relative to; nothing where there is none.
        parts: what they were joined from; ``None`` if they were not.
        needs: other files that were read.
        notes: warnings.
    """

    data: bytes
    maps: tuple[tuple[bytes, str], ...] = ()
    parts: Parts | None = None
    needs: tuple[Need, ...] = ()
    notes: tuple[Note, ...] = ()


def printable(text: str) -> str:
    """Return a text in which nothing commands the terminal, whatever a file or its name holds."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


@dataclass(frozen=True, slots=True)
class Problem:
    """A warning or error about the input.

    Attributes:
        file: path of the source file.
        message: what is wrong.
        line: from 1; 0 where the whole file is meant.
        column: from 1, in characters.
        hint: what to do.
        severity: an error keeps the release from being made.
    """

    file: str
    message: str
    line: int = 0
    column: int = 0
    hint: str = ""
    severity: Severity = "warning"

    @property
    def where(self) -> str:
        """The place as ``file`` or ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" + (f"; {self.hint}" if self.hint else "")
        return printable(text)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a release weighs, in bytes, without the source maps that the build made.

    Attributes:
        files: number of assets, source maps included.
        source: bytes of the sources.
        minified: bytes of the files that ship.
        encoded: for each content coding, the bytes that a browser with only this coding
            fetches: the sibling where there is one, the file itself otherwise.
    """

    files: int
    source: int
    minified: int
    encoded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """A finished release.

    Attributes:
        id: hash of all that ships.
        out: output folder.
        totals: what it weighs.
        warnings: in the order of names and lines.
        changed: this build made it; ``False`` where the last release was up to date.
    """

    id: str
    out: Path
    totals: Totals
    warnings: tuple[Problem, ...] = ()
    changed: bool = True

    @property
    def manifest_path(self) -> Path:
        """The release's own manifest, which later releases do not overwrite."""
        return self.out / manifest.HISTORY / f"{self.id}.json"

    @cached_property
    def assets(self) -> Mapping[str, Asset]:
        """The assets by logical name, read from the release's manifest when first asked for."""
        return manifest.load(self.manifest_path).assets


class Progress(Protocol):
    """Is told how far a build is."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Take note of the progress.

        Args:
            done: bytes of work that are done.
            total: all bytes of work; there may be more later.
            what: what is being worked on, the name of a file; empty for many small ones.
        """
