"""A release for any framework: its URLs, its template helpers, and its files over WSGI and ASGI."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from assetpipe.errors import ConfigError, UnknownAssetError
from assetpipe.manifest import FILE_NAME, Asset
from assetpipe.names import url_path
from assetpipe.serve import asgi, wsgi
from assetpipe.serve.counts import URL_FOUND, URL_UNKNOWN, Counts
from assetpipe.serve.handover import Handover
from assetpipe.serve.helpers import Helpers
from assetpipe.serve.links import Preload
from assetpipe.serve.project import DEFAULT_OUT, is_url
from assetpipe.serve.release import TIMEOUT, Current, Release, place
from assetpipe.serve.resolver import ManifestResolver
from assetpipe.serve.static import MEMORY, StaticFiles
from assetpipe.serve.tags import SafeString

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

T = TypeVar("T", bound=str)


class Assets:
    """The assets of a release.

    The manifest is read at the first use, one at a URL at once. Nothing here needs a framework;
    Flask and Django have sides of their own, ``assetpipe.flask`` and ``assetpipe.django``.

    Args:
        out: the output folder of the build; or where a release was published to, such as
            ``https://cdn.example.com/static/`` or ``s3://bucket/prefix``: then the files are
            there, and nothing is served from here.
        prefix: path below which ``wsgi`` and ``asgi`` serve the files.
        cdn_url: URL below which the release was published, instead of the prefix; by default
            ``out``, where browsers can read that.
        auto_reload: look for a new release at each use, which costs 2 microseconds; otherwise a
            process has to be started again to see one.
        strict: an unknown name is an error; otherwise it gets its plain URL.
        integrity: tags of hashed files get ``integrity``, and from a CDN ``crossorigin``, too.
        crossorigin: ``anonymous`` or ``use-credentials`` for all tags but those of images.
        memory: bytes of small files to keep in memory, per process.
        sendfile: leave larger files to the server in front, by ``X-Accel-Redirect=/internal/``
            or ``X-Sendfile=/srv/static/``.
        manifest_timeout: seconds that reading the manifest at a URL may take in all.
        manifest_copy: file that keeps the last good manifest of a URL; by default one in the
            user's cache folder.

    Raises:
        ConfigError: an argument is wrong.
        ManifestError: the manifest at a URL cannot be read, and there is no copy of it.

    Attributes:
        counts: what was counted; see ``assetpipe.serve.metrics``.
    """

    def __init__(
        self,
        out: str | os.PathLike[str] = DEFAULT_OUT,
        *,
        prefix: str = "/static/",
        cdn_url: str | None = None,
        auto_reload: bool = False,
        strict: bool = True,
        integrity: bool = False,
        crossorigin: str | None = None,
        memory: int = MEMORY,
        sendfile: str | None = None,
        manifest_timeout: float = TIMEOUT,
        manifest_copy: str | os.PathLike[str] | None = None,
    ) -> None:
        if not prefix.startswith("/"):
            raise ConfigError(
                f"prefix is {prefix!r}",
                hint="write a path such as /static/; a host belongs into cdn_url",
            )
        self.counts = Counts()
        self._prefix = prefix.rstrip("/") + "/"
        self._place = place(
            out if is_url(out) else Path(out) / FILE_NAME,
            timeout=manifest_timeout,
            copy=manifest_copy,
        )
        self._cdn_url = self._place.base(cdn_url)
        self._strict = strict
        self._integrity = integrity
        self._crossorigin = crossorigin
        files = partial(
            StaticFiles,
            memory=memory,
            handover=Handover(sendfile) if sendfile else None,
            counts=self.counts,
        )
        self._current = Current(self._place, files, auto_reload=auto_reload, counts=self.counts)
        self._resolved: tuple[Release, ManifestResolver] | None = None
        if self._place.is_remote:
            self._current.get()

    def wsgi(self, app: WSGIApplication | None = None) -> WSGIApplication:
        """Return a WSGI application that serves the files, in front of another one.

        Without another one it may be mounted anywhere, and answers ``404`` for other paths.
        """
        return wsgi.serve(self._files, self._prefix, app)

    def asgi(self, app: asgi.ASGIApplication | None = None) -> asgi.ASGIApplication:
        """Return an ASGI application that serves the files, in front of another one.

        Without another one it may be mounted anywhere, and answers ``404`` for other paths.
        """
        return asgi.serve(self._files, self._prefix, app)

    def helpers(
        self, markup: Callable[[str], str] = SafeString
    ) -> dict[str, Callable[..., object]]:
        """Return the template helpers by name, such as for ``Environment.globals`` of Jinja.

        Args:
            markup: what makes HTML of a text that is escaped already.
        """
        return Helpers(
            self,
            markup,
            integrity=self._integrity,
            crossorigin=self._crossorigin,
            is_cross_origin=self._cdn_url is not None,
        ).table()

    def url(self, name: str) -> str:
        """Return the URL of an asset.

        Raises:
            ManifestError: there is no release, or it cannot be read.
            UnknownAssetError: the release has no asset of this name.
        """
        resolver = self._resolver()
        try:
            url = resolver.url(name)
        except UnknownAssetError:
            self.counts.values[URL_UNKNOWN] += 1
            if self._strict:
                raise
            return resolver.base + url_path(name)
        self.counts.values[URL_FOUND] += 1
        return url

    def asset(self, name: str) -> Asset | None:
        """Return what the release says of an asset, if it has it."""
        return self._current.get().manifest.assets.get(name)

    def names(self, name: str) -> list[str]:
        """Return the files that an asset is loaded as: itself."""
        return [name]

    def read(self, name: str) -> bytes:
        """Return the bytes of an asset.

        Raises:
            UnknownAssetError: the release has no asset of this name.
            OutsideError: it cannot be read.
        """
        self._resolver().file(name)
        return self._place.read(self._current.get().manifest.assets[name])

    def note_use(self, preload: Preload) -> None:
        """Pass over what a page uses: only a framework knows its response."""

    def _files(self) -> StaticFiles:
        return self._current.get().files

    def _resolver(self) -> ManifestResolver:
        release = self._current.get()
        if self._resolved is None or self._resolved[0] is not release:
            resolver = ManifestResolver(release.manifest, self._cdn_url or self._prefix)
            self._resolved = release, resolver
        return self._resolved[1]
