"""Processes that compute, as Python code holds the interpreter's lock while it runs.

Plain pipes to ``python -c`` instead of ``multiprocessing``: its children import the caller's
main module again, so that ``build()`` in a script without a main guard would start itself
over and over; and forking a process that has threads is not safe.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ParamSpec, Self, TypeVar, cast

from assetpipe.errors import OutsideError

P = ParamSpec("P")
R = TypeVar("R")
_Request = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], int]

_Answer = tuple[Any, Exception | None]
_LOST = (EOFError, OSError, pickle.UnpicklingError)

_INLINE_BYTES = 1 << 20
"""Up to this much a build works on by itself, where it may: a process costs a tenth of a second to
start. Where it may not, there is a further process for each of so many bytes."""

_PROGRAM = "import sys; sys.path[:] = {path!r}; from assetpipe.build.workers import serve; serve()"


_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "RAYON_NUM_THREADS": "1"}
"""There is a worker for each processor, so libraries need no threads of their own: of these glibc
reserves 64 MiB for each, of which the limit of memory would take note (mallopt(3))."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call may take; more than that ends it.

    Attributes:
        memory: bytes, beside those that the worker has anyway. Where the system cannot limit a
            process, as on Windows, there is no limit.
        seconds: of time.
    """

    memory: int
    seconds: float


class LimitError(Exception):
    """A call took more than it may, or its process died; the message says so of "it"."""


class Workers:
    """Up to ``jobs`` worker processes, started when there is enough for them to do."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._idle: list[subprocess.Popen[bytes]] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._inline = self._limited = 0
        self._lock = threading.Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._started:
            _end(worker)

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
            answer = _ask(worker, (function, args, named, 0))
        except _LOST as error:
            raise OutsideError(
                f"a worker process ended with status {worker.wait()}",
                hint="most often memory ran out: build with a smaller --jobs",
            ) from error
        finally:
            self._give(worker)
        return cast(R, _result(answer))

    def call_within(
        self, limits: Limits, size: int, function: Callable[P, R], *args: P.args, **named: P.kwargs
    ) -> R:
        """Call a module's function in a worker, but end it where it takes too much.

        Arguments are those of ``call``. Never here: the decoders that read files of all sorts may
        end their process instead of raising an error, as libjpeg does. What they write to standard
        error is dropped.

        Raises:
            LimitError: it took more than that, or the worker died.
            Exception: what the function raised.
        """
        much = f"more than {limits.memory >> 20} MiB"
        with self._lock:
            self._limited += size
            most = 1 + self._limited // _INLINE_BYTES
        worker = self._take(most)
        alarm = _Alarm(limits.seconds, worker)
        try:
            with alarm:
                answer = _ask(worker, (function, args, named, limits.memory))
        except _LOST as error:
            if alarm.has_rung:
                raise LimitError(f"it takes more than {limits.seconds:g} seconds") from error
            status = worker.wait()
            raise LimitError(f"it is damaged, or takes {much} (status {status})") from error
        finally:
            self._give(worker if alarm.was_in_time else self._replace(worker))
        try:
            return cast(R, _result(answer))
        except MemoryError as error:
            raise LimitError(f"it takes {much}") from error

    def rest(self) -> None:
        """End the workers that have nothing to do; who needs one has another one started."""
        with self._lock:
            for worker in self._idle:
                self._started.remove(worker)
                _end(worker)
            self._idle.clear()
            self._lock.notify_all()

    def _is_inline(self, size: int) -> bool:
        with self._lock:
            if self._jobs == 1:
                return True
            if self._started or self._inline + size > _INLINE_BYTES:
                return False
            self._inline += size
            return True

    def _take(self, most: int = sys.maxsize) -> subprocess.Popen[bytes]:
        with self._lock:
            while not self._idle:
                if len(self._started) < min(most, self._jobs):
                    return self._start()
                self._lock.wait()
            return self._idle.pop()

    def _give(self, worker: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._idle.append(worker)
            self._lock.notify()

    def _start(self) -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ENVIRONMENT,
        )
        self._started.append(worker)
        return worker

    def _replace(self, worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Return a new worker in place of one that died."""
        with self._lock:
            self._started.remove(worker)
            _end(worker)
            return self._start()


class _Alarm:
    """Ends a worker after some seconds, unless the block has ended before.

    Attributes:
        has_rung: it did.
        was_in_time: the block ended before, and without an error.
    """

    def __init__(self, seconds: float, worker: subprocess.Popen[bytes]) -> None:
        self.has_rung = self.was_in_time = False
        self._worker = worker
        self._is_over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._is_over = True
            self.was_in_time = kind is None and not self.has_rung

    def _ring(self) -> None:
        with self._lock:
            if not self._is_over:
                self.has_rung = True
                self._worker.kill()


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            with suppress(OSError):  # what it has not read
                pipe.close()
    worker.wait()


def serve() -> None:
    """Answer requests on standard input until it ends: the main function of a worker."""
    import signal

    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            function, args, named, memory = pickle.load(requests)
        except EOFError:
            return
        answer: _Answer
        try:
            with _limited(memory), _silent() if memory else nullcontext():
                answer = function(*args, **named), None
        except Exception as error:  # noqa: BLE001 - raised again by whoever asked
            answer = None, error
        except BaseException:  # noqa: BLE001 - extensions in Rust panic so, as for lack of memory
            sys.exit(1)
        _send(answers, answer)


@contextmanager
def _limited(memory: int) -> Iterator[None]:
    """Let this process have so many bytes more than it has, and no more, if the system can."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (ImportError, OSError):
        memory = 0
    if not memory:
        yield
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what is written to standard error, by libraries that know no other way."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _ask(worker: subprocess.Popen[bytes], request: _Request) -> _Answer:
    assert worker.stdin is not None  # noqa: S101 - both are pipes
    assert worker.stdout is not None  # noqa: S101
    _send(worker.stdin, request)
    answer: _Answer = pickle.load(worker.stdout)
    return answer


def _result(answer: _Answer) -> Any:
    result, error = answer
    if error is not None:
        raise error
    return result


def _send(stream: IO[bytes], value: Any) -> None:
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()
