"""The releases of a target: which there are, and going back to one, which sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assetpipe import manifest
from assetpipe.errors import ConfigError, ManifestError
from assetpipe.manifest import Manifest
from assetpipe.objectstore.model import Store
from assetpipe.publish import inventory
from assetpipe.publish.journal import Journal
from assetpipe.publish.state import Record, State


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did.

    Attributes:
        record: the release that is current now.
        previous: id of the one that was.
        plain: keys with fixed names, whose content is still that of a later release; sorted.
    """

    record: Record
    previous: str
    plain: tuple[str, ...]


def releases(store: Store) -> State:
    """Return the state of a target: its releases, and which is current.

    Raises:
        OutsideError: the store failed.
    """
    return Journal(store).state


def current(store: Store) -> Manifest:
    """Return the manifest of the current release.

    Raises:
        ManifestError: nothing has been published there.
        OutsideError: the store failed.
    """
    release = releases(store).current
    key = f"{manifest.HISTORY}/{release}.json"
    stored = store.read(key) if release else None
    if stored is None:
        raise ManifestError(
            "there is no release", where=store.name, hint="run `assetpipe publish` first"
        )
    return manifest.loads(stored.data, where=key)


def rollback(store: Store, release: str = "") -> RolledBack:
    """Make an earlier release the current one.

    Args:
        store: where it is.
        release: its id, or how that begins; empty for the one that was published before the
            current one.

    Raises:
        ConfigError: there is no such release, or more than one.
        OutsideError: the store failed; the current release is still current.
    """
    journal = Journal(store)
    previous = journal.state.current
    record = _find(journal.state, release, store.name)

    def point(state: State) -> State:
        return replace(state, current=_find(state, record.release, store.name).release)

    journal.write(point)
    return RolledBack(record, previous, _left(journal))


def _find(state: State, release: str, where: str) -> Record:
    ids = [record.release for record in state.releases]
    if not release:
        position = ids.index(state.current) if state.current in ids else 0
        if position == 0:
            raise ConfigError(
                "there is no release before the current one",
                where=where,
                hint="`assetpipe releases` lists those that are there",
            )
        return state.releases[position - 1]
    found = [record for record in state.releases if record.release.startswith(release)]
    if len(found) != 1:
        which = f"{len(found)} releases of the target begin" if found else "no release begins"
        raise ConfigError(
            f"{which} with {release!r}",
            where=where,
            hint=f"known are: {', '.join(ids)}" if ids else "nothing has been published there",
        )
    return found[0]


def _left(journal: Journal) -> tuple[str, ...]:
    """Return what has a fixed name, and maybe not the content of the current release."""
    state = journal.state
    current, last = state.record(state.current), state.releases[-1]
    if current is None or current.inventory == last.inventory:
        return ()
    items = []
    for name in (current.inventory, last.inventory):
        key = inventory.key_of(name)
        stored = journal.store.read(key)
        items.append(inventory.parse(stored.data, where=key).items if stored else {})
    ours, theirs = items
    return tuple(
        sorted(
            key
            for key, item in ours.items()
            if item.digest and (key not in theirs or theirs[key].digest != item.digest)
        )
    )
