"""A proxy that goes wrong on demand, between a client and an HTTP server.

It counts and records requests, adds latency, and lets chosen requests fail in every way that a
network knows. Requests pass through unchanged, their ``Host`` included, as signatures cover it.

In a test: ``with Faults(url) as proxy: proxy.choose = nth(3, "reset")``. As a process of its own,
for benchmarks: ``python -m tests.faults --upstream 127.0.0.1:8333 --latency 0.04``; it prints its
port, and ``GET /-/counts`` answers with the number of requests by method since it was last asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

COUNTS = "/-/counts"
_LIMIT = 1 << 20  # bytes of a buffer


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its number, from 1, and what its head says; names of fields in lower case."""

    number: int
    method: str
    path: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that the server did not give."""

    status: int
    body: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


Fault = (
    Answer
    | Literal[
        "reset",  # the request is read, but never reaches the server
        "reset in the request",  # with half of its body read
        "reset after",  # the server has done it, the client is never told
        "truncated",  # half of the answer's body, then the end
        "slow",  # the answer comes after ``patience`` seconds
    ]
)
Choose = Callable[[Request], Fault | None]

BUSY = Answer(503, "<Error><Code>SlowDown</Code></Error>", {"Retry-After": "1"})
BROKEN = Answer(500, "<Error><Code>InternalError</Code></Error>")
DENIED = Answer(403, "<Error><Code>AccessDenied</Code></Error>")


def nth(number: int, fault: Fault, *, method: str = "") -> Choose:
    """Choose one request, the n-th with that method from now on (any if empty)."""
    seen = 0

    def choose(request: Request) -> Fault | None:
        nonlocal seen
        seen += not method or request.method == method
        return fault if seen == number and (not method or request.method == method) else None

    return choose


def every(fault: Fault, *, method: str = "") -> Choose:
    """Choose all requests with that method (all if empty)."""
    return lambda request: fault if not method or request.method == method else None


class Faults:
    """A proxy, run by a thread of its own while it is entered.

    Attributes:
        url: of the proxy.
        requests: all that came, in order.
        choose: says which fault a request meets, called with each as it comes.
        latency: seconds that each answer, and each new connection, takes longer.
        patience: seconds that a slow answer takes.
        most_connections: how many clients' connections were open at once, at most.
    """

    def __init__(self, upstream: str, *, latency: float = 0.0, patience: float = 3.0) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts.hostname or "", parts.port or 80
        self.latency = latency
        self.patience = patience
        self.choose: Choose = lambda _: None
        self.requests: list[Request] = []
        self.most_connections = 0
        self.url = ""
        self._counts: Counter[str] = Counter()
        self._open: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Faults:
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    def count(self, method: str = "") -> int:
        """Return how many requests came with a method (any if empty)."""
        return sum(not method or request.method == method for request in self.requests)

    def _run(self, started: threading.Event) -> None:
        self._loop.run_until_complete(self._until_stopped(started))

    async def _until_stopped(self, started: threading.Event) -> None:
        self._stopped = asyncio.Event()
        server = await self.listen(0)
        started.set()
        await self._stopped.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await server.wait_closed()

    async def listen(self, port: int) -> asyncio.Server:
        """Start to listen; 0 for any free port."""
        server = await asyncio.start_server(
            self._accept, "127.0.0.1", port, limit=_LIMIT, backlog=1024
        )
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.most_connections = max(self.most_connections, len(self._open))
        try:
            await asyncio.sleep(self.latency)
            await _Connection(self, reader, writer).serve(*self._upstream)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # one of the two has gone
        except asyncio.CancelledError:
            pass  # the proxy is stopped
        finally:
            self._open.discard(task)
            writer.close()

    def record(self, head: bytes) -> Request:
        """Read the head of a request, count it and keep it."""
        first, fields = _parse(head)
        method, path, _ = first.split(" ", 2)
        request = Request(len(self.requests) + 1, method, path, fields)
        self.requests.append(request)
        self._counts[method] += 1
        return request

    def taken_counts(self) -> dict[str, int]:
        """Return the number of requests by method since the last call."""
        counts, self._counts = self._counts, Counter()
        return dict(sorted(counts.items()))


class _Connection:
    """One client's connection, with one of its own to the server."""

    def __init__(
        self, proxy: Faults, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy, self._reader, self._writer = proxy, reader, writer

    async def serve(self, host: str, port: int) -> None:
        """Pass requests on until the client has no more."""
        back_reader, back_writer = await asyncio.open_connection(host, port, limit=_LIMIT)
        try:
            while head := await _head(self._reader):
                if not await self._one(head, back_reader, back_writer):
                    return
        finally:
            back_writer.close()

    async def _one(
        self, head: bytes, back_reader: asyncio.StreamReader, back_writer: asyncio.StreamWriter
    ) -> bool:
        """Pass one request on; say whether the connection goes on."""
        proxy = self._proxy
        if head.startswith(f"GET {COUNTS} ".encode()):
            await self._answer(Answer(200, json.dumps(proxy.taken_counts())))
            return True
        request = proxy.record(head)
        fault = proxy.choose(request)
        if request.fields.get("expect", "").lower() == "100-continue":
            await asyncio.sleep(proxy.latency)
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = _without(head, b"expect")
        if fault == "reset in the request":
            await self._reader.readexactly(int(request.fields.get("content-length", "0")) // 2)
            return self._reset()
        body = await _body(self._reader, request.fields)
        if fault == "reset":
            return self._reset()
        if isinstance(fault, Answer):
            await asyncio.sleep(proxy.latency)
            await self._answer(fault)
            return True
        back_writer.write(head)
        back_writer.write(body)
        await back_writer.drain()
        status, answer_head, answer = await _answer(back_reader, request.method)
        await asyncio.sleep(proxy.patience if fault == "slow" else proxy.latency)
        if fault == "reset after":
            return self._reset()
        self._writer.write(answer_head)
        self._writer.write(answer[: len(answer) // 2] if fault == "truncated" else answer)
        await self._writer.drain()
        return fault != "truncated" and status != 101

    async def _answer(self, answer: Answer) -> None:
        body = answer.body.encode()
        fields = {"Content-Length": str(len(body)), **answer.fields}
        lines = [f"HTTP/1.1 {answer.status} Fault", *(f"{n}: {v}" for n, v in fields.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self._writer.drain()

    def _reset(self) -> bool:
        # Closing with no time to linger sends RST instead of FIN.
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        return False


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Read a head, its empty line included; nothing where the stream is at its end."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return b""


def _parse(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.lower(): value.strip() for name, _, value in pairs}


def _without(head: bytes, name: bytes) -> bytes:
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(name + b":"))


async def _body(reader: asyncio.StreamReader, fields: Mapping[str, str]) -> bytes:
    """Read a body as it is on the wire (RFC 9112, 6.3)."""
    if "chunked" in fields.get("transfer-encoding", ""):
        parts = []
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            rest = await reader.readexactly(size + 2) if size else b""
            parts += [line, rest]
            if not size:
                while (trailer := await reader.readuntil(b"\r\n")) != b"\r\n":
                    parts.append(trailer)
                return b"".join([*parts, b"\r\n"])
    return await reader.readexactly(int(fields.get("content-length", "0")))


async def _answer(reader: asyncio.StreamReader, method: str) -> tuple[int, bytes, bytes]:
    """Read the server's answer: status, head and body."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        first, fields = _parse(head)
        status = int(first.split(" ", 2)[1])
        if status >= 200:
            break
    if method == "HEAD" or status in {204, 304}:
        return status, head, b""
    return status, head, await _body(reader, fields)


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--upstream", required=True, help="HOST:PORT of the server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    options = parser.parse_args()
    asyncio.run(_serve(options))


async def _serve(options: Any) -> None:
    proxy = Faults(f"http://{options.upstream}", latency=options.latency)
    server = await proxy.listen(options.port)
    print(proxy.url.rpartition(":")[2], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    main()
