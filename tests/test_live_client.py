"""Live reload in a browser: what a page shows after it was told of a change."""

from __future__ import annotations

import base64
import hashlib
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from assetpipe.mediatypes import media_type

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Dialog, Page

pytest_plugins = ("tests.browser",)

CLIENT = files("assetpipe.live").joinpath("live.js").read_bytes()
RED, GREEN, BLUE = "rgb(255, 0, 0)", "rgb(0, 128, 0)", "rgb(0, 0, 255)"


def picture(width: int) -> str:
    """Return an image that is so wide."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" id="i" width="{width}" height="8"/>'


class Site:
    """A server on 127.0.0.1: static files, pages, and a stream that says what a test wants.

    Unlike the package's own it can be slow, refuse, lose connections, and die.

    Attributes:
        files: contents by path.
        fields: header fields of pages.
        delays: seconds before a path is answered.
        requests: the targets of all requests, in order.
        asked: the queries of all streams, in order.
        state: the state that is told at the end of what was missed.
        difference: what is told to who saw another epoch.
        refuses: streams are answered with 503.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.delays: dict[str, float] = {}
        self.requests: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.state: dict[str, Any] = {"type": "state", "release": None, "errors": []}
        self.state["warnings"] = []
        self.difference: dict[str, Any] | None = None
        self.refuses = False
        self.most = 0
        self._lock = threading.Lock()
        self._epoch = 0
        self._port = 0
        self.start()

    def start(self) -> None:
        """Begin to listen, with a new epoch and without a past."""
        site = self

        class Handler(_Handler):
            at = site

        self._epoch += 1
        self._history: list[tuple[float, dict[str, Any]]] = []
        self._streams: set[queue.Queue[bytes | None]] = set()
        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and close all streams."""
        self._server.shutdown()
        self._server.server_close()
        self.drop()

    def drop(self) -> None:
        """Close all streams."""
        with self._lock:
            for stream in self._streams:
                stream.put(None)
            self._streams.clear()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def id(self) -> str:
        return f"{self._epoch:012x}-{len(self._history)}"

    @property
    def open(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def page(
        self, body: str = "", *, path: str = "/", mode: str = "source", streams: str = "/_assetpipe"
    ) -> str:
        """Add a page with the tag, and return its URL."""
        tag = (
            f'<script src="/_assetpipe/live.js" data-streams="{streams}" data-mode="{mode}" async'
            ' nonce="abc"></script>'
        )
        self.files[path] = f"<!doctype html><title>t</title>{tag}{body}<p id=p>text</p>"
        return self.url + path

    def send(self, **message: Any) -> None:
        """Send an update to all streams, and remember it."""
        with self._lock:
            self._history.append((time.monotonic(), message))
            self._put(event(message, self.id))

    def say(self, **message: Any) -> None:
        """Send what is no update to all streams; a state is remembered."""
        with self._lock:
            is_state = message["type"] == "state"
            if is_state:
                self.state |= message
            self._put(event(self.state if is_state else message, self.id if is_state else None))

    def change(self, *names: str, **contents: str) -> None:
        """Send that source files have changed."""
        self.send(type="update", release=None, changes=[change(name) for name in names])

    def _put(self, data: bytes) -> None:
        for stream in self._streams:
            stream.put(data)

    def listen(self, query: Mapping[str, str]) -> tuple[queue.Queue[bytes | None], list[bytes]]:
        """Open a stream, and return what it is told at first."""
        with self._lock:
            epoch, _, count = query.get("since", "").partition("-")
            missed: list[tuple[int, dict[str, Any]]] = []
            past = list(enumerate(self._history, 1))
            if epoch == f"{self._epoch:012x}":
                missed = [(n, message) for n, (_, message) in past if n > int(count)]
            elif epoch:
                if self.difference and query.get("release") != self.state["release"]:
                    missed = [(len(past), self.difference)]
            elif "age" in query:
                since = time.monotonic() - int(query["age"]) / 1000 - 0.2
                missed = [(n, message) for n, (at, message) in past if at > since]
            first = [event(message, f"{self._epoch:012x}-{n}") for n, message in missed]
            first.append(event(self.state, self.id))
            stream: queue.Queue[bytes | None] = queue.Queue()
            if "once" in query:
                stream.put(None)
            else:
                self._streams.add(stream)
                self.most = max(self.most, len(self._streams))
            return stream, first

    def leave(self, stream: queue.Queue[bytes | None]) -> None:
        """Close a stream."""
        with self._lock:
            self._streams.discard(stream)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so on the server's side."""
        end = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.002)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of pages that are gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    at: ClassVar[Site]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        site = self.at
        target = urlsplit(self.path)
        path = unquote(target.path)
        if self.path != "/favicon.ico":  # which Chromium asks for when it likes
            site.requests.append(self.path)
        if path.endswith("/events"):
            query = {name: values[0] for name, values in parse_qs(target.query).items()}
            self._stream(query)
            return
        text = site.files.get(path)
        time.sleep(site.delays.get(path, 0))
        if path == "/favicon.ico":
            self._answer(204, b"")
        elif path.endswith("/live.js"):
            self._answer(200, CLIENT, {"Content-Type": "text/javascript"})
        elif text is not None:
            body = text.encode()
            tag = f'"{hashlib.sha256(body).hexdigest()}"'
            kept = {"Cache-Control": "no-cache", "ETag": tag}
            if self.headers["If-None-Match"] == tag:
                self._answer(304, b"", kept)
            elif path.startswith("/static/"):
                self._answer(200, body, kept | {"Content-Type": media_type(path)})
            else:
                self._answer(200, body, site.fields | {"Content-Type": "text/html"})
        else:
            self._answer(404, b"")

    def _answer(self, status: int, body: bytes, fields: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(fields or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, query: dict[str, str]) -> None:
        site = self.at
        site.asked.append(query)
        if site.refuses:
            self._answer(503, b"")
            return
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Connection", "close")
        self.end_headers()
        stream, first = site.listen(query)
        try:
            for data in first:
                self.wfile.write(data)
            while data_or_end := self._next(stream):
                self.wfile.write(data_or_end)
        except OSError:
            pass
        finally:
            site.leave(stream)

    def _next(self, stream: queue.Queue[bytes | None]) -> bytes | None:
        """Wait for what is to be said; a comment in between finds out that the page is gone."""
        while True:
            try:
                return stream.get(timeout=0.02)
            except queue.Empty:
                self.wfile.write(b":\n")


def event(message: Mapping[str, Any], id_: str | None) -> bytes:
    """Return an event of a stream."""
    head = f"id: {id_}\n" if id_ else ""
    return f"{head}data: {json.dumps(message)}\n\n".encode()


def change(name: str, file: str | None = None) -> dict[str, Any]:
    """Return a change of a file, of the kind that its media type says."""
    family = media_type(name)
    kind = "style" if family == "text/css" else "image" if family[:6] == "image/" else "other"
    return {"name": name, "kind": kind, "file": file}


@pytest.fixture
def site(context: BrowserContext) -> Iterator[Site]:
    """Return a server, which outlives the pages."""
    site = Site()
    yield site
    context.close()
    site.stop()


def visit(page: Page, site: Site, url: str) -> None:
    """Open a page, mark it, and wait until it is told of changes."""
    asked = len(site.asked)
    page.goto(url)
    page.evaluate("window.mark = 1")
    site.wait(lambda: len(site.asked) > asked and site.open > 0)


def is_same_page(page: Page) -> bool:
    """Say whether the page has not been loaded again."""
    return bool(page.evaluate("window.mark === 1"))


COLOR = "([selector, color]) => getComputedStyle(document.querySelector(selector)).color === color"


def wait_color(page: Page, color: str, selector: str = "#p") -> None:
    """Wait until an element has a color."""
    page.wait_for_function(COLOR, arg=[selector, color], polling=5)


SHADOW = """<div id=host></div><script nonce=abc>
const root = document.querySelector('#host').attachShadow({mode: 'open'});
root.innerHTML = `INSIDE<p id=q>text</p>`;
</script>"""
IN_SHADOW = "color => getComputedStyle(host.shadowRoot.querySelector('#q')).color === color"


@dataclass(frozen=True)
class Sheet:
    """A page with a style sheet.

    Attributes:
        body: the page's HTML; ``{red}`` is the integrity of ``files``' first.
        name: of the file that changes; before, the text is red, then green.
        files: others, by name.
    """

    body: str
    name: str = "css/app.css"
    files: Mapping[str, str] = field(default_factory=dict)


LINK = '<link rel="stylesheet" href="/static/css/app.css">'
SHEETS = {
    "link": Sheet(LINK),
    "link with a query and a fragment": Sheet(
        '<link rel="x STYLESHEET" href=" ../static/css/app.css?a=1&assetpipe=1&b#c ">'
    ),
    "link in the body": Sheet(f"<div>{LINK}</div>"),
    "link with media": Sheet(LINK.replace(">", ' media="screen">')),
    "link with integrity": Sheet(
        LINK.replace(">", ' integrity="{integrity}" crossorigin="anonymous">')
    ),
    "link with a title": Sheet(LINK.replace(">", ' title="One">')),
    "link by a relative URL": Sheet('<link rel="stylesheet" href="static/css/app.css">'),
    "link with escapes": Sheet(
        '<link rel="stylesheet" href="/static/css/%61%20%C3%A4.css">', "css/a ä.css"
    ),
    "link that two names end": Sheet(LINK, "static/css/app.css"),
    "link in a shadow root": Sheet(SHADOW.replace("INSIDE", LINK)),
    "import in a shadow root": Sheet(
        SHADOW.replace("INSIDE", "<style>@import '/static/css/app.css';</style>")
    ),
    "import in a style element": Sheet("<style>@import '/static/css/app.css';</style>"),
    "import": Sheet(
        LINK.replace("app", "main"), files={"css/main.css": '@import "app.css"; p {margin: 3px}'}
    ),
    "import after a layer statement": Sheet(
        LINK.replace("app", "main"),
        files={"css/main.css": '@charset "utf-8"; @layer a, b; @import "app.css";'},
    ),
    "import two levels deep with layer, supports and media": Sheet(
        LINK.replace("app", "main"),
        "css/parts/leaf.css",
        {
            "css/main.css": '@import "mid.css" layer(x) screen; @layer y {p {margin: 2px}}',
            "css/mid.css": '@import "parts/leaf.css" layer(z) supports(display: grid) all;',
        },
    ),
    "import that imports, in a style element": Sheet(
        "<style>@import '/static/css/app.css'; p {margin: 2px}</style>",
        files={"css/more.css": "p {margin: 1px}"},
    ),
    "import that imports": Sheet(
        LINK.replace("app", "main"),
        files={"css/main.css": '@import "app.css";', "css/more.css": "p {margin: 1px}"},
    ),
}


@pytest.mark.parametrize("case", SHEETS.values(), ids=SHEETS)
def test_a_sheet_is_exchanged(page: Page, site: Site, case: Sheet) -> None:
    """Wherever it is; the page goes on, and nothing of the exchange is left."""
    imports = '@import "more.css";' if "css/more.css" in case.files else ""
    red, green = (f"{imports}p {{color: {color}}}" for color in ("red", "green"))
    short = case.name.removeprefix("static/")
    site.files |= {f"/static/{name}": text for name, text in case.files.items()}
    site.files[f"/static/{short}"] = red
    digest = base64.b64encode(hashlib.sha256(red.encode()).digest()).decode()
    visit(page, site, site.page(case.body.replace("{integrity}", f"sha256-{digest}")))
    in_shadow = "attachShadow" in case.body

    def wait(color: str) -> None:
        if in_shadow:
            page.wait_for_function(IN_SHADOW, arg=color, polling=5)
        else:
            wait_color(page, color)

    wait(RED)
    shape = "[document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot)]\
.filter(r => r).map(r => r.querySelectorAll('*').length)"
    before = page.evaluate(shape)
    for text, color in ((green, GREEN), (red, RED)):
        site.files[f"/static/{short}"] = text
        site.change("css/other.css", case.name, "pp.css", "s/app.css")
        wait(color)
    page.wait_for_function(f"n => JSON.stringify({shape}) === JSON.stringify(n)", arg=before)
    assert is_same_page(page)


FRAMES = """() => {
    window.frames_ = [];
    const look = () => {
        frames_.push(getComputedStyle(p).color + ' ' + getComputedStyle(p).fontSize);
        requestAnimationFrame(look);
    };
    look();
}"""
BESIDE = {
    "/static/css/main.css": '@import "more.css"; @import "app.css"; p {margin-left: 3px}',
    "/static/css/more.css": "p {font-size: 9px}",
}


@pytest.mark.parametrize(
    ("body", "addition"),
    [
        (f"{LINK}<style>p {{font-size: 9px}}</style>", ""),
        (LINK.replace("app", "main"), ""),
        (LINK.replace("app", "main"), '@import "late.css";'),
        ("<style>@import '/static/css/app.css'; p {font-size: 9px}</style>", ""),
        ("<style>@import '/static/css/main.css';</style>", '@import "late.css";'),
    ],
    ids=["link", "import", "import that imports", "style element", "deep in a style element"],
)
def test_no_frame_is_without_the_sheet(page: Page, site: Site, body: str, addition: str) -> None:
    """Nor without what the sheet around it says, however long the new one takes."""
    site.files |= BESIDE | {"/static/css/app.css": "p {color: red}", "/static/css/late.css": ""}
    # What is beside it in the sheet has to stay, too.
    site.files["/static/css/main.css"] += "p {font-size: 9px}"
    visit(page, site, site.page(body))
    page.evaluate(FRAMES)
    for name in ("app", "late"):
        site.delays[f"/static/css/{name}.css"] = 0.1
    site.files["/static/css/app.css"] = f"{addition}p {{color: green}}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    page.wait_for_function("count => frames_.length > count", arg=page.evaluate("frames_.length"))
    assert set(page.evaluate("frames_")) == {f"{RED} 9px", f"{GREEN} 9px"}
    assert is_same_page(page)


IMPORTS = """() => {
    const texts = sheet => [...sheet.cssRules].filter(rule => rule.styleSheet).flatMap(
        rule => [rule.cssText.replace(/url\\(.*?\\)/, ''), ...texts(rule.styleSheet)]
    );
    return texts(document.styleSheets[0]);
}"""


def test_an_import_keeps_its_conditions(page: Page, site: Site) -> None:
    """Its layer, what has to be supported, the media, and its place among others."""
    names = "abcdef"
    ends = ["", "layer", "layer(x.y)", "supports(display: grid)", "screen, print", ""]
    ends[-1] = "layer(z) supports((display: grid) and (color: red)) (min-width: 1px)"
    rules = (f'@import "{n}.css" {end};' for n, end in zip(names, ends, strict=True))
    site.files["/static/css/app.css"] = "".join(rules)
    site.files |= {f"/static/css/{name}.css": "" for name in names}
    visit(page, site, site.page(LINK))
    before = page.evaluate(IMPORTS)
    assert len(before) == len(names)
    site.change(*(f"css/{name}.css" for name in names))
    page.wait_for_function(
        "[...document.styleSheets[0].cssRules].every(rule => rule.href.includes('assetpipe='))"
    )
    assert page.evaluate(IMPORTS) == before
    assert page.evaluate("document.querySelectorAll('link').length") == 1


def test_the_longest_name_wins(page: Page, site: Site) -> None:
    """Of two that a URL ends with, which have other files."""
    visit(
        page, site, site.page("<link id=l rel=stylesheet disabled href=a/b.css>", mode="manifest")
    )
    changes = [change("b.css", f"b.{OLD}.css"), change("a/b.css", f"a/b.{NEW}.css")]
    site.send(type="update", release="r", changes=changes)
    page.wait_for_function("l.getAttribute('href') !== 'a/b.css'")
    assert page.get_attribute("#l", "href") == f"a/b.{NEW}.css"


def test_what_else_is_imported_is_not_asked_for(page: Page, site: Site) -> None:
    """A framework beside the sheet costs nothing."""
    site.files |= BESIDE | {"/static/css/app.css": "p {color: red}"}
    visit(page, site, site.page(LINK.replace("app", "main")))
    site.requests.clear()
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    assert [urlsplit(each).path for each in site.requests] == ["/static/css/app.css"]


def test_what_the_user_does_goes_on(page: Page, site: Site) -> None:
    """Typed text, the selection in it, the focus and the scroll position stay."""
    site.files["/static/css/app.css"] = "p {color: red}"
    body = "<div style='height: 5000px'></div><input id=i><div style='height: 5000px'></div>"
    visit(page, site, site.page(LINK + body))
    page.fill("#i", "typed")
    state = "[i.value, i.selectionStart, document.activeElement === i, scrollY > 1000 && scrollY]"
    before = page.evaluate(state)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    assert page.evaluate(state) == before
    assert before[0] == "typed"
    assert before[-1]


@dataclass(frozen=True)
class Switch:
    """A link in a state of its own.

    Attributes:
        link: its further attributes.
        action: a script that brings it there; ``l`` is the link.
        late: the same, but while the new sheet is on its way.
        color: of the text, before and after.
        back: a script that shows the new sheet; the text is green then.
    """

    link: str = ""
    action: str = ""
    late: str = ""
    color: str = "rgb(0, 0, 0)"
    back: str = ""


SWITCHES = {
    "disabled in the page": Switch("disabled", back="l.disabled = false"),
    "disabled by a script": Switch(action="l.disabled = true", back="l.disabled = false"),
    "switched off by a script": Switch(
        action="l.sheet.disabled = true", back="l.sheet.disabled = false"
    ),
    "alternate": Switch(
        'rel="alternate stylesheet" title=b', back="l.disabled = true; l.disabled = false"
    ),
    "alternate, switched on": Switch(
        'rel="alternate stylesheet" title=b',
        action="l.disabled = true; l.disabled = false",
        color=GREEN,
    ),
    "other media": Switch("media=print", back="l.media = 'all'"),
    "media changed by a script": Switch(action="l.media = 'print'", back="l.media = 'all'"),
    "media taken away while it loads": Switch("media=print", late="l.media = ''", color=GREEN),
    "media changed while it loads": Switch(late="l.media = 'print'", back="l.media = ''"),
    "switched off while it loads": Switch(
        late="l.sheet.disabled = true", back="l.sheet.disabled = false"
    ),
    "disabled while it loads": Switch(late="l.disabled = true", back="l.disabled = false"),
    "taken away while it loads": Switch(late="l.remove()"),
    "a handler that has run": Switch('onload="window.runs = (window.runs || 0) + 1"', color=GREEN),
}


def each_link(page: Page, action: Callable[[Switch], str]) -> None:
    """Run a script for the link of each case; ``l`` is the link."""
    for n, case in enumerate(SWITCHES.values()):
        page.evaluate(f"(l => {{ {action(case)} }})(document.querySelector('.c{n}'))")


def test_a_link_stays_as_it_is(page: Page, site: Site) -> None:
    """What a page or its scripts did to a link is true of the new one."""
    names = [f"css/{n}.css" for n in range(len(SWITCHES))]
    body = ""
    for n, (name, case) in enumerate(zip(names, SWITCHES.values(), strict=True)):
        site.files[f"/static/{name}"] = f"#p{n} {{color: red}}"
        rel = "" if "rel=" in case.link else "rel=stylesheet"
        body += f'<link class=c{n} {rel} {case.link} href="/static/{name}"><p id=p{n}></p>'
    visit(page, site, site.page(body))
    page.wait_for_function(
        "[...document.querySelectorAll('link')].every(l => l.disabled || l.sheet)"
    )
    each_link(page, lambda case: case.action)
    for n, (name, case) in enumerate(zip(names, SWITCHES.values(), strict=True)):
        site.files[f"/static/{name}"] = f"#p{n} {{color: green}}"
        site.delays[f"/static/{name}"] = 0.2 if case.late else 0
    site.change(*names)
    site.wait(lambda: all(f"/static/{name}?" in str(site.requests) for name in names[-3:]))
    each_link(page, lambda case: case.late)
    left = sum("remove" not in case.late for case in SWITCHES.values())
    page.wait_for_function(
        "left => document.querySelectorAll('link').length === left"
        " && !document.querySelector('link:not([href*=assetpipe])')",
        arg=left,
    )
    colors = "[...document.querySelectorAll('p[id^=p]')].slice(0, -1)"
    colors += ".map(each => getComputedStyle(each).color)"
    expected = [case.color for case in SWITCHES.values()]
    page.wait_for_function(f"n => JSON.stringify({colors}) === JSON.stringify(n)", arg=expected)
    each_link(page, lambda case: case.back)
    shown = [GREEN if case.back else case.color for case in SWITCHES.values()]
    page.wait_for_function(f"n => JSON.stringify({colors}) === JSON.stringify(n)", arg=shown)
    assert page.evaluate("window.runs") == 1
    assert is_same_page(page)


@pytest.mark.parametrize("later", [0, 0.25], ids=["comes first", "comes last"])
@pytest.mark.parametrize("sheet", ["app", "main"])
def test_the_newest_sheet_wins(page: Page, site: Site, sheet: str, later: float) -> None:
    """Whether the one before it comes later or not; and only one is left."""
    site.files |= BESIDE | {"/static/css/app.css": "p {color: red}"}
    visit(page, site, site.page(LINK.replace("app", sheet)))
    wait_color(page, RED)
    site.delays["/static/css/app.css"] = 0.15
    site.files["/static/css/app.css"] = "p {color: blue}"
    site.requests.clear()
    site.change("css/app.css")
    site.wait(lambda: len(site.requests) == 1)
    site.delays["/static/css/app.css"] = later
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    page.evaluate("new Promise(done => setTimeout(done, 200))")
    wait_color(page, GREEN)
    assert page.evaluate("document.styleSheets.length") == 1
    assert page.evaluate("document.styleSheets[0].cssRules.length") == (1 if sheet == "app" else 3)


@pytest.mark.parametrize("sheet", ["app", "main"])
def test_a_sheet_that_cannot_be_had_changes_nothing(page: Page, site: Site, sheet: str) -> None:
    """The old one stays, and the next one is taken."""
    site.files |= BESIDE | {"/static/css/app.css": "p {color: red}"}
    visit(page, site, site.page(LINK.replace("app", sheet)))
    wait_color(page, RED)
    asked = len(site.requests)
    del site.files["/static/css/app.css"]
    site.change("css/app.css")
    site.wait(lambda: len(site.requests) > asked)
    page.wait_for_function("document.querySelectorAll('link').length === 1")
    wait_color(page, RED)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    assert page.evaluate("document.styleSheets[0].cssRules.length") == (1 if sheet == "app" else 3)


def test_a_sheet_changes_while_one_around_it_loads(page: Page, site: Site) -> None:
    """What is on its way may have the old one inside."""
    site.files |= BESIDE | {"/static/css/app.css": "p {color: red}"}
    visit(page, site, site.page(LINK.replace("app", "main")))
    wait_color(page, RED)
    site.delays["/static/css/more.css"] = 0.1
    asked = len(site.requests)
    site.change("css/main.css")
    site.wait(lambda: len(site.requests) >= asked + 3)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    page.wait_for_function("document.styleSheets.length === 1")
    wait_color(page, GREEN)


IMAGE = "/static/img/a.svg"
MARKUP = {
    "img": f'<img src="{IMAGE}">',
    "lazy img": f'<img src="{IMAGE}" loading=lazy sizes=10px width=3>',
    "img with a srcset": '<img src="data:," srcset="data:image/png,a,b 1x,,'
    f"{IMAGE}  2x,\n {IMAGE}?x=1,/static/img/b.svg"
    ' 3.5x">',
    "srcset of one": f'<img srcset=" {IMAGE}">',
    "picture": f'<picture><source srcset="{IMAGE} 100w"><img src="data:,"></picture>',
    "input": f'<input type=image src="{IMAGE}">',
    "poster": f'<video poster="{IMAGE}"></video>',
    "icon": f'<link rel="shortcut ICON" href="{IMAGE}">',
    "svg image": f'<svg><image href="{IMAGE}"/></svg>',
    "svg image by xlink": f'<svg><image xlink:href="{IMAGE}"/></svg>',
    "use": f'<svg><use href="{IMAGE}#i"/></svg>',
    "filter": f'<svg><filter><feImage href="{IMAGE}"/></filter></svg>',
    "object": f'<object data="{IMAGE}"></object>',
    "embed": f'<embed src="{IMAGE}">',
    "relative": '<img src="static/img/../img/a.svg">',
    "in a shadow root": SHADOW.replace("INSIDE", f'<img src="{IMAGE}">'),
}
ATTRIBUTES = """() => Object.fromEntries([...document.querySelectorAll('div[title]')].map(div => [
    div.title,
    [div, ...[...div.querySelectorAll('*')].map(e => e.shadowRoot)].filter(root => root)
        .flatMap(root => [...root.querySelectorAll('*')]).flatMap(e => [...e.attributes])
        .map(a => a.value).filter(v => v.includes('a.svg')).join(),
]))"""


def test_images_are_exchanged(page: Page, site: Site) -> None:
    """Wherever markup may name one; all but the query stays."""
    site.files |= {IMAGE: picture(11), "/static/img/b.svg": picture(1)}
    body = "".join(f'<div title="{title}">{each}</div>' for title, each in MARKUP.items())
    visit(page, site, site.page(f"{body}<br><img id=new src='{IMAGE}'>"))
    before = page.evaluate(ATTRIBUTES)
    assert all(before.values())
    site.files[IMAGE] = picture(22)
    last = page.evaluate("document.images.new.src")
    for _ in range(2):
        site.change("img/a.svg")
        page.wait_for_function("last => document.images.new.src !== last", arg=last)
        last = page.evaluate("document.images.new.src")
        (serial,) = re.findall(r"assetpipe=\d+", last)
        after = page.evaluate(ATTRIBUTES)
        assert {title for title in after if serial not in after[title]} == set()
        plain = {title: re.sub(rf"[?&]{serial}", "", after[title]) for title in after}
        assert plain == before
    page.wait_for_function("document.images.new.naturalWidth === 22")
    assert is_same_page(page)


RULES = {
    "background": "p {background: url(../img/a.svg) no-repeat}",
    "important": "p {background-image: url('../img/a.svg') !important}",
    "two images": "p {background: url(../img/a.svg), url(../img/b.svg)}",
    "list": "p {list-style-image: url(../img/a.svg)}",
    "border": "p {border-image: url(../img/a.svg) 30}",
    "mask": "p {mask-image: url(../img/a.svg)}",
    "cursor": "p {cursor: url(../img/a.svg) 1 2, auto}",
    "content": "p::before {content: url(../img/a.svg)}",
    "image-set": "p {background-image: image-set(url(../img/a.svg) 1x, '../img/b.svg' 2x)}",
    "shorthand with var()": "p {--x: no-repeat; background: url(../img/a.svg) var(--x)}",
    "custom property": "p {--image: url(../img/a.svg); background: var(--image)}",
    "media": "@media all {@media screen {p {background: url(../img/a.svg)}}}",
    "supports": "@supports (display: grid) {p {background: url(../img/a.svg)}}",
    "layer": "@layer x {p {background: url(../img/a.svg)}}",
    "container": "body {container: c / size} @container c (width > 1px) {p {background: "
    "url(../img/a.svg)}}",
    "nested": "body {p {background: url(../img/a.svg)}}",
    "keyframes": "@keyframes k {from, to {background: url(../img/a.svg)}} p {animation: k 9s}",
    "imported": '@import "app.css";',
}
ALL_RULES = """() => {
    const rules = sheet => [...sheet.cssRules].map(
        rule => rule.styleSheet ? rules(rule.styleSheet) : rule.cssText
    ).join(' ');
    return Object.fromEntries([...document.styleSheets, ...document.adoptedStyleSheets].map(
        sheet => [sheet.title, rules(sheet)]
    ).concat([['p', p.style.cssText]]));
}"""


def test_images_of_sheets_are_exchanged(page: Page, site: Site) -> None:
    """In every property and at any depth; all else of the rule stays."""
    sheets = {f"/static/css/{n}.css": rule for n, rule in enumerate(RULES.values())}
    site.files |= {IMAGE: picture(11), "/static/img/b.svg": picture(1)} | sheets
    site.files["/static/css/app.css"] = "b {background: url(../img/a.svg)}"
    links = "".join(
        f'<link rel=stylesheet href="{url}"><script nonce=abc>'
        f"document.styleSheets[{n}].name_ = '{title}'</script>"
        for n, (url, title) in enumerate(zip(sheets, RULES, strict=True))
    )
    visit(page, site, site.page(f"{links}<b>text</b>"))
    names = ALL_RULES.replace("sheet.title", "sheet.name_")
    before = page.evaluate(names)
    site.wait(lambda: IMAGE in site.requests)
    site.change("img/a.svg")
    site.wait(lambda: any(each.startswith(f"{IMAGE}?assetpipe=") for each in site.requests))
    after = page.evaluate(names)
    renewed = rf'url\("{site.url}/static/img/(a\.svg)\?assetpipe=\d+"\)'
    assert {title for title in RULES if not re.search(renewed, after[title])} == set()
    plain = {title: re.sub(renewed, r"url(../img/\1)", text) for title, text in after.items()}
    assert {title: text.replace('"', "") for title, text in plain.items()} == {
        title: text.replace('"', "") for title, text in before.items()
    }
    assert is_same_page(page)


@pytest.mark.parametrize(
    "body",
    {
        "style attribute": f"<script nonce=abc>addEventListener('DOMContentLoaded', () => "
        f"p.setAttribute('style', 'background: url({IMAGE}) !important; color: red'))</script>",
        "style element": f"<style>p {{background: url({IMAGE})}}</style>",
        "adopted sheet": "<script>const sheet = new CSSStyleSheet();"
        f"sheet.replaceSync('p {{background: url({IMAGE})}}');"
        "document.adoptedStyleSheets = [sheet];</script>",
    }.values(),
    ids=["style attribute", "style element", "adopted sheet"],
)
def test_an_image_of_the_page_s_own_styles_is_exchanged(page: Page, site: Site, body: str) -> None:
    """As in a sheet."""
    site.files[IMAGE] = picture(11)
    visit(page, site, site.page(body))
    site.wait(lambda: IMAGE in site.requests)
    before = page.evaluate(ALL_RULES)
    site.change("img/a.svg")
    site.wait(lambda: any(each.startswith(f"{IMAGE}?assetpipe=") for each in site.requests))
    after = page.evaluate(ALL_RULES)
    plain = re.sub(rf"(?:{site.url})?({IMAGE})\?assetpipe=\d+", r"\1", json.dumps(after))
    assert json.loads(plain) == before
    assert is_same_page(page)


def test_a_new_sheet_shows_the_new_image(page: Page, site: Site) -> None:
    """A sheet that comes after an image has changed names it as before, and it is not the old."""
    site.files |= {IMAGE: picture(11), "/static/css/app.css": "img {content: url(../img/a.svg)}"}
    visit(page, site, site.page(f"{LINK}<img id=i>"))
    width = "width => document.querySelector('img').offsetWidth === width"
    page.wait_for_function(width, arg=11)
    site.files[IMAGE] = picture(22)
    site.change("img/a.svg")
    page.wait_for_function(width, arg=22)
    site.files["/static/css/app.css"] += "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    page.wait_for_function(width, arg=22)
    page.wait_for_function("document.styleSheets.length === 1")
    page.wait_for_function(width, arg=22)


def test_a_sheet_and_its_image_change_together(page: Page, site: Site) -> None:
    """The new sheet shows the new image."""
    site.files |= {IMAGE: picture(11), "/static/css/app.css": "img {content: url(../img/a.svg)}"}
    visit(page, site, site.page(f"{LINK}<img id=i>"))
    width = "width => document.querySelector('img').offsetWidth === width"
    page.wait_for_function(width, arg=11)
    site.files |= {IMAGE: picture(22), "/static/css/app.css": "#i {content: url(../img/a.svg)}"}
    site.change("img/a.svg", "css/app.css")
    page.wait_for_function("document.styleSheets.length === 1")
    page.wait_for_function(width, arg=22)


# What reloads, and what does not.


def reloaded(page: Page) -> None:
    """Wait until the page was loaded again, and is told of changes again."""
    page.wait_for_function("window.mark === undefined && document.readyState === 'complete'")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "update", "release": None, "changes": [change("a.css"), change("js/app.js")]},
        {"type": "reload"},
    ],
    ids=["script", "reload"],
)
def test_a_page_reloads_once(page: Page, site: Site, message: dict[str, Any]) -> None:
    """The new page knows what it was loaded for, and is not told of it again."""
    visit(page, site, site.page(LINK))
    for count in (2, 3):
        asked = len(site.asked)
        site.send(**message)
        last = site.id
        reloaded(page)
        site.wait(lambda asked=asked: len(site.asked) > asked and site.open == 1)  # type: ignore[misc]
        page.evaluate("window.mark = 1")
        assert site.asked[-1] == {"mode": "source", "since": last}
        page.evaluate("new Promise(done => setTimeout(done, 50))")
        assert site.requests.count("/") == count


def test_a_page_that_stays_is_asked_once(page: Page, site: Site) -> None:
    """Who stays by the page's own dialog keeps what was typed, and sees styles change."""
    site.files["/static/css/app.css"] = "p {color: red}"
    dialogs: list[str] = []
    visit(page, site, site.page(LINK + "<input id=i>"))
    page.evaluate("addEventListener('beforeunload', event => event.preventDefault())")

    def stay(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.fill("#i", "typed")
    page.click("#i")
    site.change("app.js")
    page.wait_for_function("true")
    site.change("app.js")
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    assert dialogs == ["beforeunload"]
    assert is_same_page(page)


@pytest.mark.parametrize(
    ("script", "loaded", "expected"),
    [
        ("fetch('/static/css/app.css')", "css/app.css", True),
        ("new Image().src = '/static/img/a.svg?x=1'", "img/a.svg?x=1", True),
        ("fetch('/static/css/app.css.map')", "css/app.css.map", False),
        ("", "live.js", False),
    ],
    ids=["style", "image", "another", "nothing"],
)
def test_what_a_script_loaded_reloads(
    page: Page, site: Site, script: str, loaded: str, expected: bool
) -> None:
    """It alone knows what it did with it; what was never loaded is nobody's."""
    site.files |= {"/static/css/app.css": "", IMAGE: picture(1), "/static/css/app.css.map": "{}"}
    visit(page, site, site.page())
    page.evaluate(f"() => {{ {script} }}")
    page.wait_for_function(
        "end => performance.getEntriesByType('resource').some(e => e.name.endsWith(end))",
        arg=loaded,
    )
    site.change("css/app.css", "img/a.svg")
    if expected:
        reloaded(page)
    else:
        site.say(type="state", errors=[fault("now")])
        page.wait_for_selector("assetpipe-overlay")
        assert is_same_page(page)


@pytest.fixture
def other(context: BrowserContext) -> Iterator[Site]:
    """Return another server, at another port."""
    site = Site()
    yield site
    context.close()
    site.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_sheet_that_cannot_be_read_is_asked_for_again(
    page: Page, site: Site, other: Site, host: str
) -> None:
    """Nobody can see what another origin's uses; unless it is another site's altogether."""
    other.files |= BESIDE | {"/static/css/app.css": "p {color: red}"}
    url = f"{other.url.replace('127.0.0.1', host)}/static"
    visit(page, site, site.page(LINK.replace("app", "main").replace("/static", url)))
    wait_color(page, RED)
    other.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    if host == "localhost":
        site.say(type="state", errors=[fault("now")])
        page.wait_for_selector("assetpipe-overlay")
        assert not page.query_selector("link[href*=assetpipe]")
    else:
        wait_color(page, GREEN)
    assert is_same_page(page)


# Manifest mode.


@dataclass(frozen=True)
class Named:
    """A URL of an earlier release, and what becomes of it.

    Attributes:
        url: in the page.
        name: of the asset that changes.
        file: of the new release.
        expected: a regular expression of the new URL; empty where it stays.
    """

    url: str
    name: str
    file: str
    expected: str


OLD, NEW = "0123456789ab", "ba9876543210"
SERIAL = r"assetpipe=\d+"
NAMED = {
    "fingerprint": Named(
        f"/s/css/app.{OLD}.css", "css/app.css", f"css/app.{NEW}.css", f"/s/css/app.{NEW}.css"
    ),
    "none before": Named(
        "/s/css/app.css", "css/app.css", f"css/app.{NEW}.css", f"/s/css/app.{NEW}.css"
    ),
    "none after": Named(f"/s/css/app.{OLD}.css", "css/app.css", "css/app.css", "/s/css/app.css"),
    "never any": Named(
        "/s/css/app.css", "css/app.css", "css/app.css", rf"/s/css/app.css\?{SERIAL}"
    ),
    "the same": Named(
        f"/s/app.{OLD}.css", "app.css", f"app.{OLD}.css", rf"/s/app.{OLD}.css\?{SERIAL}"
    ),
    "query and fragment": Named(
        f"s/app.{OLD}.css?v=1#f", "app.css", f"app.{NEW}.css", rf"s/app.{NEW}.css\?v=1#f"
    ),
    "an earlier update": Named(
        f"s/app.{OLD}.css?assetpipe=1&v=1", "app.css", f"app.{NEW}.css", rf"s/app.{NEW}.css\?v=1"
    ),
    "minified": Named(
        f"/s/a.min.{OLD}.css", "a.min.css", f"a.min.{NEW}.css", f"/s/a.min.{NEW}.css"
    ),
    "no suffix": Named(f"/s/css/app.{OLD}", "css/app", f"css/app.{NEW}", f"/s/css/app.{NEW}"),
    "a hash in the name": Named(
        f"/s/a.{OLD}.{OLD}.css", f"a.{OLD}.css", f"a.{OLD}.{NEW}.css", f"/s/a.{OLD}.{NEW}.css"
    ),
    "escapes": Named(
        f"/s/%C3%A4/a%20b.{OLD}.css", "ä/a b.css", f"ä/a b.{NEW}.css", f"/s/%C3%A4/a%20b.{NEW}.css"
    ),
    "a fragment's sign": Named(
        f"/s/a%23.{OLD}.css", "a#.css", f"a#.{NEW}.css", f"/s/a%23.{NEW}.css"
    ),
    "not a fingerprint": Named("/s/app.0123456789aB.css", "app.css", f"app.{NEW}.css", ""),
    "another site": Named("http://cdn.test/app.css", "app.css", f"app.{NEW}.css", ""),
    "a CDN": Named(
        f"http://cdn.test/app.{OLD}.css",
        "app.css",
        f"app.{NEW}.css",
        f"http://cdn.test/app.{NEW}.css",
    ),
    "too short": Named("/s/app.0123456789a.css", "app.css", f"app.{NEW}.css", ""),
    "another folder": Named(f"/s/css/app.{OLD}.css", "ss/app.css", f"ss/app.{NEW}.css", ""),
    "no URL of a server": Named("data:text/css,app.css", "css,app.css", f"css,app.{NEW}.css", ""),
    "no URL": Named("http://[/app.css", "app.css", f"app.{NEW}.css", ""),
}


def test_names_of_another_release(page: Page, site: Site) -> None:
    """A URL leads to the new file whatever release it is of, and else stays."""
    visit(page, site, site.page("<link id=l rel=stylesheet disabled href=a>", mode="manifest"))
    found = {}
    for title, case in NAMED.items():
        page.evaluate("url => l.setAttribute('href', url)", case.url)
        changes = [{"name": case.name, "kind": "style", "file": case.file}]
        site.send(type="update", release="r", changes=changes)
        site.say(type="state", errors=[fault(title)])
        wait_text(page, title)
        found[title] = page.get_attribute("#l", "href") or ""
    wrong = {
        title: found[title]
        for title, case in NAMED.items()
        if not re.fullmatch(case.expected or re.escape(case.url), found[title])
    }
    assert not wrong
    assert site.asked[0]["mode"] == "manifest"


def test_a_release_that_refers_to_new_names(page: Page, site: Site) -> None:
    """The new sheet comes with its new image; the old one keeps its own until then."""
    old, new = (f"/static/img/a.{release}.svg" for release in (OLD, NEW))
    site.files |= {
        old: picture(11),
        new: picture(22),
        f"/static/css/app.{OLD}.css": f"img {{content: url(../img/a.{OLD}.svg)}}",
        f"/static/css/app.{NEW}.css": f"img {{content: url(../img/a.{NEW}.svg)}}",
    }
    body = f'<link rel=stylesheet href="/static/css/app.{OLD}.css"><img>'
    visit(page, site, site.page(body, mode="manifest"))
    page.wait_for_function("document.querySelector('img').offsetWidth === 11")
    site.delays[f"/static/css/app.{NEW}.css"] = 0.2
    changes = [
        change("img/a.svg", f"img/a.{NEW}.svg"),
        change("css/app.css", f"css/app.{NEW}.css"),
    ]
    site.send(type="update", release="r", changes=changes)
    site.wait(lambda: f"/static/css/app.{NEW}.css" in site.requests)
    assert OLD in page.evaluate("document.styleSheets[0].cssRules[0].cssText")
    page.wait_for_function("document.querySelector('img').offsetWidth === 22")
    page.wait_for_function("document.styleSheets.length === 1")
    assert not [each for each in site.requests if "assetpipe=" in each and "events" not in each]
    assert is_same_page(page)


# Errors and warnings.


def fault(message: str, where: str = "a.css:1:2", hint: str = "") -> dict[str, str]:
    """Return an error."""
    return {"where": where, "message": message, "hint": hint}


TEXT = "document.querySelector('assetpipe-overlay')?.shadowRoot.textContent ?? ''"


def wait_text(page: Page, text: str) -> None:
    """Wait until the overlay says something; nothing where there is none."""
    page.wait_for_function(f"text => text ? ({TEXT}).includes(text) : !({TEXT})", arg=text)


def test_errors_are_shown_while_there_are_any(page: Page, site: Site) -> None:
    """As text, above the page, without a change of what the user does."""
    visit(page, site, site.page("<input id=i>"))
    page.fill("#i", "typed")
    shape = "[document.documentElement.scrollHeight, p.getBoundingClientRect().top]"
    before = page.evaluate(shape)
    markup = "<img src=x onerror='window.broken = 1'>"
    site.say(type="state", errors=[fault(markup, "a.css:1:2", "cure"), fault("second")])
    wait_text(page, "second")
    text = page.evaluate(TEXT)
    assert [text.index(each) for each in ("a.css:1:2", markup, "cure", "second")] == sorted(
        text.index(each) for each in ("a.css:1:2", markup, "cure", "second")
    )
    assert page.evaluate("window.broken") is None
    assert page.evaluate("document.activeElement === i")
    assert page.evaluate(shape) == before
    page.keyboard.type(" on")
    assert page.input_value("#i") == "typed on"
    host = page.locator("assetpipe-overlay")
    assert host.evaluate("e => getComputedStyle(e).position") == "fixed"
    box = host.bounding_box()
    assert box
    assert box["height"] > 50
    assert page.get_by_role("alert").count() == 1
    site.say(type="state", errors=[fault("third")])
    wait_text(page, "third")
    assert page.locator("assetpipe-overlay").count() == 1
    site.say(type="state", errors=[])
    wait_text(page, "")
    assert is_same_page(page)


@pytest.mark.parametrize("by", ["key", "button"])
def test_errors_may_be_closed(page: Page, site: Site, by: str) -> None:
    """Until there are others; and the focus stays where it is."""
    visit(page, site, site.page("<input id=i>"))
    page.focus("#i")
    site.say(type="state", errors=[fault("first")])
    wait_text(page, "first")
    if by == "key":
        page.keyboard.press("a")
        wait_text(page, "first")
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name="Close").click()
    wait_text(page, "")
    assert page.evaluate("document.activeElement === i")
    with page.expect_console_message(lambda each: "x" in each.text):
        site.say(type="state", errors=[fault("first")], warnings=["x"])
    wait_text(page, "")
    site.say(type="state", errors=[fault("second")])
    wait_text(page, "second")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_errors_are_legible(page: Page, site: Site, scheme: Any) -> None:
    """Their contrast is at least 4.5 (WCAG 2.2, 1.4.3), whatever the page's own styles."""
    page.emulate_media(color_scheme=scheme)
    style = "color: gray !important; opacity: .5; display: none; font-size: 2px"
    visit(page, site, site.page(f"<style>html > * {{{style}}}</style>"))
    site.say(type="state", errors=[fault("message", hint="hint")])
    wait_text(page, "hint")
    found = page.locator("assetpipe-overlay").evaluate(
        """host => [...host.shadowRoot.querySelectorAll('b, span, i, button')].map(e => [
            getComputedStyle(e).color,
            getComputedStyle(host.shadowRoot.querySelector('section')).backgroundColor,
            getComputedStyle(e).fontSize, getComputedStyle(host).opacity])"""
    )
    assert len(found) == 4
    for color, background, size, opacity in found:
        assert contrast(color, background) >= 4.5
        assert (size, opacity) == ("14px", "1")


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colors, as WCAG 2.2 defines it."""

    def luminance(color: str) -> float:
        parts = [int(each) / 255 for each in re.findall(r"\d+", color)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_each_warning_is_told_once(page: Page, site: Site) -> None:
    """In the console, in the order of the build."""
    told: list[str] = []
    page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    site.state["warnings"] = ["a.css:1:1: one"]
    visit(page, site, site.page())
    with page.expect_console_message(lambda message: "three" in message.text):
        for warnings in (["a.css:1:1: one", "two"], ["two"], ["three"]):
            site.say(type="state", warnings=warnings)
    prefix = "warning: [assetpipe] "
    assert told == [f"{prefix}a.css:1:1: one", f"{prefix}two", f"{prefix}three"]


# The stream.


def test_the_stream_of_the_first_base_that_answers(page: Page, site: Site, other: Site) -> None:
    """One after another, in the order of the tag; and afterwards the one that was lost first."""
    site.files["/static/css/app.css"] = "p {color: red}"
    gone = Site()
    gone.stop()
    other.refuses = True
    streams = f"{gone.url} {other.url}/ /own http://[ {other.url}/late"
    visit(page, site, site.page(LINK, streams=streams))
    assert (len(other.asked), len(site.asked)) == (1, 1)
    assert next(each for each in site.requests if "events" in each).startswith("/own/events?")
    other.refuses = False
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)
    site.drop()
    site.wait(lambda: site.open == 1)
    assert len(other.asked) == 1
    assert site.asked[1]["since"] == site.id
    site.refuses = True
    site.drop()
    site.wait(lambda: other.open == 1)
    assert any("/late/events" in each for each in other.requests)
    assert is_same_page(page)


def test_the_script_s_own_folder_is_a_base(page: Page, site: Site, other: Site) -> None:
    """A page may name the script of the watch process by itself, without anything else."""
    site.files["/"] = f"<!doctype html><p id=p></p><script src='{other.url}/live.js'></script>"
    page.goto(site.url)
    other.wait(lambda: other.open == 1)
    assert other.asked[0]["mode"] == "manifest"
    assert other.requests[-1].startswith("/events?")


def test_a_page_is_told_what_changed_while_it_loaded(page: Page, site: Site) -> None:
    """By its age; not what had changed before."""
    site.files |= {"/static/css/app.css": "p {color: red}", IMAGE: picture(1)}
    site.change("js/app.js")
    time.sleep(0.25)
    url = site.page(LINK + "<script src='/static/slow.js'></script>")
    site.files["/static/slow.js"] = ""
    site.delays["/static/slow.js"] = 0.3
    page.goto(url, wait_until="commit")
    site.wait(lambda: "/static/css/app.css" in site.requests)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    page.wait_for_selector("#p")
    wait_color(page, GREEN)
    assert site.requests.count("/") == 1
    assert int(site.asked[0]["age"]) >= 300
    assert "since" not in site.asked[0]


def test_a_server_dies_and_comes_back(page: Page, site: Site) -> None:
    """The page asks again until it is there, with what it has seen."""
    site.files["/static/css/app.css"] = "p {color: red}"
    site.state["release"] = "r1"
    visit(page, site, site.page(LINK, mode="manifest"))
    last = site.id
    page.wait_for_function("true")
    site.stop()
    site.files["/static/css/app.css"] = "p {color: green}"
    site.difference = {"type": "update", "release": "r2", "changes": [change("css/app.css")]}
    site.state["release"] = "r2"
    site.start()
    wait_color(page, GREEN)
    assert site.asked[-1] == {"mode": "manifest", "since": last, "release": "r1"}
    site.drop()
    asked = len(site.asked)
    site.wait(lambda: len(site.asked) > asked)
    assert site.asked[-1] == {"mode": "manifest", "since": site.id, "release": "r2"}
    assert is_same_page(page)


def test_a_page_that_slept_catches_up(page: Page, site: Site) -> None:
    """With all that changed since, once."""
    site.files["/static/css/app.css"] = "p {color: red}"
    visit(page, site, site.page(LINK))
    site.refuses = True
    site.drop()
    asked = len(site.asked)
    site.wait(lambda: len(site.asked) > asked)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/other.css")
    site.change("css/app.css")
    site.refuses = False
    wait_color(page, GREEN)
    assert is_same_page(page)


def test_a_silent_stream_is_opened_again(page: Page, site: Site) -> None:
    """Who hears nothing for 40 s is on a dead connection; a ping is something."""
    page.clock.install()
    visit(page, site, site.page())

    def pass_by(seconds: int) -> None:
        page.clock.fast_forward(seconds * 1000)
        time.sleep(0.1)  # for what is on the wire

    site.say(type="ping")
    pass_by(0)
    for _ in range(2):
        pass_by(30)
        pass_by(1)
        assert len(site.asked) == 1
        site.say(type="ping")
        pass_by(0)
    pass_by(41)
    pass_by(1)
    site.wait(lambda: len(site.asked) == 2)
    assert site.asked[1]["since"] == site.id


def test_where_there_is_none_it_is_said_once(context: BrowserContext, site: Site) -> None:
    """And not asked for again, in no tab."""
    pages = [context.new_page() for _ in range(2)]
    told: list[str] = []
    url = site.page()
    for page in pages:
        page.on("console", lambda message: told.append(message.text))
        visit(page, site, url)
    asked = len(site.asked)
    for _ in range(2):
        site.say(type="off", reason="one thread.")
    for page in pages:
        page.wait_for_function("true")
    site.wait(lambda: not site.open)
    for page in pages:
        page.evaluate("new Promise(done => setTimeout(done, 350))")
    assert told == ["[assetpipe] no live reload here: one thread."] * 2
    assert len(site.asked) == asked


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: null\n\n", b'data: {"type": "new"}\n\n'])
def test_what_is_not_understood_is_passed_over(page: Page, site: Site, data: bytes) -> None:
    """The page has no error of it."""
    site.files["/static/css/app.css"] = "p {color: red}"
    visit(page, site, site.page(LINK))
    site._put(data)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    wait_color(page, GREEN)


# Several tabs.


def tabs(context: BrowserContext, site: Site, count: int, url: str) -> list[Page]:
    """Open a page in several tabs; the first holds the stream, and all have caught up."""
    first = context.new_page()
    visit(first, site, url)
    first.evaluate(f"for (let n = 1; n < {count}; n += 1) open('{url}', '', 'noopener')")
    site.wait(lambda: len(site.asked) == count)
    first.wait_for_function("true")
    for page in context.pages:
        page.wait_for_selector("#p")
        page.evaluate("window.mark = 1")
    return list(context.pages)


def test_ten_tabs_hold_one_stream(context: BrowserContext, site: Site) -> None:
    """All are told; when the tab that holds it is closed, another one takes it over."""
    site.files["/static/css/app.css"] = "p {color: red}"
    pages = tabs(context, site, 10, site.page(LINK))
    assert len(pages) == 10
    assert [query.get("once") for query in site.asked] == [None] + ["1"] * 9
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    for page in pages:
        wait_color(page, GREEN)
    pages[0].close()
    # What changes while nobody listens is not lost.
    site.files["/static/css/app.css"] = "p {color: blue}"
    site.change("css/app.css")
    site.wait(lambda: len(site.asked) == 11 and site.open == 1)
    for page in pages[1:]:
        wait_color(page, BLUE)
    assert len(site.asked) == 11
    assert all(is_same_page(page) for page in pages[1:])
    site.change("js/app.js")
    for page in pages[1:]:
        reloaded(page)
    site.wait(lambda: len(site.asked) >= 20 and site.open == 1)
    page.evaluate("new Promise(done => setTimeout(done, 100))")
    assert site.requests.count("/") == 10 + 9
    # A closed one is noticed a moment later, and several tabs may have had it until then.
    assert site.most <= 4


TELL = """message => {
    const name = `assetpipe source ${location.origin}/_assetpipe/events`;
    new BroadcastChannel(name).postMessage(message);
}"""


def test_a_tab_that_missed_something_asks(context: BrowserContext, site: Site) -> None:
    """Ids that do not follow each other tell of it; what it knows already is nothing new."""
    site.files["/static/css/app.css"] = "p {color: red}"
    _leader, follower = tabs(context, site, 2, site.page(LINK))
    site.files["/other"] = "<!doctype html>"
    teller = context.new_page()
    teller.goto(f"{site.url}/other")
    site.change("css/none.css")
    update = {"type": "update", "release": None, "changes": [change("css/app.css")]}
    first, epoch = site.id, site.id.split("-")[0]
    told = {"base": 0, "from": f"{epoch}-0", "id": first, "message": update}
    teller.evaluate(TELL, told)
    asked = len(site.asked)
    site.files["/static/css/app.css"] = "p {color: green}"
    with site._lock:
        site._history.append((time.monotonic(), update))  # told to nobody
    site._history.append((time.monotonic(), {"type": "update", "changes": []}))
    later = {"base": 0, "from": f"{epoch}-2", "id": site.id, "message": {"type": "update"}}
    teller.evaluate(TELL, later | {"message": {"type": "update", "changes": []}})
    wait_color(follower, GREEN)
    assert len(site.asked) == asked + 1
    assert site.asked[-1] == {"mode": "source", "since": first, "once": "1"}


def test_without_locks_a_tab_listens_while_it_is_seen(page: Page, site: Site) -> None:
    """As on an address that browsers do not trust; what it missed is told when it is shown."""
    from tests.browser import INSECURE_HOST

    site.files["/static/css/app.css"] = "p {color: red}"
    visit(page, site, site.page(LINK).replace("127.0.0.1", INSECURE_HOST))
    assert page.evaluate("navigator.locks === undefined")
    show = """state => {
        Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    last = site.id
    page.evaluate(show, "hidden")
    site.wait(lambda: not site.open)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    page.evaluate(show, "visible")
    wait_color(page, GREEN)
    assert site.asked[-1]["since"] == last
    page.evaluate(show, "visible")
    assert len(site.asked) == 2
    assert is_same_page(page)


def test_a_sandboxed_frame_listens_by_itself(page: Page, site: Site) -> None:
    """It has no locks and no storage."""
    site.files["/static/css/app.css"] = "p {color: red}"
    url = site.page(LINK, path="/frame")
    site.files["/"] = f"<!doctype html><iframe sandbox='allow-scripts' src='{url}'></iframe>"
    page.goto(site.url)
    site.wait(lambda: site.open == 1)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    frame = page.frames[1]
    frame.wait_for_function(COLOR, arg=["#p", GREEN])
    site.change("app.js")
    site.wait(lambda: site.requests.count("/frame") >= 2)


def test_a_page_that_one_goes_back_to(page: Page, site: Site) -> None:
    """It is kept as it was, lets go of the stream meanwhile, and catches up."""
    site.files |= {"/static/css/app.css": "p {color: red}", "/other": "<!doctype html>"}
    visit(page, site, site.page(LINK))
    page.goto(f"{site.url}/other")
    site.wait(lambda: not site.open)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css")
    page.go_back(wait_until="commit")
    wait_color(page, GREEN)
    assert is_same_page(page)
    site.wait(lambda: site.open == 1)


# The page around it.

POLICY = "default-src 'self'; script-src 'nonce-abc'; style-src 'self'; connect-src 'self'"


def test_a_strict_policy_is_kept(page: Page, site: Site) -> None:
    """Nothing is refused, and all works."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    site.fields["Content-Security-Policy"] = POLICY
    site.files |= BESIDE | {"/static/css/app.css": "p {color: red}", IMAGE: picture(1)}
    body = LINK.replace("app", "main") + LINK + f'<img src="{IMAGE}">'
    visit(page, site, site.page(body))
    wait_color(page, RED)
    site.files["/static/css/app.css"] = "p {color: green}"
    site.change("css/app.css", "img/a.svg")
    wait_color(page, GREEN)
    site.say(type="state", errors=[fault("here")])
    wait_text(page, "here")
    host = page.locator("assetpipe-overlay")
    assert host.evaluate("e => getComputedStyle(e).position") == "fixed"
    page.wait_for_function("document.styleSheets.length === 2")
    assert page.evaluate("document.styleSheets[0].cssRules.length") == 3
    assert not told


def test_a_policy_that_lets_nothing_through(page: Page, site: Site, other: Site) -> None:
    """A base that it refuses is as one that does not answer."""
    site.fields["Content-Security-Policy"] = POLICY
    visit(page, site, site.page(streams=f"{other.url} /_assetpipe"))
    assert not other.asked


def test_a_second_run_does_nothing(page: Page, site: Site) -> None:
    """Two tags are as one, and the page has no other global of it."""
    url = site.page()
    site.files["/"] += site.files["/"]
    visit(page, site, url)
    page.evaluate("new Promise(done => setTimeout(done, 50))")
    assert len(site.asked) == 1
    own = set(page.evaluate("Object.getOwnPropertyNames(window)"))
    site.files["/other"] = "<!doctype html>"
    page.goto(f"{site.url}/other")
    assert own - set(page.evaluate("Object.getOwnPropertyNames(window)")) <= {
        "__assetpipe",
        "mark",
        "p",
    }


def test_no_base_at_all(page: Page, site: Site) -> None:
    """A tag that names nothing usable is as none."""
    page.goto(site.page(streams="http://["))
    page.evaluate("new Promise(done => setTimeout(done, 50))")
    assert not site.asked
