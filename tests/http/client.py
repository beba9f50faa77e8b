"""A client that hides nothing: raw request targets, every field line, every byte that follows."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

Fields = tuple[tuple[str, str], ...]

_TIMEOUT = 10.0  # seconds


class ProtocolError(Exception):
    """What came back is no HTTP/1.1 message, or one that the next message cannot follow."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response as it came over the wire.

    Attributes:
        status: the code.
        fields: the field lines in their order, names in lower case.
        body: the content, without its framing.
        framing: what told where the content ends: ``length``, ``chunked``, ``close`` or ``none``.
    """

    status: int
    fields: Fields
    body: bytes
    framing: str

    def lines(self, name: str) -> list[str]:
        """Return the values of all lines of a field."""
        return [value for each, value in self.fields if each == name.lower()]

    def get(self, name: str) -> str | None:
        """Return a field's value, several lines joined by commas (RFC 9110, 5.3)."""
        return ", ".join(self.lines(name)) if self.lines(name) else None


class Connection:
    """Asks a server, and keeps the connection alive for as long as the server does.

    Args:
        port: on 127.0.0.1.

    Attributes:
        opened: how many connections it took so far.
    """

    def __init__(self, port: int) -> None:
        self.opened = 0
        self._port = port
        self._socket: socket.socket | None = None
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""

    def ask(
        self,
        method: str = "GET",
        target: str = "/",
        fields: Iterable[tuple[str, str]] = (),
        content: bytes = b"",
    ) -> Answer:
        """Send a request, and return its final response.

        ``target`` and field values go out as they are, one byte per character (Latin-1). What
        must have no content (RFC 9112, 6.3) is held to that: nothing but another message follows.

        Raises:
            ProtocolError: what came is not what RFC 9112 allows.
            OSError: the connection failed or timed out.
        """
        answer = self._exchange(method, target, fields, content)
        if method == "HEAD" or answer.status in (204, 304):
            self._expect_nothing_more()
        return answer

    def _exchange(
        self, method: str, target: str, fields: Iterable[tuple[str, str]], content: bytes
    ) -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in fields]
        message = "\r\n".join([*lines, "", ""]).encode("latin-1") + content
        reused = self._socket is not None
        try:
            self._send(message)
            head = self._read_until(b"\r\n\r\n")
        except (OSError, ProtocolError):
            # A server may close an idle connection at any time (RFC 9112, 9.3.1).
            if not reused or self._buffer:
                raise
            self.close()
            self._send(message)
            head = self._read_until(b"\r\n\r\n")
        return self._receive(method, head)

    def _send(self, message: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), _TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.opened += 1
        elif self._buffer:
            raise ProtocolError(f"bytes that nobody asked for: {self._buffer[:80]!r}")
        self._socket.sendall(message)

    def _receive(self, method: str, head: bytes) -> Answer:
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status = _status_line(first)
        fields = tuple(_field_line(line) for line in lines)
        bare = Answer(status, fields, b"", "none")
        if status < 200:
            return self._receive(method, self._read_until(b"\r\n\r\n"))
        body, framing = b"", "none"
        if method != "HEAD" and status not in (204, 304):
            body, framing = self._read_content(bare)
        closing = (bare.get("connection") or "").lower()
        if "close" in closing or framing == "close" or (version == 0 and "keep" not in closing):
            if rest := self._read_rest():
                raise ProtocolError(f"bytes after the last message: {rest[:80]!r}")
            self.close()
        return Answer(status, fields, body, framing)

    def _read_content(self, bare: Answer) -> tuple[bytes, str]:
        if bare.get("transfer-encoding") == "chunked":
            chunks = []
            while size := int(self._read_until(b"\r\n"), 16):
                chunks.append(self._read(size))
                self._read(2)
            self._read_until(b"\r\n")
            return b"".join(chunks), "chunked"
        length = bare.get("content-length")
        if length is None:
            return self._read_rest(), "close"
        return self._read(int(length)), "length"

    def _expect_nothing_more(self) -> None:
        if self._socket is not None:
            # Whatever did follow would stand where the answer to this begins.
            self._exchange("GET", "/", (), b"")

    def _more(self) -> bytes:
        if self._socket is None:
            raise ProtocolError("the connection is closed")
        return self._socket.recv(1 << 18)

    def _read_until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            more = self._more()
            if not more:
                raise ProtocolError(f"closed within a message, after {self._buffer[:80]!r}")
            self._buffer += more
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _read(self, size: int) -> bytes:
        parts = [self._buffer]
        left = size - len(self._buffer)
        while left > 0:
            more = self._more()
            if not more:
                raise ProtocolError(f"closed {left} bytes before the end of the content")
            parts.append(more)
            left -= len(more)
        data = b"".join(parts)
        self._buffer = data[size:]
        return data[:size]

    def _read_rest(self) -> bytes:
        parts = [self._buffer]
        while more := self._more():
            parts.append(more)
        self._buffer = b""
        return b"".join(parts)


def _status_line(line: str) -> tuple[int, int]:
    """Return the minor version and the status code."""
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if version not in ("HTTP/1.0", "HTTP/1.1") or not (code.isascii() and code.isdigit()):
        raise ProtocolError(f"no status line: {line[:80]!r}")
    return int(version[-1]), int(code)


def _field_line(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise ProtocolError(f"no field line: {line[:80]!r}")
    return name.lower(), value.strip(" \t")
