"""Processes that compute, as Python code holds the interpreter's lock while it runs.

Plain pipes to ``python -c`` instead of ``multiprocessing``: its children import the caller's
main module again, so that ``build()`` in a script without a main guard would start itself
over and over; and forking a process that has threads is not safe.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, ParamSpec, Self, TypeVar, cast

from assetpipe.errors import OutsideError

P = ParamSpec("P")
R = TypeVar("R")
_Request = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_INLINE_BYTES = 1 << 20
"""Up to this much a build works on by itself: a process costs a tenth of a second to start."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from assetpipe.build.workers import serve; serve()"


class Workers:
    """Up to ``jobs`` worker processes, started when there is enough for them to do."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._started: list[subprocess.Popen[bytes]] = []
        self._inline = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._started:
            worker.kill()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    pipe.close()
            worker.wait()

    def call(self, size: int, function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """Call a module's function, here or in a worker; safe to use from many threads.

        Args:
            size: bytes to work on, which tell whether a worker is worth it.
            function: a function at the top of a module.
            args: its arguments, which must be picklable, as its result must.
            named: its named arguments.

        Raises:
            OutsideError: the worker died.
            Exception: what the function raised.
        """
        if self._is_inline(size):
            return function(*args, **named)
        worker = self._take()
        try:
            result, error = _ask(worker, (function, args, named))
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise OutsideError(
                f"a worker process ended with status {worker.wait()}",
                hint="most often memory ran out: build with a smaller --jobs",
            ) from error
        finally:
            self._idle.put(worker)
        if error is not None:
            raise error
        return cast(R, result)

    def _is_inline(self, size: int) -> bool:
        with self._lock:
            if self._jobs == 1:
                return True
            if self._started or self._inline + size > _INLINE_BYTES:
                return False
            self._inline += size
            return True

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._idle.empty() and len(self._started) < self._jobs:
                worker = subprocess.Popen(
                    [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                self._started.append(worker)
                return worker
        return self._idle.get()


def serve() -> None:
    """Answer requests on standard input until it ends: the main function of a worker."""
    import signal

    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            function, args, named = pickle.load(requests)
        except EOFError:
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = function(*args, **named), None
        except Exception as error:  # noqa: BLE001 - raised again by whoever asked
            answer = None, error
        _send(answers, answer)


def _ask(worker: subprocess.Popen[bytes], request: _Request) -> tuple[Any, Exception | None]:
    assert worker.stdin is not None  # noqa: S101 - both are pipes
    assert worker.stdout is not None  # noqa: S101
    _send(worker.stdin, request)
    answer: tuple[Any, Exception | None] = pickle.load(worker.stdout)
    return answer


def _send(stream: IO[bytes], value: Any) -> None:
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()
