"""A watch that runs: ``assetpipe watch --json`` as a process, and pages that listen to it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.site import clean_environment

Event = dict[str, Any]

_PATIENCE = 20.0  # seconds that anything may take on a busy machine
# Ctrl-C may come between opening something and the block that closes it.
WARNINGS = "error,ignore::ResourceWarning"
QUIET = 0.6  # seconds without a word, after which nothing more is to come


class Watching:
    """One run of ``assetpipe watch --json``.

    Args:
        folder: where it runs.
        arguments: more of its arguments.
        module: what is run instead of ``assetpipe``, with its first arguments.
        port: where it listens; ``None`` for what it chooses by itself.
        environment: variables to add.

    Attributes:
        process: the process.
        url: where it listens.
        first: the first build, or the error in its place.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str | Path,
        module: Sequence[str] = ("assetpipe", "watch"),
        port: int | None = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        name, *rest = module
        given = [] if port is None else ["--port", str(port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", name, *rest, "--json", *given, *arguments],
            cwd=folder,
            env=clean_environment() | {"PYTHONWARNINGS": WARNINGS} | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.said: list[Event] = []
        self.errors = ""
        self._events: Queue[Event] = Queue()
        self._threads = [
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._gather, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        self.url: str = self.next("start")["url"]
        self.first = self.next("build", "error")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it by a signal; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit status."""
        try:
            status = self.process.wait(_PATIENCE)
        finally:
            self.process.kill()
            for thread in self._threads:
                thread.join(_PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads), "what it started lives on"
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        assert "Traceback" not in self.errors, self.errors
        return status

    def next(self, *wanted: str) -> Event:
        """Return the next thing that it says of these kinds; other builds are not passed over."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                event = self._events.get(timeout=max(end - time.monotonic(), 0.01))
            except Empty:
                raise AssertionError(
                    f"no {' or '.join(wanted)} among {self.said}; {self.errors}"
                ) from None
            if event["event"] in wanted:
                return event
            assert event["event"] not in {"build", "error", "reload"}, event

    def rest(self) -> list[Event]:
        """Return what else it says, until it has been quiet for a while."""
        events = []
        while True:
            try:
                events.append(self._events.get(timeout=QUIET))
            except Empty:
                return events

    def page(self, mode: str, **query: str) -> Page:
        """Open a stream, as a page that uses the sources or the release does."""
        return Page(self.url, mode, **query)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                event = json.loads(line)
                self.said.append(event)
                self._events.put(event)

    def _gather(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors += line


class Page:
    """A page that listens: what it is told, message by message."""

    def __init__(self, url: str, mode: str, **query: str) -> None:
        address = f"{url}/events?{urlencode({'mode': mode, **query})}"
        self._stream = urlopen(address, timeout=_PATIENCE)
        self._messages = self._read()

    def __enter__(self) -> Self:
        assert self.next()["type"] == "state"
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def next(self) -> Event:
        """Return the next message, pings aside."""
        return next(self._messages)

    def _read(self) -> Iterator[Event]:
        for line in self._stream:
            if line.startswith(b"data:"):
                message = json.loads(line.removeprefix(b"data:"))
                if message["type"] != "ping":
                    yield message
