"""The cache: results by the hash of all that they depend on.

Three rules hold for every entry:

1. Its key is a hash of everything that the value depends on: the input's bytes, the options,
   the version of our code and of the library that did the work. Never a path or a time.
2. It is checked when read. A torn or altered entry counts as missing and is made again, so
   processes may share the folder, and a process killed while writing does no harm.
3. Losing it loses time only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assetpipe.errors import OutsideError

_DIGEST = 32
_LAYOUT = "v1"
_DAY = 86_400
_TAG = "CACHEDIR.TAG"
_TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# https://bford.info/cachedir/\n"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a cache holds: number of entries and their bytes."""

    entries: int
    size: int


def key(*parts: str | bytes) -> str:
    """Hash the parts; each is length-prefixed, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


@contextlib.contextmanager
def opened(folder: Path, *, enabled: bool, limit: int) -> Iterator[Cache]:
    """Open the cache for one build; when not enabled, a temporary one that is thrown away.

    ``limit`` is the size in bytes above which the least recently used entries go at the end.
    """
    if not enabled:
        import tempfile  # loads much that a build with a cache does without

        with tempfile.TemporaryDirectory(prefix="assetpipe-") as temporary:
            yield Cache(Path(temporary))
        return
    cache = Cache(folder)
    try:
        yield cache
    finally:
        cache.settle(limit)


class Cache:
    """A folder of checked entries, sorted into sections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries = os.path.join(folder, _LAYOUT)
        self._made: set[str] = set()
        self._written = 0
        self._lock = threading.Lock()

    def get(self, section: str, key: str) -> bytes | None:
        """Return an entry's value, or ``None`` where it is missing or damaged."""
        path = self._path(section, key)
        try:
            with open(path, "rb", buffering=0) as file:
                data = file.read()
                used = os.fstat(file.fileno()).st_mtime
            # The time of the last use decides what is pruned; a day's precision is enough.
            if time.time() - used > _DAY:
                os.utime(path)
        except OSError:
            return None
        value = data[_DIGEST:]
        return value if hashlib.sha256(value).digest() == data[:_DIGEST] else None

    def put(self, section: str, key: str, value: bytes) -> None:
        """Write an entry, whole or not at all.

        Raises:
            OutsideError: the disk is full or the folder cannot be written.
        """
        path = self._path(section, key)
        # Two threads or processes may write the same entry: each writes its own file first.
        temporary = f"{path}.{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            self._make_folder(os.path.dirname(path))
            with open(temporary, "wb") as file:
                file.write(hashlib.sha256(value).digest() + value)
            # Some file systems flush to disk what replaces a file (ext4, auto_da_alloc): 10 ms for
            # an entry that may be lost. What takes the place of nothing they leave alone.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise OutsideError(
                f"the cache cannot be written: {error.strerror}",
                where=str(self.folder),
                hint="make room, name another folder with `cache`, or pass --no-cache",
            ) from error
        with self._lock:
            self._written += len(value) + _DIGEST

    def settle(self, limit: int) -> None:
        """Account for what this process wrote, and prune when the cache grew over the limit.

        The account is a running estimate: two processes may each miss the other's part, which
        delays pruning and does nothing worse.
        """
        if not self._written:
            return
        account = self.folder / "size"
        try:
            known = int(account.read_text())
        except (OSError, ValueError):
            known = self.usage().size - self._written
        total = known + self._written
        self._written = 0
        if total > limit:
            total = self.prune(limit * 4 // 5).size
        with contextlib.suppress(OSError):
            account.write_text(str(total))

    def usage(self) -> Usage:
        """Count what is there."""
        sizes = [size for _, size, _ in self._walk()]
        return Usage(len(sizes), sum(sizes))

    def prune(self, limit: int) -> Usage:
        """Remove the least recently used entries until at most ``limit`` bytes are left."""
        entries = sorted(self._walk())
        left = sum(size for _, size, _ in entries)
        count = len(entries)
        for _, size, path in entries:
            if left <= limit:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                left -= size
                count -= 1
        with contextlib.suppress(OSError):
            (self.folder / "size").write_text(str(left))
        return Usage(count, left)

    def _walk(self) -> Iterator[tuple[float, int, str]]:
        """Yield each file's time of last use, size and path."""
        for folder, _, names in os.walk(self._entries):
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    status = os.stat(path)
                    yield status.st_mtime, status.st_size, path

    def _path(self, section: str, key: str) -> str:
        return os.path.join(self._entries, section, key[:2], key)

    def _make_folder(self, folder: str) -> None:
        if folder in self._made:
            return
        if not self._made:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, text in ((".gitignore", "*\n"), (_TAG, _TAG_TEXT)):
                marker = self.folder / name
                if not marker.exists():
                    marker.write_text(text)
        os.makedirs(folder, exist_ok=True)
        self._made.add(folder)
