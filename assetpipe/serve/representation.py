"""One encoding or type of an asset, and how it answers: conditions first, then ranges."""

from __future__ import annotations

import hashlib
import io
import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assetpipe.headers import REVALIDATE, Header, Headers
from assetpipe.manifest import Asset
from assetpipe.names import SIBLING_SUFFIXES
from assetpipe.serve.answers import Body, Response, empty
from assetpipe.serve.counts import slot
from assetpipe.serve.fields import (
    IDENTITY,
    byte_range,
    http_date,
    matches_strongly,
    matches_weakly,
    parse_date,
)

SMALL = 1 << 16
"""Bytes up to which a body is kept in memory."""

_ACCEPT_RANGES: Header = ("Accept-Ranges", "bytes")

# The fields of a 304 besides those that name the representation (RFC 9110, 15.4.5).
_OF_304 = ("cache-control", "content-location", "expires")

_TO_BASE64URL = str.maketrans("+/", "-_")


def is_conditional(fields: Mapping[str, Any]) -> bool:
    """Say whether a request asks for something else than the whole, come what may."""
    return (
        "HTTP_IF_NONE_MATCH" in fields
        or "HTTP_RANGE" in fields
        or "HTTP_IF_MODIFIED_SINCE" in fields
        or "HTTP_IF_MATCH" in fields
        or "HTTP_IF_UNMODIFIED_SINCE" in fields
    )


class Representation:
    """One encoding of an asset, with the header fields of its answers.

    Args:
        out: the folder of the release.
        asset: the asset.
        coding: the content coding.
        size: bytes in that coding, as the manifest has it.
        fields: what every answer with content says of it.
        vary: the request's fields that it was chosen by, as ``Vary`` has them; empty for none.
        is_fixed: they are those of a name that changes with the bytes.
        modified: when it got its bytes, in seconds since 1970; 0 where that is not known.

    Attributes:
        file: the file, a path below the folder.
        path: the file's full path.
        size: its bytes.
        kept: the answer that is the whole of it, while its bytes are kept in memory.
    """

    __slots__ = (
        "_etag", "_fields", "_modified", "_not_modified", "_original", "_seen", "_sha384", "_slots",
        "_validators", "_vary", "file", "kept", "path", "size",
    )  # fmt: skip

    def __init__(
        self,
        out: str,
        asset: Asset,
        coding: str,
        size: int,
        *,
        fields: Headers,
        vary: str,
        is_fixed: bool,
        modified: int,
    ) -> None:
        digest = asset.integrity.partition("-")[2]
        etag = digest[:22].translate(_TO_BASE64URL)
        content: Headers = ()
        suffix = ""
        if coding != IDENTITY:
            # The size, since another version of the encoder makes other bytes of the same file.
            etag = f"{etag}-{coding}-{size}"
            content = (("Content-Encoding", coding),)
            suffix = SIBLING_SUFFIXES[coding]
        self.file = f"{asset.file}{suffix}"
        self.path = f"{out}/{self.file}"
        self.size = size
        self.kept: Response | None = None
        self._slots = {
            status: slot(status, coding, is_fixed, bool(asset.encodings))
            for status in (200, 206, 304, 412, 416)
        }
        self._etag = f'"{etag}"'
        self._modified = modified
        # Every answer about an asset with several encodings says so, also the plain one and the
        # 304 (RFC 9110, 12.5.5): a shared cache would hand the encoded bytes to everyone otherwise.
        self._vary: Headers = (("Vary", vary),) if vary else ()
        self._validators: Headers = (("ETag", self._etag),)
        if modified:
            self._validators += (("Last-Modified", http_date(modified)),)
        self._fields: Headers = (*content, *fields, *self._vary)
        caching = tuple(each for each in fields if each[0].lower() in _OF_304)
        # All that a 304 may say of what the client has already (RFC 9110, 15.4.5).
        self._not_modified = self._response(304, (("ETag", self._etag), *caching, *self._vary))
        # What changes under its name is compared before it is trusted.
        self._sha384 = "" if asset.immutable else digest
        self._original = f"{out}/{asset.file}"
        self._seen: tuple[int, ...] = ()

    def refuse(self, fields: Mapping[str, Any]) -> Response | None:
        """Return the ``412`` or ``304`` that the request's conditions ask for, if any.

        Order: RFC 9110, 13.2.2.
        """
        required = fields.get("HTTP_IF_MATCH")
        if required is not None:
            holds = matches_strongly(required, self._etag)
        else:
            holds = not self._is_after(fields.get("HTTP_IF_UNMODIFIED_SINCE"))
        if not holds:
            return empty(412, *self._vary, slot=self._slots[412])
        known = fields.get("HTTP_IF_NONE_MATCH")
        if known is not None:
            is_known = matches_weakly(known, self._etag)
        else:
            is_known = self._is_after(fields.get("HTTP_IF_MODIFIED_SINCE")) is False
        return self._not_modified if is_known else None

    def _is_after(self, field: str | None) -> bool | None:
        """Say whether it was modified after a date; ``None`` without a date on either side."""
        date = parse_date(field) if field and self._modified else None
        return None if date is None else self._modified > date

    def answer(self, fields: Mapping[str, Any]) -> Response:
        """Return the whole, or the one range of it that is asked for.

        Raises:
            OSError: the file cannot be read.
        """
        wanted = self._wanted(fields)
        kept = self.kept or (self._keep() if self.size <= SMALL else None)
        if kept is not None:
            if wanted is None or not isinstance(kept.body, bytes):
                return kept
            return self._part(wanted, kept.body[wanted.start : wanted.stop])
        file = io.FileIO(self.path)
        try:
            if self.size <= SMALL or not self._is_as_seen(file):
                return self._changed(file)
            if wanted is None:
                return self._whole(Body(file, 0, self.size, is_whole=True))
            if not wanted:
                file.close()
                return self._part(wanted, b"")
            file.seek(wanted.start)
            return self._part(wanted, Body(file, wanted.start, len(wanted), is_whole=False))
        except OSError:
            file.close()
            raise

    def is_for_others(self, fields: Mapping[str, Any]) -> bool:
        """Say whether the server in front may send the file.

        Not where it is small, where it changes under its name, and where the request has
        validators that the other server would compare with its own.
        """
        return (
            self.size > SMALL
            and not self._sha384
            and "HTTP_IF_RANGE" not in fields
            and "HTTP_IF_MATCH" not in fields
            and "HTTP_IF_UNMODIFIED_SINCE" not in fields
        )

    def handed_over(self, header: Header) -> Response:
        """Return what makes the server in front send the file, whatever range of it is asked."""
        headers = (*self._fields, *self._validators, ("Content-Length", "0"), header)
        return self._response(200, headers)

    def forget(self) -> None:
        """Keep the bytes no longer."""
        self.kept = None

    def _wanted(self, fields: Mapping[str, Any]) -> range | None:
        field = fields.get("HTTP_RANGE")
        if field is None:
            return None
        # A part may only be added to the very bytes that the client has (RFC 9110, 13.1.5).
        validator = fields.get("HTTP_IF_RANGE")
        if validator not in (None, self._etag) and not self._is_of(parse_date(validator)):
            return None
        return byte_range(field, self.size)

    def _is_of(self, date: int | None) -> bool:
        """Say whether a date is the one that it was modified at."""
        return bool(date) and date == self._modified

    def _keep(self) -> Response | None:
        """Keep the bytes if they are what the manifest names, and return the whole."""
        with io.FileIO(self.path) as file:
            body = file.read()
        if len(body) != self.size or not self._is_named(body):
            return None
        self.kept = kept = self._whole(body)
        return kept

    def _is_named(self, body: bytes) -> bool:
        """Say whether the manifest means these bytes: a plain file is replaced before it is."""
        if not self._sha384:
            return True
        if self.path != self._original:
            # Only the hash of the file itself is known; it is replaced before its siblings.
            body = Path(self._original).read_bytes()
        return b64encode(hashlib.sha384(body).digest()).decode() == self._sha384

    def _is_as_seen(self, file: io.FileIO) -> bool:
        """Say whether a file is the one that was there at first, as far as its status tells."""
        status = os.fstat(file.fileno())
        seen = (status.st_mtime_ns, status.st_ino) if self._sha384 else ()
        self._seen = self._seen or seen
        return status.st_size == self.size and seen == self._seen

    def _whole(self, body: bytes | Body) -> Response:
        fields = (("Content-Length", str(self.size)), _ACCEPT_RANGES)
        return self._response(200, (*self._fields, *fields, *self._validators), body)

    def _part(self, wanted: range, body: bytes | Body) -> Response:
        """Return some bytes, or say that there are none where they are wanted."""
        if not wanted:
            size = ("Content-Range", f"bytes */{self.size}")
            return empty(416, size, *self._vary, slot=self._slots[416])
        fields = (
            ("Content-Length", str(len(wanted))),
            ("Content-Range", f"bytes {wanted.start}-{wanted.stop - 1}/{self.size}"),
            _ACCEPT_RANGES,
        )
        return self._response(206, (*self._fields, *fields, *self._validators), body)

    def _changed(self, file: io.FileIO) -> Response:
        """Return what is there instead: nothing may vouch for it, and nobody may keep it."""
        size = os.fstat(file.fileno()).st_size
        fields = tuple(each for each in self._fields if each[0].lower() != "cache-control")
        headers = (*fields, REVALIDATE, ("Content-Length", str(size)))
        return self._response(200, headers, Body(file, 0, size, is_whole=True))

    def _response(
        self, status: int, headers: Headers, body: bytes | Body | None = None
    ) -> Response:
        return Response(status, headers, body, self._slots[status])
