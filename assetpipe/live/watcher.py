"""Notices what changes below folders: the system tells, or everything is looked at.

The package watchdog asks the system; what it says is never believed, but looked at. Its gaps, as
of 6.0, are covered here: it does not watch folders that are moved into the tree (so all is
watched anew after each folder that appears), does not say that the system's queue has overflowed
(``_FLOOD``), says nothing where the limit of watches is reached below the first folder
(``_works``), ends with a watched folder that is removed, and its threads may die of an error
(``_tick``).
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from assetpipe.globs import DEFAULT_IGNORE, matcher
from assetpipe.live.tree import Changed, Singles, Tree, merge

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

__all__ = ["Changed", "Watcher", "merge"]

_logger = logging.getLogger("assetpipe")

_QUIET = 0.05  # seconds without an event that end a window
_LONGEST = 0.5  # seconds after which a window ends all the same
_TICK = 1.0  # seconds between looks at what the system does not tell of
_TICK_SHARE = 2000  # times what such a look takes, at least, lie between two
_TICK_MOST = 3.0  # seconds, as a look may take long because the machine is busy
_POLL = 0.25  # seconds between looks at everything, where the system tells nothing
_POLL_SHARE = 20
_ANEW_MOST = 2.0  # seconds between watching all folders anew, at the most
_FLOOD = 1000  # events in one window, after which some may have been lost
_PROBE = 5.0  # seconds that the system may take to tell of a file
_MOST_DEATHS = 5  # of watchdog in a row, after which it is not started again
_SOON = 60.0  # seconds between two deaths in a row

_LIMITS = {
    errno.ENOSPC: "fs.inotify.max_user_watches=524288",
    errno.EMFILE: "fs.inotify.max_user_instances=512",
}
_PAIRING = 0.02  # seconds between the two halves of a move
_FAREWELL = 0.05  # seconds that its end may take
_SO = ", so all files are looked at again and again"


class _Hint(NamedTuple):
    """Where to look.

    Attributes:
        path: of a file or folder, there or not.
        is_finished: a write came to its end there.
        is_anew: a folder may have come that is not watched.
    """

    path: str
    is_finished: bool = False
    is_anew: bool = False


class _PollError(Exception):
    """The system cannot tell of changes; the message says why, and what to do."""


class Watcher:
    """Notices what changes; all of it happens in a thread of its own.

    A finished write to a file that was there is looked at, and told, at once. What comes in the
    50 ms after it is told together, at their end; each event makes them begin again, for half a
    second at most. A new file waits so long, too: it may be about to take another's place, and no
    page has loaded it.

    Args:
        folders: what is watched; they need not be there.
        ignored: says of a name below its folder whether it is left out.
        exclude: folders never to enter.
        files: single files to look at every second; see ``follow``.
        poll: look at everything again and again, instead of having the system tell.
        heard: is told of what changed, in the watcher's thread.
        note: is told, once, why everything has to be looked at again and again.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        ignored: Callable[[str], bool] = matcher(DEFAULT_IGNORE),  # noqa: B008 (a pure function)
        exclude: Collection[Path] = (),
        files: Iterable[str] = (),
        poll: bool = False,
        heard: Callable[[Sequence[Changed]], None],
        note: Callable[[str], None],
    ) -> None:
        self._paths = tuple(folders)
        self._tree = Tree(folders, ignored, exclude)
        self._singles = Singles(self._tree.name_of)
        self.follow(files)
        self._is_polling = poll
        self._heard = heard
        self._note = note
        self._stopped = threading.Event()
        self._hints: SimpleQueue[_Hint | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="assetpipe-watcher", daemon=True)
        self._learner = threading.Thread(
            target=self._tree.learn, args=(self._stopped,), name="assetpipe-learner", daemon=True
        )
        # What other threads ask for.
        self._condition = threading.Condition()
        self._changed: dict[str, Changed] = {}
        self._is_open = False
        # The window: what came since the last quiet, and is to be looked at or told at its end.
        self._opened = self._quiet_at = 0.0
        self._later: set[str] = set()
        self._untold: dict[str, Changed] = {}
        self._has_told = False
        self._count = 0
        # What watches.
        self._observation: _Observation | None = None
        self._identities: tuple[tuple[int, int] | None, ...] = ()
        self._deaths, self._died_at = 0, 0.0
        self._is_anew = True
        self._anew_at = self._tick_at = self._poll_at = 0.0

    def start(self) -> None:
        """Look at everything once, so that whatever changes from now on is noticed."""
        self._tree.scan()
        self._thread.start()
        self._learner.start()

    def follow(self, files: Iterable[str]) -> None:
        """Look at these single files every second from now on, as they are now, and at no others.

        They need not be there. Those that are in the folders anyway are not looked at twice.
        """
        self._singles.follow(path for path in files if self._tree.is_ignored(path))

    def stop(self) -> None:
        """Tell nobody anything any more. May be called more than once, from any thread."""
        self._stopped.set()
        self._hints.put(None)
        with self._condition:
            self._condition.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_FAREWELL)

    @property
    def pending(self) -> bool:
        """Whether something changed since the last ``take``."""
        return bool(self._changed)

    @property
    def state(self) -> str:
        """A hash of names, sizes and modification times of all files; the same after a restart."""
        return self._tree.state

    def wait(self, timeout: float | None) -> bool:
        """Wait until something changed since the last ``take``; say whether it did.

        Args:
            timeout: seconds.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._changed or self._stopped.is_set(), timeout)
            return bool(self._changed)

    def take(self) -> tuple[Changed, ...]:
        """Return what changed since the last call, each path once, sorted."""
        with self._condition:
            changed, self._changed = self._changed, {}
        return tuple(changed[path] for path in sorted(changed))

    def settle(self) -> None:
        """Wait until nothing has come for 50 ms, or 500 ms have passed."""
        end = time.monotonic() + _LONGEST
        with self._condition:
            while not self._stopped.is_set() and (now := time.monotonic()) < end:
                if self._is_open:
                    self._condition.wait(end - now)
                elif now < self._quiet_at:  # the window ended because it was too long
                    self._condition.wait(min(self._quiet_at, end) - now)
                else:
                    return

    # The watcher's thread.

    def _run(self) -> None:
        try:
            self._work()
        finally:
            if self._observation is not None:
                self._observation.stop()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                hint = self._hints.get(timeout=max(self._due() - time.monotonic(), 0))
            except Empty:
                hint = None
            if hint is not None:
                self._follow(hint)
            if time.monotonic() >= self._due():
                self._catch_up()

    def _due(self) -> float:
        due = self._tick_at
        if self._is_polling:
            due = min(due, self._poll_at)
        if self._is_open:
            return min(due, self._quiet_at, self._opened + _LONGEST)
        return min(due, self._anew_at) if self._is_anew and not self._is_polling else due

    def _catch_up(self) -> None:
        now = time.monotonic()
        if now >= self._tick_at:
            self._tick()
        if self._is_polling and now >= self._poll_at:
            self._look_at_all()
        if self._is_open and now >= min(self._quiet_at, self._opened + _LONGEST):
            self._close()
        if self._is_anew and not (self._is_polling or self._is_open) and now >= self._anew_at:
            self._watch_anew()

    def _follow(self, hint: _Hint) -> None:
        """Look where an event happened, at once or later."""
        self._count += 1
        self._is_anew |= hint.is_anew or hint.path in self._tree.bases
        is_single = hint.path in self._singles
        if not is_single and self._tree.is_ignored(hint.path):
            if self._count == _FLOOD:
                self._open()
            return
        self._open()
        if is_single or (hint.is_finished and hint.path in self._tree):
            self._later.discard(hint.path)
            files = self._singles if is_single else self._tree
            self._look(lambda emptied: files.look(hint.path, emptied=emptied))
        else:
            self._later.add(hint.path)

    def _look(self, look: Callable[[set[str]], Sequence[Changed]]) -> None:
        """Tell of what a look finds; what it finds empty in mid-save is looked at again."""
        emptied: set[str] = set()
        self._found(look(emptied))
        if emptied - self._later:
            self._open()
            self._later |= emptied

    def _open(self) -> None:
        """Begin a window, or make the one that is open last longer."""
        now = time.monotonic()
        self._quiet_at = now + _QUIET
        if not self._is_open:
            self._opened, self._is_open = now, True

    def _found(self, changed: Sequence[Changed]) -> None:
        """Tell of what changed, at once if it is the first of its window."""
        if not changed:
            return
        self._open()
        with self._condition:
            merge(self._changed, changed)
        if self._has_told:
            merge(self._untold, changed)
        else:
            self._has_told = True
            self._call(self._heard, tuple(changed))
        with self._condition:
            self._condition.notify_all()

    def _close(self) -> None:
        """End the window: look at what waited for that, and tell what came in it.

        A file that is still empty keeps it open for as long as that may be: a disk that is busy
        holds up writers between emptying a file and writing it.
        """
        later = sorted(self._later)
        emptied = set[str]() if time.monotonic() < self._opened + _LONGEST else None
        if self._count >= _FLOOD:
            changed = self._tree.scan(emptied)
        else:
            names = (path for path in later if path not in self._singles)
            changed = self._tree.look(*names, emptied=emptied)
        names = (path for path in later if path in self._singles)
        changed += self._singles.look(*names, emptied=emptied)
        self._later = emptied or set()
        self._count = 0
        if emptied:
            self._open()
            self._found(changed)
            return
        with self._condition:
            merge(self._changed, changed)
        merge(self._untold, changed)
        told, self._untold, self._has_told = self._untold, {}, False
        if told:
            self._call(self._heard, tuple(told.values()))
        with self._condition:
            self._is_open = False
            self._condition.notify_all()

    def _look_at_all(self) -> None:
        started = time.monotonic()
        self._look(self._tree.scan)
        took = time.monotonic() - started
        wait = max(_POLL, _POLL_SHARE * took)
        self._poll_at = started + (_QUIET / 2 if self._is_open else wait)

    def _tick(self) -> None:
        """Look at what nobody tells of: single files, folders that are others, dead threads."""
        started = time.monotonic()
        self._look(self._singles.scan)
        if not self._is_polling:
            if self._identities != self._identify():
                self._is_anew = True
            elif self._has_died():
                self._deaths = self._deaths + 1 if started < self._died_at + _SOON else 1
                self._died_at = started
                self._is_anew = True
        took = time.monotonic() - started
        self._tick_at = started + max(_TICK, min(_TICK_SHARE * took, _TICK_MOST))

    def _has_died(self) -> bool:
        """Say whether watchdog has, and is not about to be started again."""
        return not (self._is_anew or self._observation is None or self._observation.is_alive)

    def _identify(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_identity(path) for path in self._paths)

    def _call(self, told: Callable[[Any], None], what: object) -> None:
        if self._stopped.is_set():
            return
        try:
            told(what)
        except Exception:
            _logger.exception("what should hear of changed files failed")

    # Watching.

    def _watch_anew(self) -> None:
        """Watch all folders that are there now, and look at what was missed meanwhile."""
        started = time.monotonic()
        self._is_anew = False
        last, self._observation = self._observation, None
        self._identities = self._identify()
        try:
            if self._deaths > _MOST_DEATHS:
                raise _PollError(f"watchdog fails again and again{_SO}")
            self._observation = _Observation(self._tops(), self._hint)
        except _PollError as error:
            self._is_polling = True
            self._call(self._note, str(error))
        except (FileNotFoundError, NotADirectoryError):
            self._is_anew = True  # the folder has just gone; what is there is tried again
        if last is not None:
            last.stop()
        self._found(self._tree.scan())
        now = time.monotonic()
        self._anew_at = now + min(_POLL_SHARE * (now - started), _ANEW_MOST)

    def _tops(self) -> list[str]:
        """Return the folders that are there, but none that lies in another."""
        bases = [os.path.realpath(path) for path in self._paths if os.path.isdir(path)]
        return [
            base
            for base in dict.fromkeys(bases)
            if not any(
                base.startswith(other.rstrip(os.sep) + os.sep) for other in bases if other != base
            )
        ]

    def _hint(self, event: FileSystemEvent) -> None:
        """Take down what an event says; called in watchdog's thread."""
        kind, is_folder = event.event_type, event.is_directory
        is_anew = is_folder and kind in {"created", "moved"}
        source, target = os.fsdecode(event.src_path), os.fsdecode(event.dest_path or "")
        is_finished = kind == "closed" and not is_folder
        if source:
            self._hints.put(_Hint(source, is_finished, is_anew))
        if target:
            # A folder's files have not been written, though they are said to have moved with it.
            self._hints.put(_Hint(target, not is_folder and not event.is_synthetic, is_anew))


class _Observation:
    """watchdog at work.

    Args:
        tops: the folders that are watched, with all below.
        hint: is told of each event, in one of its threads.

    Raises:
        _PollError: the system cannot tell of what happens in all of them.
        FileNotFoundError, NotADirectoryError: one of them is gone.
    """

    def __init__(
        self,
        tops: Sequence[str],
        hint: Callable[[FileSystemEvent], None],
    ) -> None:
        before = frozenset(threading.enumerate())
        self._observer: BaseObserver | None = None
        try:
            # Where the limit of instances is reached, importing it fails.
            from watchdog.events import FileSystemEventHandler

            class Handler(FileSystemEventHandler):
                def dispatch(self, event: FileSystemEvent) -> None:
                    hint(event)

            self._observer = observer = _new_observer()
            for top in tops:
                observer.schedule(Handler(), top, recursive=True, event_filter=_event_kinds())
            observer.start()
            if not _works(observer):
                raise _PollError(f"the system tells of no changes{_SO}")
        except ImportError:
            cure = 'run: pip install "assetpipe[watch]"'
            raise _PollError(f"the package watchdog is not installed{_SO}; {cure}") from None
        except (FileNotFoundError, NotADirectoryError, _PollError):
            self.stop()
            raise
        except OSError as error:
            self.stop()
            raise _PollError(_reason(error)) from error
        self._threads = [
            thread
            for thread in threading.enumerate()
            if thread not in before and type(thread).__module__.partition(".")[0] == "watchdog"
        ]

    @property
    def is_alive(self) -> bool:
        """Whether none of its threads has died."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End it, without waiting: there may be ten thousand folders to forget."""
        if self._observer is None:
            return
        end = self._observer.stop
        with suppress(RuntimeError):  # the interpreter ends, and all threads with it
            threading.Thread(target=end, name="assetpipe-retire", daemon=True).start()


def _new_observer() -> BaseObserver:
    from watchdog.observers import Observer

    if sys.platform == "linux":
        from watchdog.observers.inotify_buffer import InotifyBuffer

        # For so long it holds back what moved out of the folders, and with it all that happens
        # later, should it arrive somewhere; the system tells of both at once.
        InotifyBuffer.delay = _PAIRING
    return Observer()


def _event_kinds() -> list[type[FileSystemEvent]]:
    """Return what is listened to: nothing that tells of files which are only read."""
    from watchdog import events

    return [
        events.FileClosedEvent, events.FileCreatedEvent, events.FileDeletedEvent,
        events.FileModifiedEvent, events.FileMovedEvent, events.DirCreatedEvent,
        events.DirDeletedEvent, events.DirMovedEvent,
    ]  # fmt: skip


def _works(observer: BaseObserver) -> bool:
    """Say whether a file that is written is told of, within some seconds.

    Raises:
        OSError: no further folder can be watched, so some may not be: watchdog does not tell.
    """
    if sys.platform != "linux":
        return True
    from watchdog.events import FileSystemEventHandler

    told = threading.Event()

    class Handler(FileSystemEventHandler):
        def dispatch(self, _event: FileSystemEvent) -> None:
            told.set()

    # The leading dot: should there be a watched folder here, this is nothing to it.
    with tempfile.TemporaryDirectory(prefix=".assetpipe-") as folder:
        try:
            watch = observer.schedule(Handler(), folder, event_filter=_event_kinds())
        except OSError as error:
            if error.errno == errno.EMFILE:
                return True  # it takes an instance for each folder; the others have theirs
            raise
        (Path(folder) / "probe").touch()
        works = told.wait(_PROBE)
        observer.unschedule(watch)
    return works


def _reason(error: OSError) -> str:
    limit = _LIMITS.get(error.errno or 0)
    if limit is None:
        return f"the system tells of no changes ({error}){_SO}"
    return f"a limit of inotify is reached{_SO}; to raise it, run: sudo sysctl {limit}"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
