"""Live reload as a whole: an app, the watch beside it or not, and a browser."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import urlopen

import pytest

from tests.site import clean_environment, plant
from tests.watching import Watching

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ("tests.browser",)

APP = """
import os
from flask import Flask, render_template
from assetpipe.flask import AssetPipe

app = Flask(__name__)
app.config.from_prefixed_env("SET")
AssetPipe(app)

@app.get("/")
def index():
    return render_template("index.html", pid=os.getpid())
"""
PAGE = """<!doctype html>
<html>
<head>
  <link rel="stylesheet" href="{{ url_for('static', filename='css/app.css') }}" media="screen">
  <script src="{{ url_for('static', filename='js/app.js') }}" defer></script>
</head>
<body data-pid="{{ pid }}">
  <h1>title</h1>
  <img src="{{ url_for('static', filename='img/a.svg') }}" width="20" height="20">
  <form><input id="name"></form>
  <div style="height: 5000px"></div>
</body>
</html>
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect {}/></svg>\n'
TREE = {
    "app.py": APP,
    "assetpipe.toml": 'missing = "error"\n',
    "templates/index.html": PAGE,
    "static/css/app.css": "@import 'leaf.css';\nh1 { color: rgb(1, 1, 1) }\n",
    "static/css/leaf.css": "h1 { opacity: 0.20 }\n",
    "static/js/app.js": "document.body.dataset.script = 1;\n",
    "static/img/a.svg": SVG.format("width='20' height='20'"),
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for_page(url: str) -> str:
    """Return a page, once the server is there."""
    end = time.monotonic() + 20
    while True:
        try:
            with urlopen(url) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < end, f"nothing answers at {url}"
            time.sleep(0.02)


@contextmanager
def app_alone(project: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """Run the app as people do without a watch; give its URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "run", f"--port={port}", *arguments],
        cwd=project,
        env=clean_environment() | {"PYTHONWARNINGS": "default"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for_page(f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


@contextmanager
def app_beside(project: Path, **environment: str) -> Iterator[str]:
    """Run the app beside the watch; give its URL."""
    port = free_port()
    command = [sys.executable, "-m", "flask", "run", "--debug", f"--port={port}"]
    environment = {"PYTHONWARNINGS": "default"} | environment
    with Watching(project, "--", *command, environment=environment) as watch:
        wait_for_page(f"http://127.0.0.1:{port}/")
        assert watch.first["event"] == "build"
        yield f"http://127.0.0.1:{port}/"


SOURCE, MANIFEST, ALONE = "source", "manifest", "source, alone"
MODES = [
    pytest.param(ALONE, id="source mode, alone"),
    pytest.param(SOURCE, id="source mode, beside a watch"),
    pytest.param(MANIFEST, id="manifest mode, beside a watch"),
]
everywhere = pytest.mark.parametrize("site", MODES, indirect=True)


class Site(NamedTuple):
    """A running app: the folder that it lies in, and its URL."""

    project: Path
    url: str


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Return an app that runs for all tests of its mode."""
    project = plant(tmp_path_factory.mktemp("project"), TREE)
    mode = request.param
    alone = app_alone(project, "--debug")
    with alone if mode == ALONE else app_beside(project, SET_ASSETPIPE_MODE=mode) as url:
        yield Site(project, url)


def open_page(page: Page, url: str) -> None:
    """Open the page, and wait until it listens."""
    with page.expect_response(lambda answer: "/events" in answer.url):
        page.goto(url)
    page.wait_for_timeout(200)
    page.evaluate("window.same = true")


def write(site: Site, name: str, text: str) -> None:
    (site.project / name).write_text(text)


def wait_for_style(page: Page, name: str, value: str) -> None:
    """Wait until the heading has a style."""
    style = f"getComputedStyle(document.querySelector('h1')).{name}"
    page.wait_for_function(f"{style} === {value!r}", timeout=10_000)


def color_of(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.querySelector('h1')).color"))


def is_same(page: Page) -> bool:
    """Say whether the page has not been loaded again."""
    return bool(page.evaluate("window.same === true"))


@everywhere
def test_a_style_is_exchanged_and_nothing_else(page: Page, site: Site) -> None:
    """What was typed, where the page stands, and what has the focus, stays; imports, too."""
    open_page(page, site.url)
    page.fill("#name", "Ada")
    page.evaluate("scrollTo(0, 1234)")
    write(site, "static/css/app.css", "@import 'leaf.css';\nh1 { color: rgb(2, 2, 2) }\n")
    wait_for_style(page, "color", "rgb(2, 2, 2)")
    write(site, "static/css/leaf.css", "h1 { opacity: 0.30 }\n")
    wait_for_style(page, "opacity", "0.3")
    assert is_same(page)
    assert page.input_value("#name") == "Ada"
    assert page.evaluate("[scrollY, document.activeElement.id]") == [1234, "name"]
    assert color_of(page) == "rgb(2, 2, 2)"
    assert page.locator("link[rel=stylesheet]").count() == 1


@everywhere
def test_an_image_is_exchanged_in_place(page: Page, site: Site) -> None:
    """It has another URL, or the same one with a parameter; the page stays."""
    open_page(page, site.url)
    before = page.get_attribute("img", "src")
    write(site, "static/img/a.svg", SVG.format("width='5' height='5'"))
    page.wait_for_function(f"document.querySelector('img').getAttribute('src') !== {before!r}")
    assert is_same(page)


@everywhere
@pytest.mark.parametrize("name", ["static/js/app.js", "templates/index.html"])
def test_anything_else_reloads(page: Page, site: Site, name: str) -> None:
    """Once."""
    open_page(page, site.url)
    with page.expect_navigation():
        write(site, name, TREE[name] + " \n")
    page.wait_for_timeout(300)
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "reload"
    page.evaluate("window.same = true")
    page.wait_for_timeout(300)
    assert is_same(page)


@everywhere
def test_the_stream_outlives_a_restart_of_the_app(page: Page, site: Site) -> None:
    """Who saves Python restarts the app, and it alone; a style saved after that arrives."""
    open_page(page, site.url)
    first = page.get_attribute("body", "data-pid")
    write(site, "static/css/leaf.css", "h1 { opacity: 0.31 }\n")
    wait_for_style(page, "opacity", "0.31")
    pid = re.search('data-pid="([0-9]+)"', wait_for_page(site.url))
    assert pid is not None
    assert pid[1] == first
    write(site, "app.py", APP + "\n# another\n")
    end = time.monotonic() + 20
    while f'data-pid="{first}"' in wait_for_page(site.url):
        assert time.monotonic() < end
        time.sleep(0.1)
    write(site, "static/css/leaf.css", "h1 { opacity: 0.32 }\n")
    wait_for_style(page, "opacity", "0.32")


@pytest.mark.parametrize("site", MODES[1:], indirect=True)
def test_an_error_stands_over_the_page_until_it_is_mended(page: Page, site: Site) -> None:
    """It goes away by itself, and the page has stayed."""
    open_page(page, site.url)
    write(site, "static/css/leaf.css", "h1 { background: url(gone.png) }\n")
    overlay = page.locator("assetpipe-overlay")
    overlay.wait_for()
    assert "gone.png" in overlay.locator("section").inner_text()
    write(site, "static/css/leaf.css", "h1 { opacity: 0.33 }\n")
    overlay.wait_for(state="detached")
    wait_for_style(page, "opacity", "0.33")
    assert is_same(page)


def test_production_has_none_of_it(page: Page, tmp_path: Path) -> None:
    """No script, no request, no route, whatever the configuration says."""
    asked: list[str] = []
    project = plant(tmp_path, TREE)
    environment = {
        "SET_ASSETPIPE_MODE": "source",
        "SET_ASSETPIPE_LIVE_RELOAD": "true",
        "ASSETPIPE_WATCH": "http://127.0.0.1:1",
    }
    with app_alone(project, **environment) as url:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.wait_for_timeout(300)
        assert "assetpipe" not in page.content()
        assert not [each for each in asked if "assetpipe" in each]
        assert page.goto(f"{url}_assetpipe/live.js").status == 404  # type: ignore[union-attr]
