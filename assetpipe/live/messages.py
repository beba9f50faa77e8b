"""What pages are told, as values and as the JSON that they read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from assetpipe.mediatypes import media_type

Kind = Literal["style", "image", "other"]
"""What a page has to do about a change: swap a sheet, swap an image, or load again."""


def kind_of(name: str) -> Kind:
    """Return the kind of a file, by its media type."""
    media = media_type(name)
    if media == "text/css":
        return "style"
    return "image" if media.startswith("image/") else "other"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that changed.

    Attributes:
        name: for pages that use the sources its path below the source folder, which is the tail
            of its URL's path; for pages that use the release its logical name.
        kind: what to do about it.
        file: its new output file, in a release.
    """

    name: str
    kind: Kind
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """What changed at once.

    Attributes:
        changes: the files.
        release: id of the release that they are in, or of the state of the sources; ``None``
            where nobody knows.
        is_reload: pages have to load again, whatever it was.
    """

    changes: tuple[Change, ...]
    release: str | None = None
    is_reload: bool = False

    def json(self) -> str:
        """Return the message."""
        if self.is_reload:
            return json.dumps({"type": "reload"})
        changes = [asdict(change) for change in self.changes]
        return json.dumps({"type": "update", "changes": changes, "release": self.release})


@dataclass(frozen=True, slots=True)
class Fault:
    """An error, in the parts that people read.

    Attributes:
        where: file, line and column, as far as they are known.
        message: what is wrong.
        hint: what to do about it.
    """

    where: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """How things are: what is shown until something else is true.

    Attributes:
        release: id of the current release, or of the state of the sources.
        errors: why there is no newer one.
        warnings: of the current one, as text.
    """

    release: str | None = None
    errors: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()

    def json(self) -> str:
        """Return the message."""
        return json.dumps({"type": "state", **asdict(self)})


PING = json.dumps({"type": "ping"})
"""Says that somebody is still there."""


def off(reason: str) -> str:
    """Return the message that there is no live reload here."""
    return json.dumps({"type": "off", "reason": reason})
