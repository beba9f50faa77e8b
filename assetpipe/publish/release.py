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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

from assetpipe import manifest
from assetpipe.destination import Destination
from assetpipe.errors import InputError, OutsideError
from assetpipe.manifest import Manifest
from assetpipe.objectstore.model import Store
from assetpipe.objectstore.store import STORABLE
from assetpipe.publish import inventory, secrets
from assetpipe.publish.folder import FolderStore, refuse_overlap
from assetpipe.publish.invalidate import Invalidation, check, invalidate
from assetpipe.publish.inventory import Inventory
from assetpipe.publish.journal import FIELDS, Journal, OutdatedError
from assetpipe.publish.plan import Known, Put, plan, steps
from assetpipe.publish.state import Attempt, Condemned, Pending, Record, State
from assetpipe.publish.transfer import Room, every


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
    look: bool = False,
    progress: Progress | None = None,
) -> Published:
    """Publish the current release of an output folder.

    Args:
        out: output folder of a build.
        store: where to publish to.
        destination: how.
        moment: who, when, and from which sources.
        dry_run: only find out what would be put; nothing is written.
        look: list what is really there, instead of trusting the last release's inventory.
        progress: is told how it goes.

    Raises:
        ManifestError: there is no release to publish.
        InputError: the output folder is not what its manifest says, or holds a secret.
        ConfigError: the target is the output folder, or what tells the CDN is not configured well.
        OutsideError: the target failed; its last release is untouched, and what was put is
            not put again by the next publish.
    """
    check(destination.invalidate)
    if isinstance(store, FolderStore):
        refuse_overlap(store.folder, [out])
    path = out / manifest.FILE_NAME
    data = manifest.read(path)
    release = manifest.loads(data, where=str(path))
    if not release.assets:
        raise InputError(
            "is a release without any file, which would take all of them away",
            where=str(path),
            hint="look at `source` in the configuration, then run `assetpipe build` again",
        )
    encodings = destination.encodings or ("siblings" if store.is_local else "identity")
    storable = None if store.is_local else STORABLE
    wanted = inventory.take(release, out, siblings=encodings == "siblings", storable=storable)
    look = look or store.is_local
    run = _Run(out, data, release, wanted, Journal(store), destination, moment, look=look)
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
        *,
        look: bool,
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
        self.look = look
        self.done: dict[str, Put] = {}
        self.suspects: frozenset[str] = frozenset()
        self.integrity = {asset.file: asset.integrity for asset in release.assets.values()}

    def carry_out(self, *, dry_run: bool, progress: Progress) -> Published:
        while True:
            if self._attempt(self.journal.state) is None and not dry_run:
                self.journal.wait_for_lease(self.moment.now, progress.waiting)
            state = self.journal.state
            basis = self._basis(state)
            puts = self._plan()
            self._look_through(puts)
            if dry_run or (not puts and self._is_settled(state)):
                break
            try:
                self._begin(puts, basis)
                self._put(puts, progress)
                self._finish(basis)
                break
            except OutdatedError:
                continue
            except OutsideError as error:
                cure = error.hint or "mend that"
                raise OutsideError(
                    error.message,
                    where=error.where,
                    hint=f"{cure}; the last release is untouched, and publishing again goes on",
                ) from error
        invalidated = () if dry_run else self._invalidate()
        done = tuple(puts) if dry_run else tuple(self.done.values())
        return Published(
            self.release.release,
            self.previous,
            done,
            len(self.wanted.items) - len(done),
            invalidated,
            self.journal.state.conditional is not False,
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
        lease = state.lease and state.lease.id
        return state.releases, state.condemned, state.doubtful, lease, rivals

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

    def _is_settled(self, state: State) -> bool:
        """Say whether nothing is left to be written down."""
        abandoned = any(attempt.is_abandoned(self.moment.now) for attempt in state.attempts)
        return self._is_current(state) and self._attempt(state) is None and not abandoned

    def _is_manifest(self) -> bool:
        """Say whether servers find this release in a folder."""
        there = self.store.read(manifest.FILE_NAME)
        return there is not None and there.data == self.data

    def _is_foreign(self, state: State) -> bool:
        """Say whether somebody else has written into the folder: then who knows what else."""
        shown = self.store.read(manifest.FILE_NAME)
        current = self.store.read(f"{manifest.HISTORY}/{state.current}.json")
        return (shown and shown.data) != (current and current.data)

    def _plan(self) -> list[Put]:
        state = self.journal.state
        others = [attempt for attempt in state.attempts if attempt.id != self.moment.id]
        is_sure = not others and self.wanted.items.keys().isdisjoint(state.doubtful)
        if self._is_current(state) and is_sure and not self.look:
            return []
        known = self._known(state, others)
        return plan(self.wanted, known)

    def _known(self, state: State, others: Sequence[Attempt]) -> Known:
        """Find out what is there, without looking at it where that is not needed."""
        last = state.releases[-1:]
        own = [record for record in state.releases[:-1] if record.release == self.release.release]
        listing: list[Record | Attempt] = [*last, *own, *others]
        names = list(dict.fromkeys(item.inventory for item in listing))
        found = every(names, self._inventory, connections=self.destination.connections)
        listed = dict(zip(names, found, strict=True))

        items = dict(listed[last[0].inventory].items) if last else {}
        doubtful = set(state.doubtful)
        for record in own:
            # Of an earlier release only names that say what is in them can be trusted: others,
            # and all header fields, may have been replaced by a release that is forgotten now.
            for key, item in listed[record.inventory].items.items():
                if not item.digest and key not in items:
                    items[key] = item
                    doubtful.add(key)
        written = {key for attempt in others for key in attempt.plain}
        for attempt in others:
            for key, item in listed[attempt.inventory].items.items():
                if items.setdefault(key, item).fields != item.fields:
                    doubtful.add(key)
        for key, put in self.done.items():
            # What has a fixed name may have been replaced by whoever has come between.
            if not put.plain:
                items.setdefault(key, self.wanted.items[key])
        self.suspects = frozenset(doubtful | written)

        # Whoever took this attempt for one that had died may have had its objects deleted.
        is_lost = bool(self.done) and self._attempt(state) is None
        look = bool(others) or is_lost or self.look or bool(doubtful)
        if self.store.is_local and self._is_foreign(state):
            written |= self.wanted.plain
        sizes = self.store.sizes() if look else {}
        doubtful |= self._others_contents(written, sizes)
        return Known(items, frozenset(doubtful), sizes if look else None)

    def _others_contents(self, keys: Iterable[str], sizes: Mapping[str, int]) -> set[str]:
        """Return which objects are not what they are to be, and read them to find out."""
        wanted = self.wanted.items
        alike = [key for key in keys if key in wanted and sizes.get(key) == wanted[key].size]

        def is_right(key: str) -> bool:
            stored = self.store.read(key)
            return stored is not None and inventory.digest(stored.data) == wanted[key].digest

        right = every(alike, is_right, connections=self.destination.connections)
        return set(keys) - {key for key, is_same in zip(alike, right, strict=True) if is_same}

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
            if put.key not in self.done
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
        if self.journal.state.conditional is None and not self.journal.test_conditions():
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
        """Read a file of the release; refuse one that is no more what was looked through."""
        path = self.out / put.key
        data = path.read_bytes() if path.is_file() else b""
        content = self.wanted.items[put.key].digest
        if len(data) != put.size or (content and inventory.digest(data) != content):
            raise inventory.damaged(path)
        return data

    def _read_checked(self, put: Put) -> bytes:
        """Read a file of the release; refuse one with another content than the manifest says."""
        data = self._read(put)
        integrity = self.integrity.get(put.key)
        if integrity and integrity != inventory.integrity_of(data):
            raise inventory.damaged(self.out / put.key)
        return data

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
            told = sorted({*mine.plain, *(self.wanted.plain & self.suspects)})
            pending = [Pending(moment.id, tuple(told))] if told else []
            return replace(
                state,
                current=record.release,
                releases=(*(old for old in state.releases if old not in replaced), record),
                attempts=tuple(running),
                pending=(*state.pending, *(pending if self.destination.invalidate else ())),
                condemned=(*state.condemned, *condemned),
                # What this release names is right now, and nothing vouches for the rest.
                doubtful=(),
                conditional=state.conditional is not False,
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
