"""Pruning: deleting what no kept release names, and nothing else.

It goes by releases, never by an object's age, and only touches what a publish has written down
as its own. In two phases: what is to go is condemned first, and from then on no publish relies
on it. After a time of grace it is deleted, as far as no release and no publish that is under
way names it. While somebody deletes, a publish that begins waits.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from assetpipe import manifest
from assetpipe.destination import Destination
from assetpipe.errors import AssetpipeError, InputError, OutsideError
from assetpipe.objectstore.model import Store
from assetpipe.publish import inventory
from assetpipe.publish.inventory import Item
from assetpipe.publish.journal import Journal, OutdatedError
from assetpipe.publish.release import Moment, Progress, Silence
from assetpipe.publish.state import Attempt, Condemned, Lease, Record, State
from assetpipe.publish.transfer import every

_BATCH = 1000  # objects in one request (S3 API reference, DeleteObjects)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a prune did, or would do.

    Attributes:
        dropped: releases that are kept no longer, oldest first.
        kept: releases that are.
        deleted: keys of assets that were deleted, sorted.
        size: their bytes.
        waiting: keys that are condemned, and whose time of grace has not passed.
    """

    dropped: tuple[Record, ...]
    kept: tuple[Record, ...]
    deleted: tuple[str, ...]
    size: int
    waiting: int


def prune(
    store: Store,
    destination: Destination,
    moment: Moment,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pruned:
    """Forget old releases, and delete what only they name.

    Args:
        store: to delete from.
        destination: says how much to keep (``keep``, ``younger_than``), how long to wait
            (``grace``), and how much may go (``max_delete``).
        moment: who, and when.
        dry_run: only find out what would be deleted; nothing is written.
        progress: is told how it goes.

    Raises:
        InputError: more is to be deleted than is allowed; nothing has been.
        OutsideError: the store failed; what is left is deleted by the next prune.
    """
    run = _Run(store, destination, moment)
    return run.carry_out(dry_run=dry_run, progress=progress or Silence())


class _LostListError(OutsideError):
    pass


class _Run:
    """One prune."""

    def __init__(self, store: Store, destination: Destination, moment: Moment) -> None:
        self.store = store
        self.destination = destination
        self.moment = moment
        self.started = time.monotonic()
        self.inventories: dict[str, Mapping[str, Item] | None] = {}

    def carry_out(self, *, dry_run: bool, progress: Progress) -> Pruned:
        journal = Journal(self.store)
        before, state, dead = self._look(journal)
        if not dry_run and not journal.is_new:
            journal.write(self._condemn)
            if self._ripe(journal.state):
                dead = self._delete_ripe(journal, progress)
            state = journal.state
        every_condemned = self._dead(state, state.condemned)
        waiting = len(every_condemned.keys() - dead.keys())
        kept = {record.release for record in state.releases}
        return Pruned(
            tuple(record for record in before.releases if record.release not in kept),
            state.releases,
            tuple(sorted(dead)),
            sum(dead.values()),
            waiting,
        )

    def _look(self, journal: Journal) -> tuple[State, State, dict[str, int]]:
        """Return the state as it is, as it would be, and what would be deleted."""
        while True:
            before = journal.state
            try:
                state = self._condemn(before)
                dead = self._dead(state, self._ripe(state))
            except _LostListError:
                # Another prune may have been faster.
                if journal.read() == before:
                    raise
                continue
            self._refuse_too_much(state, dead)
            return before, state, dead

    def _condemn(self, state: State) -> State:
        """Drop what is neither current, nor among the last, nor young, nor under way."""
        now, at = self.moment.now, self.moment.at
        recent = {record.release for record in state.releases[-self.destination.keep :]}
        young = timedelta(seconds=self.destination.younger_than)
        kept = [
            record
            for record in state.releases
            if record.release == state.current
            or record.release in recent
            or _age(record.at, now) < young
        ]
        running = [attempt for attempt in state.attempts if not attempt.is_abandoned(now)]
        gone: list[Record | Attempt] = [
            *(record for record in state.releases if record not in kept),
            *(attempt for attempt in state.attempts if attempt not in running),
        ]
        condemned = [Condemned(item.inventory, item.release, at) for item in gone]
        return replace(
            state,
            releases=tuple(kept),
            attempts=tuple(running),
            condemned=(*state.condemned, *condemned),
            doubtful=tuple(sorted({*state.doubtful, *self._doubts(state, running)})),
        )

    def _doubts(self, state: State, running: list[Attempt]) -> set[str]:
        """Return what the attempts that are dropped may have left otherwise than it was."""
        lost = [attempt for attempt in state.attempts if attempt not in running]
        doubts = {key for attempt in lost for key in attempt.plain}
        last = self._items(state.releases[-1]) if lost and state.releases else None
        for attempt in lost:
            for key, item in (self._items(attempt) or {}).items():
                if last and key in last and last[key].fields != item.fields:
                    doubts.add(key)
        return doubts

    def _ripe(self, state: State) -> tuple[Condemned, ...]:
        grace = timedelta(seconds=self.destination.grace)
        return tuple(item for item in state.condemned if _age(item.at, self.moment.now) >= grace)

    def _named(self, state: State, ripe: tuple[Condemned, ...]) -> dict[str, int]:
        """Return the sizes of all objects that are to stay: somebody names or waits for them."""
        items: list[Record | Attempt] = [*state.releases, *state.attempts]
        every([*items, *state.condemned], self._items, connections=self.destination.connections)
        sizes: dict[str, int] = {}
        for item in items:
            listed = self._items(item)
            if listed is None:
                raise _LostListError(
                    f"release {item.release} has lost the list of its objects, so that nobody "
                    "can tell what it needs",
                    where=f"{self.store.name.rstrip('/')}/{inventory.key_of(item.inventory)}",
                    hint="restore it; or remove .assetpipe/state.json and publish again, which "
                    "puts every file, and begins the list of releases anew",
                )
            sizes |= _sizes(listed)
        for condemned in state.condemned:
            if condemned not in ripe:
                sizes |= _sizes(self._items(condemned) or {})
        return sizes

    def _dead(self, state: State, ripe: tuple[Condemned, ...]) -> dict[str, int]:
        named = self._named(state, ripe)
        dead: dict[str, int] = {}
        for condemned in ripe:
            sizes = _sizes(self._items(condemned) or {})
            dead |= {key: size for key, size in sizes.items() if key not in named}
        return dead

    def _items(self, item: Record | Attempt | Condemned) -> Mapping[str, Item] | None:
        """Return the objects of an inventory; ``None`` where it is not there."""
        name = item.inventory
        if name not in self.inventories:
            key = inventory.key_of(name)
            stored = self.store.read(key)
            found = inventory.parse(stored.data, where=key).items if stored else None
            # Releases have most keys in common.
            self.inventories[name] = found and {sys.intern(key): found[key] for key in found}
        return self.inventories[name]

    def _refuse_too_much(self, state: State, dead: dict[str, int]) -> None:
        total = len(dead) + len(self._named(state, self._ripe(state)))
        share = len(dead) / total if total else 0.0
        if share > self.destination.max_delete:
            raise InputError(
                f"{len(dead)} of {total} objects would be deleted: {share:.0%}, and no more than "
                f"{self.destination.max_delete:.0%} may be",
                where=self.store.name,
                hint="keep more releases, or allow it: --max-delete 100%",
            )

    def _delete_ripe(self, journal: Journal, progress: Progress) -> dict[str, int]:
        """Delete what is condemned for long enough; return it."""
        self._take_lease(journal, progress)
        try:
            state, ripe = journal.state, self._ripe(journal.state)
            dead = self._dead(state, ripe)
            self._refuse_too_much(state, dead)
            self._delete(journal, dead, ripe, progress)
        except BaseException:
            with contextlib.suppress(AssetpipeError):
                journal.write(self._give_back)
            raise
        return dead

    def _take_lease(self, journal: Journal, progress: Progress) -> None:
        """Get the leave to delete: from now on no publish begins."""
        while True:
            journal.wait_for_lease(self.moment.now, progress.waiting)
            seen = journal.state.lease

            def take(state: State, seen: Lease | None = seen) -> State:
                if self._has(state):
                    return state
                if state.lease != seen:
                    raise OutdatedError
                return replace(state, lease=self._lease())

            try:
                journal.write(take)
            except OutdatedError:
                continue
            return

    def _lease(self) -> Lease:
        now = self.moment.now + timedelta(seconds=time.monotonic() - self.started)
        # So fine that each renewal is a write, which fails if the leave is gone.
        return Lease(self.moment.id, now.isoformat(timespec="microseconds"))

    def _has(self, state: State) -> bool:
        return state.lease is not None and state.lease.id == self.moment.id

    def _give_back(self, state: State) -> State:
        return replace(state, lease=None) if self._has(state) else state

    def _delete(
        self,
        journal: Journal,
        dead: dict[str, int],
        ripe: tuple[Condemned, ...],
        progress: Progress,
    ) -> None:
        """Delete assets, then what lists them, so that a prune that breaks off can be resumed."""
        state = journal.state
        waiting = [item for item in state.condemned if item not in ripe]
        named: list[Record | Attempt | Condemned] = [*state.releases, *state.attempts, *waiting]
        releases = {item.release for item in ripe} - {item.release for item in named}
        inventories = {item.inventory for item in ripe} - {item.inventory for item in named}
        keys = [
            *sorted(dead),
            *sorted(f"{manifest.HISTORY}/{release}.json" for release in releases),
            *sorted(inventory.key_of(name) for name in inventories),
        ]
        for first in range(0, len(keys), _BATCH):
            # Whoever has stopped waiting for this prune has taken its leave away.
            journal.write(self._renew)
            self.store.delete(keys[first : first + _BATCH])
            progress.put(min(first + _BATCH, len(keys)), len(keys))

        def finish(state: State) -> State:
            left = tuple(item for item in state.condemned if item not in ripe)
            return self._give_back(replace(state, condemned=left))

        journal.write(finish)

    def _renew(self, state: State) -> State:
        if not self._has(state):
            raise OutsideError(
                "this prune took so long that others do not wait for it any more",
                where=self.store.name,
                hint="run it again; it goes on where it stopped",
            )
        return replace(state, lease=self._lease())


def _age(at: str, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(at)


def _sizes(items: Mapping[str, Item]) -> dict[str, int]:
    return {key: item.size for key, item in items.items()}
