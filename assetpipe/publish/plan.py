"""The plan: what a publish will do, and why, as data that can be printed, tested and done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from assetpipe.headers import Headers
from assetpipe.names import SIBLING_SUFFIXES
from assetpipe.publish.inventory import Inventory, Item

Reason = Literal[
    "new", "size differs", "content differs", "header fields differ", "unfinished publish"
]
_SIBLINGS = tuple(SIBLING_SUFFIXES.values())


@dataclass(frozen=True, slots=True)
class Put:
    """One object to put.

    Attributes:
        key: of the object; the name of its file in the release, too.
        size: bytes.
        fields: its header fields.
        plain: its name does not change with its bytes, so it goes last.
        reason: why it has to be put.
    """

    key: str
    size: int
    fields: Headers
    plain: bool
    reason: Reason

    @property
    def fields_only(self) -> bool:
        """Its content is there already."""
        return self.reason == "header fields differ"

    @property
    def is_sibling(self) -> bool:
        """It is another file, compressed."""
        return self.key.endswith(_SIBLINGS)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a target.

    Attributes:
        items: objects that are there, as they were sent.
        doubtful: keys whose content or header fields an unfinished publish may have changed.
        sizes: bytes of every object that is there; ``None`` where nobody looked.
    """

    items: Mapping[str, Item]
    doubtful: frozenset[str] = frozenset()
    sizes: Mapping[str, int] | None = None


def plan(wanted: Inventory, known: Known) -> list[Put]:
    """Return what has to be put: compressed files before those they are made from, plain last.

    Within each of these steps the largest goes first, so that no slow one is left over.
    """
    puts = [
        Put(key, item.size, item.fields, bool(item.digest), reason)
        for key, item in wanted.items.items()
        if (reason := _reason(key, item, known)) is not None
    ]
    return sorted(puts, key=lambda put: (put.plain, not put.is_sibling, -put.size, put.key))


def _reason(key: str, item: Item, known: Known) -> Reason | None:
    there = known.items.get(key)
    size = there.size if there else None
    if known.sizes is not None:
        size = known.sizes.get(key)
    if there is None or size is None:
        return "new"
    if size != item.size:
        return "size differs"
    if key in known.doubtful:
        # The name of any other object stands for its content.
        return "unfinished publish" if item.digest else "header fields differ"
    if there.digest != item.digest:
        return "content differs"
    if there.fields != item.fields:
        return "header fields differ"
    return None


def steps(puts: Iterable[Put]) -> list[list[Put]]:
    """Divide a plan into steps, each of which is done before the next one begins."""
    divided: dict[tuple[bool, bool], list[Put]] = {}
    for put in puts:
        divided.setdefault((put.plain, not put.is_sibling), []).append(put)
    return list(divided.values())
