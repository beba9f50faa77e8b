"""The output folder: the only code of a build that writes what ships.

The protocol keeps the last release whole whatever happens. Files with a fingerprint are
written first, each through a staging file that is renamed into place; nothing names them yet.
Files with fixed names wait in the staging folder. Then the release's own manifest goes into
the history, the fixed names are renamed into place, and ``manifest.json`` is replaced last.
A process killed before that leaves the earlier release; one killed after it has finished.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import count
from pathlib import Path

from assetpipe import manifest
from assetpipe.build.sources import signature
from assetpipe.errors import OutsideError
from assetpipe.manifest import Manifest
from assetpipe.names import SIBLING_SUFFIXES

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


STAGING = ".staging"
LOCK = ".lock"
# No two writers ever share a staging file: containers of one volume may have the same process id.
_TOKEN = os.urandom(6).hex()
_numbers = count()
RESERVED = frozenset({manifest.FILE_NAME, manifest.HISTORY, STAGING, LOCK})
"""First segments that no asset's file may have."""


class Output:
    """One output folder.

    ``files`` maps each file below the folder to the signature it had when it was last seen.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, str] = {}
        self._base = str(folder)
        self._held: dict[str, str] = {}
        self._new: list[str] = []
        self._folders: set[str] = set()
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def locked(
        self, timeout: float, waiting: Callable[[], None], *, discard: bool = True
    ) -> Iterator[bool]:
        """Hold the folder for one build; give whether another one had it.

        ``waiting`` is called once before waiting for it. What has been put is removed again
        where the block fails, unless ``discard`` is false.

        The lock belongs to the process: it ends with it, however the process ends. The system's
        own call is used bare, as importing the filelock package takes 40 ms, which is half of
        what a rebuild after one edit may take.

        Raises:
            OutsideError: another build held the folder for ``timeout`` seconds, or the folder
                cannot be written.
        """
        with self._errors(LOCK):
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path(LOCK), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            waited = self._wait_for(descriptor, timeout, waiting)
            try:
                yield waited
            except BaseException:
                if discard:
                    self._discard()
                raise
        finally:
            os.close(descriptor)

    def _discard(self) -> None:
        """Remove what a failed build has put: no manifest names it, and the disk may be full."""
        for file in self._new:
            with contextlib.suppress(OSError):
                os.unlink(self._path(file))
        self._remove_empty_folders({os.path.dirname(file) for file in self._new})
        self.clear_staging()

    def _wait_for(self, descriptor: int, timeout: float, waiting: Callable[[], None]) -> bool:
        deadline = time.monotonic() + timeout
        waited = False
        while True:
            try:
                _try_lock(descriptor)
                return waited
            except OSError:
                if not waited:
                    waiting()
                    waited = True
                if time.monotonic() >= deadline:
                    raise OutsideError(
                        f"another build has been writing here for {timeout:g} seconds",
                        where=self._base,
                        hint="wait for it, build into another folder with -o, or raise "
                        "`lock_timeout`",
                    ) from None
                time.sleep(0.05)

    def scan(self) -> dict[str, str]:
        """Look at every file below the folder and remember its signature."""
        self.files = {}
        with self._errors(""):
            self._scan(self._base, "")
        return self.files

    def _scan(self, folder: str, prefix: str) -> None:
        try:
            entries = os.scandir(folder)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir():
                    if name != STAGING:
                        self._scan(entry.path, name + "/")
                elif name != LOCK:
                    self.files[name] = signature(entry.stat())

    def signature(self, file: str) -> str | None:
        """Look at one file; ``None`` where there is none."""
        try:
            return signature(os.stat(self._path(file)))
        except OSError:
            return None

    def clear_staging(self) -> None:
        """Remove what a killed build left in the staging folder; call it under the lock."""
        import shutil  # loads every compressor; a build without changes does without

        shutil.rmtree(self._path(STAGING), ignore_errors=True)

    def put(self, file: str, data: bytes, *, hold: bool = False) -> None:
        """Write a file, whole or not at all; with ``hold``, not before ``commit``.

        What lies there already stays: some file systems flush to disk what replaces a file,
        which would make the first build after an upgrade ten times as long.

        Raises:
            OutsideError: the disk is full, or the folder cannot be written.
        """
        with self._errors(file):
            if self._holds(file, data):
                return
            self._make_folder(STAGING)
            staged = self._path(f"{STAGING}/{os.getpid()}-{_TOKEN}-{next(_numbers)}")
            with open(staged, "xb") as opened:
                opened.write(data)
            if hold:
                self._held[file] = staged
            else:
                self._place(staged, file)

    def _renew(self, history: str) -> None:
        """Make a release that is made again the newest again: ``clean`` goes by these times."""
        with self._errors(history):
            os.utime(self._path(history))
            self.files[history] = signature(os.stat(self._path(history)))

    def _holds(self, file: str, data: bytes) -> bool:
        seen = self.files.get(file)
        if seen is None or not seen.startswith(f"{len(data)}-"):
            return False
        return Path(self._path(file)).read_bytes() == data

    def _place(self, staged: str, file: str) -> None:
        self._make_folder(os.path.dirname(file))
        path = self._path(file)
        os.replace(staged, path)
        if file not in self.files:
            self._new.append(file)
        self.files[file] = signature(os.stat(path))

    def read(self, file: str) -> bytes:
        """Read a file that this build has put."""
        with self._errors(file):
            return Path(self._held.get(file) or self._path(file)).read_bytes()

    def commit(self, release: str, data: bytes) -> None:
        """Make a release the current one, by its id and the bytes of its manifest.

        Raises:
            OutsideError: the disk is full, or the folder cannot be written.
        """
        history = f"{manifest.HISTORY}/{release}.json"
        self.put(history, data)
        self._renew(history)
        with self._errors(manifest.FILE_NAME):
            # All that can fail for lack of room is written by now: what is left are renames.
            self.put(manifest.FILE_NAME, data, hold=True)
            last = self._held.pop(manifest.FILE_NAME, None)
            for file, staged in sorted(self._held.items()):
                self._place(staged, file)
            self._held.clear()
            if last is not None:
                self._place(last, manifest.FILE_NAME)
            self._new.clear()
            self.clear_staging()

    def place_held(self) -> None:
        """Rename into place what has been held, in the order in which it was put."""
        for file, staged in self._held.items():
            with self._errors(file):
                self._place(staged, file)
        self._held.clear()

    def clean(self, keep: int) -> list[str]:
        """Remove files that only releases before the last ``keep`` name; return their names.

        Only files that an old manifest names are touched: whatever else lies in the folder
        belongs to somebody else. The current release is always kept.
        """
        current = manifest.load(self.folder / manifest.FILE_NAME)
        with self._errors(manifest.HISTORY):
            history = sorted(
                (self.folder / manifest.HISTORY).glob("*.json"),
                key=lambda path: (path.stat().st_mtime_ns, path.name),
                reverse=True,
            )
        others = [path for path in history if path.stem != current.release]
        return self._drop(others[max(keep - 1, 0) :], current, others[: max(keep - 1, 0)])

    def forget(self, releases: Collection[str]) -> list[str]:
        """Remove releases by their ids, and files that no other one names; return their names.

        The current release is always kept.
        """
        current = manifest.load(self.folder / manifest.FILE_NAME)
        with self._errors(manifest.HISTORY):
            history = sorted((self.folder / manifest.HISTORY).glob("*.json"))
        others = [path for path in history if path.stem != current.release]
        dropped = [path for path in others if path.stem in releases]
        return self._drop(dropped, current, [path for path in others if path not in dropped])

    def _drop(self, dropped: Iterable[Path], current: Manifest, kept: Iterable[Path]) -> list[str]:
        """Remove the files that only dropped releases name, and their manifests."""
        needed = _files_of(current).union(*(_files_of(manifest.load(path)) for path in kept))
        removed = []
        for path in dropped:
            removed += self.remove(sorted(_files_of(manifest.load(path)) - needed))
            with self._errors(str(path)):
                path.unlink()
        return removed

    def remove(self, files: Iterable[str]) -> list[str]:
        """Remove files, and the folders that are empty then; return those that were there."""
        removed = []
        for file in files:
            with (
                self._errors(file),
                contextlib.suppress(FileNotFoundError, NotADirectoryError),
            ):
                os.unlink(self._path(file))
                removed.append(file)
        self._remove_empty_folders({os.path.dirname(file) for file in removed})
        return removed

    def _remove_empty_folders(self, folders: set[str]) -> None:
        for folder in sorted(folders, reverse=True):
            parts = folder.split("/") if folder else []
            with contextlib.suppress(OSError):
                for depth in range(len(parts), 0, -1):
                    os.rmdir(self._path("/".join(parts[:depth])))

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(self._path(folder), exist_ok=True)
            with self._guard:
                self._folders.add(folder)

    def _path(self, file: str) -> str:
        return f"{self._base}/{file}"

    @contextlib.contextmanager
    def _errors(self, file: str) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise OutsideError(
                f"cannot be written: {error.strerror}",
                where=self._path(file),
                hint="a file of an earlier release has the name of a folder, or a folder that of "
                "a file: remove it, or build into another folder",
            ) from error
        except OSError as error:
            raise OutsideError(
                f"cannot be written: {error.strerror or error}",
                where=self._path(file),
                hint="the last release is untouched; make room or mend the permissions, then "
                "try again",
            ) from error


def _files_of(release: Manifest) -> set[str]:
    assets = release.assets.values()
    return {
        *(asset.source_map for asset in assets if asset.source_map),
        *(
            asset.file + suffix
            for asset in assets
            for suffix in ("", *(SIBLING_SUFFIXES[coding] for coding in asset.encodings))
        ),
    }
