"""What the files below some folders were when they were last looked at."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock
from typing import NamedTuple

from assetpipe.globs import HIDDEN_BUT_SHIPPED

_Signature = tuple[int, int, int, int]  # size, times of modification and change, inode

_TICK, _COARSE_TICK = 20_000_000, 2_000_000_000  # nanoseconds, as in build/sources
_STATE_BITS = 128
_ODD = b"odd"  # stands for the content of what has none that can be read


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that is not what it was.

    Attributes:
        name: POSIX path below its folder; the last part of the path where it is in none.
        path: where it lies.
        removed: it is gone.
        is_new: it was not there before.
    """

    name: str
    path: str
    removed: bool = False
    is_new: bool = False


def merge(into: dict[str, Changed], changes: Iterable[Changed]) -> None:
    """Add changes to earlier ones, by path; what came and went is new, and removed."""
    for each in changes:
        first = into.get(each.path)
        into[each.path] = each if first is None else replace(each, is_new=first.is_new)


class _Known(NamedTuple):
    """What is known of a file.

    Attributes:
        signature: shows that it may have changed.
        digest: shows that it has; empty where nobody has read it yet.
        is_settled: a later write cannot leave the same signature.
    """

    signature: _Signature
    digest: bytes = b""
    is_settled: bool = True


class _Files:
    """What is known of files, by path; the base of everything here. Safe to use from threads."""

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self._name = name_of
        self._files: dict[str, _Known] = {}
        self._lock = Lock()
        self._sum: int | None = None

    def _compare(self, path: str, status: os.stat_result | None, emptied: set[str] | None) -> bool:
        """Read a file that may have changed, note what it is, and say whether it changed.

        A file that is empty and was not goes to ``emptied``, if that is given, and stays unread.
        """
        known = self._files.get(path)
        if status is None:
            self._put(path, None)
            return known is not None
        is_empty = stat.S_ISREG(status.st_mode) and not status.st_size
        if emptied is not None and is_empty and (known is None or known.signature[0]):
            emptied.add(path)
            return False
        now = _read(path, status)
        self._put(path, now)
        if known is None:
            return True
        if not known.digest:
            return known.signature != now.signature
        return known.digest != now.digest

    def _put(self, path: str, now: _Known | None) -> None:
        with self._lock:
            if self._sum is not None:
                before = self._files.get(path)
                self._sum -= self._part(path, before) if before else 0
                self._sum += self._part(path, now) if now else 0
                self._sum %= 1 << _STATE_BITS
            if now is None:
                self._files.pop(path, None)
            else:
                self._files[path] = now

    def _part(self, path: str, known: _Known) -> int:
        text = f"{self._name(path)}\0{known.signature[0]}\0{known.signature[1]}"
        data = text.encode(errors="surrogateescape")
        return int.from_bytes(hashlib.blake2b(data, digest_size=_STATE_BITS // 8).digest())


class Singles(_Files):
    """Single files, wherever they are.

    Args:
        name_of: gives the name of a path, as it is told.
    """

    def __init__(self, name_of: Callable[[str], str]) -> None:
        super().__init__(name_of)
        self._paths: frozenset[str] = frozenset()

    def follow(self, paths: Iterable[str]) -> None:
        """Look at these files from now on, as they are now, and at no others."""
        last, now = self._paths, frozenset(paths)
        for path in now - last:
            self._compare(path, _status(path), None)
        self._paths = now
        for path in last - now:
            self._put(path, None)

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def scan(self, emptied: set[str] | None = None) -> list[Changed]:
        """Look at all files; return what changed. ``emptied`` is as for ``Tree.scan``."""
        return self.look(*sorted(self._paths), emptied=emptied)

    def look(self, *paths: str, emptied: set[str] | None = None) -> list[Changed]:
        """Look at some of the files; return those that changed."""
        changed = []
        for path in paths:
            status, known = _status(path), self._files.get(path)
            if not _is_same(known, status) and self._compare(path, status, emptied):
                changed.append(Changed(self._name(path), path, removed=status is None))
        return changed


class Tree(_Files):
    """The files below some folders, found as a build finds them.

    It never fails. What a build would complain of, such as a link that leads nowhere, is a file
    without content here: so that it is noticed when it comes and when it goes. A folder that
    cannot be read is empty. Where one folder lies in another, a file belongs to the inner one.

    Args:
        folders: the folders; they need not be there.
        ignored: says of a name below its folder whether it is left out, as dotfiles are.
        exclude: folders never to enter.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        ignored: Callable[[str], bool],
        exclude: Collection[Path] = (),
    ) -> None:
        super().__init__(self.name_of)
        self._given = folders
        self._ignored = ignored
        self._exclude = exclude
        self._bases: tuple[str, ...] = ()
        self._never: frozenset[str] = frozenset()
        self._folders: set[str] = set()
        self._links: dict[str, str] = {}
        self._is_known = False
        self._resolve()

    @property
    def bases(self) -> tuple[str, ...]:
        """The folders, without links on their way, as they were at the last scan."""
        return self._bases

    def scan(self, emptied: set[str] | None = None) -> list[Changed]:
        """Look at everything; return what is not what it was. The first time, that is nothing.

        Files that are empty and were not go to ``emptied`` where it is given, and are not told of:
        they may be about to be written.
        """
        self._resolve()
        walk = self._walk()
        for base in self._bases:
            walk.base(base)
        self._folders, self._links = walk.folders, walk.links
        if not self._is_known:
            self._is_known = True
            now = time.time_ns()
            for path, status in walk.found.items():
                signature = _signature(status)
                self._put(path, _Known(signature, b"", _is_settled(signature, now)))
            return []
        return self._update(walk, self._files.keys() - walk.found.keys(), emptied, trust=True)

    def look(self, *paths: str, emptied: set[str] | None = None) -> list[Changed]:
        """Look at some paths, files or folders that are there or were; return what changed.

        Content is read even where size and times are the same. ``emptied`` is as for ``scan``.
        """
        changed, moves_links = [], False
        for path in paths:
            for each in self._names_of(path):
                moves_links |= self._leads_on(each)
                changed += self._look(each, emptied)
        # Where else a link leads now is not worth finding out: links are few, and rarely change.
        return changed + self.scan(emptied) if moves_links else changed

    def learn(self, stopped: Event) -> None:
        """Read what nobody has read yet, taking no more than half of the time."""
        unread = deque(path for path, known in list(self._files.items()) if not known.digest)
        while unread:
            path, started = unread.popleft(), time.monotonic()
            known, status = self._files.get(path), _status(path)
            if known is None or known.digest or status is None:
                continue
            # What is read may be newer than what was seen at first, which is to be told, then.
            if not _is_settled(known.signature, time.time_ns()):
                unread.append(path)
                if stopped.wait(_TICK / 1e9):
                    return
                continue
            now, after = _read(path, status), _status(path)
            with self._lock:
                is_seen = self._files.get(path) is known and known.signature == now.signature
                if is_seen and after and _signature(after) == now.signature:
                    self._files[path] = now
            if stopped.wait(time.monotonic() - started):
                return

    @property
    def state(self) -> str:
        """A hash of names, sizes and modification times of all files; the same after a restart."""
        with self._lock:
            if self._sum is None:
                parts = (self._part(path, known) for path, known in self._files.items())
                self._sum = sum(parts) % (1 << _STATE_BITS)
            return f"{self._sum:0{_STATE_BITS // 4}x}"

    def name_of(self, path: str) -> str:
        """Return the name of a path below its folder; its last part, if it is in none."""
        base = self._base(path)
        if base is None:
            return os.path.basename(path)
        return path[len(base.rstrip(os.sep)) + 1 :].replace(os.sep, "/")

    def __contains__(self, path: str) -> bool:
        """Whether there was a file when it was last looked at."""
        return any(each in self._files for each in self._names_of(path))

    def is_ignored(self, path: str) -> bool:
        """Say whether what happens at a path changes nothing here."""
        return not self._names_of(path)

    def _names_of(self, path: str) -> list[str]:
        """Return a path, if it counts, and what else leads to it through links, if that counts."""
        paths = [path]
        if self._links:
            # Events name what happened where it happened, whatever leads there.
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            paths = [path]
            for link, target in self._links.items():
                if path == target:
                    paths.append(link)
                elif path.startswith(target + os.sep) and not self._is_excluded(path):
                    paths.append(link + path[len(target) :])
        return [each for each in dict.fromkeys(paths) if self._counts(each)]

    def _counts(self, path: str) -> bool:
        base = self._base(path)
        if base is None or path == base:
            return base is not None
        name = ""
        for part in path[len(base) + 1 :].split(os.sep):
            name = f"{name}/{part}" if name else part
            if (part[:1] == "." and part != HIDDEN_BUT_SHIPPED) or self._ignored(name):
                return False
        return not self._is_excluded(path)

    def _is_excluded(self, path: str) -> bool:
        return any(path == each or path.startswith(each + os.sep) for each in self._never)

    def _leads_on(self, path: str) -> bool:
        """Say whether links may lead elsewhere after what happened at a path."""
        if os.path.islink(path) or path in self._links:
            return True
        return bool(self._links) and (path in self._folders or os.path.isdir(path))

    def _resolve(self) -> None:
        """Find out anew where the folders are; a link may lead elsewhere by now."""
        self._never = frozenset(os.path.realpath(path) for path in self._exclude)
        bases = tuple(os.path.realpath(folder) for folder in self._given)
        if self._bases and bases != self._bases:
            for old, new in zip(self._bases, bases, strict=True):
                for path in [each for each in self._files if each.startswith(old + os.sep)]:
                    known = self._files[path]
                    self._put(path, None)
                    self._put(new + path[len(old) :], known)
        self._bases = bases

    def _walk(self) -> _Walk:
        return _Walk(self._ignored, self._never.union(self._bases))

    def _look(self, path: str, emptied: set[str] | None) -> list[Changed]:
        base = self._base(path) or path
        known = {path} if path in self._files else set()
        if path in self._folders:
            below = path + os.sep
            known.update(each for each in self._files if each.startswith(below))
            self._folders = {
                each for each in self._folders if each != path and not each.startswith(below)
            }
        walk = self._walk()
        if path == base:
            walk.base(base)
        else:
            walk.single(path, path[len(base) + 1 :].replace(os.sep, "/"), base)
        self._folders |= walk.folders
        self._links |= walk.links
        return self._update(walk, known - walk.found.keys(), emptied, trust=False)

    def _update(
        self, walk: _Walk, gone: Iterable[str], emptied: set[str] | None, *, trust: bool
    ) -> list[Changed]:
        changed = [
            Changed(self._name(path), path, is_new=known is None)
            for path, status in walk.found.items()
            if not (_is_same(known := self._files.get(path), status) and trust)
            and self._compare(path, status, emptied)
        ]
        changed += [
            Changed(self._name(path), path, removed=True)
            for path in sorted(gone)
            if self._compare(path, None, emptied)
        ]
        return changed

    def _base(self, path: str) -> str | None:
        """Return the innermost folder that holds a path."""
        holding = [
            base
            for base in self._bases
            if path == base or path.startswith(base.rstrip(os.sep) + os.sep)
        ]
        return max(holding, key=len, default=None)


class _Place(NamedTuple):
    """Where a walk is.

    Attributes:
        real: the folder, without links.
        base: the folder that the walk is below of.
        above: the real folders that links have led to.
    """

    real: str
    base: str
    above: tuple[str, ...]


class _Walk:
    """One walk below a folder: the rules are those of ``assetpipe.build.sources.find``.

    Attributes:
        found: files by path; what a path leads through links counts as lying there.
        folders: the folders that were entered.
        links: where each link leads.
    """

    def __init__(self, ignored: Callable[[str], bool], never: frozenset[str]) -> None:
        self.found: dict[str, os.stat_result] = {}
        self.folders: set[str] = set()
        self.links: dict[str, str] = {}
        self._ignored = ignored
        self._never = never

    def base(self, path: str) -> None:
        """Walk all of a folder that nothing is above of."""
        self._folder(path, "", _Place(path, path, (path,)))

    def single(self, path: str, name: str, base: str) -> None:
        """Look at one path below a folder, a file or a folder, there or not."""
        status = _status(path, follow=False)
        if status is None:
            return
        real = os.path.realpath(os.path.dirname(path))
        place = _Place(real, base, (base, real))
        if stat.S_ISLNK(status.st_mode):
            self._link(path, name, place)
        elif not stat.S_ISDIR(status.st_mode):
            self.found[path] = status
        else:
            real = os.path.join(real, os.path.basename(path))
            if real not in self._never:
                self._folder(path, name + "/", place._replace(real=real))

    def _folder(self, path: str, prefix: str, place: _Place) -> None:
        self.folders.add(path)
        found, ignored = self.found, self._ignored
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    base_name = entry.name
                    name = prefix + base_name
                    if (base_name[0] == "." and base_name != HIDDEN_BUT_SHIPPED) or ignored(name):
                        continue
                    if entry.is_symlink():
                        self._link(entry.path, name, place)
                    elif entry.is_dir():
                        real = os.path.join(place.real, base_name)
                        if real not in self._never:
                            self._folder(entry.path, name + "/", place._replace(real=real))
                    else:
                        with suppress(OSError):  # gone since the listing
                            found[entry.path] = entry.stat(follow_symlinks=False)
        except OSError:
            return  # gone or forbidden, or became so on the way

    def _link(self, path: str, name: str, place: _Place) -> None:
        target = os.path.realpath(path)
        is_inside = (target + os.sep).startswith(place.base.rstrip(os.sep) + os.sep)
        is_loop = target in place.above or (place.real + os.sep).startswith(target + os.sep)
        if is_inside and not is_loop and os.path.isdir(target):
            if target not in self._never:
                self.links[path] = target
                self._folder(path, name + "/", _Place(target, place.base, (*place.above, target)))
            return
        self.links[path] = target
        # What a build refuses has no content, but comes and goes.
        status = _status(target) if is_inside and not is_loop else None
        status = status or _status(path, follow=False)
        if status is not None:
            self.found[path] = status


def _read(path: str, status: os.stat_result) -> _Known:
    """Read a file, without holding it in memory, and return what is to be known of it."""
    if not stat.S_ISREG(status.st_mode):
        return _Known(_signature(status), _ODD)
    try:
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, hashlib.blake2b).digest()
    except OSError:
        return _Known(_signature(status), _ODD)
    signature = _signature(status)
    return _Known(signature, digest, _is_settled(signature, time.time_ns()))


def _status(path: str, *, follow: bool = True) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=follow)
    except OSError:
        return None


def _signature(status: os.stat_result) -> _Signature:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _is_same(known: _Known | None, status: os.stat_result | None) -> bool:
    """Say whether a file is surely what is known of it, without reading it."""
    if known is None or status is None:
        return known is None and status is None
    return known.signature == _signature(status) and (known.is_settled or not known.digest)


def _is_settled(signature: _Signature, now_ns: int) -> bool:
    # See the function of this name in assetpipe/build/sources.py, which is not to be imported here.
    _, modified, changed, _ = signature
    tick = _TICK if changed % 1_000_000_000 else _COARSE_TICK
    return max(modified, changed) < now_ns - tick
