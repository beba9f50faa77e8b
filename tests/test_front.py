"""Answering in front of the app: only where nothing of the app could tell the difference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask.signals import request_started
from werkzeug.test import create_environ, run_wsgi_app

from assetpipe.flask import AssetPipe
from tests.release import SITE, output_name, write_release

FILE = output_name("css/app.css", SITE["css/app.css"])
URL = f"/static/{FILE}"


def make_app(out: Path, **options: Any) -> Flask:
    write_release(out)
    app = Flask("front", root_path=str(out), **options)
    app.config["ASSETPIPE_OUT"] = out
    return app


def passes_app(app: Flask, url: str = URL) -> bool:
    """Say whether a request for a static file gets to the app itself."""
    seen: list[str] = []
    dispatch = app.dispatch_request
    app.dispatch_request = lambda: (seen.append(request.path), dispatch())[1]  # type: ignore[method-assign, func-returns-value]
    with app.test_client().get(url) as response:
        assert response.status_code == 200
        assert response.data == SITE["css/app.css"]
    return seen == [url]


def wrap_view(app: Flask) -> None:
    app.view_functions["static"] = partial(app.view_functions["static"])


def wrap_app(app: Flask) -> None:
    app.wsgi_app = partial(app.wsgi_app)  # type: ignore[method-assign]


def nothing(*_: object) -> None:
    return None


OBSTACLES: list[Any] = [
    pytest.param(nothing, False, "", id="a bare app"),
    pytest.param(
        lambda app: app.before_request(lambda: None), True, "before_request", id="before_request"
    ),
    pytest.param(
        lambda app: app.after_request(lambda response: response),
        True,
        "after_request",
        id="after_request",
    ),
    pytest.param(
        lambda app: app.teardown_request(nothing), True, "teardown_request", id="teardown_request"
    ),
    pytest.param(
        lambda app: app.url_value_preprocessor(nothing),
        True,
        "url_value_preprocessor",
        id="url_value_preprocessor",
    ),
    pytest.param(wrap_view, True, "'static' was wrapped", id="a guarded view"),
    pytest.param(
        lambda app: app.add_url_rule("/static/css/live.css", "live", nothing),
        True,
        "/static/css/live.css lies below /static/",
        id="another route below the prefix",
    ),
    pytest.param(
        lambda app: app.add_url_rule("/statically", "other", nothing), False, "", id="another route"
    ),
    pytest.param(
        lambda app: app.teardown_appcontext(nothing), False, "", id="teardown of the app's context"
    ),
    pytest.param(
        lambda app: app.config.update(ASSETPIPE_IN_FRONT=False), True, "", id="switched off"
    ),
]


@pytest.mark.parametrize(("change", "passes", "obstacle"), OBSTACLES)
def test_the_app_sees_each_request_if_it_could_tell(
    tmp_path: Path, change: Callable[[Flask], object], passes: bool, obstacle: str
) -> None:
    """Functions around requests may guard the files, or add to their header fields."""
    app = make_app(tmp_path)
    AssetPipe(app)
    change(app)
    assert passes_app(app) == passes
    assert obstacle in app.extensions["assetpipe"].front.obstacle()


def test_a_route_that_comes_later_counts(tmp_path: Path) -> None:
    """Flask takes routes until it has seen its first request."""
    app = make_app(tmp_path)
    AssetPipe(app)
    assert not passes_app(app)
    app.add_url_rule("/static/css/live.css", "live", lambda: "live")
    assert passes_app(app)


@pytest.mark.parametrize(
    "options",
    [{"host_matching": True, "static_host": "localhost"}, {"subdomain_matching": True}],
    ids=["hosts", "subdomains"],
)
def test_files_of_one_host_go_through_the_routes(tmp_path: Path, options: dict[str, Any]) -> None:
    """Others may have nothing below the prefix."""
    app = make_app(tmp_path, **options)
    AssetPipe(app)
    assert passes_app(app)


def test_names_beyond_ascii_are_found(tmp_path: Path) -> None:
    """A server hands the bytes of a path on as Latin characters (PEP 3333)."""
    app = make_app(tmp_path)
    AssetPipe(app)
    for change in (nothing, app.before_request):
        change(lambda: None)
        with app.test_client().get("/static/img/a b'(é).png") as response:
            assert response.data == SITE["img/a b'(é).png"]


def test_an_empty_path_may_be_left_out(tmp_path: Path) -> None:
    """As CGI does (PEP 3333, environ variables)."""
    app = make_app(tmp_path)
    AssetPipe(app)
    app.add_url_rule("/", "page", lambda: "page")
    environ = create_environ("/")
    del environ["PATH_INFO"]
    assert run_wsgi_app(app, environ)[1] == "200 OK"


def test_what_wraps_the_app_before_is_asked_first(tmp_path: Path) -> None:
    """It may be a password."""
    app = make_app(tmp_path)
    wrap_app(app)
    AssetPipe(app)
    assert passes_app(app)


def test_what_wraps_the_app_after_is_asked_first_anyway(tmp_path: Path) -> None:
    """Then nothing has to be given up for it."""
    app = make_app(tmp_path)
    AssetPipe(app)
    wrap_app(app)
    assert not passes_app(app)


def test_who_listens_to_requests_hears_of_them(tmp_path: Path) -> None:
    """As tools that measure do."""
    app = make_app(tmp_path)
    AssetPipe(app)

    def listen(_app: Flask, **_: object) -> None:
        pass

    with request_started.connected_to(listen):
        assert passes_app(app)
    assert not passes_app(app)


def test_files_at_the_root_go_through_the_routes(tmp_path: Path) -> None:
    """A page may have the name of a file."""
    app = make_app(tmp_path, static_url_path="")
    AssetPipe(app)
    app.add_url_rule("/page", "page", lambda: "page")
    assert passes_app(app, f"/{FILE}")


def test_an_app_may_insist(tmp_path: Path) -> None:
    """Its functions do nothing for files, says who sets the key."""
    app = make_app(tmp_path)
    app.config["ASSETPIPE_IN_FRONT"] = True
    AssetPipe(app)
    app.before_request(lambda: None)
    assert not passes_app(app)


def test_what_is_not_there_gets_the_apps_own_page(tmp_path: Path) -> None:
    """In front or not: its design, and never kept."""
    app = make_app(tmp_path)
    AssetPipe(app)
    app.register_error_handler(404, lambda error: ("own page", 404))
    response = app.test_client().get("/static/css/none.css")
    assert (response.status_code, response.text) == (404, "own page")
    assert response.headers["Cache-Control"] == "no-store"


def test_source_mode_leaves_everything_to_the_app(tmp_path: Path) -> None:
    """As if there were no extension."""
    (tmp_path / "static/css").mkdir(parents=True)
    (tmp_path / "static/css/app.css").write_bytes(SITE["css/app.css"])
    app = make_app(tmp_path)
    app.config["ASSETPIPE_MODE"] = "source"
    AssetPipe(app)
    assert passes_app(app, "/static/css/app.css")
