"""The WSGI face of live reload: the stream of events, and the script that reads it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assetpipe.live.messages import off
from assetpipe.live.stream import Mode, Query, Stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EVENTS, SCRIPT = "/events", "/live.js"
"""The paths that are answered."""

_SINGLE = (
    "this server handles one request at a time, which a page that listens would take for itself;"
    " run `assetpipe watch` beside it, or give it threads: leave out --without-threads of"
    " `flask run`, add --threads 8 --graceful-timeout 1 to gunicorn"
)
_COMMON = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_STREAM = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("X-Accel-Buffering", "no"),  # a proxy would keep messages until there are more
)


def application(
    streams: Mapping[Mode, Callable[[], Stream]],
    *,
    cross_origin: bool,
    warn: Callable[[str], object] = lambda _text: None,
) -> WSGIApplication:
    """Return an application that answers ``/events`` and ``/live.js``.

    What a stream tells, names of files and texts of errors, is for this machine's developer alone.
    The same-origin policy sees to that where pages and stream have one origin. On a port of its
    own any site's pages could ask, by its address or by a name of theirs that leads to it (DNS
    rebinding); so only pages of this machine are answered.

    Args:
        streams: by mode, returns the stream that pages of that mode listen to.
        cross_origin: it has a port of its own, on a server with threads.
        warn: is told what keeps it from working, at each request.
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path not in (EVENTS, SCRIPT):
            return _refuse(start_response, "404 Not Found")
        if environ["REQUEST_METHOD"] != "GET":
            return _refuse(start_response, "405 Method Not Allowed", ("Allow", "GET"))
        fields = [*_COMMON]
        if cross_origin:
            host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN", "")
            if not _is_allowed(host, origin):
                return _refuse(start_response, "403 Forbidden")
            fields += [("Cross-Origin-Resource-Policy", "cross-origin"), ("Vary", "Origin")]
            if origin:
                fields.append(("Access-Control-Allow-Origin", origin))
        if path == SCRIPT:
            return _answer_script(start_response, fields)
        start_response("200 OK", [*fields, *_STREAM])
        # Python's own server, which the port of its own is on, says this whatever it does.
        if not (cross_origin or environ.get("wsgi.multithread")):
            warn(f"there is no live reload: {_SINGLE}")
            return [f"data: {off(_SINGLE)}\n\n".encode()]
        _send_at_once(environ)
        query = Query.parse(environ.get("QUERY_STRING", ""))
        return streams[query.mode]().events(query)

    return app


@cache
def script() -> bytes:
    """Return the script that pages run."""
    return Path(__file__).with_name("live.js").read_bytes()


def _answer_script(start_response: StartResponse, fields: list[tuple[str, str]]) -> Iterable[bytes]:
    body = script()
    described = [
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    start_response("200 OK", [*fields, *described])
    return [body]


def _refuse(
    start_response: StartResponse, status: str, *fields: tuple[str, str]
) -> Iterable[bytes]:
    start_response(status, [*_COMMON, ("Content-Length", "0"), *fields])
    return []


def _send_at_once(environ: WSGIEnvironment) -> None:
    """Keep a message from waiting for the acknowledgement of the one before (RFC 896)."""
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        with suppress(OSError):  # it is no TCP
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _is_allowed(host: str, origin: str) -> bool:
    """Say whether a request comes from a page of this machine, or from no page at all."""
    asked = _hostname(f"//{host}")
    if not (_is_loopback(asked) or _is_address(asked)):
        return False
    asking = _hostname(origin)
    return not origin or _is_loopback(asking) or (asking == asked and _is_address(asking))


def _hostname(url: str) -> str:
    """Return the host of a URL, in lower case and without brackets; empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    """Say whether a host is this machine: by its name (RFC 6761, 6.3) or by its address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    """Say whether a host is an address, so that no name server decides what it means."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
