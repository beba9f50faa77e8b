"""A small real web server whose answers a test decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Reply:
    """An answer; without a status the connection is closed."""

    status: int = 200
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Answering = Callable[[str, Mapping[str, str]], Reply]
"""From a path without its query, and the fields of the request, to the answer.

Names of fields are written as in ``Accept-Encoding``, however the client wrote them.
"""


@contextmanager
def serving(answer: Answering) -> Iterator[str]:
    """Answer on 127.0.0.1; give the URL, with a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fields = {name.title(): value for name, value in self.headers.items()}
            reply = answer(self.path.partition("?")[0], fields)
            if not reply.status:
                self.close_connection = True
                return
            self.send_response(reply.status)
            sent = {"Content-Length": str(len(reply.body)), **reply.fields}
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            if int(sent["Content-Length"]) > len(reply.body):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """Say nothing of clients that have gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
