"""The state of a target: which releases are there, and which of them is current.

One small object, replaced as a whole and only by a conditional write, so that of several people
who deploy at the same time each sees what the others did before it decides. It is the pointer,
too: the release that it calls current is the one that counts.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from assetpipe.errors import OutsideError
from assetpipe.manifest import STATE, STATE_SCHEMA

KEY = STATE
FOLDER = KEY.partition("/")[0]
"""Folder of a target that holds its state, and what the state refers to."""

_ABANDONED = timedelta(days=1)  # no publish takes so long
_ABOUT = "Written by assetpipe publish: which release is current, and which others are kept."


@dataclass(frozen=True, slots=True)
class Record:
    """A release that is at the target, whole.

    Attributes:
        release: its id.
        inventory: the id of the list of its objects.
        id: of the publish that brought it.
        at: when, as ISO 8601 in UTC.
        by: who; empty where that is not to be recorded.
        revision: of the sources, as their version control names it; empty where there is none.
        files: number of its objects.
        size: their bytes.
    """

    release: str
    inventory: str
    id: str
    at: str
    by: str
    revision: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A publish that has begun: its objects are to be left alone, and may be there or not.

    Attributes:
        release: the id of what it brings.
        inventory: the id of the list of its objects.
        id: its own.
        at: when it began.
        by: who.
        plain: keys that it may have overwritten.
    """

    release: str
    inventory: str
    id: str
    at: str
    by: str
    plain: tuple[str, ...]

    def is_abandoned(self, now: datetime) -> bool:
        """Say whether it has begun so long ago that it cannot be under way any more."""
        return now - datetime.fromisoformat(self.at) >= _ABANDONED


@dataclass(frozen=True, slots=True)
class Pending:
    """Keys with new content that the CDN has not been told of, and the publish that wrote it."""

    id: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condemned:
    """A list of objects to delete, as far as nothing else names them.

    Attributes:
        inventory: its id.
        release: whose objects they are.
        at: since when.
    """

    inventory: str
    release: str
    at: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The leave to delete; nobody relies on condemned objects while somebody has it.

    Attributes:
        id: of the prune that has it.
        at: when it was last renewed.
    """

    id: str
    at: str


@dataclass(frozen=True, slots=True)
class State:
    """The state of a target.

    Attributes:
        current: id of the release that counts; empty before the first one is whole.
        releases: that are whole, in the order in which they were published.
        attempts: publishes that have begun, and ended in no release yet.
        pending: what CDNs have not been told of.
        condemned: what to delete.
        lease: who is deleting.
        doubtful: keys that a publish which never ended may have left with another content, or
            with other header fields, than the last release's inventory says; sorted.
        conditional: the store has conditional writes; ``None`` where nobody has tried.
    """

    current: str = ""
    releases: tuple[Record, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    pending: tuple[Pending, ...] = ()
    condemned: tuple[Condemned, ...] = ()
    lease: Lease | None = None
    doubtful: tuple[str, ...] = ()
    conditional: bool | None = None

    def record(self, release: str) -> Record | None:
        """Return what is known of a release."""
        return next((record for record in self.releases if record.release == release), None)

    def render(self) -> bytes:
        """Return the state as JSON."""
        document = {"about": _ABOUT, "schema": STATE_SCHEMA, **asdict(self)}
        return (json.dumps(document, indent=1) + "\n").encode()

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> Self:
        """Parse a state; unknown keys are ignored. ``where`` names it in errors.

        Raises:
            OutsideError: it is none, or of a newer schema.
        """
        try:
            document: Any = json.loads(data)
            schema = document["schema"]
            if not isinstance(schema, int) or schema > STATE_SCHEMA:
                raise OutsideError(
                    f"has schema {schema!r}; this assetpipe knows up to {STATE_SCHEMA}",
                    where=where,
                    hint="a newer assetpipe publishes there: upgrade this one",
                )
            lease = document["lease"]
            return cls(
                current=str(document["current"]),
                releases=tuple(_make(Record, item) for item in document["releases"]),
                attempts=tuple(
                    replace(_make(Attempt, item), plain=tuple(item["plain"]))
                    for item in document["attempts"]
                ),
                pending=tuple(
                    Pending(item["id"], tuple(item["keys"])) for item in document["pending"]
                ),
                condemned=tuple(_make(Condemned, item) for item in document["condemned"]),
                lease=_make(Lease, lease) if lease else None,
                doubtful=tuple(document["doubtful"]),
                conditional=document["conditional"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise OutsideError(
                f"is not the state of a target: {error!r}",
                where=where,
                hint="restore an earlier version of this object, or delete it: then the next "
                "publish puts every file again",
            ) from error


_Value = TypeVar("_Value", Record, Attempt, Condemned, Lease)


def _make(kind: type[_Value], item: dict[str, Any]) -> _Value:
    if datetime.fromisoformat(item["at"]).tzinfo is None:
        raise ValueError(item["at"])
    return kind(**{name: item[name] for name in kind.__slots__})
