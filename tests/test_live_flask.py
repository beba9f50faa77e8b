"""Live reload of an app in debug: its pages, its own stream, and nothing of it in production."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    make_response,
    render_template_string,
    request,
    send_file,
    stream_template_string,
)
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, create_environ

from assetpipe.flask import AssetPipe
from tests.http.servers import free_port
from tests.listening import Page, served
from tests.release import SITE, output_name, write_release
from tests.site import CODE, clean_environment, plant

PAGE = "<!doctype html><title>Shop</title><p>é</p></html>\n"
OWN = (
    '<script src="/_assetpipe/live.js" data-streams="/_assetpipe" data-mode="source" async>'
    "</script>"
)
EVENTS = "/_assetpipe/events?mode=source"
PATIENCE = 20.0  # seconds


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, with a configuration so that no other folder is looked at."""
    monkeypatch.delenv("ASSETPIPE_WATCH", raising=False)
    return plant(
        tmp_path / "project",
        {
            "assetpipe.toml": "",
            "static/css/app.css": "a { }",
            "static/img/a.svg": "<svg/>",
            "static/js/app.js": "app()",
            "templates/page.html": PAGE,
        },
    )


def make_app(project: Path, *, debug: bool = True, **config: Any) -> Flask:
    """Return an app with a page at ``/``, registered with AssetPipe."""
    app = Flask("shop", root_path=str(project))
    app.debug = debug
    app.config.update({name.upper(): value for name, value in config.items()})
    app.add_url_rule("/", "page", lambda: PAGE)
    AssetPipe(app)
    MADE.append(app)
    return app


MADE: list[Flask] = []


@pytest.fixture(autouse=True)
def _end() -> Iterator[None]:
    """End what apps do in the background: in tests, their process goes on."""
    yield
    while MADE:
        app = MADE.pop()
        app.debug = True
        app.config["ASSETPIPE_LIVE_RELOAD"] = True
        app.extensions["assetpipe"].live().close()


def answering(project: Path, view: Callable[[], Any], **config: Any) -> Client:
    """Return a client of an app whose page ``/view`` is this one."""
    app = make_app(project, **config)
    app.add_url_rule("/view", "view", view)
    return app.test_client()


# Whether at all.


@pytest.mark.parametrize(
    ("debug", "testing", "wanted", "is_on"),
    [
        (True, False, None, True),
        (True, False, "", True),
        (True, False, True, True),
        (True, False, False, False),
        (True, True, None, False),
        (True, True, False, False),
        (True, True, True, True),
        (False, False, None, False),
        (False, False, True, False),
        (False, False, False, False),
        (False, True, None, False),
        (False, True, True, False),
    ],
)
@pytest.mark.parametrize("mode", ["source", "manifest"])
@pytest.mark.parametrize("beside", ["", "http://127.0.0.1:35729"])
def test_it_is_there_in_debug_alone(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    debug: bool,
    testing: bool,
    wanted: object,
    is_on: bool,
    mode: str,
    beside: str,
) -> None:
    """Nothing that is configured brings it to production; what tests see is the page alone."""
    monkeypatch.setenv("ASSETPIPE_WATCH", beside)
    config = {"testing": testing, "assetpipe_mode": mode, "assetpipe_live_reload": wanted}
    write_release(project / "build/static")
    app = make_app(project, debug=debug, **config)
    app.add_url_rule("/tag", "tag", lambda: render_template_string("{{ live_reload_tag() }}"))
    plain = Flask("shop", root_path=str(project))
    plain.add_url_rule("/", "page", lambda: PAGE)
    client = app.test_client()
    page, expected = client.get("/"), plain.test_client().get("/")
    if is_on:
        assert page.data.startswith(expected.data + b"<script ")
        assert client.get("/tag").text.startswith("<script ")
        assert client.get("/_assetpipe/live.js").status_code == 200
        return
    assert (page.data, [*page.headers]) == (expected.data, [*expected.headers])
    assert client.get("/tag").text == ""
    for path in ("/_assetpipe/live.js", "/_assetpipe/events?once=1"):
        answer, missing = client.get(path), plain.test_client().get(path)
        assert (answer.status_code, answer.data) == (404, missing.data)
        assert [*answer.headers] == [*missing.headers]


def test_what_counts_is_debug_when_a_page_is_asked_for(project: Path) -> None:
    """``app.run(debug=True)`` comes after everything else."""
    app = make_app(project, debug=False)
    client = app.test_client()
    for debug in (False, True, False, True):
        app.debug = debug
        assert ("<script" in client.get("/").text) is debug
        assert (client.get("/_assetpipe/live.js").status_code == 200) is debug


PRODUCTION = """
import sys
import assetpipe.flask
print([name for name in sys.modules if name.startswith("assetpipe.live")])
from flask import Flask
app = Flask("shop", root_path=sys.argv[1])
app.config["ASSETPIPE_LIVE_RELOAD"] = True
app.debug = bool(sys.argv[2:])
app.add_url_rule("/", "page", lambda: "<!doctype html>")
assetpipe.flask.AssetPipe(app)
app.debug = False
app.test_client().get("/")
app.test_client().get("/_assetpipe/live.js")
import threading
print([name for name in sys.modules if name.startswith("assetpipe.live")], threading.active_count())
"""


@pytest.mark.parametrize("arguments", [[], ["debug"]], ids=["production", "debug before a request"])
def test_production_loads_nothing_of_it(project: Path, arguments: list[str]) -> None:
    """Neither with the extension, nor with requests."""
    done = subprocess.run(
        [sys.executable, "-c", PRODUCTION, project, *arguments],
        env=clean_environment() | {"ASSETPIPE_WATCH": "http://127.0.0.1:35729"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout == "[]\n[] 1\n", done.stderr


def test_its_paths_are_its_own_in_debug(project: Path) -> None:
    """A route of the app with such a path is asked in production only."""
    app = make_app(project)
    app.add_url_rule("/_assetpipe/<name>", "own", lambda name: f"own {name}")
    app.add_url_rule("/_assetpipes", "near", lambda: "near")
    app.before_request(lambda: abort(401) if request.path.startswith("/_assetpipe/") else None)
    client = app.test_client()
    assert client.get("/_assetpipe/live.js").mimetype == "text/javascript"
    assert client.get("/_assetpipe/other").status_code == 404
    assert client.get("/_assetpipes").text == "near"
    assert client.post("/_assetpipe/events").status_code == 405
    app.debug = False
    assert client.get("/_assetpipe/live.js").status_code == 401


# Where the tag goes.

LINE = b"<!-- a comment -->\n"

PAGES: list[Any] = [
    # body, fields, status, tagged
    pytest.param(PAGE.encode(), {}, 200, True, id="a page"),
    pytest.param(b"<!DOCTYPE HTML><p>", {}, 200, True, id="in capitals"),
    pytest.param(b"<html><p>", {}, 200, True, id="no doctype"),
    pytest.param(b"<HTML lang=en>", {}, 200, True, id="no doctype, in capitals"),
    pytest.param(b"<html\nlang=en>", {}, 200, True, id="no doctype, two lines"),
    pytest.param(b"\xef\xbb\xbf\r\n <!doctype html>", {}, 200, True, id="a BOM and white space"),
    pytest.param(LINE * 3 + b"<!doctype html>", {}, 200, True, id="comments"),
    pytest.param(b"<!doctype html>\xff\xfe", {}, 200, True, id="bytes that are no text"),
    pytest.param(PAGE.encode(), {"Content-Type": "text/html"}, 200, True, id="no charset"),
    pytest.param(
        b"<!doctype html><p>\xe9",
        {"Content-Type": "text/html; charset=latin-1"},
        200,
        True,
        id="another charset",
    ),
    pytest.param(PAGE.encode(), {}, 404, True, id="404"),
    pytest.param(PAGE.encode(), {}, 500, True, id="500"),
    pytest.param(PAGE.encode(), {"Cache-Control": "no-store"}, 200, True, id="not to be kept"),
    pytest.param(PAGE.encode(), {"Content-Disposition": "inline"}, 200, True, id="inline"),
    pytest.param(b"<li>one more</li>", {}, 200, False, id="a fragment"),
    pytest.param(b"text <!doctype html>", {}, 200, False, id="text first"),
    pytest.param(b"<html-part>", {}, 200, False, id="an element of one's own"),
    pytest.param(b"<!-- <!doctype html> -->", {}, 200, False, id="a page in a comment"),
    pytest.param(b"<!-- <!doctype html>", {}, 200, False, id="in a comment without an end"),
    pytest.param(b"", {}, 200, False, id="nothing"),
    pytest.param(LINE * 200 + b"<p>", {}, 200, False, id="many comments"),
    pytest.param(PAGE.encode("utf-16"), {}, 200, False, id="UTF-16"),
    pytest.param(PAGE.encode(), {"Content-Type": "application/xhtml+xml"}, 200, False, id="XHTML"),
    pytest.param(PAGE.encode(), {"Content-Type": "text/plain"}, 200, False, id="text"),
    pytest.param(PAGE.encode(), {"Content-Type": "application/json"}, 200, False, id="JSON"),
    pytest.param(
        PAGE.encode(), {"Content-Disposition": "attachment; filename=a"}, 200, False, id="download"
    ),
    pytest.param(
        PAGE.encode(), {"Cache-Control": "max-age=9, immutable"}, 200, False, id="kept for ever"
    ),
    pytest.param(
        gzip.compress(PAGE.encode()), {"Content-Encoding": "gzip"}, 200, False, id="compressed"
    ),
    pytest.param(PAGE.encode(), {"Location": "/"}, 302, False, id="a redirect"),
    pytest.param(PAGE.encode(), {"Content-Range": "bytes 0-4/9"}, 206, False, id="a part"),
    pytest.param(PAGE.encode() + OWN.encode(), {}, 200, False, id="a tag already"),
]


@pytest.mark.parametrize(("body", "fields", "status", "is_tagged"), PAGES)
@pytest.mark.parametrize("form", ["whole", "parts", "parts of a known length"])
def test_a_whole_page_gets_the_tag_at_its_end(
    project: Path,
    body: bytes,
    fields: Mapping[str, str],
    status: int,
    is_tagged: bool,
    form: str,
) -> None:
    """However it is sent; all else stays as it is, byte for byte, and lengths are right."""

    def view() -> Response:
        half = len(body) // 2
        parts: Any = body if form == "whole" else iter((body[:half], body[half:]))
        response = Response(parts, status, {"Content-Type": "text/html; charset=utf-8", **fields})
        if "known" in form:
            response.content_length = len(body)
        return response

    client = answering(project, view)
    if "known" in form:
        # What is sent first says how long the rest is, before it is seen what is in that.
        is_tagged |= body.endswith(OWN.encode())
    response = client.get("/view")
    assert response.data == body + (OWN.encode() if is_tagged else b"")
    assert response.status_code == status
    if form != "parts":
        length = str(len(response.data))
        assert response.headers["Content-Length"] == length
        head = client.head("/view")
        assert (head.data, head.headers["Content-Length"]) == (b"", length)
    else:
        assert "Content-Length" not in response.headers
        assert client.head("/view").data == b""


def test_a_page_of_a_template_gets_it_once(project: Path) -> None:
    """Where the helper puts it, if it is used; attributes are those that are given."""
    source = PAGE.replace("<title>", "{{ live_reload_tag(nonce=nonce, data_x='<') }}<title>")
    client = answering(project, lambda: render_template_string(source, nonce="abc"))
    tag = OWN.replace(" async>", ' async nonce="abc" data-x="&lt;">')
    assert client.get("/view").text == PAGE.rstrip().replace("<title>", f"{tag}<title>")


def test_an_error_page_of_flask_gets_it(project: Path) -> None:
    """Whoever mends the error wants to see that."""
    response = make_app(project).test_client().get("/missing")
    assert response.status_code == 404
    assert response.text.endswith(OWN)


# Pages that are sent in parts.


def test_a_page_goes_out_as_it_comes(project: Path) -> None:
    """Each part before the next is made, and the tag after the last."""
    made: list[str] = []

    def parts() -> Iterator[str]:
        for part in ("<!doc", "type html>", "é", ""):
            made.append(part)
            yield part
        made.append("end")

    app = make_app(project)
    app.add_url_rule("/view", "view", lambda: Response(parts(), mimetype="text/html"))
    said: list[Any] = []
    body = iter(app(create_environ("/view"), lambda *given: said.extend(given)))  # type: ignore[arg-type]
    assert made == []
    assert next(body) == b"<!doc"
    assert made == ["<!doc"]
    assert next(body) == b"type html>"
    assert made == ["<!doc", "type html>"]
    assert b"".join(body) == "é".encode() + OWN.encode()
    assert made[-1] == "end"


def test_a_tag_is_seen_across_parts(project: Path) -> None:
    """A streamed template may call the helper."""
    text = f"<!doctype html>{OWN}<p>"

    def view() -> Response:
        return Response(iter(text), mimetype="text/html")

    assert answering(project, view).get("/view").text == text
    source = "<!doctype html>{{ live_reload_tag() }}<p>"
    client = answering(project, lambda: stream_template_string(source))
    assert client.get("/view").text == text


def test_a_page_that_breaks_off_breaks_off(project: Path) -> None:
    """The error is the server's to see, as ever; and what is to be closed is closed."""
    closed: list[str] = []

    def parts() -> Iterator[bytes]:
        try:
            yield b"<!doctype html>"
            raise ZeroDivisionError
        finally:
            closed.append("generator")

    def view() -> Response:
        response = Response(parts(), mimetype="text/html")
        response.call_on_close(lambda: closed.append("response"))
        return response

    client = answering(project, view)
    with pytest.raises(ZeroDivisionError):
        client.get("/view", buffered=True)
    assert closed[0] == "generator"
    closed.clear()
    response = client.get("/view")
    assert next(response.iter_encoded()) == b"<!doctype html>"
    response.close()
    assert closed == ["generator", "response"]


@pytest.mark.parametrize("content", [PAGE, "<p>a fragment"], ids=["page", "fragment"])
def test_a_page_from_a_file_gets_it(project: Path, content: str) -> None:
    """Conditions and ranges are judged by the file itself, and it is closed."""
    file = project / "page.html"
    file.write_text(content, "utf-8")
    client = answering(project, lambda: send_file(file))
    whole = content + (OWN if content == PAGE else "")
    with client.get("/view") as response:
        assert response.data.decode() == whole
        assert response.headers["Content-Length"] == str(len(whole.encode()))
    with client.head("/view") as head:
        assert head.headers["Content-Length"] == str(len(whole.encode()))
        assert head.headers["ETag"] == response.headers["ETag"]
    with client.get("/view", headers={"If-None-Match": response.headers["ETag"]}) as unchanged:
        assert (unchanged.status_code, unchanged.data) == (304, b"")
    with client.get("/view", headers={"Range": "bytes=3-7"}) as part:
        assert (part.status_code, part.data) == (206, content.encode()[3:8])


def test_conditions_of_a_page_hold(project: Path) -> None:
    """The app judges them by what it has made; the tag adds nothing that changes."""

    def view() -> Any:
        response = make_response(PAGE)
        response.add_etag()
        return response.make_conditional(request)

    client = answering(project, view)
    response = client.get("/view")
    assert response.text == PAGE + OWN
    again = client.get("/view", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


# What is in the tag.


@pytest.mark.parametrize(
    ("policies", "nonce"),
    [
        pytest.param([], None, id="no policy"),
        pytest.param(["script-src 'self'"], None, id="no nonce"),
        pytest.param(["script-src 'self' 'nonce-YQ=='"], "YQ==", id="for scripts"),
        pytest.param(["default-src 'nonce-d0'"], "d0", id="for all"),
        pytest.param(["default-src 'nonce-d0'; script-src 'nonce-s0'"], "s0", id="both"),
        pytest.param(["script-src 'nonce-s0';script-src-elem 'nonce-e0'"], "e0", id="elements"),
        pytest.param(["style-src 'nonce-c0'; img-src 'none'"], None, id="for styles only"),
        pytest.param(["SCRIPT-SRC 'NONCE-aB-_+/1'"], "aB-_+/1", id="in capitals"),
        pytest.param(["script-src 'nonce-a' 'nonce-b'"], "a", id="two nonces"),
        pytest.param(["script-src 'nonce-a'; script-src 'nonce-b'"], "a", id="said twice"),
        pytest.param(["img-src 'self'", "script-src 'nonce-a'"], "a", id="two lines"),
        pytest.param(["img-src 'self', script-src 'nonce-a'"], "a", id="two in a line"),
        pytest.param(["script-src 'nonce-\"><b>'"], None, id="no nonce at all"),
        pytest.param([";;,, ;script-src"], None, id="rubbish"),
    ],
)
def test_the_tag_has_the_nonce_of_the_page(
    project: Path, policies: list[str], nonce: str | None
) -> None:
    """Without it, the page's own policy would keep the script from running."""

    def view() -> Response:
        response = make_response(PAGE)
        for policy in policies:
            response.headers.add("Content-Security-Policy", policy)
        return response

    app = make_app(project)
    app.add_url_rule("/view", "view", lambda: PAGE)
    app.after_request(lambda _response: view())
    tag = OWN if nonce is None else OWN.replace(" async", f' async nonce="{nonce}"')
    assert app.test_client().get("/view").text == PAGE + tag


def test_the_tag_leads_to_where_the_app_is_mounted(project: Path) -> None:
    """Which may be anywhere; its script and its stream are there, too."""
    app = make_app(project)
    mount = "/a b/é".encode().decode("latin-1")  # as servers hand it on (PEP 3333)
    client = Client(DispatcherMiddleware(Flask("other"), {mount: app}))
    text = client.get("/a%20b/%C3%A9/").text
    (script,) = re.findall('src="([^"]*)" data-streams="([^"]*)"', text)
    assert script == ("/a%20b/%C3%A9/_assetpipe/live.js", "/a%20b/%C3%A9/_assetpipe")
    assert client.get(script[0]).status_code == 200
    assert b'"state"' in client.get(f"{script[1]}/events?once=1", **THREADS).data


THREADS: dict[str, Any] = {"environ_overrides": {"wsgi.multithread": True}}


def streams_of(client: Client) -> list[str]:
    """Return where a page listens, the watch process first."""
    found = re.search('data-streams="([^"]*)"', client.get("/").text)
    assert found
    return found[1].split(" ")


BESIDE = "http://127.0.0.1:35729"


def test_a_watch_process_of_the_environment_comes_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows of builds, and of errors in them."""
    client = make_app(project).test_client()
    for value, expected in (
        (BESIDE, [BESIDE, "/_assetpipe"]),
        (f"{BESIDE}/", [BESIDE, "/_assetpipe"]),
        ("", ["/_assetpipe"]),
        ("1", ["/_assetpipe"]),
        ("javascript:alert(1)", ["/_assetpipe"]),
        (f"{BESIDE} http://example.com", ["/_assetpipe"]),
        (f'{BESIDE}"><b>', ["/_assetpipe"]),
    ):
        monkeypatch.setenv("ASSETPIPE_WATCH", value)
        assert streams_of(client) == expected, value


@pytest.mark.parametrize(
    ("text", "mode", "is_used"),
    [
        pytest.param('{"url": "%s", "out": "{out}"}', "manifest", True, id="what the app serves"),
        pytest.param('{"url": "%s", "out": "/other"}', "manifest", False, id="another project's"),
        pytest.param('{"url": "%s", "out": "/other"}', "source", True, id="sources are sources"),
        pytest.param('{"url": "%s"}', "source", False, id="no folder"),
        pytest.param('{"out": "{out}"}', "source", False, id="no URL"),
        pytest.param('{"url": 1, "out": "{out}"}', "source", False, id="a number"),
        pytest.param('{"url": "ftp://x", "out": "{out}"}', "source", False, id="no HTTP"),
        pytest.param('{"url": "%s", "out": 1}', "manifest", False, id="a folder that is none"),
        pytest.param('{"url": "%s", "out": "\\u0000"}', "manifest", False, id="no path"),
        pytest.param('["%s"]', "source", False, id="a list"),
        pytest.param("null", "source", False, id="nothing"),
        pytest.param("", "source", False, id="empty"),
        pytest.param('{"url": "%s", "o', "source", False, id="half of it"),
        pytest.param("[" * 100_000, "source", False, id="too deep"),
        pytest.param("\udcff", "source", False, id="no text"),
    ],
)
def test_a_watch_process_that_announced_itself_is_found(
    project: Path, text: str, mode: str, is_used: bool
) -> None:
    """In the cache folder; nothing that stands there breaks a page."""
    out = project / "build/static"
    write_release(out)
    file = project / ".assetpipe_cache/watch.json"
    client = make_app(project, assetpipe_mode=mode).test_client()
    assert streams_of(client) == ["/_assetpipe"]
    content = text.replace("{out}", str(out)).replace("%s", BESIDE)
    plant(file.parent, {file.name: content.encode(errors="surrogateescape")})
    assert streams_of(client) == [*([BESIDE] if is_used else []), "/_assetpipe"]
    file.unlink()
    assert streams_of(client) == ["/_assetpipe"]


def test_an_announcement_is_read_when_it_is_another(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for each page; in the cache folder that is configured."""
    reads: list[object] = []
    loads = json.loads

    def counted(text: bytes) -> Any:
        reads.append(text)
        return loads(text)

    monkeypatch.setattr(json, "loads", counted)
    plant(project, {"assetpipe.toml": 'cache = "kept/here"'})
    client = make_app(project).test_client()
    for number, port in enumerate((1, 2), 1):
        plant(project / "kept/here", {"watch.json": f'{{"url": "http://[::1]:{port}", "out": ""}}'})
        for _ in range(3):
            assert streams_of(client) == [f"http://[::1]:{port}", "/_assetpipe"]
        assert len(reads) == number


def test_without_a_configuration_the_current_folder_counts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch without one keeps its cache where it was started."""
    (project / "assetpipe.toml").unlink()
    here = plant(
        project.parent / "here",
        {".assetpipe_cache/watch.json": json.dumps({"url": BESIDE, "out": ""})},
    )
    monkeypatch.chdir(here)
    assert streams_of(make_app(project).test_client()) == [BESIDE, "/_assetpipe"]


def test_a_release_elsewhere_is_no_watchs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read once, when the app starts."""
    plant(project, {"assetpipe.toml": "cache = 7"})  # which is the build's to complain of
    out = write_release(project / "remote")
    assert out.assets
    app = make_app(
        project,
        assetpipe_mode="manifest",
        assetpipe_manifest=f"http://127.0.0.1:{free_port()}/manifest.json",
        assetpipe_manifest_copy="remote/manifest.json",
    )
    assert streams_of(app.test_client()) == ["/_assetpipe"]
    events = app.test_client().get("/_assetpipe/events?once=1", **THREADS).text
    assert '"release": null' in events


# The app's own stream.


def changes(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what an update tells of: names and kinds."""
    assert message["type"] == "update", message
    return [(change["name"], change["kind"]) for change in message["changes"]]


def test_what_is_saved_is_told(project: Path) -> None:
    """In the folders of the app and of its own blueprints; what packages bring is not looked at."""
    plant(
        project,
        {
            "admin/static/log.css": "a{}",
            "admin/templates/log.html": "<p>",
            ".venv/lib/site-packages/theme/static/theme.css": "a{}",
            ".venv/lib/site-packages/theme/templates/theme.html": "<p>",
            ".venv/lib/site-packages/kit/static/kit.css": "a{}",
        },
    )
    plant(project.parent / "away", {"static/away.css": "a{}", "templates/away.html": "<p>"})
    app = make_app(project, assetpipe_blueprints={"kit": "kit"})
    packages = project / ".venv/lib/site-packages"
    for name, folder in {
        "admin": project / "admin",
        "theme": packages / "theme",
        "kit": packages / "kit",
        "away": project.parent / "away",
    }.items():
        app.register_blueprint(
            Blueprint(
                name,
                name,
                root_path=str(folder),
                url_prefix=f"/{name}",
                static_folder="static",
                template_folder="templates",
            )
        )
    saved: list[tuple[str, str, str]] = [
        ("static/css/app.css", "css/app.css", "style"),
        ("static/img/a.svg", "img/a.svg", "image"),
        ("static/js/app.js", "js/app.js", "other"),
        ("static/css/app.css.map", "", ""),
        ("static/css/.app.css.swp", "", ""),
        ("static/new.css", "new.css", "style"),
        ("admin/static/log.css", "log.css", "style"),
        (".venv/lib/site-packages/theme/static/theme.css", "", ""),
        (".venv/lib/site-packages/theme/templates/theme.html", "", ""),
        (".venv/lib/site-packages/kit/static/kit.css", "kit.css", "style"),
        ("../away/static/away.css", "", ""),
        ("../away/templates/away.html", "", ""),
        ("templates/page.html", "page.html", "other"),
        ("templates/mail.css", "mail.css", "other"),
        ("admin/templates/log.html", "log.html", "other"),
        ("app.py", "", ""),
    ]
    with served(app) as port, Page(port, EVENTS) as page:
        releases = [page.next()["release"]]
        for file, name, kind in saved:
            (project / file).write_text(f"saved {file}")
            if name:
                message = page.next()
                assert changes(message) == [(name, kind)], file
                assert message["changes"][0]["file"] is None
                releases.append(message["release"])
        (project / "static/new.css").unlink()
        assert changes(page.next()) == [("new.css", "other")]
    assert len(set(releases)) == len(releases)


def test_the_first_page_does_not_wait_for_the_watch(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at a large tree takes longer than making a page."""
    from assetpipe.live.watcher import Watcher

    started: list[Watcher] = []

    def start(watcher: Watcher) -> None:
        time.sleep(0.4)
        started.append(watcher)

    monkeypatch.setattr(Watcher, "start", start)
    app = make_app(project)
    client = app.test_client()
    began = time.monotonic()
    assert client.get("/").text == client.get("/").text == PAGE + OWN
    assert not started or time.monotonic() - began > 0.4
    events = client.get(f"{EVENTS}&once=1", **THREADS)
    assert b'"state"' in events.data
    time.sleep(0.1)
    assert len(started) == 1


def test_a_watch_that_fails_leaves_pages_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And their streams, which have nothing to tell."""
    from assetpipe.live.watcher import Watcher

    def fail(_self: Watcher) -> None:
        raise OSError("no more watches")

    monkeypatch.setattr(Watcher, "start", fail)
    client = make_app(project).test_client()
    assert client.get("/").text == PAGE + OWN
    events = client.get(f"{EVENTS}&once=1", **THREADS)
    assert b'"state"' in events.data
    assert "no more watches" in caplog.text


def test_a_new_release_is_told(project: Path) -> None:
    """By what differs: hashed files by their names, plain ones by their bytes."""
    out = project / "build/static"
    first = write_release(out)
    app = make_app(project, assetpipe_mode="manifest")
    later = {**SITE, "css/app.css": b"new", "robots.txt": b"new", "css/new.css": b"new"}
    del later["admin/log.css"]
    with served(app) as port, Page(port, "/_assetpipe/events?mode=manifest") as page:
        assert page.next()["release"] == first.release
        second = write_release(out, later)
        message = page.next()
        assert message["release"] == second.release
        assert changes(message) == [
            ("css/app.css", "style"),
            ("css/new.css", "style"),
            ("robots.txt", "other"),
            ("admin/log.css", "other"),
        ]
        assert [change["file"] for change in message["changes"]] == [
            output_name("css/app.css", b"new"),
            output_name("css/new.css", b"new"),
            "robots.txt",
            None,
        ]
        (project / "templates/page.html").write_text("new")
        message = page.next()
        assert (changes(message), message["release"]) == (
            [("page.html", "other")],
            second.release,
        )
        (out / "manifest.json").write_text("broken")
        time.sleep(0.6)
        write_release(out)
        message = page.next()
        assert message["release"] == first.release
        assert ("admin/log.css", "style") in changes(message)
        # Pages that knew an earlier process say what release they have.
        for known, expected in (
            (first.release, []),
            (second.release, ["update"]),
            ("0123456789abcdef", ["reload"]),
        ):
            query = f"since=0123456789ab-3&release={known}&once=1"
            with Page(port, f"/_assetpipe/events?{query}") as returned:
                assert [each["type"] for each in returned.rest()] == [*expected, "state"]


def test_a_first_release_is_told(project: Path) -> None:
    """A page that failed without one loads again."""
    app = make_app(project, assetpipe_mode="manifest")
    with served(app) as port, Page(port, "/_assetpipe/events?mode=manifest") as page:
        assert page.next()["release"] is None
        release = write_release(project / "build/static")
        assert page.next() == {"type": "reload"}
        with Page(port, "/_assetpipe/events?once=1") as other:
            assert other.next()["release"] == release.release


def test_pages_are_served_while_others_listen(project: Path) -> None:
    """Fifty streams are open, two hundred pages are asked for, and all streams go on."""
    app = make_app(project)
    with served(app) as port, ExitStack() as stack:
        pages = [stack.enter_context(Page(port, EVENTS)) for _ in range(50)]
        assert {page.next()["type"] for page in pages} == {"state"}
        for _ in range(200):
            with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as response:
                assert response.read().decode() == PAGE + OWN
        (project / "static/css/app.css").write_text("b { }")
        assert [changes(page.next()) for page in pages] == [[("css/app.css", "style")]] * 50


def test_a_server_without_threads_says_so_once(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, with what to do; each page is told, and is served."""
    app = make_app(project)
    with served(app, threaded=False) as port:
        for _ in range(3):
            with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as response:
                assert response.read().decode() == PAGE + OWN
            with Page(port, EVENTS) as page:
                assert [message["type"] for message in page.rest()] == ["off"]
    (record,) = (each for each in caplog.records if "live reload" in each.getMessage())
    assert record.levelno == logging.WARNING
    assert "--without-threads" in record.getMessage()


# Real servers.

APP = f"""
import os
import threading
from flask import Flask
from assetpipe.flask import AssetPipe

app = Flask(__name__)
AssetPipe(app)

@app.get("/")
def page():
    return {PAGE!r}

@app.get("/process")
def process():
    watchers = sum(each.name == "assetpipe-watcher" for each in threading.enumerate())
    return f"{{os.getpid()}} {{os.getppid()}} {{watchers}}", {{"Content-Type": "text/plain"}}
"""


@contextmanager
def running(project: Path, *command: str, port: int) -> Iterator[Path]:
    """Run a server in a project until the context ends; give the file that it logs to."""
    plant(project, {"app.py": APP})
    log = project / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=project,
            env=clean_environment() | {"PYTHONWARNINGS": "", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + PATIENCE
        while fetched(port, "/process") is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.02)
        yield log
    finally:
        # It leads a process group of its own: the reloader's child is in it.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


def fetched(port: int, path: str) -> str | None:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
            text: str = response.read().decode()
            return text
    except OSError:
        return None


def test_gunicorn_with_one_worker_serves_pages(project: Path) -> None:
    """Its workers handle one request at a time, unless they are given threads."""
    pytest.importorskip("gunicorn", reason="needs gunicorn")
    port = free_port()
    (project / "wsgi.py").write_text("from app import app\napp.debug = True\n")
    with running(project, "gunicorn", "--bind", f"127.0.0.1:{port}", "wsgi:app", port=port) as log:
        for _ in range(2):
            assert (fetched(port, "/") or "").endswith(OWN)
            with Page(port, EVENTS) as page:
                assert [message["type"] for message in page.rest()] == ["off"]
    assert log.read_text().count("--threads 8") == 1


def watches(process: int) -> int:
    """Return how many inotify instances a process has."""
    links = Path(f"/proc/{process}/fd").iterdir()
    return sum("inotify" in os.readlink(link) for link in links)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
def test_flasks_own_reloader_and_this_one_do_not_meet(project: Path) -> None:
    """A style is told and restarts nothing; Python restarts the app, and reloads no page."""
    pytest.importorskip("watchdog", reason="needs watchdog")
    port = free_port()
    style, code = project / "static/css/app.css", project / "app.py"

    def processes() -> list[int]:
        """Return the ids of the app's process and of its parent, and the number of watchers."""
        return [int(number) for number in (fetched(port, "/process") or "").split()]

    # Its own reloader takes seconds to begin where it has to watch all of Python.
    others = os.pathsep.join(f"{folder}*" for folder in (sys.base_prefix, sys.prefix, CODE))
    command = ("flask", "run", "--debug", "--port", str(port), "--exclude-patterns", others)
    with running(project, *command, port=port):
        child, parent, none = processes()
        before = watches(parent)
        fetched(port, "/")
        with ExitStack() as stack:
            pages = [stack.enter_context(Page(port, EVENTS)) for _ in range(3)]
            release = {page.next()["release"] for page in pages}.pop()
            for number in range(3):
                style.write_text(f"a {{ order: {number} }}")
                messages = [page.next() for page in pages]
                assert {str(changes(each)) for each in messages} == {"[('css/app.css', 'style')]"}
                release = messages[0]["release"]
            assert processes() == [child, parent, 1]
            assert (none, watches(parent)) == (0, before)
            last = pages[0].last
            until = time.monotonic() + PATIENCE
            while processes()[:1] == [child]:
                # Until it has begun to watch, its reloader does not see what is saved.
                assert time.monotonic() < until
                code.write_text(f"{APP}# saved at {time.monotonic()}\n")
                time.sleep(0.2)
            assert pages[0].rest() == []
        until = time.monotonic() + PATIENCE
        while True:
            try:
                page = Page(port, f"{EVENTS}&since={last}&release={release}")
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.02)
        with page:
            first = page.next()
            assert (first["type"], first["release"]) == ("state", release)
            assert page.last.partition("-")[0] != last.partition("-")[0]
            restarted, same, _ = processes()
            assert restarted != child
            assert same == parent
            style.write_text("a { order: 9 }")
            assert changes(page.next()) == [("css/app.css", "style")]
        with Page(port, f"{EVENTS}&since={last}&release={release}&once=1") as late:
            assert [message["type"] for message in late.rest()] == ["reload", "state"]


# Quart.


def test_quart_has_it_beside_a_watch_process(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a template asks for it; an app without one has no stream of its own."""
    quart = pytest.importorskip("quart", reason="needs Quart")
    app = quart.Quart("shop", root_path=str(project))
    AssetPipe(app)

    @app.get("/")  # type: ignore[untyped-decorator]
    async def page() -> str:
        text: str = await quart.render_template_string("<!doctype html>{{ live_reload_tag() }}")
        return text

    async def tag() -> str:
        response = await app.test_client().get("/")
        text: str = await response.get_data(as_text=True)
        return text.removeprefix("<!doctype html>")

    for debug, beside, expected in (
        (True, "", ""),
        (
            True,
            BESIDE,
            OWN.replace("/_assetpipe", BESIDE),
        ),
        (False, BESIDE, ""),
    ):
        app.debug = debug
        monkeypatch.setenv("ASSETPIPE_WATCH", beside)
        assert asyncio.run(tag()) == expected
