"""Answers as values, which the faces for WSGI, ASGI and frameworks translate."""

from __future__ import annotations

import io
from collections.abc import Iterator
from copy import copy
from http import HTTPStatus

from assetpipe.headers import COMMON, Header, Headers
from assetpipe.serve.counts import slot as place
from assetpipe.serve.fields import IDENTITY

CHUNK = 1 << 18
"""Bytes to read and send at once."""

# What is missing now may be there after the next deploy (RFC 9111, 5.2.2.5).
NEVER: Header = ("Cache-Control", "no-store")

METHODS = "GET, HEAD, OPTIONS"


class Body:
    """A part of an open file, or the whole of it; whoever sends it closes it.

    Args:
        file: the file, positioned at the first byte to send.
        start: that position.
        length: how many bytes to send.
        is_whole: they are all that the file has.
    """

    __slots__ = ("file", "is_whole", "length", "start")

    def __init__(self, file: io.FileIO, start: int, length: int, *, is_whole: bool) -> None:
        self.file = file
        self.start = start
        self.length = length
        self.is_whole = is_whole

    def __iter__(self) -> Iterator[bytes]:
        left = self.length
        while left and (chunk := self.file.read(min(left, CHUNK))):
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file, read or not."""
        self.file.close()


class Response:
    """An answer; it may be sent any number of times, unless its body is an open file.

    Attributes:
        status: the status code.
        line: the status code and its reason, as WSGI has it.
        headers: names and values.
        body: bytes, an open file, or nothing.
        length: bytes of content that follow the header fields.
        slot: where it is counted.
    """

    __slots__ = ("_raw", "body", "headers", "length", "line", "slot", "status")

    def __init__(
        self,
        status: int,
        headers: Headers,
        body: bytes | Body | None = None,
        slot: int | None = None,
    ) -> None:
        self.status = status
        self.line = _LINES[status]
        self.headers = headers
        self.body = body
        self.length = 0 if body is None else body.length if isinstance(body, Body) else len(body)
        self.slot = place(status, IDENTITY) if slot is None else slot
        self._raw: tuple[tuple[bytes, bytes], ...] | None = None

    def without_body(self) -> Response:
        """Return the answer to the same request with HEAD (RFC 9110, 9.3.2)."""
        if isinstance(self.body, Body):
            self.body.close()
        response = copy(self)
        response.body = None
        response.length = 0
        return response

    @property
    def raw(self) -> tuple[tuple[bytes, bytes], ...]:
        """The header fields as ASGI has them; made once."""
        if self._raw is None:
            self._raw = tuple(
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in self.headers
            )
        return self._raw


_LINES = {
    int(status): f"{status} {status.phrase}"
    for status in map(HTTPStatus, (200, 206, 304, 404, 405, 412, 416))
}


def empty(status: int, *headers: Header, slot: int | None = None) -> Response:
    """Return an answer without content that nobody may keep."""
    return Response(status, (("Content-Length", "0"), NEVER, *headers, *COMMON), None, slot)


NOT_FOUND = empty(404)
NOT_ALLOWED = empty(405, ("Allow", METHODS))
OPTIONS = empty(200, ("Allow", METHODS))
PREFLIGHT = empty(
    200,
    ("Allow", METHODS),
    ("Access-Control-Allow-Methods", METHODS),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Max-Age", "86400"),
)
