"""Processes that transform, as Python code holds the interpreter's lock while it runs.

Plain pipes to ``python -c`` instead of ``multiprocessing``: its children import the caller's
main module again, so that ``build()`` in a script without a main guard would start itself
over and over; and forking a process that has threads is not safe.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, Self

from assetpipe import kinds
from assetpipe.errors import OutsideError
from assetpipe.kinds.model import Note, Options, Transformed

_INLINE_BYTES = 1 << 20
"""Up to this much a build transforms by itself: a process costs a tenth of a second to start."""

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

    def transform(self, module: str, data: bytes, options: Options) -> Transformed:
        """Run a kind's transform, here or in a worker; safe to call from many threads."""
        if self._is_inline(len(data)):
            return transform(module, data, options)
        worker = self._take()
        try:
            return _ask(worker, (module, data, options))
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise OutsideError(
                f"a worker process ended with status {worker.wait()}",
                hint="most often memory ran out: build with a smaller --jobs",
            ) from error
        finally:
            self._idle.put(worker)

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


def transform(module: str, data: bytes, options: Options) -> Transformed:
    """Run a kind's transform; a defect of ours ships the file untouched and says so."""
    try:
        return kinds.load(module).transform(data, options)
    except Exception as error:  # noqa: BLE001 - one file must not take the release down
        note = Note(
            f"ships untouched after an internal error: {error!r}",
            hint="please report it with the file, and list the file under `plain` until then",
        )
        return Transformed(data, notes=(note,), encoding="latin-1")


def serve() -> None:
    """Answer requests on standard input until it ends: the main function of a worker."""
    import signal

    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            module, data, options = pickle.load(requests)
        except EOFError:
            return
        _send(answers, transform(module, data, options))


def _ask(worker: subprocess.Popen[bytes], request: tuple[str, bytes, Options]) -> Transformed:
    assert worker.stdin is not None  # noqa: S101 - both are pipes
    assert worker.stdout is not None  # noqa: S101
    _send(worker.stdin, request)
    answer: Transformed = pickle.load(worker.stdout)
    return answer


def _send(stream: IO[bytes], value: Any) -> None:
    pickle.dump(value, stream, pickle.HIGHEST_PROTOCOL)
    stream.flush()
