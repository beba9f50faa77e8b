"""The journal: the state of a target as it was last seen, and the only way to change it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from assetpipe.errors import OutsideError
from assetpipe.objectstore.model import ConflictError, Store, UnconditionalError, Version
from assetpipe.publish.state import KEY, State

FIELDS = (("Content-Type", "application/json"), ("Cache-Control", "no-cache"))
"""Header fields of what a publish writes for itself."""

LEASE = 600.0
"""Seconds for which the leave to delete is good after it was last renewed."""

_LONG_AGO = timedelta(hours=1)  # more than what clocks of two machines differ by

_ATTEMPTS = 50  # Each failure is somebody else's success.
_PAUSE = 0.25  # seconds, doubled after each look
_LONGEST_PAUSE = 4.0


class OutdatedError(Exception):
    """The state has changed since a decision was made from it."""


class Journal:
    """The state of one target.

    Every change is a function from the state that is there to the one that is to be there. It
    may be called again, with what somebody else has written in the meantime, and with what it
    has made itself, as an answer may get lost: then it returns the state as it is.

    Attributes:
        store: that holds it.
        state: as it was last read or written.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.state = State()
        self._version: Version | None = None
        self.read()

    def read(self) -> State:
        """Read the state again, and return it."""
        stored = self.store.read(KEY)
        if stored is None:
            self.state, self._version = State(), None
        else:
            self.state = State.parse(stored.data, where=self._where)
            self._version = stored.version
        return self.state

    @property
    def is_new(self) -> bool:
        """Nothing has been published there yet."""
        return self._version is None

    def write(self, change: Callable[[State], State]) -> None:
        """Change the state.

        Raises:
            OutdatedError: as ``change`` raises it, which the state is new for.
            OutsideError: the store failed, or others changed the state all the time.
        """
        for _ in range(_ATTEMPTS):
            state = change(self.state)
            if state == self.state and not self.is_new:
                return
            try:
                self._version = self._swap(state)
            except ConflictError:
                self.read()
            else:
                self.state = state
                return
        raise OutsideError(
            "is changed by others all the time", where=self._where, hint="try again later"
        )

    def _swap(self, state: State) -> Version:
        if state.conditional is not False:
            try:
                return self.store.swap(KEY, state.render(), FIELDS, self._version)
            except UnconditionalError:
                return self._replace(state)
        return self._replace(state)

    def _replace(self, state: State) -> Version:
        """Do what can be done where the store has no conditional writes: look just before."""
        there = self.store.read(KEY)
        if (there.version if there else None) != self._version:
            raise ConflictError
        self.store.put(KEY, state.render(), FIELDS)
        there = self.store.read(KEY)
        if there is None or there.data != state.render():
            raise ConflictError
        return there.version

    def test_conditions(self) -> bool:
        """Say whether the store refuses what it has to; call it once on a new target.

        There are stores that take the header fields of a conditional write and ignore them.
        """
        tag, number = self._version or (None, None)
        wrong: list[Version | None] = [None]
        if tag is not None and number is None:
            wrong.append((f'"{"0" * 32}"', None))
        for version in wrong:
            try:
                self._version = self.store.swap(KEY, self.state.render(), FIELDS, version)
            except ConflictError:
                continue
            except UnconditionalError:
                pass
            return False
        return True

    def wait_for_lease(self, now: datetime, waiting: Callable[[], None]) -> None:
        """Wait while somebody deletes: what is condemned may or may not be there."""
        seen, since, pause = self.state.lease, time.monotonic(), _PAUSE
        if seen is not None:
            waiting()
        while self.state.lease is not None:
            if self.state.lease != seen:
                seen, since = self.state.lease, time.monotonic()
            is_old = now - datetime.fromisoformat(self.state.lease.at) > _LONG_AGO
            if is_old or time.monotonic() - since > LEASE:
                return  # Whoever had it has died, or will find that it is gone.
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            self.read()

    @property
    def _where(self) -> str:
        return f"{self.store.name.rstrip('/')}/{KEY}"
