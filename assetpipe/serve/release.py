"""The release in use: read once, or again whenever there is a new one."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

from assetpipe.errors import ManifestError, OutsideError
from assetpipe.manifest import Asset, Manifest, load
from assetpipe.serve.counts import Counts
from assetpipe.serve.project import is_url
from assetpipe.serve.static import StaticFiles

TIMEOUT = 5.0
"""Seconds that reading a manifest at a URL may take, unless configured otherwise."""

_LOG = logging.getLogger("assetpipe")


class Place(Protocol):
    """Where a release lies: on this machine (``Local``), or elsewhere (``remote.Remote``).

    Attributes:
        name: the place, as people read it.
        is_remote: it is read once, when the app starts.
    """

    name: str
    is_remote: bool

    def base(self, cdn_url: str | None) -> str | None:
        """Return the base of the files' URLs, given the CDN's; ``None`` where the app serves them.

        Raises:
            ConfigError: there is none.
        """

    def signature(self) -> tuple[int, ...]:
        """Return what changes when there is another release; empty when there is none."""

    def load(self) -> Manifest:
        """Read the manifest; a ``ManifestError`` where that cannot be done."""

    def served(self, manifest: Manifest) -> tuple[Path, Manifest]:
        """Return the folder that files are served from, and what of the release lies there."""

    def read(self, asset: Asset) -> bytes:
        """Return the bytes of an asset; an ``OutsideError`` where they cannot be read."""


class Local:
    """A release on this machine.

    Args:
        path: of its manifest.
    """

    is_remote = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def base(self, cdn_url: str | None) -> str | None:
        """Return the CDN's base, if there is one."""
        return cdn_url

    def signature(self) -> tuple[int, ...]:
        """Return what changes when the manifest is replaced; empty when it is not there."""
        try:
            status = os.stat(self._path)
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def load(self) -> Manifest:
        """Read the manifest.

        Raises:
            ManifestError: it is missing, unreadable, not a manifest, or of a newer schema.
        """
        return load(self._path)

    def served(self, manifest: Manifest) -> tuple[Path, Manifest]:
        """Return the manifest's folder and all of the release."""
        return self._path.parent, manifest

    def read(self, asset: Asset) -> bytes:
        """Return the bytes of an asset.

        Raises:
            OutsideError: they cannot be read.
        """
        path = self._path.parent / asset.file
        try:
            return path.read_bytes()
        except OSError as error:
            raise OutsideError(f"cannot be read: {error.strerror}", where=str(path)) from error


def place(
    manifest: str | os.PathLike[str],
    *,
    timeout: float = TIMEOUT,
    copy: str | os.PathLike[str] | None = None,
) -> Place:
    """Return where a release lies.

    Args:
        manifest: the path of its manifest, or a URL as ``remote.Remote`` takes it.
        timeout: seconds that reading a manifest at a URL may take in all.
        copy: file that keeps the last good manifest of a URL, if not the usual one.

    Raises:
        ConfigError: the URL is none that can be read.
    """
    if not is_url(manifest):
        return Local(Path(manifest))
    from assetpipe.serve.remote import Remote  # imports what only some apps need

    return Remote(str(manifest), timeout=timeout, copy=Path(copy) if copy else None)


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
        place: where it lies.
        files: makes what answers requests for the files of a release in a folder.
        auto_reload: look for a new release at each use, which costs 2 microseconds.
        counts: where loads are counted.
    """

    def __init__(
        self,
        place: Place,
        files: Callable[[Path, Manifest], StaticFiles],
        *,
        auto_reload: bool,
        counts: Counts,
    ) -> None:
        self._place = place
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
        if release is None or (self._auto_reload and self._place.signature() != release.signature):
            with self._lock:
                release = self._release = self._load(self._release)
        return release

    def _load(self, last: Release | None) -> Release:
        signature = self._place.signature()  # before reading: a later change is seen next time
        if last is not None and last.signature == signature:
            return last  # another thread was faster
        start = time.perf_counter()
        try:
            manifest = self._place.load()
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
        return Release(manifest, self._files(*self._place.served(manifest)), signature)
