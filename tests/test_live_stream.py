"""What pages that listen are told: at once, in order, and nothing missed."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

import pytest

from assetpipe.live import stream as stream_module
from assetpipe.live import wsgi
from assetpipe.live.messages import Change, Fault, State, Update, kind_of
from assetpipe.live.stream import Mode, Query, Stream
from assetpipe.serve.preview import listen
from tests.listening import Page, read_events, served

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

RELOAD = {"type": "reload"}
EVENTS = "/events?mode=manifest"


def update(number: int, release: str | None = None) -> Update:
    """Return the update that says its number."""
    return Update((Change(f"{number}.css", "style", f"{number}.0123456789ab.css"),), release)


def numbers(messages: list[dict[str, Any]]) -> list[int | str]:
    """Return what updates say by their number, all else by its type."""
    return [
        int(each["changes"][0]["name"].split(".")[0]) if each["type"] == "update" else each["type"]
        for each in messages
    ]


def application(stream: Stream, *, cross_origin: bool = False) -> WSGIApplication:
    """Return an application whose pages all listen to one stream."""
    streams: dict[Mode, Callable[[], Stream]] = {
        "source": lambda: stream,
        "manifest": lambda: stream,
    }
    return wsgi.application(streams, cross_origin=cross_origin)


class Answer(NamedTuple):
    """What an application answered; names of fields in lower case."""

    status: str
    fields: dict[str, str]
    body: bytes


def ask(
    stream: Stream,
    query: Mapping[str, str] | str = "",
    *,
    cross_origin: bool = False,
    environ: Mapping[str, Any] | None = None,
) -> Answer:
    """Ask an application for its events, up to now; ``environ`` changes the request."""
    text = query if isinstance(query, str) else urlencode(query)
    request: dict[str, Any] = {
        "HTTP_HOST": "127.0.0.1",
        "PATH_INFO": "/events",
        "QUERY_STRING": f"{text}&once=1",
        "wsgi.multithread": True,
        **(environ or {}),
    }
    setup_testing_defaults(request)
    said: list[Any] = []
    app = application(stream, cross_origin=cross_origin)
    body = b"".join(app(request, lambda *given: said.extend(given)))  # type: ignore[arg-type]
    return Answer(said[0], {name.lower(): value for name, value in said[1]}, body)


def told(stream: Stream, query: Mapping[str, str] | str = "") -> list[dict[str, Any]]:
    """Return the messages that a page gets that begins to listen."""
    return [event.data for event in read_events(BytesIO(ask(stream, query).body))]


def id_of(stream: Stream) -> str:
    """Return the id of the last update."""
    return [*read_events(BytesIO(ask(stream).body))][-1].id


# Messages.


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("css/app.css", "style"),
        ("APP.CSS", "style"),
        ("a.png", "image"),
        ("a.svg", "image"),
        ("favicon.ico", "image"),
        ("a.avif", "image"),
        ("app.js", "other"),
        ("font.woff2", "other"),
        ("page.html", "other"),
        ("css", "other"),
        (".css", "other"),
    ],
)
def test_what_to_do_follows_from_the_media_type(name: str, kind: str) -> None:
    """Sheets and images can be swapped; for all else pages load again."""
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            Update((Change("a.css", "style", "a.1.css"), Change("b", "other")), "r1"),
            {
                "type": "update",
                "changes": [
                    {"name": "a.css", "kind": "style", "file": "a.1.css"},
                    {"name": "b", "kind": "other", "file": None},
                ],
                "release": "r1",
            },
            id="an update",
        ),
        pytest.param(Update((), "r1", is_reload=True), RELOAD, id="a reload"),
        pytest.param(
            State("r1", (Fault("a.css:1:2", "wrong", "mend it"),), ("b.css: odd",)),
            {
                "type": "state",
                "release": "r1",
                "errors": [{"where": "a.css:1:2", "message": "wrong", "hint": "mend it"}],
                "warnings": ["b.css: odd"],
            },
            id="a state",
        ),
    ],
)
def test_messages_are_what_scripts_expect(given: Update | State, message: object) -> None:
    """The wire is a contract with a script that may be older or newer."""
    assert json.loads(given.json()) == message


@pytest.mark.parametrize("name", ["a\nb.css", "a\r.css", "é\u2028.css", "\udcff.css", 'a".css'])
def test_no_name_breaks_a_line(name: str) -> None:
    """What ends a line would end the event (WHATWG HTML, 9.2.5)."""
    stream = Stream()
    stream.send(Update((Change(name, "style"),)))
    assert told(stream, {"age": "0"})[0]["changes"][0]["name"] == name


# Catching up.


def some_updates(stream: Stream) -> None:
    for number in (1, 2, 3):
        stream.send(update(number, f"r{number}"))


CATCHING_UP: list[Any] = [
    pytest.param({}, [], id="it says nothing of itself"),
    pytest.param({"since": "{epoch}-3"}, [], id="it knows all"),
    pytest.param({"since": "{epoch}-1"}, [2, 3], id="it missed two"),
    pytest.param({"since": "{epoch}-0"}, [1, 2, 3], id="it missed all"),
    pytest.param({"since": "{epoch}-99"}, [], id="it knows more than there is"),
    pytest.param({"since": "{epoch}-2", "age": "60000"}, [3], id="its id counts before its age"),
    pytest.param({"since": "{epoch}-2", "release": "r0"}, [3], id="its id counts before a release"),
    pytest.param({"since": "0123456789ab-1"}, [], id="another process, no release"),
    pytest.param({"since": "0123456789ab-1", "release": "r3"}, [], id="another process, as it is"),
    pytest.param({"since": "0123456789ab-1", "release": "r1"}, [13], id="another process, known"),
    pytest.param(
        {"since": "0123456789ab-1", "release": "r0"}, ["reload"], id="another process, unknown"
    ),
    pytest.param({"since": "0123456789ab-1", "age": "60000"}, [], id="another process, an age"),
    pytest.param({"release": "r0"}, [], id="a release alone"),
    pytest.param({"age": "60000"}, [1, 2, 3], id="it began to load before all of them"),
    pytest.param({"age": "0"}, [1, 2, 3], id="it began to load a moment after them"),
    pytest.param({"age": "17.25"}, [1, 2, 3], id="an age as browsers tell it"),
]


def difference(old: str, new: str) -> Update | None:
    assert new == "r3"
    return update(13, new) if old == "r1" else None


@pytest.mark.parametrize(("query", "missed"), CATCHING_UP)
def test_a_page_is_told_what_it_missed(query: Mapping[str, str], missed: list[object]) -> None:
    """And then, as the end of that, how things are; the answer ends there if it wants no more."""
    stream = Stream(difference)
    some_updates(stream)
    epoch = id_of(stream).partition("-")[0]
    messages = told(stream, {name: value.format(epoch=epoch) for name, value in query.items()})
    assert numbers(messages) == [*missed, "state"]
    assert messages[-1]["release"] == "r3"


NONSENSE = [
    "since=x",
    "since=",
    "since={epoch}",
    "since={epoch}-",
    "since={epoch}--1",
    "since={epoch}-1.5",
    "since={epoch}-٣",
    "since={epoch}-" + "1" * 400,
    "since={epoch}-1&since={epoch}-1",
    "since=%FF%00",
    "age=nan",
    "age=inf",
    "age=-1",
    "age=",
    "age=1e3",
    "age=1_000",
    "age=" + "9" * 400,
    "age=0&age=0",
    "age=٣",
    "since=x&release=r0",
    "since=0123456789ab-1&release=../../../etc/passwd",
    "since=0123456789ab-1&release=" + "a" * 400,
    "since=0123456789ab-1&release=r0&release=r1",
    "&&&===;;;%%%",
    "mode=%00",
]


@pytest.mark.parametrize("query", NONSENSE)
def test_nonsense_counts_as_not_said(query: str) -> None:
    """Whoever writes it gets what a page gets that says nothing."""
    stream = Stream(difference)
    some_updates(stream)
    epoch = id_of(stream).partition("-")[0]
    assert numbers(told(stream, query.format(epoch=epoch))) == ["state"]


def test_a_page_is_told_nothing_from_before_it_loaded() -> None:
    """It has that already; its clock may be a little late."""
    stream = Stream()
    stream.send(update(1))
    time.sleep(0.35)
    stream.send(update(2))
    assert numbers(told(stream, {"age": "50"})) == [2, "state"]
    assert numbers(told(stream, {"age": "400"})) == [1, 2, "state"]


@pytest.mark.parametrize(
    ("count", "query", "is_known"),
    [
        (1000, {"since": "{epoch}-0"}, True),
        (1001, {"since": "{epoch}-0"}, False),
        (1001, {"since": "{epoch}-1"}, True),
        (1000, {"age": "60000"}, True),
        (1001, {"age": "60000"}, False),
    ],
)
def test_who_missed_more_than_is_remembered_loads_again(
    count: int, query: Mapping[str, str], is_known: bool
) -> None:
    """A thousand updates are kept."""
    stream = Stream()
    for number in range(1, count + 1):
        stream.send(update(number))
    epoch = id_of(stream).partition("-")[0]
    messages = told(stream, {name: value.format(epoch=epoch) for name, value in query.items()})
    if is_known:
        assert numbers(messages) == [*range(count - 999, count + 1), "state"]
    else:
        assert numbers(messages) == ["reload", "state"]


def test_each_mode_has_its_own_stream() -> None:
    """Pages that use the sources hear nothing of releases; who does not say uses the release."""
    streams = {"source": Stream(), "manifest": Stream()}
    for name, stream in streams.items():
        stream.tell(State(name))
    app = wsgi.application(
        {"source": lambda: streams["source"], "manifest": lambda: streams["manifest"]},
        cross_origin=False,
    )
    with served(app) as port:
        for query, mode in (
            ("mode=source", "source"),
            ("mode=manifest", "manifest"),
            ("", "manifest"),
            ("mode=other", "manifest"),
            ("mode=source&mode=source", "manifest"),
        ):
            with Page(port, f"/events?{query}&once=1") as page:
                assert page.next()["release"] == mode
    assert Query.parse("") == Query()


def test_a_page_that_leaves_and_returns_misses_nothing() -> None:
    """Whenever it loses its connection: by the last id it gets each update once, in order."""
    stream, last = Stream(), 400
    with served(application(stream)) as port:

        def send() -> None:
            for number in range(1, last + 1):
                stream.send(update(number))
                if number % 7 == 0:
                    stream.tell(State(None, (), (str(number),)))
                time.sleep(0.0005)

        dice = random.Random(5)
        sender = threading.Thread(target=send)
        seen: list[int | str] = []
        place = id_of(stream)
        sender.start()
        for _ in range(400):
            if last in seen:
                break
            with Page(port, f"{EVENTS}&since={place}") as page:
                for _ in range(dice.randrange(1, 40)):
                    seen += numbers([page.next()])
                    if seen[-1] == last:
                        break
                place = page.last or place
        sender.join()
        stream.close()
    assert [each for each in seen if each != "state"] == [*range(1, last + 1)]


# What comes.


@pytest.fixture
def live() -> Iterator[tuple[Stream, int]]:
    """A stream, and the port of a server for it."""
    stream = Stream()
    with served(application(stream)) as port:
        yield stream, port
        stream.close()


def test_all_that_listen_are_told(live: tuple[Stream, int]) -> None:
    """Fifty pages, on a server with threads; while nothing happens, they cost no time."""
    stream, port = live
    with ExitStack() as stack:
        pages = [stack.enter_context(Page(port, EVENTS)) for _ in range(50)]
        assert {page.next()["type"] for page in pages} == {"state"}
        began = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - began < 0.1
        for number in (1, 2):
            stream.send(update(number))
            assert [numbers([page.next()]) for page in pages] == [[number]] * 50


def test_who_does_not_read_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on; it loads again once it has been left behind."""
    monkeypatch.setattr(stream_module, "_MOST_KEPT", 20)
    stream = Stream()
    large = Update((Change("x" * 400_000, "style"),))
    with (
        served(application(stream)) as port,
        socket.create_connection(("127.0.0.1", port)) as sleeper,
        Page(port, EVENTS) as page,
    ):
        sleeper.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert sleeper.recv(1)
        assert page.next()["type"] == "state"
        for _ in range(100):
            stream.send(large)
            assert page.next()["type"] == "update"
        received = b""
        while b'"reload"' not in received[-1000:]:
            received += sleeper.recv(1 << 20)
        assert 0 < received.count(b'"update"') < 80
        stream.send(update(1))
        while b'"1.css"' not in received[-1000:]:
            received += sleeper.recv(1 << 20)
        stream.close()


def test_a_state_is_told_when_it_is_another(live: tuple[Stream, int]) -> None:
    """Also to those who come later; what an update says of the release is known by then."""
    stream, port = live
    broken = State("r1", (Fault("a.css:1:1", "wrong"),))
    with Page(port, EVENTS) as page:
        assert page.next()["errors"] == []
        stream.tell(broken)
        message = page.next()
        assert message["errors"] == [{"where": "a.css:1:1", "message": "wrong", "hint": ""}]
        stream.tell(State("r1", (Fault("a.css:1:1", "wrong"),)))
        stream.send(update(1))
        assert numbers([page.next()]) == [1]
        with Page(port, EVENTS) as later:
            assert later.next() == message
        stream.send(update(2, "r2"))
        stream.tell(State("r2"))
        assert numbers(page.until(lambda message: message["type"] == "state")) == [2, "state"]
        stream.send(update(3, "r3"))
        with Page(port, EVENTS) as later:
            assert later.next()["release"] == "r3"
        stream.tell(State("r3"))
        stream.send(update(4))
        assert numbers([page.next(), page.next()]) == [3, 4]


def test_a_stream_says_that_it_is_there(
    live: tuple[Stream, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page could not tell silence from a connection that was lost on the way."""
    monkeypatch.setattr(stream_module, "_PING_SECONDS", 0.05)
    _, port = live
    with Page(port, EVENTS) as page:
        assert [page.next()["type"] for _ in range(3)] == ["state", "ping", "ping"]
        assert page.last.endswith("-0")


def test_streams_end_with_the_process(live: tuple[Stream, int]) -> None:
    """At once, and so do those that begin later."""
    stream, port = live
    with Page(port, EVENTS) as page:
        assert page.next()["type"] == "state"
        stream.close()
        assert page.rest() == []
        with Page(port, EVENTS) as later:
            assert numbers(later.rest()) == ["state"]


def test_it_is_known_whether_somebody_listens() -> None:
    """What nobody listens to need not be worked for."""
    stream = Stream()
    listeners = [stream.events(Query()) for _ in range(2)]
    used = [stream.is_used]
    for each in listeners:
        next(each)
    for each in listeners:
        used.append(stream.is_used)
        each.close()
    assert [*used, stream.is_used] == [False, True, True, False]


# Over HTTP.


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/events", "200"),
        ("GET", "/live.js", "200"),
        ("HEAD", "/events", "405"),
        ("POST", "/events", "405"),
        ("OPTIONS", "/events", "405"),
        ("POST", "/live.js", "405"),
        ("GET", "/", "404"),
        ("GET", "", "404"),
        ("GET", "/events/", "404"),
        ("GET", "/live.js/../stream.py", "404"),
        ("GET", "/stream.py", "404"),
        ("GET", "/EVENTS", "404"),
    ],
)
def test_two_paths_are_answered(method: str, path: str, status: str) -> None:
    """Both are only ever read."""
    answer = ask(Stream(), environ={"REQUEST_METHOD": method, "PATH_INFO": path})
    assert answer.status.partition(" ")[0] == status
    assert answer.fields["cache-control"] == "no-store"
    assert answer.fields.get("allow") == ("GET" if status == "405" else None)


def test_the_stream_is_one_that_browsers_and_proxies_let_through() -> None:
    """Its type is what a browser insists on; proxies neither keep it nor wait for more of it."""
    answer = ask(Stream())
    assert answer.body.startswith(b"retry: 300\n\n")
    assert answer.fields == {
        "cache-control": "no-store",
        "content-type": "text/event-stream; charset=utf-8",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
    }


def test_the_script_is_one_that_browsers_run() -> None:
    """Its type is a script's, even for pages that insist; its length is right."""
    answer = ask(Stream(), environ={"PATH_INFO": "/live.js"})
    assert answer.fields["content-type"] == "text/javascript; charset=utf-8"
    assert answer.fields["content-length"] == str(len(answer.body))
    assert answer.body == wsgi.script()


ORIGINS: list[Any] = [
    # Host, Origin, allowed
    ("127.0.0.1:35729", "", True),
    ("localhost:35729", "", True),
    ("127.0.0.1:35729", "http://127.0.0.1:5000", True),
    ("127.0.0.1:35729", "http://localhost:5000", True),
    ("127.0.0.1:35729", "https://localhost", True),
    ("127.0.0.1:35729", "http://LOCALHOST:5000", True),
    ("127.0.0.1:35729", "http://shop.localhost:5000", True),
    ("127.0.0.1:35729", "http://127.8.8.8", True),
    ("127.0.0.1:35729", "http://[::1]:5000", True),
    ("[::1]:35729", "http://[::1]:5000", True),
    ("192.168.1.5:35729", "http://192.168.1.5:5000", True),
    ("192.168.1.5:35729", "http://localhost:5000", True),
    ("[fe80::1]:35729", "http://[fe80::1]:5000", True),
    ("192.168.1.5:35729", "http://192.168.1.6:5000", False),
    ("127.0.0.1:35729", "http://192.168.1.5:5000", False),
    ("127.0.0.1:35729", "https://example.com", False),
    ("127.0.0.1:35729", "http://localhost.example.com", False),
    ("127.0.0.1:35729", "http://notlocalhost", False),
    ("127.0.0.1:35729", "http://127.0.0.1.example.com", False),
    ("127.0.0.1:35729", "http://localhost@example.com", False),
    ("127.0.0.1:35729", "http://128.0.0.1", False),
    ("127.0.0.1:35729", "null", False),
    ("127.0.0.1:35729", "file://", False),
    ("127.0.0.1:35729", "localhost", False),
    ("127.0.0.1:35729", "http://[::1", False),
    ("127.0.0.1:35729", "http://\u212a", False),
    ("example.com:35729", "", False),
    ("example.com:35729", "http://example.com:35729", False),
    ("example.com:35729", "http://localhost:5000", False),
    ("", "", False),
    ("[::1", "", False),
]


@pytest.mark.parametrize("path", ["/events", "/live.js"])
@pytest.mark.parametrize(("host", "origin", "is_allowed"), ORIGINS)
def test_only_pages_of_this_machine_may_read(
    host: str, origin: str, is_allowed: bool, path: str
) -> None:
    """By another port any site could ask, and by a name of its own that leads here."""
    stream = Stream()
    stream.tell(State(None, (Fault("secret.css", "wrong"),)))
    request = {"HTTP_HOST": host, "PATH_INFO": path} | ({"HTTP_ORIGIN": origin} if origin else {})
    answer = ask(stream, cross_origin=True, environ=request)
    assert answer.status == ("200 OK" if is_allowed else "403 Forbidden")
    permission = answer.fields.get("access-control-allow-origin")
    if not is_allowed:
        assert permission is None
        assert answer.body == b""
    else:
        assert permission == (origin or None)
        assert answer.fields["vary"] == "Origin"
        assert answer.fields["cross-origin-resource-policy"] == "cross-origin"


def test_pages_of_the_apps_own_origin_need_no_permission() -> None:
    """And nobody else is given one."""
    answer = ask(Stream(), environ={"HTTP_HOST": "shop.test", "HTTP_ORIGIN": "https://example.com"})
    assert answer.status == "200 OK"
    assert not [name for name in answer.fields if name.startswith(("access-control", "cross-"))]


def test_a_server_for_one_request_at_a_time_is_not_kept_busy() -> None:
    """It would answer nothing else; people are told what to do, and so is the page."""
    warnings: list[str] = []
    stream = Stream()
    app = wsgi.application({"manifest": lambda: stream}, cross_origin=False, warn=warnings.append)
    with served(app, threaded=False) as port, Page(port, EVENTS) as page:
        (message,) = page.rest()
    assert message["type"] == "off"
    for cure in ("--without-threads", "--threads 8", "assetpipe watch"):
        assert cure in message["reason"]
        assert cure in warnings[0]
    assert not stream.is_used


def test_the_watchs_own_server_has_threads() -> None:
    """Though it says of itself that it has none."""
    stream = Stream()
    with listen(application(stream, cross_origin=True), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with Page(server.server_port, EVENTS) as page:
            assert page.next()["type"] == "state"
            stream.send(update(1))
            assert numbers([page.next()]) == [1]
            stream.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["TCP", "a Unix socket"])
def test_messages_do_not_wait_for_each_other(family: socket.AddressFamily) -> None:
    """Several small ones in a row would, for up to 40 ms each, by Nagle's algorithm."""
    with socket.socket(family) as connection:
        assert ask(Stream(), environ={"werkzeug.socket": connection}).status == "200 OK"
        if family == socket.AF_INET:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
