"""A folder as a store of objects: a web server's root, a mounted volume.

What is written is renamed into place, so that nobody ever reads half of a file. The release
that the state calls current is also the folder's ``manifest.json``, where servers look for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.request import url2pathname

from assetpipe import manifest
from assetpipe.build.output import LOCK, STAGING, Output
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError, OutsideError
from assetpipe.headers import Headers
from assetpipe.objectstore.model import ConflictError, Stored, Version
from assetpipe.publish.state import KEY, State

_LOCK_TIMEOUT = 60.0  # seconds; it is held for as long as two files take to be renamed


def folder_of(destination: Destination) -> Path:
    """Return the folder that a target names: ``file:///srv/static``, or a plain path.

    Raises:
        ConfigError: it is another host's.
    """
    target = destination.target
    if "://" not in target:
        return Path(target).absolute()
    host, slash, path = target.partition("://")[2].partition("/")
    if host not in {"", "localhost"}:
        raise ConfigError(
            f"{target!r} names a folder of the host {host!r}",
            where="TARGET",
            hint="a folder of this machine has three slashes: file:///srv/static",
        )
    if not path.strip("/"):
        raise ConfigError(f"{target!r} names no folder", where="TARGET", hint="file:///srv/static")
    return Path(url2pathname(slash + path))


def refuse_overlap(folder: Path, others: Iterable[Path]) -> None:
    """Refuse a target that is, holds or lies in a folder that something else is made in.

    Raises:
        ConfigError: published files would be taken for sources, or be mixed with a build's.
    """
    target = folder.resolve()
    for other in others:
        taken = other.resolve()
        if target == taken or target in taken.parents or taken in target.parents:
            raise ConfigError(
                f"is, holds or lies in {other}, which it would be mixed with",
                where=str(folder),
                hint="publish to a folder of its own",
            )


class FolderStore:
    """Objects as files of a folder.

    Args:
        folder: made when something is put.
    """

    is_local = True

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise ConfigError("is a file", where=str(folder), hint="name a folder as the target")
        self.name = str(folder)
        self.folder = folder
        self._output = Output(folder)

    def read(self, key: str) -> Stored | None:
        """Return a file's content; its version is a hash of it."""
        try:
            data = (self.folder / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise OutsideError(
                f"cannot be read: {error.strerror or error}",
                where=os.path.join(self.name, key),
                hint="mend its permissions, then publish again",
            ) from error
        return Stored(data, _version(data))

    def put(self, key: str, data: bytes, fields: Headers) -> None:
        """Write a file, whole or not at all."""
        self._output.put(key, data)

    def put_fields(self, key: str, fields: Headers) -> bool:
        """Do nothing: files have no header fields."""
        return True

    def swap(self, key: str, data: bytes, fields: Headers, version: Version | None) -> Version:
        """Replace a file if it still is in a version, and make its release the folder's."""
        output = Output(self.folder)
        with output.locked(_LOCK_TIMEOUT, lambda: None, discard=False):
            there = self.read(key)
            is_same = (there.version if there else None) == version
            if is_same:
                if key == KEY:
                    self._show(State.parse(data, where=key).current, output)
                output.put(key, data, hold=True)
                # All that can fail for lack of room is written by now: what is left are renames.
                output.place_held()
        if not is_same:
            raise ConflictError(key)
        return _version(data)

    def _show(self, release: str, output: Output) -> None:
        """Let servers find a release."""
        data = self.read(f"{manifest.HISTORY}/{release}.json") if release else None
        if data is not None and data != self.read(manifest.FILE_NAME):
            output.put(manifest.FILE_NAME, data.data, hold=True)

    def sizes(self) -> dict[str, int]:
        """Look at every file that can be looked at; what else lies in the folder is not ours."""
        sizes = {}
        for folder, folders, files in os.walk(self.folder):
            if STAGING in folders:
                folders.remove(STAGING)
            for file in files:
                if file == LOCK:
                    continue
                path = Path(folder, file)
                with contextlib.suppress(OSError):
                    sizes[path.relative_to(self.folder).as_posix()] = path.stat().st_size
        return sizes

    def delete(self, keys: Collection[str]) -> None:
        """Delete files, and the folders that are empty then."""
        self._output.remove(keys)


def _version(data: bytes) -> Version:
    return hashlib.sha256(data).hexdigest(), None
