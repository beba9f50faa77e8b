"""Notices what changes below folders: as the system tells it, or by looking again and again.

An event only says where to look: its type is not trusted, and what has the same content as before
is no change. The first finished write is told of at once; what else comes is gathered.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from assetpipe.globs import DEFAULT_IGNORE, matcher
from assetpipe.live.tree import Changed, Tree

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

__all__ = ["Changed", "Watcher"]

_QUIET = 0.05  # seconds without an event, after which a save is taken to be over
_MOST = 0.5  # seconds that are waited for that
_TICK = 0.5  # seconds between looks at what events do not tell of
_BURST = 1000  # events at once, of which some may have been lost
_POLL_LEAST = 0.25  # seconds between looks at everything
_POLL_SHARE = 20  # of a look's own time that passes before the next

_LOG = logging.getLogger("assetpipe")
_LIMITS = {
    errno.ENOSPC: "fs.inotify.max_user_watches=524288",
    errno.EMFILE: "fs.inotify.max_user_instances=512",
}


class _Notice(NamedTuple):
    """Something may have happened to a path.

    Attributes:
        path: where to look.
        is_finished: a file was written, and closed or moved into place.
        is_foreign: a folder came from outside, and watchdog does not watch it.
    """

    path: str
    is_finished: bool = False
    is_foreign: bool = False


class Watcher:
    """Watches folders, and single files beside them.

    Args:
        folders: the folders; they may come and go.
        ignored: says of a name below its folder whether it is left out; by default what a build
            leaves out.
        exclude: folders never to enter.
        files: returns the paths of single files, looked at every half second.
        poll: look at everything again and again, as some disks tell of nothing.
        heard: is told what changed, from a thread of the watcher: at once for the first finished
            write, the rest when it has become quiet.
        note: is told why it has to poll.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        heard: Callable[[Sequence[Changed]], None],
        note: Callable[[str], None],
        ignored: Callable[[str], bool] | None = None,
        exclude: Collection[Path] = (),
        files: Callable[[], Iterable[str]] = tuple,
        poll: bool = False,
    ) -> None:
        self._given = folders
        self._tree = Tree(folders, ignored or matcher(DEFAULT_IGNORE), exclude)
        self._beside = _Beside(files)
        self._poll = poll
        self._heard = heard
        self._note = note
        self._notices: SimpleQueue[_Notice | None] = SimpleQueue()
        self._observer: BaseObserver | None = None
        self._roots: dict[str, tuple[int, int] | None] = {}
        self._pending: dict[str, Changed] = {}
        self._changed = Condition()
        self._is_gathering = False
        self._stopped = Event()

    @property
    def state(self) -> str:
        """A hash of what is there, which changes with every change."""
        return self._tree.state

    def start(self) -> None:
        """Look at everything once, then watch."""
        self._roots = self._identities()
        self._observe()  # before looking, so that nothing falls in between
        self._tree.scan()
        self._beside.look()
        Thread(target=self._run, name="assetpipe watcher", daemon=True).start()
        Thread(target=self._learn, name="assetpipe learner", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        self._notices.put(None)
        self._end_observer()

    def wait(self, timeout: float | None) -> bool:
        """Wait until something has changed; say whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._pending), timeout)

    def take(self) -> tuple[Changed, ...]:
        """Return what has changed since the last time, each path once."""
        with self._changed:
            taken = tuple(self._pending.values())
            self._pending.clear()
        return taken

    @property
    def pending(self) -> bool:
        """Whether anything has changed since it was last taken."""
        return bool(self._pending)

    def settle(self) -> None:
        """Wait until a save that has begun is over, half a second at the most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_gathering, _MOST + _QUIET)

    # The watcher's own thread.

    def _run(self) -> None:
        due = time.monotonic() + _TICK
        while not self._stopped.is_set():
            try:
                if self._poll:
                    due = self._look_around(due)
                    continue
                notice = self._notices.get(timeout=max(due - time.monotonic(), 0))
            except Empty:
                due = time.monotonic() + _TICK
                self._tick()
            else:
                if notice is not None:
                    self._gather(notice)

    def _learn(self) -> None:
        self._tree.learn(self._stopped)

    def _gather(self, first: _Notice) -> None:
        """Look at where events came from until no more come."""
        self._set_gathering(True)
        later: dict[str, None] = {}
        gathered: list[Changed] = []
        count, is_told, is_foreign = 0, False, False
        end = time.monotonic() + _MOST
        notice: _Notice | None = first
        while notice is not None:
            count += 1
            is_foreign |= notice.is_foreign
            if notice.is_finished and _is_written(notice.path):
                changed = self._add(self._tree.look(notice.path))
                if is_told:
                    gathered += changed
                elif changed:
                    is_told = True
                    self._tell(changed)
            else:
                later[notice.path] = None
            try:
                wait = min(_QUIET, end - time.monotonic())
                notice = self._notices.get(timeout=max(wait, 0))
            except Empty:
                break
        for path in later:
            gathered += self._add(self._tree.look(path))
        if is_foreign or count >= _BURST:
            gathered += self._begin_again()
        self._tell(gathered)
        self._set_gathering(False)

    def _look_around(self, due: float) -> float:
        """Look at everything, and again until nothing changes any more; return when that is due."""
        self._stopped.wait(max(due - time.monotonic(), 0))
        began = time.monotonic()
        changed = self._add(self._tree.scan(patient=True))
        took = time.monotonic() - began
        if changed:
            self._set_gathering(True)
            self._tell(changed)
        # What was empty may have been on its way.
        gathered: list[Changed] = []
        while changed and time.monotonic() - began < _MOST:
            self._stopped.wait(_QUIET)
            changed = self._add(self._tree.scan(patient=True))
            gathered += changed
        self._tell([*gathered, *self._add(self._tree.scan())])
        self._set_gathering(False)
        self._tell(self._add(self._beside.look()))
        return time.monotonic() + max(_POLL_LEAST, _POLL_SHARE * took)

    def _tick(self) -> None:
        """Look at what no event tells of: single files, and folders that came or went."""
        self._tell(self._add(self._beside.look()))
        roots = self._identities()
        observer = self._observer
        is_alive = observer is None or all(each.is_alive() for each in observer.emitters)
        if roots != self._roots or not is_alive:
            self._roots = roots
            self._tell(self._begin_again())

    def _begin_again(self) -> list[Changed]:
        """Watch everything anew, and look at it, as something may have been missed."""
        self._end_observer()
        self._observe()
        return self._add(self._tree.scan())

    def _identities(self) -> dict[str, tuple[int, int] | None]:
        found: dict[str, tuple[int, int] | None] = {}
        for folder in self._tree.folders:
            try:
                status = os.stat(folder)
            except OSError:
                found[folder] = None
            else:
                found[folder] = status.st_dev, status.st_ino
        return found

    def _add(self, changed: list[Changed]) -> list[Changed]:
        if changed:
            with self._changed:
                self._pending |= {each.path: each for each in changed}
                self._changed.notify_all()
        return changed

    def _tell(self, changed: Sequence[Changed]) -> None:
        if changed:
            latest = {each.path: each for each in changed}
            try:
                self._heard([*latest.values()])
            except Exception:  # noqa: BLE001 - whatever it is, watching goes on
                _LOG.exception("what changed could not be told")

    def _set_gathering(self, value: bool) -> None:
        with self._changed:
            self._is_gathering = value
            self._changed.notify_all()

    # The system's events.

    def _observe(self) -> None:
        """Have the system tell; where it cannot, poll from now on."""
        if self._poll:
            return
        try:
            observer, handler, filter_ = _observer(self._notice)
            observer.start()
            self._observer = observer
            for folder in self._tree.folders:
                if os.path.isdir(folder):
                    observer.schedule(handler, folder, recursive=True, event_filter=filter_)
            # Where no more can be watched, some versions leave folders out without a word.
            watch = observer.schedule(handler, os.sep, event_filter=filter_)
            observer.unschedule(watch)
        except ModuleNotFoundError:
            self._fall_back('to be told by the system, run: pip install "assetpipe[watch]"')
        except OSError as error:
            limit = _LIMITS.get(error.errno or 0)
            cure = f"to be told by the system, run: sudo sysctl {limit}" if limit else ""
            self._fall_back(f"{error.strerror or error}; {cure}".removesuffix("; "))

    def _fall_back(self, reason: str) -> None:
        self._end_observer()
        self._poll = True
        self._notices.put(None)
        self._note(f"all files are looked at again and again: {reason}")

    def _end_observer(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()

    def _notice(self, path: str, *, is_finished: bool = False, is_foreign: bool = False) -> None:
        if not self._tree.is_ignored(path):
            self._notices.put(_Notice(path, is_finished, is_foreign))


class _Beside:
    """Single files, looked at by their signatures."""

    def __init__(self, files: Callable[[], Iterable[str]]) -> None:
        self._files = files
        self._known: dict[str, tuple[int, int, int] | None] = {}

    def look(self) -> list[Changed]:
        """Return what is not what it was; a path that is new is taken as it is."""
        found = {path: _seen(path) for path in self._files()}
        changed = [
            Changed(os.path.basename(path), path, removed=seen is None)
            for path, seen in found.items()
            if self._known.get(path, seen) != seen
        ]
        self._known = found
        return changed


def _seen(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _is_written(path: str) -> bool:
    """Say whether a file has anything in it; one that has not may be about to be written."""
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False


def _observer(notice: Callable[..., None]) -> tuple[BaseObserver, Any, list[Any]]:
    """Return watchdog's observer, its handler, and the events that are wanted.

    Without a filter every file that is read would tell of itself.
    """
    from watchdog import events
    from watchdog.observers import Observer

    class Handler(events.FileSystemEventHandler):
        def dispatch(self, event: events.FileSystemEvent) -> None:
            """Note where something happened."""
            source, target = os.fsdecode(event.src_path), os.fsdecode(event.dest_path or "")
            is_file = not event.is_directory
            if event.event_type != events.EVENT_TYPE_MOVED:
                is_closed = event.event_type == events.EVENT_TYPE_CLOSED
                notice(source, is_finished=is_file and is_closed)
                return
            if source:
                notice(source)
            if target:
                notice(target, is_finished=is_file, is_foreign=not (is_file or source))

    wanted = [
        events.DirCreatedEvent, events.DirDeletedEvent, events.DirMovedEvent,
        events.FileClosedEvent, events.FileCreatedEvent, events.FileDeletedEvent,
        events.FileModifiedEvent, events.FileMovedEvent,
    ]  # fmt: skip
    observer: BaseObserver
    if sys.platform == "linux":
        from watchdog.observers.inotify import InotifyObserver

        # In full, a folder that came from outside can be told from one that was made here.
        observer = InotifyObserver(generate_full_events=True)
    else:
        observer = Observer()
    return observer, Handler(), wanted
