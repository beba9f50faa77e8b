"""Threads that always take the most expensive task first."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Self

from assetpipe.build.model import Progress

Task = Callable[[], None]


class Pool:
    """Runs tasks on at most ``jobs`` threads, urgent groups first, then the largest.

    Largest first keeps all cores busy to the end: the last tasks to start are the smallest.
    The first exception of a task stops all others and is raised by ``wait``. The standard
    library's executor knows no order and loads ten milliseconds of modules that a rebuild
    after one edit would feel.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._heap: list[tuple[int, int, int, int, Task, str]] = []
        self._running: dict[int, str] = {}
        self._pending: Counter[int] = Counter()
        self._changed = threading.Condition()
        self._count = count()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self._error: BaseException | None = None
        self.done = 0
        self.total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify_all()
        # Ctrl-C does not wait: a large file may take Brotli half a minute.
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            for thread in self._threads:
                thread.join()

    def submit(
        self, group: int, cost: int, task: Task, name: str = "", *, order: int | None = None
    ) -> None:
        """Queue a task.

        Args:
            group: the lower one goes first.
            cost: bytes of work.
            task: what is to be done.
            name: tells people what it is, if it takes long.
            order: within a group the lowest goes first; what costs most, if it is not given.
        """
        order = -cost if order is None else order
        with self._changed:
            number = next(self._count)
            heapq.heappush(self._heap, (group, order, number, cost, task, name))
            self._pending[group] += 1
            self.total += cost
            if not self._idle and len(self._threads) < self._jobs:
                thread = threading.Thread(target=self._work, name="assetpipe", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def has_queued(self, group: int) -> bool:
        """Say whether tasks of a group wait for a thread."""
        with self._changed:
            return any(entry[0] == group for entry in self._heap)

    def wait(self, group: int, progress: Progress) -> None:
        """Wait until every task of this group and of those before it is done.

        ``progress`` is told how far that is, and what has been worked on for longest.
        """
        with self._changed:
            while self._error is None and any(
                self._pending[other] for other in self._pending if other <= group
            ):
                progress(self.done, self.total, next(filter(None, self._running.values()), ""))
                # A time limit keeps the main thread open to Ctrl-C on Windows.
                self._changed.wait(0.2)
            progress(self.done, self.total, "")
            if self._error is not None:
                raise self._error

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._heap and not self._closed:
                    self._changed.wait()
                self._idle -= 1
                if self._closed:
                    return
                group, _, number, cost, task, name = heapq.heappop(self._heap)
                self._running[number] = name
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                self._fail(error)
            with self._changed:
                del self._running[number]
                self._pending[group] -= 1
                self.done += cost
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._heap.clear()
