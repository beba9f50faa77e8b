"""The release in use: read once, or again whenever there is a new one."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from assetpipe.errors import ManifestError
from assetpipe.manifest import Manifest, load
from assetpipe.serve.counts import Counts
from assetpipe.serve.static import StaticFiles

_LOG = logging.getLogger("assetpipe")


class Release(NamedTuple):
    """A release that was read.

    Attributes:
        manifest: what it is made of.
        files: answers requests for its files.
        signature: what its manifest looked like when it was read.
    """

    manifest: Manifest
    files: StaticFiles
    signature: tuple[int, ...]


class Current:
    """The release that stands at a place; where a new one is broken, the last good one.

    Args:
        path: of the manifest.
        files: makes what answers requests for the files of a release in a folder.
        auto_reload: look for a new release at each use, which costs 2 microseconds.
        counts: where loads are counted.
    """

    def __init__(
        self,
        path: Path,
        files: Callable[[Path, Manifest], StaticFiles],
        *,
        auto_reload: bool,
        counts: Counts,
    ) -> None:
        self._path = path
        self._files = files
        self._auto_reload = auto_reload
        self._counts = counts
        self._release: Release | None = None
        self._lock = Lock()

    def get(self) -> Release:
        """Return the release.

        Raises:
            ManifestError: there is none that could be read, and none was read before.
        """
        release = self._release
        if release is None or (self._auto_reload and _signature(self._path) != release.signature):
            with self._lock:
                release = self._release = self._load(self._release)
        return release

    def _load(self, last: Release | None) -> Release:
        signature = _signature(self._path)  # before reading: a later change is seen next time
        if last is not None and last.signature == signature:
            return last  # another thread was faster
        start = time.perf_counter()
        try:
            manifest = load(self._path)
        except ManifestError as error:
            self._counts.note_failure()
            if last is None:
                raise
            _LOG.error("the last good release stays in use: %s", error)
            return last._replace(signature=signature)
        self._counts.note_load(
            assets=len(manifest.assets),
            seconds=time.perf_counter() - start,
            release=manifest.release,
        )
        return Release(manifest, self._files(self._path.parent, manifest), signature)


def _signature(path: Path) -> tuple[int, ...]:
    """Return what changes when the file is replaced; empty when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
