"""What is counted while serving: plain integers at fixed places, in shared files if need be.

An answer knows the place where it is counted, so counting is an addition. Names and labels are
made only when somebody asks (``metrics``).
"""

from __future__ import annotations

import errno
import logging
import mmap
import os
import sys
import time
from array import array
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import NamedTuple, cast
from weakref import WeakSet

if sys.platform != "win32":
    import fcntl

SWITCH = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the folder where several processes count; prometheus_client's own."""

OTHER = "other"
"""Stands for all content codings that are not told apart."""

_STATUSES = (200, 206, 304, 404, 405, 412, 416, 0)
_CODINGS = ("br", "gzip", "identity", "zstd", OTHER)

# The number of answers and that of their bytes lie side by side, in one line of the cache.
_WIDTH = 2

BYTES = 1
"""From the place of a sort of answer to the place of its bytes."""

SORTS = {
    sort: _WIDTH * number
    for number, sort in enumerate(product(_STATUSES, _CODINGS, (False, True), (False, True)))
}
"""The place of each sort of answer: status (0 for those that are not told apart), content coding,
whether it is about a name that changes with its bytes, and whether about an asset that has
compressed siblings."""

(
    MISSING_HASHED,  # 404 for a name that looks as if its bytes were in another release
    URL_FOUND,
    URL_UNKNOWN,
    LOADS,
    LOAD_FAILURES,
    _ASKED_BEFORE,  # what had been asked when this process took over the file
    *_GAUGES,
    _SIZE,
) = range(_WIDTH * len(SORTS), _WIDTH * len(SORTS) + 12)
_ASSETS, _LOAD_MICROSECONDS, _LOADED_AT, *_RELEASE = _GAUGES

_COUNTERS = slice(_ASKED_BEFORE)
_ASKED = (*SORTS.values(), URL_FOUND, URL_UNKNOWN)

_FILE_SIZE = 8 * _SIZE
_FILE_NAME = "assetpipe_{}.counts"

_LOG = logging.getLogger("assetpipe")


def slot(status: int, coding: str, is_fixed: bool = False, has_siblings: bool = False) -> int:
    """Return the place where a sort of answer is counted; ``SORTS`` describes the arguments."""
    place = SORTS.get((status, coding, is_fixed, has_siblings))
    if place is None:
        status = status if status in _STATUSES else 0
        coding = coding if coding in _CODINGS else OTHER
        place = SORTS[status, coding, is_fixed, has_siblings]
    return place


@dataclass(frozen=True, slots=True)
class Load:
    """A manifest that was read.

    Attributes:
        release: the release's id, its first 16 bytes.
        assets: entries of the manifest.
        seconds: what reading took.
        at: when, in nanoseconds since 1970.
    """

    release: str
    assets: int
    seconds: float
    at: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What all processes have counted.

    Attributes:
        values: at each counter's place the sum over all processes, dead ones included.
        loads: what each living process that serves has read last; the latest comes first.
    """

    values: Sequence[int]
    loads: Sequence[Load]


class Counts:
    """The counts of a process.

    They are private to it, unless ``PROMETHEUS_MULTIPROC_DIR`` names a folder. Then each process
    counts in a file of its own there, and any of them can add all up. A process holds a lock on
    its file for as long as it lives. What a dead one has counted is never lost: its file stays, and
    a new process takes it over and counts on. So there are never more files than there have been
    processes at one time.

    A forked process gets another file at once. Hence ``values`` has to be looked up at each use.

    ``counts.values[place] += 1`` is not interrupted by another thread where there is a global
    interpreter lock, as CPython switches threads at calls and backward jumps only. Without one,
    threads that count at the same instant may lose a count.

    Attributes:
        values: the integers, each at its place.
    """

    __slots__ = ("__weakref__", "_file", "_folder", "values")

    def __init__(self) -> None:
        self.values: MutableSequence[int] = _private()
        self._file: tuple[int, int] | None = None
        folder = os.environ.get(SWITCH)
        if folder:
            self._folder = Path(folder)
            self._share()
            _SHARED.add(self)

    def note_load(self, *, assets: int, seconds: float, release: str) -> None:
        """Count a manifest that was read; ``Load`` describes the arguments."""
        words = array("Q", release.encode()[:16].ljust(16, b"\0"))
        gauges = (assets, round(seconds * 1e6), time.time_ns(), *words)
        values = self.values
        for place, value in zip(_GAUGES, gauges, strict=True):
            values[place] = value
        values[LOADS] += 1

    def note_failure(self) -> None:
        """Count a manifest that could not be read."""
        self.values[LOAD_FAILURES] += 1

    def totals(self) -> Totals:
        """Add up what all processes have counted."""
        own = list(self.values)
        rows, serving = [own], [own]
        for row, is_alive in self._others():
            rows.append(row)
            # A process that was never asked anything does not serve: it is the parent of those
            # that do, or was forked for something else, and keeps the release of that time.
            if is_alive and _asked(row) > row[_ASKED_BEFORE]:
                serving.append(row)
        loads = [_load(row) for row in serving if row[_LOADED_AT]]
        return Totals(
            [sum(column) for column in zip(*(row[_COUNTERS] for row in rows), strict=True)],
            sorted(loads, key=lambda load: load.at, reverse=True),
        )

    def _share(self) -> None:
        """Count in a file from now on, another one than before."""
        gauges = [self.values[place] for place in _GAUGES]
        try:
            self._file, self.values = _claim(self._folder)
        except OSError as error:
            # A site that starts is worth more than its counts.
            _LOG.warning("%s: nothing is counted there: %s", self._folder, error.strerror)
            self._file, self.values = None, _private()
        for place, value in zip(_GAUGES, gauges, strict=True):
            self.values[place] = value
        self.values[_ASKED_BEFORE] = _asked(self.values)

    def _others(self) -> Iterator[tuple[list[int], bool]]:
        """Yield what is in each other file, and whether its process is alive."""
        if self._file is None:
            return
        for path in sorted(self._folder.glob(_FILE_NAME.format("*"))):
            try:
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    if (status.st_dev, status.st_ino) == self._file:
                        continue
                    if status.st_size == _FILE_SIZE:
                        # Mapped, as reading might see half of an integer.
                        with mmap.mmap(file.fileno(), _FILE_SIZE, access=mmap.ACCESS_READ) as data:
                            row = memoryview(data).cast("Q").tolist()
                        yield row, not _lock(file.fileno(), to_own=False)
            except FileNotFoundError:
                continue


_SHARED = WeakSet[Counts]()


def _share_anew() -> None:
    for counts in _SHARED:
        counts._share()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_share_anew)


class _Claim(NamedTuple):
    """A file that is this process's: device and inode, and its integers."""

    file: tuple[int, int]
    values: MutableSequence[int]


def _claim(folder: Path) -> _Claim:
    """Take the first file that no living process counts in.

    Raises:
        OSError: the folder cannot be written to, or the system has no locks for it.
    """
    paths = (folder / _FILE_NAME.format(number) for number in count())
    return next(filter(None, map(_take, paths)))


def _take(path: Path) -> _Claim | None:
    with path.open("a+b", buffering=0) as file:
        if not _lock(file.fileno(), to_own=True):
            return None
        status = os.fstat(file.fileno())
        if status.st_size == 0:
            # Written, not only made longer: where the disk is full this has to fail here, and not
            # as a signal that ends the process when it counts.
            if file.write(bytes(_FILE_SIZE)) != _FILE_SIZE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif status.st_size != _FILE_SIZE:
            return None  # another version's
        # The mapping duplicates the descriptor, and so keeps the lock for as long as it lives.
        values = memoryview(mmap.mmap(file.fileno(), _FILE_SIZE)).cast("Q")
        return _Claim((status.st_dev, status.st_ino), cast("MutableSequence[int]", values))


def _lock(file: int, *, to_own: bool) -> bool:
    """Lock a file, to own it or to see whether somebody does; say whether nobody did."""
    if sys.platform == "win32":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        fcntl.flock(file, fcntl.LOCK_NB | (fcntl.LOCK_EX if to_own else fcntl.LOCK_SH))
    except BlockingIOError:
        return False
    return True


def _private() -> MutableSequence[int]:
    return array("Q", bytes(_FILE_SIZE))


def _asked(values: Sequence[int]) -> int:
    """Return how many requests and look-ups there have been."""
    return sum(values[place] for place in _ASKED)


def _load(values: Sequence[int]) -> Load:
    release = array("Q", [values[place] for place in _RELEASE]).tobytes().rstrip(b"\0")
    return Load(
        release.decode(errors="replace"),
        values[_ASSETS],
        values[_LOAD_MICROSECONDS] / 1e6,
        values[_LOADED_AT],
    )
