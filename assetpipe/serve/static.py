"""The files of a release over HTTP: a request is a look-up among prepared answers.

No path that a client sends ever reaches the file system: what the manifest does not name is not
there. Nothing here knows a framework; WSGI, ASGI and Flask only translate.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

from assetpipe.errors import ManifestError
from assetpipe.manifest import FILE_NAME, HISTORY, Asset, Manifest, load
from assetpipe.names import SIBLING_SUFFIXES
from assetpipe.serve.fields import (
    IDENTITY,
    best_coding,
    byte_range,
    matches_strongly,
    matches_weakly,
)

Header = tuple[str, str]
Headers = tuple[Header, ...]
_Named = tuple[Asset, Header]  # what a path stands for, and how long that may be kept

CHUNK = 1 << 16
"""Bytes to read and send at once."""

# A name that changes with its bytes never needs asking again (RFC 8246).
_FOREVER = ("Cache-Control", "public, max-age=31536000, immutable")
# Any other may be kept, and is asked for again before each use (RFC 9111, 5.2.2.4).
_REVALIDATE = ("Cache-Control", "no-cache")
# What is missing now may be there after the next deploy (RFC 9111, 5.2.2.5).
_NEVER = ("Cache-Control", "no-store")

_VARY = ("Vary", "Accept-Encoding")
_ACCEPT_RANGES = ("Accept-Ranges", "bytes")

# Assets hold no secrets, and fonts and modules need leave to be used from another origin.
_COMMON: Headers = (
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)

# What leads out of the folder on some operating system, and what the build keeps there for itself.
_FOREIGN = re.compile(
    r"(?:^|[/\\])\.{0,2}(?:[/\\]|\Z)"  # an empty segment, "." or ".."
    r"|\0|^[A-Za-z]:"
    rf"|^(?:{re.escape(FILE_NAME)}|{re.escape(HISTORY)}|\.lock)(?:[/\\]|\Z)",
    re.IGNORECASE,
)

_TO_BASE64URL = str.maketrans("+/", "-_")

_LOG = logging.getLogger("assetpipe")


class RequestHeaders(Protocol):
    """The header fields of a request, asked for by lower-case name."""

    def get(self, name: str, /) -> str | None:
        """Return a field's value, several lines joined by commas, or ``None``."""


class Body:
    """A part of an open file, or the whole of it; whoever sends it closes it.

    Args:
        file: the file, positioned at the first byte to send.
        length: how many bytes to send.
    """

    def __init__(self, file: io.FileIO, length: int) -> None:
        self.file = file
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        left = self.length
        while left and (chunk := self.file.read(min(left, CHUNK))):
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file, read or not."""
        self.file.close()


class Response(NamedTuple):
    """An answer as a value; without ``body``, nothing follows the header fields."""

    status: int
    headers: Headers
    body: Body | None = None


def _empty(status: int, *headers: Header) -> Response:
    return Response(status, (("Content-Length", "0"), _NEVER, *headers, *_COMMON))


_NOT_FOUND = _empty(404)
_METHOD_NOT_ALLOWED = _empty(405, ("Allow", "GET, HEAD"))


class _Representation(NamedTuple):
    """One encoding of an asset, with the header fields of its answers.

    Attributes:
        path: the file.
        size: its bytes, as the manifest has it.
        etag: strong entity tag.
        content: fields that say what the bytes are.
        vary: the ``Vary`` field, where there are several encodings.
        policy: the fields of a ``304``, which every other answer with this tag has too.
        whole: all fields of a ``200``.
    """

    path: str
    size: int
    etag: str
    content: Headers
    vary: Headers
    policy: Headers
    whole: Headers

    def refuse(self, headers: RequestHeaders) -> Response | None:
        """Return the ``412`` or ``304`` that the request's conditions ask for, if any.

        A release has no clock, so nothing is said of when a file was modified, and conditions
        on dates do not count (RFC 9110, 13.1.3 and 13.1.4). Order: RFC 9110, 13.2.2.
        """
        required = headers.get("if-match")
        if required is not None and not matches_strongly(required, self.etag):
            return _empty(412, *self.vary)
        known = headers.get("if-none-match")
        if known is not None and matches_weakly(known, self.etag):
            return Response(304, self.policy)
        return None

    def answer(self, file: io.FileIO, headers: RequestHeaders) -> Response:
        """Return the whole of the open file, or the one range of it that is asked for."""
        size = os.fstat(file.fileno()).st_size
        if size != self.size:
            return self._answer_changed(file, size)
        part = self._part(headers)
        if part is None:
            return Response(200, self.whole, Body(file, size))
        if not part:
            file.close()
            return _empty(416, ("Content-Range", f"bytes */{size}"), *self.vary)
        file.seek(part.start)
        fields = (
            ("Content-Length", str(len(part))),
            ("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}"),
        )
        return Response(206, self.content + fields + self.policy, Body(file, len(part)))

    def _part(self, headers: RequestHeaders) -> range | None:
        wanted = headers.get("range")
        # A part may only be added to the very bytes that the client has (RFC 9110, 13.1.5).
        if wanted is None or headers.get("if-range") not in (None, self.etag):
            return None
        return byte_range(wanted, self.size)

    def _answer_changed(self, file: io.FileIO, size: int) -> Response:
        # A plain file is replaced before the manifest is. For that instant nothing is known of
        # the bytes but their number, so no entity tag may vouch for them.
        fields = (("Content-Length", str(size)), _REVALIDATE)
        return Response(200, self.content + fields + self.vary + _COMMON, Body(file, size))


class _Entry(NamedTuple):
    """What one path answers with: a representation for each of its content codings.

    Attributes:
        codings: the codings there are, that of the fewest bytes first.
        representations: by coding.
    """

    codings: tuple[str, ...]
    representations: Mapping[str, _Representation]


class StaticFiles:
    """Answers requests for the files of a release.

    Fingerprinted names may be cached for ever. Names that stay the same are revalidated; so are
    the logical names of fingerprinted assets, which give the same bytes, so that a URL written
    by hand still works. What earlier releases called immutable is found too, as long as their
    manifests are kept: pages from before a deploy still ask for it.

    Args:
        out: folder that the release lies in.
        manifest: the release.
    """

    def __init__(self, out: Path, manifest: Manifest) -> None:
        self._out = out
        self._named = _named(manifest)
        self._named_earlier: Mapping[str, _Named] | None = None
        self._entries: dict[str, _Entry] = {}
        self._lock = Lock()
        self._unreadable: set[str] = set()

    def respond(self, method: str, path: str, headers: RequestHeaders) -> Response:
        """Answer a request for a path, decoded and relative to the URL prefix of the files."""
        if method not in ("GET", "HEAD"):
            return _METHOD_NOT_ALLOWED
        entry = self._entries.get(path) or self._prepare(path)
        if entry is None:
            return _NOT_FOUND
        coding = best_coding(headers.get("accept-encoding"), entry.codings)
        refusal = entry.representations[coding].refuse(headers)
        if refusal is not None:
            return refusal
        if method == "GET":
            return self._read(entry, coding, headers)
        # Ranges mean something for GET only (RFC 9110, 14.2).
        return _without_body(self._read(entry, coding, {}))

    def _read(self, entry: _Entry, coding: str, headers: RequestHeaders) -> Response:
        # A sibling may be missing for an instant during a build, or lost in a copy.
        for candidate in dict.fromkeys((coding, IDENTITY)):
            representation = entry.representations[candidate]
            file = self._open(representation.path)
            if file is not None:
                return representation.answer(file, headers)
        return _NOT_FOUND

    def _open(self, path: str) -> io.FileIO | None:
        try:
            return io.FileIO(path)
        except OSError as error:
            if path not in self._unreadable:
                self._unreadable.add(path)
                _LOG.error(
                    "%s: named by a manifest, but cannot be read: %s; run `assetpipe build` again",
                    path,
                    error.strerror,
                )
            return None

    def _prepare(self, path: str) -> _Entry | None:
        """Prepare what a path answers with, at its first request; ``None`` if nothing names it."""
        named = self._named.get(path) or self._earlier().get(path)
        if named is None or _FOREIGN.search(named[0].file):
            return None
        entry = self._entries[path] = _entry(str(self._out), *named)
        return entry

    def _earlier(self) -> Mapping[str, _Named]:
        """Return what earlier releases name; read once, when the first name is missed."""
        if self._named_earlier is None:
            with self._lock:
                if self._named_earlier is None:
                    self._named_earlier = _read_history(self._out / HISTORY)
        return self._named_earlier


def _without_body(response: Response) -> Response:
    if response.body is not None:
        response.body.close()
    return Response(response.status, response.headers)


def _named(manifest: Manifest) -> dict[str, _Named]:
    """Return assets by path; where a file has the logical name of another asset, the file wins."""
    assets = manifest.assets
    by_name = {name: (asset, _REVALIDATE) for name, asset in assets.items()}
    return by_name | {
        asset.file: (asset, _FOREVER if asset.immutable else _REVALIDATE)
        for asset in assets.values()
    }


def _read_history(folder: Path) -> dict[str, _Named]:
    """Return the immutable files that the kept manifests name."""
    named: dict[str, _Named] = {}
    for path in folder.glob("*.json"):
        try:
            assets = load(path).assets.values()
        except ManifestError as error:
            _LOG.warning("an earlier release is not served: %s", error)
        else:
            named.update((asset.file, (asset, _FOREVER)) for asset in assets if asset.immutable)
    return named


def _entry(out: str, asset: Asset, cache_control: Header) -> _Entry:
    sizes = {IDENTITY: asset.size}
    sizes.update((c, size) for c, size in asset.encodings.items() if c in SIBLING_SUFFIXES)
    # Every answer about an asset with several encodings says so, also the plain one and the 304
    # (RFC 9110, 12.5.5): a shared cache would hand the encoded bytes to everyone otherwise.
    vary: Headers = (_VARY,) if len(sizes) > 1 else ()
    return _Entry(
        codings=tuple(sorted(sizes, key=sizes.__getitem__)),
        representations={
            coding: _representation(
                out, asset, coding, size, cache_control=cache_control, vary=vary
            )
            for coding, size in sizes.items()
        },
    )


def _representation(
    out: str,
    asset: Asset,
    coding: str,
    size: int,
    *,
    cache_control: Header,
    vary: Headers,
) -> _Representation:
    etag = asset.integrity.partition("-")[2][:22].translate(_TO_BASE64URL)
    content: Headers = (("Content-Type", asset.type),)
    suffix = ""
    if coding != IDENTITY:
        # The size, since another version of the encoder makes other bytes of the same file.
        etag = f"{etag}-{coding}-{size}"
        content += (("Content-Encoding", coding),)
        suffix = SIBLING_SUFFIXES[coding]
    policy = (("ETag", f'"{etag}"'), cache_control, *vary, *_COMMON)
    return _Representation(
        path=f"{out}/{asset.file}{suffix}",
        size=size,
        etag=f'"{etag}"',
        content=content,
        vary=vary,
        policy=policy,
        whole=(*content, ("Content-Length", str(size)), _ACCEPT_RANGES, *policy),
    )
