"""Places to publish to, and what is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from assetpipe import manifest
from assetpipe.destination import Destination
from assetpipe.objectstore.model import Store
from assetpipe.publish import Moment, Pruned, Published, open_store, prune, publish
from assetpipe.publish.state import KEY, State

START = datetime(2026, 1, 1, tzinfo=UTC)
_numbers: Iterator[int] = count()


def moment(minutes: float = 0, *, by: str = "ann", revision: str = "abc123") -> Moment:
    """Return a moment some minutes after the start, with an id of its own."""
    return Moment(START + timedelta(minutes=minutes), f"{next(_numbers):016x}", by, revision)


@dataclass
class Place:
    """A target that stays the same for a whole story."""

    destination: Destination
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = open_store(self.destination)

    def publish(self, out: Path, minutes: float = 0, **options: Any) -> Published:
        """Publish, with other settings where some are given."""
        dry_run = options.pop("dry_run", False)
        destination = replace(self.destination, **options)
        return publish(out, self.store, destination, moment(minutes), dry_run=dry_run)

    def prune(self, minutes: float = 0, *, dry_run: bool = False, **options: Any) -> Pruned:
        """Prune, with other settings where some are given."""
        destination = replace(self.destination, **options)
        return prune(self.store, destination, moment(minutes), dry_run=dry_run)

    @property
    def state(self) -> State:
        """What the target says of itself."""
        stored = self.store.read(KEY)
        return State.parse(stored.data, where=KEY) if stored else State()

    def content(self, key: str) -> bytes | None:
        """Return an object."""
        stored = self.store.read(key)
        return stored.data if stored else None

    def assets(self) -> set[str]:
        """Return the keys of all assets: what is not the publish's own."""
        own = (".assetpipe/", f"{manifest.HISTORY}/", manifest.FILE_NAME)
        return {key for key in self.store.sizes() if not key.startswith(own)}

    def flaws(self, out: Path) -> list[str]:
        """Return what is wrong with the release of an output folder at the target."""
        data = (out / manifest.FILE_NAME).read_bytes()
        release = manifest.loads(data, where="out")
        found = []
        if self.state.current != release.release:
            found.append(f"{self.state.current} is current, not {release.release}")
        if self.content(f"{manifest.HISTORY}/{release.release}.json") != data:
            found.append("the manifest is another")
        return found + [
            f"{asset.file} is missing or another"
            for asset in release.assets.values()
            if self.content(asset.file) != (out / asset.file).read_bytes()
        ]
