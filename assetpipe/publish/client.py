"""A client that asks one server for many files, and takes what comes as it is."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import assetpipe
from assetpipe.errors import ConfigError

_TRIES = 3
_PAUSE = 0.2  # seconds before the second try; twice as long before the third
_BUSY = (429, 502, 503, 504)


class ClientError(Exception):
    """No answer came; the text says why."""


class Answer(NamedTuple):
    """An answer.

    Attributes:
        status: the status code.
        fields: its header fields.
        body: its content, not decoded.
    """

    status: int
    fields: HTTPMessage
    body: bytes

    def field(self, name: str) -> str:
        """Return a field, several lines of it joined (RFC 9110, 5.3); empty if there is none."""
        return ", ".join(value.strip() for value in self.fields.get_all(name, ()))

    @property
    def coding(self) -> str:
        """The content coding; empty for identity."""
        coding = self.field("Content-Encoding").lower()
        return {"identity": "", "x-gzip": "gzip"}.get(coding, coding)

    def varies_by(self, field: str) -> bool:
        """Say whether caches know that the answer depends on a field of the request."""
        named = {part.strip().lower() for part in self.field("Vary").split(",")}
        return not named.isdisjoint({field.lower(), "*"})


class Client:
    """Asks for files below a URL, on one connection for each thread.

    Args:
        url: ``http`` or ``https``.
        timeout: seconds to wait for the server to answer, or to go on.
        fields: header fields of every request.

    Raises:
        ConfigError: the URL is none that can be asked.

    Attributes:
        url: the same, with a slash at its end.
    """

    def __init__(self, url: str, *, timeout: float, fields: Mapping[str, str]) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise _unusable(url, str(error)) from None
        if parts.scheme not in ("http", "https") or not self._host:
            raise _unusable(url, "it has to begin with https:// or http://, and a host")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise _unusable(url, "leave out user names, and all from ? or # on")
        self.url = url.rstrip("/") + "/"
        self._path = parts.path.rstrip("/") + "/"
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._timeout = timeout
        self._fields = {"User-Agent": f"assetpipe/{assetpipe.__version__} verify", **fields}
        self._own = threading.local()
        self._all: list[HTTPConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._all:
            connection.close()

    def get(self, path: str, accept_encoding: str) -> Answer:
        """Ask for a file, some times where the network or the server fails.

        Args:
            path: below the URL, percent-encoded.
            accept_encoding: the content codings that are accepted.

        Raises:
            ClientError: no answer came.
        """
        for left in reversed(range(_TRIES)):
            try:
                answer = self._ask(path, accept_encoding)
            except (OSError, HTTPException) as error:
                self._connection().close()
                if not left:
                    raise ClientError(_reason(error)) from error
            else:
                if answer.status not in _BUSY or not left:
                    return answer
            time.sleep(_PAUSE * (_TRIES - left))
        raise AssertionError

    def _ask(self, path: str, accept_encoding: str) -> Answer:
        connection = self._connection()
        fields = {**self._fields, "Accept-Encoding": accept_encoding}
        connection.request("GET", self._path + path, headers=fields)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def _connection(self) -> HTTPConnection:
        with suppress(AttributeError):
            own: HTTPConnection = self._own.connection
            return own
        connection = self._kind(self._host, self._port, timeout=self._timeout)
        self._own.connection = connection
        self._all.append(connection)
        return connection


def _unusable(url: str, problem: str) -> ConfigError:
    return ConfigError(f"{url!r} cannot be asked", where="URL", hint=problem)


def _reason(error: BaseException) -> str:
    """Say in words why no answer came."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, HTTPException):
        return f"its answer breaks off or is not HTTP ({type(error).__name__})"
    return getattr(error, "strerror", None) or str(error)
