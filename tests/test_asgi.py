"""Serving over ASGI: the messages themselves, which servers hide from who asks them."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from assetpipe.manifest import FILE_NAME
from assetpipe.serve.answers import CHUNK, Body, Response
from assetpipe.serve.asgi import ASGIApplication, reply
from assetpipe.serve.assets import Assets
from tests.release import SITE, output_name, write_release

APP = SITE["css/app.css"]
FILE = output_name("css/app.css", APP)
LARGE = b"".join(at.to_bytes(4, "big") for at in range(3 * CHUNK // 4)) + b"end"
LARGE_FILE = output_name("large.bin", LARGE)
PATHSEND, ZEROCOPY = "http.response.pathsend", "http.response.zerocopysend"

Message = dict[str, Any]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample release, and a file that is not kept in memory."""
    folder = tmp_path_factory.mktemp("release")
    write_release(folder, {**SITE, "large.bin": LARGE})
    return folder


class Server:
    """A server as far as an application sees it.

    Attributes:
        sent: what the application has sent; files as their bytes, read at once as servers do.
    """

    def __init__(self, *messages: str) -> None:
        self._messages = [{"type": message} for message in messages]
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        if message["type"] == ZEROCOPY:
            data = os.pread(message["file"].fileno(), message["count"], message["offset"])
            message = {"type": ZEROCOPY, "read": data}
        elif message["type"] == PATHSEND:
            message = {"type": PATHSEND, "read": Path(message["path"]).read_bytes()}
        self.sent.append(message)

    async def run(self, app: ASGIApplication, scope: Message) -> list[Message]:
        await app(scope, self.receive, self.send)
        return self.sent


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: the status code.
        fields: the header fields, the names as they came.
        rest: the messages after the first.
    """

    status: int
    fields: dict[bytes, bytes]
    rest: list[Message]

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.rest)


def ask(
    app: ASGIApplication, path: str, fields: Mapping[str, str] | None = None, **scope: Any
) -> Answer:
    """Send a request, and check that what comes back is in order."""
    headers = [(name.lower().encode(), text.encode()) for name, text in (fields or {}).items()]
    request = {"type": "http", "method": "GET", "path": path, "headers": headers, **scope}
    start, *rest = asyncio.run(Server().run(app, request))
    assert start["type"] == "http.response.start"
    assert [message.get("more_body", False) for message in rest] == [*[True] * len(rest[1:]), False]
    return Answer(start["status"], dict(start["headers"]), rest)


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """Stand for an app behind."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inner"})


PATHS = [
    pytest.param("/static/", "", f"/static/{FILE}", APP, id="below the prefix"),
    pytest.param("/static", "", f"/static/{FILE}", APP, id="a prefix without its slash"),
    pytest.param("/", "", f"/{FILE}", APP, id="everything is ours"),
    pytest.param("/static/", "", f"/{FILE}", b"", id="outside the prefix"),
    pytest.param("/static/", "/shop", f"/shop/static/{FILE}", APP, id="below a root"),
    pytest.param("/static/", "/shop", f"/static/{FILE}", APP, id="the root left out"),
    pytest.param(
        "/static/", "/stat", f"/static/{FILE}", APP, id="the root left out, and the path like it"
    ),
    pytest.param("/static/", "/shop", f"/shop/{FILE}", b"", id="outside, below a root"),
    pytest.param("/static/", "/static", f"/static/{FILE}", None, id="mounted alone"),
    pytest.param("/static/", "/static", f"/{FILE}", None, id="mounted alone, the root left out"),
    pytest.param(
        "/static/", "/shop/static", f"/shop/static/{FILE}", None, id="mounted alone, deeper"
    ),
]


@pytest.mark.parametrize(("prefix", "root", "path", "body"), PATHS)
def test_a_path_is_below_the_prefix_or_the_mount(
    out: Path, prefix: str, root: str, path: str, body: bytes | None
) -> None:
    """Servers and frameworks differ in whether a path has its root (ASGI 3.0, HTTP scope).

    A file is sent, or (``b""``) the app behind is asked; ``None``: a file, unless there is one.
    """
    assets = Assets(out, prefix=prefix)
    assert ask(assets.asgi(inner), path, root_path=root).body == (body or b"inner")
    alone = ask(assets.asgi(), path, root_path=root)
    assert alone.body == (APP if body is None else body)
    assert alone.status == (200 if alone.body else 404)


def test_names_of_fields_are_in_lower_case(out: Path) -> None:
    """As ASGI has them; some servers send them on as they are."""
    app = Assets(out).asgi()
    for path in (f"/static/{FILE}", "/static/none", "/none"):
        answer = ask(app, path)
        assert [name for name in answer.fields if name != name.lower()] == []
    assert ask(app, f"/static/{FILE}").fields[b"content-type"] == b"text/css; charset=utf-8"


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


WHOLE: Mapping[str, str] = {}
PART = {"Range": f"bytes={CHUNK + 5}-{CHUNK + 8}"}
WANTED = LARGE[CHUNK + 5 : CHUNK + 9]
CHUNKS = [
    chunk(LARGE[at : at + CHUNK], more=at + CHUNK < len(LARGE))
    for at in range(0, len(LARGE), CHUNK)
]
EXTENSIONS: list[Any] = [
    pytest.param(
        [PATHSEND, ZEROCOPY], WHOLE, [{"type": PATHSEND, "read": LARGE}], id="the whole by its path"
    ),
    pytest.param(
        [PATHSEND, ZEROCOPY], PART, [{"type": ZEROCOPY, "read": WANTED}], id="a part by its file"
    ),
    pytest.param(
        [ZEROCOPY], WHOLE, [{"type": ZEROCOPY, "read": LARGE}], id="the whole by its file"
    ),
    pytest.param([PATHSEND], PART, [chunk(WANTED)], id="a part, which no path can tell"),
    pytest.param([], WHOLE, CHUNKS, id="no extension"),
    pytest.param(None, WHOLE, CHUNKS, id="a server that knows of none"),
]


@pytest.mark.parametrize(("extensions", "fields", "rest"), EXTENSIONS)
def test_an_extension_of_the_server_is_used(
    out: Path, extensions: list[str] | None, fields: Mapping[str, str], rest: list[Message]
) -> None:
    """Who sends a file by itself is told of it, and of no byte more than was asked for."""
    scope: Message = {}
    if extensions is not None:
        scope["extensions"] = {name: {} for name in extensions}
    answer = ask(Assets(out).asgi(), f"/static/{LARGE_FILE}", fields, **scope)
    assert answer.status == (206 if fields else 200)
    assert answer.rest == rest


@pytest.mark.parametrize("extensions", [{}, {PATHSEND: {}}, {ZEROCOPY: {}}], ids=str)
def test_a_file_is_closed_whether_it_was_sent_or_not(
    out: Path, extensions: dict[str, dict[str, str]]
) -> None:
    """A client may be gone."""

    class GoneError(Exception):
        """What a server may raise then."""

    async def send(message: Any) -> None:
        if message["type"] != "http.response.start":
            raise GoneError

    file = io.FileIO(out / LARGE_FILE)
    response = Response(200, (), Body(file, 0, len(LARGE), is_whole=True))
    with pytest.raises(GoneError):
        asyncio.run(reply(response, {"extensions": extensions}, send))
    assert file.closed


def test_a_file_that_was_cut_short_comes_to_an_end(tmp_path: Path) -> None:
    """The connection breaks, rather than that the client waits for ever."""
    path = tmp_path / "short"
    path.write_bytes(b"short")
    server = Server()
    response = Response(200, (), Body(io.FileIO(path), 0, 500, is_whole=True))
    asyncio.run(reply(response, {}, server.send))
    assert server.sent[1:] == [chunk(b"short", more=True), chunk(b"")]


def test_other_loops_than_that_of_asyncio_will_do(out: Path) -> None:
    """Hypercorn runs on trio, too."""
    server = Server()
    scope = {"type": "http", "method": "GET", "path": f"/static/{LARGE_FILE}", "headers": []}
    with pytest.raises(StopIteration):
        server.run(Assets(out).asgi(), scope).send(None)
    assert b"".join(message["body"] for message in server.sent[1:]) == LARGE


def test_the_lifespan_of_a_server(out: Path) -> None:
    """Its start and its end are complete when we say so."""
    server = Server("lifespan.startup", "lifespan.shutdown")
    asyncio.run(server.run(Assets(out).asgi(), {"type": "lifespan"}))
    assert [message["type"] for message in server.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_lifespan_does_not_begin_without_a_release(tmp_path: Path) -> None:
    """A server that cannot serve says so at once, and not at the first request."""
    server = Server("lifespan.startup")
    asyncio.run(server.run(Assets(tmp_path).asgi(), {"type": "lifespan"}))
    (message,) = server.sent
    assert message["type"] == "lifespan.startup.failed"
    assert str(tmp_path / FILE_NAME) in message["message"]


@pytest.mark.parametrize("kind", ["lifespan", "websocket", "http"])
def test_lifespan_and_all_else_that_is_not_ours_goes_to_the_app(out: Path, kind: str) -> None:
    """As it came."""
    seen: list[object] = []

    async def app(*arguments: Any) -> None:
        seen.append(arguments)

    scope = {"type": kind, "path": f"/{kind}", "headers": []}
    server = Server()
    asyncio.run(server.run(Assets(out).asgi(app), scope))
    assert seen == [(scope, server.receive, server.send)]


def test_a_websocket_is_closed(out: Path) -> None:
    """There is nothing to talk about with files."""
    server = Server()
    scope = {"type": "websocket", "path": f"/static/{FILE}", "headers": []}
    asyncio.run(server.run(Assets(out).asgi(), scope))
    assert [message["type"] for message in server.sent] == ["websocket.close"]
