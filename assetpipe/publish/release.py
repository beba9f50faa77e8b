"""The release protocol: how a release gets to a target so that it is there whole, or not at all.

1. The state is read: one small object says which release is current and what is there.
2. What is missing is found out from the inventory of the last release. Only where a publish
   did not end are the target's objects listed.
3. The release's inventory and manifest are put, which nothing names yet. Then an attempt is
   written into the state: from now on nobody deletes what the inventory names, and everybody
   knows which fixed names may be new.
4. Objects whose names change with their bytes are put, compressed ones first. Nothing names
   them yet.
5. Objects with fixed names are put.
6. The state is replaced, if nobody else has replaced it: the release is current. If somebody
   has, what they did is taken into account, from step 2.
7. The CDN is told of the fixed names; when it has accepted that, the state forgets them.

A process that ends anywhere before 6 has changed no release and deleted nothing.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

from assetpipe import manifest
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError, InputError, OutsideError
from assetpipe.manifest import Manifest
from assetpipe.objectstore.model import Store
from assetpipe.objectstore.store import STORABLE
from assetpipe.publish import inventory, secrets
from assetpipe.publish.folder import FolderStore
from assetpipe.publish.invalidate import Invalidation, check, invalidate
from assetpipe.publish.inventory import Inventory, Item
from assetpipe.publish.journal import FIELDS, Journal, OutdatedError
from assetpipe.publish.plan import Known, Put, plan, steps
from assetpipe.publish.state import Attempt, Condemned, Pending, Record, State
from assetpipe.publish.transfer import Room, every

_RECORDS = 16  # inventories to read at most; what they do not name is put again


@dataclass(frozen=True, slots=True)
class Moment:
    """Who does something at a target, when, and from which sources.

    Attributes:
        now: with its time zone.
        id: of what is done; no two of them are the same.
        by: a person or a job; empty where that is not to be recorded.
        revision: as version control names it; empty where there is none.
    """

    now: datetime
    id: str
    by: str = ""
    revision: str = ""

    @property
    def at(self) -> str:
        """The time as ISO 8601."""
        return self.now.isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did, or would do.

    Attributes:
        release: its id.
        previous: id of the release that was current before; empty if there was none.
        puts: what was put.
        unchanged: how many objects were there already.
        invalidated: what CDNs accepted.
        conditional: the store keeps two people who publish at once from undoing each other.
        edge: configured header fields that the target's objects cannot have.
    """

    release: str
    previous: str
    puts: tuple[Put, ...]
    unchanged: int
    invalidated: tuple[str, ...]
    conditional: bool
    edge: tuple[str, ...]


class Progress(Protocol):
    """What somebody who watches is told; from many threads, but one at a time."""

    def waiting(self) -> None:
        """Somebody else deletes at the target, which has to end first."""

    def put(self, done: int, total: int) -> None:
        """So many bytes are put, or objects deleted."""


class Silence:
    """Nobody watches."""

    def waiting(self) -> None:
        """Say nothing."""

    def put(self, done: int, total: int) -> None:
        """Say nothing."""


def publish(
    out: Path,
    store: Store,
    destination: Destination,
    moment: Moment,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Published:
    """Publish the current release of an output folder.

    Args:
        out: output folder of a build.
        store: where to publish to.
        destination: how.
        moment: who, when, and from which sources.
        dry_run: only find out what would be put; nothing is written.
        progress: is told how it goes.

    Raises:
        ManifestError: there is no release to publish.
        InputError: the output folder is not what its manifest says, or holds a secret.
        ConfigError: the target is the output folder, or what tells the CDN is not configured well.
        OutsideError: the target failed; its last release is untouched, and what was put is
            not put again by the next publish.
    """
    check(destination.invalidate)
    if isinstance(store, FolderStore) and store.folder.resolve() == out.resolve():
        raise ConfigError("the target is the output folder itself", where=store.name)
    path = out / manifest.FILE_NAME
    data = manifest.read(path)
    release = manifest.loads(data, where=str(path))
    siblings = (destination.encodings or ("siblings" if store.is_local else "identity")) == (
        "siblings"
    )
    storable = None if store.is_local else STORABLE
    wanted = inventory.take(release, out, siblings=siblings, storable=storable)
    run = _Run(out, data, release, wanted, Journal(store), destination, moment)
    return run.carry_out(dry_run=dry_run, progress=progress or Silence())


class _Run:
    """One publish."""

    def __init__(
        self,
        out: Path,
        data: bytes,
        release: Manifest,
        wanted: Inventory,
        journal: Journal,
        destination: Destination,
        moment: Moment,
    ) -> None:
        self.out = out
        self.data = data
        self.release = release
        self.wanted = wanted
        self.journal = journal
        self.store = journal.store
        self.destination = destination
        self.moment = moment
        self.previous = journal.state.current
        self.done: dict[str, Put] = {}
        self.integrity = {asset.file: asset.integrity for asset in release.assets.values()}

    def carry_out(self, *, dry_run: bool, progress: Progress) -> Published:
        while True:
            if self._attempt(self.journal.state) is None:
                self.journal.wait_for_lease(self.moment.now, progress.waiting)
            state = self.journal.state
            basis = self._basis(state)
            puts = self._plan()
            is_done = not puts and self._is_current(state) and self._attempt(state) is None
            if dry_run or is_done:
                break
            self._look_through(puts)
            try:
                self._begin(puts, basis)
                self._put(puts, progress)
                self._finish(basis)
                break
            except OutdatedError:
                continue
        invalidated = () if dry_run else self._invalidate()
        done = tuple(puts) if dry_run else tuple(self.done.values())
        return Published(
            self.release.release,
            self.previous,
            done,
            len(self.wanted.items) - len(done),
            invalidated,
            self.journal.state.conditional,
            self._edge(),
        )

    def _basis(self, state: State) -> object:
        """Return what a plan depends on: with another basis it may be another plan."""
        plain = self.wanted.plain
        rivals = [
            attempt
            for attempt in state.attempts
            if attempt.id != self.moment.id and plain.intersection(attempt.plain)
        ]
        return state.releases, state.condemned, state.lease and state.lease.id, rivals

    def _attempt(self, state: State) -> Attempt | None:
        return next((mine for mine in state.attempts if mine.id == self.moment.id), None)

    def _is_current(self, state: State) -> bool:
        last = state.releases[-1] if state.releases else None
        return (
            last is not None
            and state.current == last.release == self.release.release
            and last.inventory == self.wanted.id
            and (not self.store.is_local or self._is_manifest())
        )

    def _is_manifest(self) -> bool:
        """Say whether servers find this release in a folder."""
        there = self.store.read(manifest.FILE_NAME)
        return there is not None and there.data == self.data

    def _plan(self) -> list[Put]:
        state = self.journal.state
        others = [attempt for attempt in state.attempts if attempt.id != self.moment.id]
        if self._is_current(state) and not others and not self.store.is_local:
            return []
        known = self._known(state, others)
        return plan(self.wanted, known)

    def _known(self, state: State, others: Sequence[Attempt]) -> Known:
        """Find out what is there, without looking at it where that is not needed."""
        records = state.releases[-1:]
        for position, record in enumerate(reversed(state.releases[-_RECORDS:]), 1):
            if record.release == self.release.release:
                records = state.releases[-position:]
        listing: list[Record | Attempt] = [*records, *others]
        names = dict.fromkeys(item.inventory for item in listing)
        listed = dict(
            zip(
                names,
                every(list(names), self._inventory, connections=self.destination.connections),
                strict=True,
            )
        )

        items: dict[str, Item] = {}
        for record in records:
            items |= listed[record.inventory].items
        # Whoever took this attempt for one that had died may have had its objects deleted.
        is_lost = bool(self.done) and self._attempt(state) is None
        look = bool(others) or self.store.is_local or is_lost
        sizes = self.store.sizes() if look else None

        doubtful: set[str] = set()
        for attempt in others:
            for key, item in listed[attempt.inventory].items.items():
                if items.setdefault(key, item).fields != item.fields:
                    doubtful.add(key)
            doubtful.update(key for key in attempt.plain if self._is_other(key, sizes or {}))
        for key, put in self.done.items():
            # What has a fixed name may have been replaced by whoever has come between.
            if not put.plain:
                items.setdefault(key, self.wanted.items[key])
        return Known(items, frozenset(doubtful), sizes)

    def _is_other(self, key: str, sizes: Mapping[str, int]) -> bool:
        """Say whether an object is not what it is to be; look at it where sizes do not tell."""
        item = self.wanted.items.get(key)
        if item is None or sizes.get(key) != item.size:
            return True
        stored = self.store.read(key)
        return stored is None or inventory.digest(stored.data) != item.digest

    def _inventory(self, name: str) -> Inventory:
        if name == self.wanted.id:
            return self.wanted
        key = inventory.key_of(name)
        stored = self.store.read(key)
        # It was put before the state named it: who deleted it may have deleted more.
        return inventory.parse(stored.data, where=key) if stored else Inventory({})

    def _look_through(self, puts: Sequence[Put]) -> None:
        """Refuse what is not what the manifest says, or a secret, before anything is sent."""
        names = {asset.file: name for name, asset in self.release.assets.items()}
        files = (
            (names.get(put.key), self._read_checked(put))
            for put in puts
            if put.key not in self.done and not put.fields_only
        )
        secrets.check(
            ((name, data) for name, data in files if name is not None), self.destination.allow
        )

    def _begin(self, puts: Sequence[Put], basis: object) -> None:
        """Tell everybody what is going to be there."""
        plain = {put.key for put in puts if put.plain}
        plain |= {put.key for put in self.done.values() if put.plain}
        attempt = Attempt(
            self.release.release,
            self.wanted.id,
            self.moment.id,
            self.moment.at,
            self.moment.by if self.destination.record else "",
            tuple(sorted(plain)),
        )
        is_new = self.journal.is_new
        stale = self.journal.state.lease if self._attempt(self.journal.state) is None else None
        lists = [
            (inventory.key_of(self.wanted.id), self.wanted.render()),
            (f"{manifest.HISTORY}/{self.release.release}.json", self.data),
        ]
        every(lists, lambda each: self.store.put(*each, FIELDS), connections=len(lists))

        def begin(state: State) -> State:
            if self._basis(state) != basis:
                raise OutdatedError
            others = [other for other in state.attempts if other.id != attempt.id]
            lease = None if state.lease == stale else state.lease
            return replace(state, attempts=(*others, attempt), lease=lease)

        self.journal.write(begin)
        if is_new and not self.journal.test_conditions():
            self.journal.write(lambda state: replace(state, conditional=False))

    def _put(self, puts: Sequence[Put], progress: Progress) -> None:
        total = sum(put.size for put in puts)
        room, guard = Room(), Lock()
        done = 0

        def one(put: Put) -> None:
            nonlocal done
            if not (put.fields_only and self.store.put_fields(put.key, put.fields)):
                with room.take(put.size):
                    self.store.put(put.key, self._read(put), put.fields)
            with guard:
                self.done[put.key] = put
                done += put.size
                progress.put(done, total)

        for step in steps(puts):
            every(step, one, connections=self.destination.connections)

    def _read(self, put: Put) -> bytes:
        """Read a file of the release; refuse one of another size."""
        path = self.out / put.key
        data = path.read_bytes() if path.is_file() else b""
        if len(data) != put.size:
            raise self._damaged(put)
        return data

    def _read_checked(self, put: Put) -> bytes:
        """Read a file of the release; refuse one with another content, too."""
        data = self._read(put)
        integrity = self.integrity.get(put.key)
        if integrity and integrity != f"sha384-{b64encode(hashlib.sha384(data).digest()).decode()}":
            raise self._damaged(put)
        return data

    def _damaged(self, put: Put) -> InputError:
        return InputError(
            "is not the file that the manifest describes",
            where=str(self.out / put.key),
            hint="run `assetpipe build` again, which mends it",
        )

    def _finish(self, basis: object) -> None:
        """Make the release the current one."""
        moment, items = self.moment, self.wanted.items.values()
        record = Record(
            self.release.release,
            self.wanted.id,
            moment.id,
            moment.at,
            moment.by if self.destination.record else "",
            moment.revision if self.destination.record else "",
            len(items),
            sum(item.size for item in items),
        )

        def finish(state: State) -> State:
            if any(known.id == moment.id for known in state.releases):
                return state
            mine = self._attempt(state)
            if mine is None or self._basis(state) != basis:
                raise OutdatedError
            others = [other for other in state.attempts if other.id != moment.id]
            running = [other for other in others if not other.is_abandoned(moment.now)]
            replaced = [known for known in state.releases if known.release == record.release]
            gone: list[Record | Attempt] = [*replaced, *(set(others) - set(running))]
            condemned = [
                Condemned(old.inventory, old.release, moment.at)
                for old in sorted(gone, key=lambda old: old.at)
                if old.inventory != record.inventory
            ]
            pending = [Pending(moment.id, mine.plain)] if mine.plain else []
            return replace(
                state,
                current=record.release,
                releases=(*(old for old in state.releases if old not in replaced), record),
                attempts=tuple(running),
                pending=(*state.pending, *(pending if self.destination.invalidate else ())),
                condemned=(*state.condemned, *condemned),
            )

        self.journal.write(finish)

    def _invalidate(self) -> tuple[str, ...]:
        pending = self.journal.state.pending
        if not pending or not self.destination.invalidate:
            return ()
        keys = sorted({key for item in pending for key in item.keys})
        told = {item.id for item in pending}
        words = "\n".join([self.release.release, *sorted(told), *keys])
        reference = hashlib.sha256(words.encode()).hexdigest()[:32]
        request = Invalidation.of(
            self.release.release, keys, url=self.destination.url, reference=reference
        )
        try:
            accepted = invalidate(
                self.destination.invalidate, request, destination=self.destination
            )
        except OutsideError as error:
            raise OutsideError(
                f"release {self.release.release} is current, but the CDN was not told of "
                f"{len(keys)} replaced file{'s' * (len(keys) != 1)}: {error.message}",
                where=error.where,
                hint=f"{error.hint or 'mend that'}; then publish again, which only tells the CDN",
            ) from error
        self.journal.write(
            lambda state: replace(
                state, pending=tuple(item for item in state.pending if item.id not in told)
            )
        )
        return accepted

    def _edge(self) -> tuple[str, ...]:
        if self.store.is_local:
            return ()
        names = {name for _, fields in self.release.headers for name, value in fields if value}
        return tuple(sorted(name for name in names if name.lower() not in STORABLE))
