"""The examples of docs/frameworks.md, run as they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment
from markupsafe import Markup

from assetpipe import Assets
from tests.http.client import Connection
from tests.http.servers import free_port, started
from tests.release import SITE, output_name, write_release
from tests.site import plant

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs/frameworks.md").read_text("utf-8")
APP = output_name("css/app.css", SITE["css/app.css"])
URL = f"/static/{APP}"
TAG = f'<link rel="stylesheet" href="{URL}">'
FOREVER = "public, max-age=31536000, immutable"
PAGE = "{{ stylesheet_tag('css/app.css') }}"


def example(heading: str) -> str:
    """Return the first example in Python below a heading."""
    section = DOCS.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


HEADINGS = re.findall(r"^## (.*)$", DOCS, re.MULTILINE)


@pytest.mark.parametrize(
    "heading", [name for name in HEADINGS if name not in ("Django", "Anything else")]
)
def test_examples_are_short(heading: str) -> None:
    """Four lines and no more."""
    assert len([line for line in example(heading).splitlines() if line]) <= 4


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with a release, as the current folder."""
    write_release(tmp_path / "build/static")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(heading: str, **names: object) -> dict[str, Any]:
    """Run an example; return its names afterwards."""
    names_: dict[str, Any] = dict(names)
    exec(example(heading), names_)
    return names_


# Jinja


def environment(page: str) -> Environment:
    return Environment(loader=DictLoader({"page": page}), autoescape=True)


def test_jinja(project: Path) -> None:
    """The helpers are there, and what they give is not escaped again."""
    made = environment(PAGE + "{{ asset_url('css/app.css') }}")
    run("Jinja", environment=made)
    assert made.get_template("page").render() == TAG + URL


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param(PAGE, TAG, id="alone"),
        pytest.param(f"{{% set tag %}}{PAGE}{{% endset %}}{{{{ tag }}}}", TAG, id="kept"),
        pytest.param(
            "{{ stylesheet_tag('css/app.css') ~ '<' }}", f"{TAG}&lt;", id="beside what is not safe"
        ),
        pytest.param("{{ [stylesheet_tag('css/app.css')] | join }}", TAG, id="joined"),
        pytest.param(
            "{{ stylesheet_tag('css/app.css', title='\"<') }}",
            f'{TAG[:-1]} title="&quot;&lt;">',
            id="attributes are escaped once",
        ),
    ],
)
@pytest.mark.parametrize("markup", [None, Markup], ids=["of its own", "Markup"])
def test_jinja_escapes_what_needs_it(
    project: Path, markup: Callable[[str], str] | None, page: str, expected: str
) -> None:
    """With either type of safe text."""
    made = environment(page)
    assets = Assets("build/static")
    made.globals.update(assets.helpers(markup) if markup else assets.helpers())
    assert made.get_template("page").render() == expected


@pytest.mark.parametrize(
    "page",
    ["{{ stylesheet_tag('css/app.css') | indent }}", "{{ stylesheet_tag('css/app.css') + '' }}"],
)
def test_jinja_knows_its_own_type_best(project: Path, page: str) -> None:
    """Its filters and operators keep it safe: that is why the example names it."""
    made = environment(page)
    run("Jinja", environment=made)
    assert made.get_template("page").render() == TAG


# Starlette and FastAPI

FRAMEWORKS = {
    "starlette": """
from starlette.applications import Starlette
from starlette.routing import Route
def page(request):
    return templates.TemplateResponse(request, "page.html")
app = Starlette(routes=[Route("/", page)])
""",
    "fastapi": """
from fastapi import FastAPI, Request
app = FastAPI()
@app.get("/")
def page(request: Request):
    return templates.TemplateResponse(request, "page.html")
""",
}
TEMPLATES = """
import os
os.chdir(os.path.dirname(__file__))
from starlette.templating import Jinja2Templates
templates = Jinja2Templates("templates")
"""
PAGES = PAGE + "\n{{ asset_url('css/app.css') }}\n{{ url_for('static', path='css/app.css') }}"


@pytest.fixture(name="port", params=FRAMEWORKS)
def _port(request: pytest.FixtureRequest, project: Path) -> Iterator[int]:
    """Serve an app with the example in it; return the port."""
    pytest.importorskip(request.param, reason=f"needs {request.param}")
    shop = FRAMEWORKS[request.param] + TEMPLATES + example("Starlette and FastAPI")
    plant(project, {"shop.py": shop, "templates/page.html": PAGES})
    port = free_port()
    command = ["uvicorn", "--port", str(port), "--app-dir", str(project), "shop:app"]
    with started(command, port, {}):
        yield port


def test_starlette_and_fastapi(port: int) -> None:
    """The page has the tag unescaped, and its URL leads to the file; plain names work, too."""
    with Connection(port) as connection:
        page = connection.ask(target="/").body.decode()
        tag, url, plain = page.splitlines()
        assert (tag, url) == (TAG, URL)
        assert plain.endswith("/static/css/app.css")
        file = connection.ask(target=URL)
        assert (file.status, file.body) == (200, SITE["css/app.css"])
        assert file.get("Cache-Control") == FOREVER
        by_name = connection.ask(target="/static/css/app.css")
        assert (by_name.body, by_name.get("Cache-Control")) == (file.body, "no-cache")
        missing = connection.ask(target="/static/none.css")
        assert (missing.status, missing.get("Cache-Control")) == (404, "no-store")


# Quart and anything else


def test_quart(project: Path) -> None:
    """The example makes hashed URLs; the rest is in test_quart."""
    quart = pytest.importorskip("quart", reason="needs Quart")
    app = quart.Quart("shop", root_path=str(project))
    run("Quart", app=app)
    app.config["SERVER_NAME"] = "example.com"
    assert app.url_for("static", filename="css/app.css") == f"http://example.com{URL}"


def test_anything_else(project: Path) -> None:
    """In front of a WSGI application."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"page"]

    wsgi = run("Anything else", app=application)["wsgi"]
    lines: list[str] = []
    for path, body in (("/", b"page"), (URL, SITE["css/app.css"])):
        environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET"}
        answer = wsgi(environ, lambda line, _: lines.append(line))
        assert b"".join(answer) == body
    assert lines == ["200 OK"] * 2
