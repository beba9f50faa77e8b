"""The extension with Quart: the same URLs, helpers and files, over ASGI."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from jinja2 import DictLoader

from assetpipe import manifest
from assetpipe.errors import ConfigError, ManifestError, UnknownAssetError
from assetpipe.flask import AssetPipe
from tests.http.client import Connection
from tests.http.servers import free_port, started
from tests.release import SITE, output_name, sibling, write_release

pytest.importorskip("quart", reason="needs Quart")

import quart
from quart import Blueprint, Quart, render_template_string, url_for

T = TypeVar("T")

APP, LOG, DEEP = (
    output_name(name, SITE[name])
    for name in ("css/app.css", "admin/log.css", "parent/child/deep.js")
)
URL = f"/static/{APP}"
FOREVER = "public, max-age=31536000, immutable"
LARGE = b"large" * 40_000
CDN = {"ASSETPIPE_CDN_URL": "https://cdn.example.com/site/"}
SOURCE = {"ASSETPIPE_MODE": "source"}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample release, and a file that is not kept in memory."""
    out = tmp_path_factory.mktemp("release")
    write_release(out, {**SITE, "large.bin": LARGE})
    return out


def make_app(out: Path, config: Mapping[str, Any] | None = None, **options: Any) -> Quart:
    """Return an app that is not yet registered with AssetPipe."""
    app = Quart("site", root_path=str(out), **options)
    app.config.update({"ASSETPIPE_OUT": out} | dict(config or {}))
    return app


def add_blueprints(app: Quart) -> None:
    parent = Blueprint("parent", __name__, url_prefix="/parent", static_folder="static")
    child = Blueprint("child", __name__, url_prefix="/child", static_folder="static")
    parent.register_blueprint(child)
    localised = Blueprint("admin", __name__, url_prefix="/<lang>/admin", static_folder="static")
    foreign = Blueprint("foreign", __name__, url_prefix="/foreign", static_folder="static")
    for blueprint in (parent, localised, foreign):
        app.register_blueprint(blueprint)


class Answer(NamedTuple):
    """What came back; names of fields in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


async def ask(
    app: Quart,
    path: str = URL,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    root: str = "",
) -> Answer:
    """Call the app as a server does (ASGI 3.0)."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": root + path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": root,
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "extensions": {},
    }
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])
    sent: list[Any] = []
    is_over = asyncio.Event()

    async def receive() -> Any:
        message = next(requests, None)
        if message is None:
            await is_over.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            is_over.set()

    await app(scope, receive, send)  # type: ignore[arg-type]
    start, *parts = sent
    assert start["type"] == "http.response.start"
    assert not parts[-1].get("more_body")
    fields = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], fields, b"".join(part.get("body", b"") for part in parts))


# URLs


CSS = "url_for('static', filename='css/app.css'"

URLS = [
    pytest.param(f"{CSS})", {}, {}, URL, id="a static file has its hashed URL"),
    pytest.param(
        f"{CSS}, v='a b', _anchor='tide é')", {}, {}, f"{URL}?v=a+b#tide%20%C3%A9",
        id="query and anchor are appended",
    ),
    pytest.param(
        f"{CSS}, _external=True)", {}, {}, f"http://localhost{URL}", id="an external URL has a host"
    ),
    pytest.param(
        f"{CSS}, _scheme='https')", {}, {}, f"https://localhost{URL}", id="a scheme is used"
    ),
    pytest.param(
        f"{CSS})", {}, {"root_path": "/mounted"}, f"/mounted{URL}", id="a root path leads the path"
    ),
    pytest.param(
        "url_for('static', filename='none.css')", {}, {}, "/static/none.css",
        id="an unknown name has its plain URL",
    ),
    pytest.param(
        "url_for('page', filename='css/app.css')", {}, {}, "/page?filename=css/app.css",
        id="another endpoint is left alone",
    ),
    pytest.param(
        "url_for('admin.static', filename='log.css', lang='de')", {}, {}, f"/static/{LOG}",
        id="a blueprint's file lies below the app's static path",
    ),
    pytest.param(
        "url_for('foreign.static', filename='x.css')", {}, {}, "/foreign/static/x.css",
        id="a blueprint that is not in the release is left alone",
    ),
    pytest.param(
        "url_for('.static', filename='deep.js')", {}, {"path": "/parent/child/static/x"},
        f"/static/{DEEP}", id="a relative endpoint is that of the request's blueprint",
    ),
    pytest.param(
        f"{CSS}, v=1)", CDN, {}, f"https://cdn.example.com/site/{APP}?v=1",
        id="a CDN's URL leads the file",
    ),
    pytest.param(f"{CSS})", SOURCE, {}, "/static/css/app.css", id="source mode is Quart as it is"),
    pytest.param(f"{CSS})", {"DEBUG": True}, {}, "/static/css/app.css", id="debug is source mode"),
]  # fmt: skip


async def in_view(call: str) -> str:
    return str(eval(call, {"url_for": url_for}))


async def on_app(call: str) -> str:
    return str(eval(call, {"url_for": quart.current_app.url_for}))


async def in_thread(call: str) -> str:
    """As in a view that is not asynchronous."""
    ask = quart.current_app.ensure_async(partial(eval, call, {"url_for": url_for}))
    return str(await ask())


async def in_template(call: str) -> str:
    source = f"{{% autoescape false %}}{{{{ {call} }}}}{{% endautoescape %}}"
    return await render_template_string(source)


async def in_macro(call: str) -> str:
    """In a macro that is imported without context."""
    macro = f"{{% macro m() %}}{{% autoescape false %}}{{{{ {call} }}}}{{% endautoescape %}}"
    environment = quart.current_app.jinja_env.overlay(
        loader=DictLoader(
            {"m": f"{macro}{{% endmacro %}}", "t": "{% import 'm' as m %}{{ m.m() }}"}
        )
    )
    return await environment.get_template("t").render_async()


PLACES = [in_view, on_app, in_thread, in_template, in_macro]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize(("call", "config", "request_", "expected"), URLS)
def test_url_for(
    release: Path,
    call: str,
    config: Mapping[str, Any],
    request_: Mapping[str, Any],
    expected: str,
    place: Callable[[str], Awaitable[str]],
) -> None:
    """Each case of the table, in each place that a URL may be asked for."""
    app = make_app(release, config)
    app.add_url_rule("/page", "page", lambda: "page")
    AssetPipe(app)
    add_blueprints(app)

    async def main() -> str:
        context = {"path": "/page"} | dict(request_)
        async with app.test_request_context(**context):
            return await place(call)

    assert asyncio.run(main()) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"SERVER_NAME": "example.com"}, f"http://example.com{URL}", id="the app"),
        pytest.param(CDN, f"https://cdn.example.com/site/{APP}", id="a CDN"),
    ],
)
def test_url_for_outside_a_request(release: Path, config: Mapping[str, Any], expected: str) -> None:
    """An app context is enough, as in a command or a background task."""
    app = make_app(release, config)
    AssetPipe(app)

    async def main() -> str:
        async with app.app_context():
            return url_for("static", filename="css/app.css")

    assert asyncio.run(main()) == expected


def test_url_for_in_a_websocket(release: Path) -> None:
    """Relative endpoints included."""
    app = make_app(release)
    AssetPipe(app)
    blueprint = Blueprint("admin", __name__, static_folder="static", static_url_path="/admin/s")

    @blueprint.websocket("/live")
    async def live() -> None:
        await quart.websocket.send(url_for("static", filename="css/app.css"))
        await quart.websocket.send(url_for(".static", filename="log.css"))

    app.register_blueprint(blueprint)

    async def main() -> list[Any]:
        async with app.test_client().websocket("/live") as websocket:
            return [await websocket.receive(), await websocket.receive()]

    assert asyncio.run(main()) == [URL, f"/static/{LOG}"]


def test_unknown_names_are_errors_when_strict(release: Path) -> None:
    """The message says what was meant."""
    app = make_app(release, {"ASSETPIPE_STRICT": True})
    AssetPipe(app)

    async def main() -> None:
        async with app.test_request_context("/"):
            url_for("static", filename="css/ap.css")

    with pytest.raises(UnknownAssetError, match=r"did you mean 'css/app\.css'"):
        asyncio.run(main())


# Files

QUESTIONS = [
    pytest.param("GET", URL, {}, 200, id="a file"),
    pytest.param("GET", URL, {"Accept-Encoding": "gzip, br"}, 200, id="an encoding"),
    pytest.param("HEAD", URL, {}, 200, id="HEAD"),
    pytest.param("GET", URL, {"If-None-Match": "*"}, 304, id="a condition that holds"),
    pytest.param("GET", URL, {"If-Match": '"x"'}, 412, id="a condition that does not"),
    pytest.param("GET", URL, {"Range": "bytes=3-5"}, 206, id="a range"),
    pytest.param("GET", URL, {"Range": "bytes=9999-"}, 416, id="a range behind the end"),
    pytest.param("GET", "/static/robots.txt", {}, 200, id="a plain file"),
    pytest.param("GET", "/static/css/app.css", {}, 200, id="a logical name"),
    pytest.param("GET", "/static/large.bin", {}, 200, id="a large file"),
    pytest.param("GET", "/static/large.bin", {"Range": "bytes=-7"}, 206, id="a large file's end"),
    pytest.param(
        "GET", "/static/large.bin", {"Range": "bytes=5-99999"}, 206, id="a large file's part"
    ),
    pytest.param("HEAD", "/static/large.bin", {}, 200, id="HEAD of a large file"),
    pytest.param("OPTIONS", URL, {"Access-Control-Request-Method": "GET"}, 200, id="a preflight"),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), QUESTIONS)
def test_files_are_the_same_in_front_and_through_the_app(
    release: Path, method: str, path: str, headers: Mapping[str, str], status: int
) -> None:
    """Fields and bytes; a request that must not be answered in front loses nothing."""
    answers = []
    for in_front in (True, False):
        app = make_app(release, {"ASSETPIPE_IN_FRONT": in_front})
        AssetPipe(app)
        answers.append(asyncio.run(ask(app, path, method, headers)))
    assert answers[0] == answers[1]
    assert answers[0].status == status


def test_a_file_comes_with_its_encoding_and_a_long_life(release: Path) -> None:
    """The static route answers from the release."""
    app = make_app(release)
    AssetPipe(app)
    answer = asyncio.run(ask(app, headers={"Accept-Encoding": "br"}))
    assert answer.body == sibling("css/app.css", "br")
    assert answer.fields["cache-control"] == FOREVER
    assert asyncio.run(ask(app, "/static/large.bin")).body == LARGE


@pytest.mark.parametrize("in_front", [True, False])
def test_a_missing_file_gets_the_apps_own_page(release: Path, in_front: bool) -> None:
    """As from Quart's static route; but no cache keeps it."""
    app = make_app(release, {"ASSETPIPE_IN_FRONT": in_front})
    AssetPipe(app)

    @app.errorhandler(404)
    async def lost(error: Exception) -> tuple[str, int]:
        return "lost at sea", 404

    answer = asyncio.run(ask(app, "/static/css/none.css"))
    assert (answer.status, answer.body) == (404, b"lost at sea")
    assert answer.fields["cache-control"] == "no-store"
    assert "cache-control" not in asyncio.run(ask(app, "/none")).fields


def test_a_file_is_found_below_the_root_path(release: Path) -> None:
    """A server or another app may have mounted this one."""
    app = make_app(release)
    AssetPipe(app)
    assert not passes_app(app, root="/shop")
    assert asyncio.run(ask(app, "/css/app.css", root="/static")).status == 404


def test_large_files_may_take_their_time(release: Path) -> None:
    """Quart's time limit is for responses that are made up."""
    config = {"ASSETPIPE_IN_FRONT": False, "RESPONSE_TIMEOUT": 1e-9}
    app = make_app(release, config)
    AssetPipe(app)
    assert asyncio.run(ask(app, "/static/large.bin")).body == LARGE


def test_the_view_may_be_guarded(release: Path) -> None:
    """An app puts a view around after registration; then it is asked first."""
    app = make_app(release)
    AssetPipe(app)
    app.view_functions["static"] = lambda filename: "guarded"
    assert asyncio.run(ask(app)).body == b"guarded"


def nothing(*_: object) -> None:
    return None


async def passed(response: Any) -> Any:
    return response


def wrap_view(app: Quart) -> None:
    app.view_functions["static"] = partial(app.view_functions["static"])


OBSTACLES: list[Any] = [
    pytest.param(nothing, "", id="a bare app"),
    pytest.param(lambda app: app.before_request(nothing), "before_request", id="before_request"),
    pytest.param(lambda app: app.after_request(passed), "after_request", id="after_request"),
    pytest.param(
        lambda app: app.teardown_request(nothing), "teardown_request", id="teardown_request"
    ),
    pytest.param(wrap_view, "'static' was wrapped", id="a guarded view"),
    pytest.param(
        lambda app: app.add_url_rule("/static/css/live.css", "live", nothing),
        "/static/css/live.css lies below /static/",
        id="another route below the prefix",
    ),
    pytest.param(lambda app: app.before_websocket(nothing), "", id="before_websocket"),
    pytest.param(lambda app: app.before_serving(nothing), "", id="before_serving"),
]


def passes_app(app: Quart, root: str = "") -> bool:
    """Say whether a request for a static file gets to the app itself."""
    seen = []
    handle = app.handle_request

    def note(request: Any) -> Any:
        seen.append(request.path)
        return handle(request)

    app.handle_request = note  # type: ignore[method-assign]
    assert asyncio.run(ask(app, root=root)).body == SITE["css/app.css"]
    return seen == [URL]


@pytest.mark.parametrize(("change", "obstacle"), OBSTACLES)
def test_the_app_sees_each_request_if_it_could_tell(
    release: Path, change: Callable[[Quart], object], obstacle: str
) -> None:
    """Functions around requests may guard the files, or add to their header fields."""
    app = make_app(release)
    AssetPipe(app)
    change(app)
    assert passes_app(app) == bool(obstacle)
    found = app.extensions["assetpipe"].front.obstacle()
    assert obstacle in found
    assert bool(found) == bool(obstacle)


def test_who_listens_to_requests_hears_of_them(release: Path) -> None:
    """To Quart's signals, which are not Flask's."""
    app = make_app(release)
    AssetPipe(app)

    async def listen(_app: Quart, **_: object) -> None:
        pass

    with quart.request_started.connected_to(listen):
        assert passes_app(app)
    assert not passes_app(app)


def test_what_wraps_the_app_before_is_asked_first(release: Path) -> None:
    """It may be a password."""
    app = make_app(release)
    app.asgi_app = partial(app.asgi_app)  # type: ignore[method-assign]
    AssetPipe(app)
    assert passes_app(app)
    assert "app.asgi_app was wrapped" in app.extensions["assetpipe"].front.obstacle()


# Source mode


def test_source_mode_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """After the first use the app is as it was, and Quart serves the sources."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static/x.css").write_text("x{}")
    app = make_app(tmp_path, SOURCE)
    before, view = app.url_for, app.view_functions["static"]
    AssetPipe(app)
    for _ in range(2):
        assert asyncio.run(ask(app, "/static/x.css")).body == b"x{}"
    assert app.url_for == before
    assert app.view_functions["static"] is view


@pytest.mark.parametrize("is_guarded", [False, True], ids=["bare", "guarded"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_source_mode_answers_as_quart_does(tmp_path: Path, method: str, is_guarded: bool) -> None:
    """From the very first request on, also where the app has put a guard around the view."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static/x.css").write_text("x{}")
    answers = []
    for app in (make_app(tmp_path), make_app(tmp_path, SOURCE)):
        if "ASSETPIPE_MODE" in app.config:
            AssetPipe(app)
            if is_guarded:
                guard(app)
        answers.append([asyncio.run(ask(app, "/static/x.css", method)) for _ in range(2)])
    for answer in (*answers[0], *answers[1]):
        answer.fields["allow"] = ", ".join(sorted(answer.fields.get("allow", "").split(", ")))
        for moving in ("date", "expires"):
            answer.fields.pop(moving, None)
    assert answers[0] == answers[1]


def guard(app: Quart) -> None:
    view = app.view_functions["static"]

    async def guarded(filename: str) -> Any:
        return await app.ensure_async(view)(filename=filename)

    app.view_functions["static"] = guarded


def test_source_mode_without_a_static_folder_serves_nothing(release: Path) -> None:
    """It is not found, rather than an error."""
    app = make_app(release, SOURCE, static_folder=None)
    AssetPipe(app)
    assert asyncio.run(ask(app, "/static/css/app.css")).status == 404


# Pages


@pytest.mark.parametrize("is_async", [True, False])
def test_tags_and_link_fields(release: Path, is_async: bool) -> None:
    """Templates have the helpers; a page says what it will need, also where a thread made it."""
    app = make_app(release, {"ASSETPIPE_PRELOAD_HEADERS": 5})
    AssetPipe(app)

    async def page() -> str:
        return await render_template_string("{{ stylesheet_tag('css/app.css') }}")

    def sync_page() -> str:
        table = app.extensions["assetpipe"]._helpers
        return str(table["stylesheet_tag"]("css/app.css"))

    app.add_url_rule("/", "page", page if is_async else sync_page)
    answer = asyncio.run(ask(app, "/"))
    assert answer.body.decode() == f'<link rel="stylesheet" href="{URL}">'
    assert answer.fields["link"] == f"<{URL}>; rel=preload; as=style"


def test_helpers_run_where_the_page_is_made(release: Path) -> None:
    """A thread per page would cost more than all URLs on it."""
    app = make_app(release)
    AssetPipe(app)

    def refuse(_: object) -> Any:
        raise AssertionError("something of the extension runs in a thread")

    app.sync_to_async = refuse  # type: ignore[assignment, method-assign]
    app.config["ASSETPIPE_PRELOAD_HEADERS"] = 5

    @app.get("/")
    async def page() -> str:
        return await render_template_string("{{ asset_url('css/app.css') }}")

    assert asyncio.run(ask(app, "/")).body.decode() == URL
    assert asyncio.run(ask(app, "/static/none.css")).status == 404


# The rest


def test_a_missing_manifest_is_never_a_plain_url(tmp_path: Path) -> None:
    """Every URL fails and says what to do; a build cures it."""
    app = make_app(tmp_path)
    AssetPipe(app)

    async def main() -> str:
        async with app.test_request_context("/"):
            return url_for("static", filename="css/app.css")

    with pytest.raises(ManifestError, match="assetpipe build"):
        asyncio.run(main())
    write_release(tmp_path)
    assert asyncio.run(main()) == URL


def test_a_new_release_is_seen_with_auto_reload(tmp_path: Path) -> None:
    """In URLs and in files."""
    write_release(tmp_path)
    app = make_app(tmp_path, {"ASSETPIPE_AUTO_RELOAD": True})
    AssetPipe(app)
    assert asyncio.run(ask(app)).status == 200
    new = write_release(tmp_path, {"css/app.css": b"new{}"}).assets["css/app.css"].file
    assert asyncio.run(ask(app, f"/static/{new}")).body == b"new{}"
    assert (tmp_path / manifest.FILE_NAME).is_file()


def test_registering_twice_is_refused(release: Path) -> None:
    """The message names the cure."""
    app = make_app(release)
    pipe = AssetPipe(app)
    with pytest.raises(ConfigError, match="only once"):
        pipe.init_app(app)


def test_a_view_of_the_apps_own_is_missed_aloud(
    release: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have asked for a login; Quart's own is not missed."""
    for view in (None, lambda filename: "guarded"):
        assert not caplog.records
        app = make_app(release)
        app.view_functions["static"] = view or app.view_functions["static"]
        AssetPipe(app)
        assert asyncio.run(ask(app)).body == SITE["css/app.css"]
    assert "if it guarded them" in caplog.text


def test_flask_apps_do_without_quart() -> None:
    """Importing the extension, and using it with Flask, loads nothing of Quart."""
    script = (
        "import sys; sys.modules['quart'] = None;"
        "from flask import Flask; from assetpipe.flask import AssetPipe; AssetPipe(Flask('x'));"
        "print('assetpipe.flask.quart' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


SHOP = """
from assetpipe.flask import AssetPipe
from quart import Quart, url_for

app = Quart("shop", root_path={out!r})
app.config["ASSETPIPE_OUT"] = {out!r}
AssetPipe(app)

@app.get("/")
async def page():
    return url_for("static", filename="css/app.css")
"""


@pytest.fixture(name="port")
def _port(release: Path, tmp_path: Path) -> Iterator[int]:
    """Start a Quart app as its users do, and return its port."""
    (tmp_path / "shop.py").write_text(SHOP.format(out=str(release)))
    port = free_port()
    command = ["hypercorn", "--bind", f"127.0.0.1:{port}", "shop:app"]
    with started(command, port, {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[1]}"}):
        yield port


def test_on_a_real_server(port: int) -> None:
    """A page's URL leads to the file, in one piece or in parts."""
    with Connection(port) as connection:
        url = connection.ask(target="/").body.decode()
        assert url == URL
        answer = connection.ask(target=url, fields=[("Accept-Encoding", "br")])
        assert (answer.status, answer.body) == (200, sibling("css/app.css", "br"))
        assert answer.get("Cache-Control") == FOREVER
        large = connection.ask(target="/static/large.bin")
        assert large.body == LARGE
        part = connection.ask(target="/static/large.bin", fields=[("Range", "bytes=70000-70004")])
        assert (part.status, part.body) == (206, LARGE[70000:70005])
        assert connection.ask(target="/static/none.css").status == 404
