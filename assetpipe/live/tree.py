"""A tree of files as it was when it was last looked at."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import NamedTuple

from assetpipe.globs import HIDDEN_BUT_SHIPPED

_CHUNK = 1 << 20
_Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that is not what it was.

    Attributes:
        name: POSIX path below its folder.
        path: where it lies.
        removed: it is gone.
    """

    name: str
    path: str
    removed: bool = False


class _Known(NamedTuple):
    """What is known of a file: what shows that it may have changed, and what shows that it did."""

    signature: _Signature
    digest: bytes = b""  # not learnt yet, where empty


class Tree:
    """The files below some folders; safe to use from threads.

    It never fails: what cannot be read is as if it were not there. Links within a folder are
    followed, dotfiles left out, as by a build.

    Args:
        folders: the folders; they need not be there.
        ignored: says of a name below its folder whether it is left out.
        exclude: folders never to enter.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        ignored: Callable[[str], bool],
        exclude: Collection[Path] = (),
    ) -> None:
        self.folders = tuple(dict.fromkeys(os.path.realpath(folder) for folder in folders))
        # Where one folder lies in another, files belong to the inner one.
        self._innermost = sorted(self.folders, key=len, reverse=True)
        self._ignored = ignored
        self._excluded = {os.path.realpath(path) for path in exclude}
        self._files: dict[str, _Known] = {}
        self._is_known = False
        self._lock = Lock()

    def scan(self, *, patient: bool = False) -> list[Changed]:
        """Look at everything; return what is not what it was, at the first time nothing.

        With ``patient``, files that are empty now are passed over: they may be about to be written.
        """
        found = {path: status for folder in self.folders for path, status in self._walk(folder)}
        with self._lock:
            gone = self._files.keys() - found.keys()
        return self._compare(found, gone, patient=patient)

    def look(self, path: str) -> list[Changed]:
        """Look at one path, a file or folder that may be there or not; return what changed."""
        if self.is_ignored(path):
            return []
        try:
            status = os.stat(path)
        except OSError:
            status = None
        below = path + os.sep
        with self._lock:
            known = {each for each in self._files if each == path or each.startswith(below)}
        found = {}
        if status is not None and stat.S_ISDIR(status.st_mode):
            found = dict(self._walk(path))
        elif status is not None and stat.S_ISREG(status.st_mode):
            found = {path: status}
        return self._compare(found, known - found.keys())

    def learn(self, stopped: Event) -> None:
        """Read the files once, so that one that is only touched is known to be the same."""
        with self._lock:
            unknown = [path for path, known in self._files.items() if not known.digest]
        for path in unknown:
            if stopped.is_set():
                return
            digest = _digest(path)
            with self._lock:
                known = self._files.get(path)
                if known is not None and not known.digest and known.signature == _seen(path):
                    self._files[path] = known._replace(digest=digest)

    @property
    def state(self) -> str:
        """A hash of the names, sizes and times of all files: the same after a restart."""
        with self._lock:
            files = sorted(self._files.items())
        digest = hashlib.blake2b(digest_size=10)
        for path, known in files:
            digest.update(f"{path}\0{known.signature[:2]}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def is_ignored(self, path: str) -> bool:
        """Say whether a path is none of a file that counts."""
        folder = self._folder(path)
        if folder is None:
            return True
        name = ""
        for part in path[len(folder) + 1 :].split(os.sep) if path != folder else ():
            name = f"{name}/{part}" if name else part
            if _is_hidden(part) or self._ignored(name):
                return True
        return any(f"{path}{os.sep}".startswith(each + os.sep) for each in self._excluded)

    def _compare(
        self,
        found: Mapping[str, os.stat_result],
        gone: Iterable[str],
        *,
        patient: bool = False,
    ) -> list[Changed]:
        changed = []
        for path, status in found.items():
            signature = _signature(status)
            with self._lock:
                known = self._files.get(path)
                if known is not None and known.signature == signature:
                    continue
                if not self._is_known:
                    self._files[path] = _Known(signature)
                    continue
            if patient and not status.st_size:
                continue
            digest = _digest(path)
            with self._lock:
                self._files[path] = _Known(signature, digest)
            if known is None or not digest or digest != known.digest:
                changed.append(Changed(self._name(path), path))
        for path in gone:
            with self._lock:
                self._files.pop(path, None)
            changed.append(Changed(self._name(path), path, removed=True))
        self._is_known = True
        return sorted(changed, key=lambda each: each.path)

    def _walk(
        self, folder: str, above: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the files below a folder, however deep."""
        if folder in self._excluded:
            return
        root = self._folder(folder) or folder
        prefix = folder[len(root) + 1 :].replace(os.sep, "/")
        prefix = f"{prefix}/" if prefix else ""
        try:
            entries = os.scandir(folder)
        except OSError:
            return
        with entries:
            for entry in entries:
                if _is_hidden(entry.name) or self._ignored(prefix + entry.name):
                    continue
                try:
                    if not entry.is_dir():
                        status = entry.stat()
                        if stat.S_ISREG(status.st_mode):
                            yield entry.path, status
                        continue
                    target = os.path.realpath(entry.path) if entry.is_symlink() else ""
                except OSError:
                    continue  # gone since it was listed
                if not target:
                    yield from self._walk(entry.path, above)
                elif target not in above and not f"{entry.path}{os.sep}".startswith(
                    target + os.sep
                ):
                    yield from self._walk(entry.path, (*above, target))

    def _folder(self, path: str) -> str | None:
        below = path + os.sep
        return next((each for each in self._innermost if below.startswith(each + os.sep)), None)

    def _name(self, path: str) -> str:
        folder = self._folder(path) or ""
        return path[len(folder) + 1 :].replace(os.sep, "/")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name != HIDDEN_BUT_SHIPPED


def _signature(status: os.stat_result) -> _Signature:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _seen(path: str) -> _Signature | None:
    try:
        return _signature(os.stat(path))
    except OSError:
        return None


def _digest(path: str) -> bytes:
    """Return a hash of a file's content; empty where it cannot be read."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return b""
    return digest.digest()
