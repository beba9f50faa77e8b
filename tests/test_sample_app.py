"""The sample application, built and started as its users would, asked over real HTTP."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import brotli
import pytest

from tests.site import clean_environment, command

ROOT = Path(__file__).parent.parent
HASHED = re.compile(r"\.[0-9a-f]{12}(?:\.|$)")


class Links(HTMLParser):
    """The static URLs that a page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the static URLs of one tag."""
        urls = (value for name, value in attrs if name in {"href", "src"} and value)
        self.found |= {url.partition("#")[0] for url in urls if url.startswith("/static/")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Build a copy of the sample application, start it, and give its port."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "sample_static", project / "sample_static")
    app = project / "tests" / "sample_app"
    shutil.copytree(ROOT / "tests" / "sample_app", app, ignore=shutil.ignore_patterns("build"))
    built = command(app, "build")
    assert built.returncode == 0, built.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "run", "--port", str(port)],
        cwd=app,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    for _ in range(200):
        assert process.poll() is None, "the application ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the application did not start")


def get(port: int, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask for a path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


@pytest.mark.parametrize("page", ["/", "/admin/"])
def test_every_url_of_a_page_is_served(server: int, page: str) -> None:
    """A page links hashed URLs, the blueprint's too, and each is served to be kept for a year."""
    response, body = get(server, page)
    assert response.status == 200
    urls = Links(body.decode()).found
    assert len([url for url in urls if HASHED.search(url)]) >= 4
    for url in urls:
        asset, content = get(server, url)
        assert (asset.status, bool(content)) == (200, True), url
        policy = "public, max-age=31536000, immutable" if HASHED.search(url) else "no-cache"
        assert asset.headers["Cache-Control"] == policy, url


def test_the_encoding_follows_the_request(server: int) -> None:
    """A browser that takes Brotli gets it, with the same bytes inside and its own entity tag."""
    _, page = get(server, "/")
    url = next(url for url in Links(page.decode()).found if "/css/site." in url)
    plain, body = get(server, url)
    small, encoded = get(server, url, **{"Accept-Encoding": "gzip, br"})
    assert small.headers["Content-Encoding"] == "br"
    assert brotli.decompress(encoded) == body
    assert plain.headers["ETag"] != small.headers["ETag"]
    assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"


def test_references_of_served_files_are_served(server: int) -> None:
    """Whatever a served stylesheet names is served, but for the sample's one broken reference."""
    _, page = get(server, "/")
    todo = [url for url in Links(page.decode()).found if url.endswith(".css")]
    missing = []
    for url in todo:
        response, body = get(server, url)
        if response.status != 200:
            missing.append(url)
            continue
        if not url.endswith(".css"):
            continue
        for target in re.findall(
            r"(?:url\(|@import (?!url))[\"']?(?!data:|#)([^\"')#?]+)", body.decode()
        ):
            if urljoin(url, target) not in todo:
                todo.append(urljoin(url, target))
    assert missing == ["/static/img/sands.png"]
    assert len(todo) > 8
