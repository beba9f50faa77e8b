"""A stream of server-sent events (WHATWG HTML, 9.2): who listens misses nothing."""

from __future__ import annotations

import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from threading import Condition
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

from assetpipe.live.messages import PING, State, Update

Mode = Literal["source", "manifest"]
"""What a page uses: the sources, or the release."""

_PING_SECONDS = 15.0
_RETRY = b"retry: 300\n\n"  # milliseconds
_MOST_KEPT = 1000  # updates
_SLACK = 0.2  # seconds that a page is taken to be older than it says

_ID = re.compile(r"([0-9a-f]{12})-([0-9]{1,15})")
_RELEASE = re.compile(r"[0-9A-Za-z]{1,64}")  # which becomes a part of a file's name
_AGE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20})?")

Difference = Callable[[str, str], Update | None]
"""Returns what changed from one release to another, by their ids; ``None`` if nobody knows."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a page says of itself when it begins to listen.

    Attributes:
        mode: what it uses.
        epoch: of the stream that it last listened to; empty for none.
        number: of the last update that it knows of there.
        release: id of the last release that it knows; empty for none.
        age: seconds since it began to load; ``None`` if it does not say.
        once: it wants what it missed, and no more.
    """

    mode: Mode = "manifest"
    epoch: str = ""
    number: int = 0
    release: str = ""
    age: float | None = None
    once: bool = False

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read the query of a URL; what makes no sense, or is said twice, is not said at all."""
        fields = {name: values[0] for name, values in parse_qs(text).items() if len(values) == 1}
        since = _ID.fullmatch(fields.get("since", ""))
        age = _AGE.fullmatch(fields.get("age", ""))
        release = _RELEASE.fullmatch(fields.get("release", ""))
        return cls(
            mode="source" if fields.get("mode") == "source" else "manifest",
            epoch=since[1] if since else "",
            number=int(since[2]) if since else 0,
            release=release[0] if release else "",
            age=float(age[0]) / 1000 if age else None,
            once=fields.get("once") == "1",
        )


class _Sent(NamedTuple):
    """An update that was sent.

    Attributes:
        at: when, on the monotonic clock.
        event: as it goes over the wire, made once for all that listen.
    """

    at: float
    event: bytes


class Stream:
    """Updates with their history, and the state; safe to use from threads.

    Who listens costs a thread that waits, and holds up nobody else: each reads the history at its
    own pace, and whom it has left behind is told to load again.

    Args:
        difference: tells what changed between two releases, for pages that knew an earlier
            process.
    """

    def __init__(self, difference: Difference | None = None) -> None:
        self._difference = difference
        self._epoch = secrets.token_hex(6)
        self._number = 0  # of the last update
        self._history: deque[_Sent] = deque(maxlen=_MOST_KEPT)
        self._state = State()
        self._version = 0  # of the state, as far as it was told
        self._listeners = 0
        self._is_closed = False
        self._changed = Condition()

    @property
    def is_used(self) -> bool:
        """Whether somebody listens."""
        return self._listeners > 0

    def send(self, update: Update) -> None:
        """Tell everybody at once of a change."""
        with self._changed:
            self._number += 1
            event = self._event(self._number, update.json())
            self._history.append(_Sent(time.monotonic(), event))
            if update.release is not None:
                self._state = replace(self._state, release=update.release)
            self._changed.notify_all()

    def tell(self, state: State) -> None:
        """Tell everybody how things are now, unless they know."""
        with self._changed:
            if state != self._state:
                self._state = state
                self._version += 1
                self._changed.notify_all()

    def close(self) -> None:
        """End all that listen, and all that will."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def events(self, query: Query) -> Generator[bytes, None, None]:
        """Yield what a page missed, the state, and then whatever comes; it blocks in between."""
        with self._changed:
            self._listeners += 1
        try:
            yield from self._events(query)
        finally:
            with self._changed:
                self._listeners -= 1

    def _events(self, query: Query) -> Iterator[bytes]:
        with self._changed:
            number, version, state = self._number, self._version, self._state
            missed = self._missed(query)
        if missed is None:
            missed = self._since_release(query.release, state.release, number)
        yield _RETRY + missed + self._event(number, state.json())
        while not query.once:
            events, number, version = self._next(number, version)
            if not events:
                return
            yield events

    def _next(self, number: int, version: int) -> tuple[bytes, int, int]:
        """Wait; return what came after an update and a state, and the numbers of the last ones.

        It is nothing once the stream is closed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or (self._number, self._version) != (number, version),
                _PING_SECONDS,
            )
            events = b""
            if not self._is_closed:
                events = self._after(number)
                if self._version != version:
                    events += self._event(self._number, self._state.json())
                events = events or _data(PING)
            return events, self._number, self._version

    def _missed(self, query: Query) -> bytes | None:
        """Return the updates that a page missed; ``None`` if only its release can tell."""
        if query.epoch == self._epoch:
            return self._after(min(query.number, self._number))
        if query.epoch:
            return None
        if query.age is None:
            return b""
        begun = time.monotonic() - query.age - _SLACK
        count = sum(each.at >= begun for each in self._history)
        # All that is known is not all that there was.
        return self._after(0 if count == len(self._history) else self._number - count)

    def _since_release(self, known: str, current: str | None, number: int) -> bytes:
        """Return what changed since a release that an earlier process told of."""
        if not known or current is None or known == current:
            return b""
        update = self._difference(known, current) if self._difference else None
        return self._event(number, (update or Update((), is_reload=True)).json())

    def _after(self, number: int) -> bytes:
        """Return all updates after one."""
        count = self._number - number
        if count > len(self._history):
            return self._event(self._number, Update((), is_reload=True).json())
        return b"".join(self._history[index].event for index in range(-count, 0))

    def _event(self, number: int, data: str) -> bytes:
        return f"id: {self._epoch}-{number}\n".encode() + _data(data)


def _data(text: str) -> bytes:
    return f"data: {text}\n\n".encode()
