"""Pages that listen: server-sent events as a browser reads them."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_PATIENCE = 20.0  # seconds that anything may take on a busy machine


class Event(NamedTuple):
    """One event.

    Attributes:
        id: its id, empty without one.
        data: the message.
    """

    id: str
    data: dict[str, Any]


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Read events from lines (WHATWG HTML, 9.2.6); other fields than ours are an error."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode().removesuffix("\n")
        if text:
            name, colon, value = text.partition(": ")
            assert colon
            assert name in {"id", "data", "retry"}
            assert name not in fields
            fields[name] = value
            continue
        if "data" in fields:
            yield Event(fields.get("id", ""), json.loads(fields["data"]))
        fields = {}


class Page:
    """A page that listens to a stream.

    Args:
        port: on 127.0.0.1.
        target: path and query.
        fields: of the request.

    Attributes:
        response: what came back.
        last: the id of the last event.
    """

    def __init__(self, port: int, target: str, fields: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        self._connection.request("GET", target, headers=dict(fields or {}))
        self.response = self._connection.getresponse()
        self.last = ""
        self._events = read_events(self.response)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self.response.close()
        self._connection.close()

    def next(self) -> dict[str, Any]:
        """Return the next message."""
        event = next(self._events)
        self.last = event.id or self.last
        return event.data

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the messages up to one."""
        found = [self.next()]
        while not wanted(found[-1]):
            found.append(self.next())
        return found

    def rest(self) -> list[dict[str, Any]]:
        """Return what comes until the stream ends."""
        return [event.data for event in self._events]


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing of each request."""


@contextmanager
def served(app: WSGIApplication, *, threaded: bool = True) -> Iterator[int]:
    """Serve an app as ``flask run`` does, for as long as the context lasts; give the port."""
    server = make_server("127.0.0.1", 0, app, threaded=threaded, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
