"""Django: the URLs of ``{% static %}``, collecting, and a project as the documents set it up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from assetpipe.errors import ManifestError, UnknownAssetError
from tests.http.client import Connection
from tests.http.servers import free_port, started
from tests.release import SITE, output_name, write_release
from tests.site import plant

pytest.importorskip("django", reason="needs Django")

import django
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.template import Context, Engine
from django.test import override_settings

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs/frameworks.md").read_text("utf-8")
APP, PICTURE = (output_name(name, SITE[name]) for name in ("css/app.css", "img/a b'(é).png"))

settings.configure(INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_URL="/static/")
django.setup()


def storages(out: Path, **options: Any) -> dict[str, Any]:
    """Return the setting ``STORAGES`` for a release."""
    backend = "assetpipe.django.ReleaseStorage"
    return {"staticfiles": {"BACKEND": backend, "OPTIONS": {"out": out, **options}}}


@pytest.fixture(name="out")
def _out(tmp_path: Path) -> Path:
    """Return the folder of a release."""
    write_release(tmp_path / "out")
    return tmp_path / "out"


def rendered(template: str, **context: object) -> str:
    engine = Engine(libraries={"static": "django.templatetags.static"})
    source = f"{{% load static %}}{{% autoescape off %}}{template}{{% endautoescape %}}"
    return str(engine.from_string(source).render(Context(context)))


URLS = [
    pytest.param("css/app.css", {}, f"/static/{APP}", id="a file has its hashed URL"),
    pytest.param("robots.txt", {}, "/static/robots.txt", id="a plain file keeps its name"),
    pytest.param("css/app.css#top", {}, f"/static/{APP}#top", id="a fragment stays"),
    pytest.param("css/app.css?v=1#top", {}, f"/static/{APP}?v=1#top", id="a query stays"),
    pytest.param("css/app.css?#iefix", {}, f"/static/{APP}?#iefix", id="an empty query stays"),
    pytest.param("a#b?c.css", {}, f"/static/{output_name('a#b?c.css', b'a')}".replace(
        "#", "%23").replace("?", "%3F"), id="a name may have such characters itself"),
    pytest.param("img/", {}, "/static/img/", id="a folder's URL is plain"),
    pytest.param("css/app.css", {"STATIC_URL": "https://cdn.example.com/x/"},
                 f"https://cdn.example.com/x/{APP}", id="STATIC_URL may be a CDN's"),
    pytest.param("css/app.css", {"STATIC_URL": "files/"}, f"/files/{APP}",
                 id="STATIC_URL may be relative"),
    pytest.param("css/app.css", {"DEBUG": True}, "/static/css/app.css",
                 id="debug gives the source's URL"),
    pytest.param("css/none.css", {"DEBUG": True}, "/static/css/none.css",
                 id="debug knows no unknown names"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changed", "expected"), URLS)
def test_static(tmp_path: Path, name: str, changed: dict[str, Any], expected: str) -> None:
    """Each case of the table, by the template tag."""
    write_release(tmp_path, {**SITE, "a#b?c.css": b"a"})
    with override_settings(STORAGES=storages(tmp_path), **changed):
        url = rendered("{% static name %}", name=name)
    assert url == expected


def test_quoting_is_undone_by_a_server(out: Path) -> None:
    """A URL, decoded as servers do, is the file's name."""
    with override_settings(STORAGES=storages(out)):
        assert unquote(staticfiles_storage.url("img/a b'(é).png")) == f"/static/{PICTURE}"


def test_force_gives_the_releases_url_in_debug_too(out: Path) -> None:
    """As Django's own storage of hashed files does."""
    with override_settings(STORAGES=storages(out), DEBUG=True):
        assert staticfiles_storage.url("css/app.css", force=True) == f"/static/{APP}"


@pytest.mark.parametrize("name", ["css/ap.css", "css/ap.css#top", ""])
def test_an_unknown_name_is_an_error(out: Path, name: str) -> None:
    """As with ``manifest_strict`` of Django."""
    with override_settings(STORAGES=storages(out)), pytest.raises(UnknownAssetError):
        rendered("{% static name %}", name=name)


def test_an_unknown_name_may_have_its_plain_url(out: Path) -> None:
    """Where the project says so."""
    with override_settings(STORAGES=storages(out, strict=False)):
        assert rendered("{% static 'css/a b.css' %}") == "/static/css/a%20b.css"


def test_a_missing_release_says_what_to_do(tmp_path: Path) -> None:
    """Rather than giving URLs that lead nowhere."""
    with (
        override_settings(STORAGES=storages(tmp_path)),
        pytest.raises(ManifestError, match="assetpipe build"),
    ):
        rendered("{% static 'css/app.css' %}")


def test_a_new_release_is_seen_with_auto_reload(out: Path) -> None:
    """Otherwise with a restart."""
    with override_settings(STORAGES=storages(out, auto_reload=True)):
        assert staticfiles_storage.url("css/app.css") == f"/static/{APP}"
        new = write_release(out, {"css/app.css": b"new{}"}).assets["css/app.css"].file
        assert staticfiles_storage.url("css/app.css") == f"/static/{new}"


@pytest.mark.parametrize("arguments", [[], ["--clear"], ["--link"]], ids=" ".join)
def test_collecting_leaves_the_release_alone(
    out: Path, tmp_path: Path, arguments: list[str]
) -> None:
    """Sources are gathered under their own names, and nothing else happens."""
    plant(tmp_path / "app", {"css/app.css": "source{}"})
    plant(tmp_path / "root", {"old.css": "old{}"})
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    with override_settings(
        STORAGES=storages(out),
        STATIC_ROOT=tmp_path / "root",
        STATICFILES_DIRS=[tmp_path / "app"],
    ):
        call_command("collectstatic", *arguments, interactive=False, verbosity=0)
    assert (tmp_path / "root/css/app.css").read_text() == "source{}"
    assert (tmp_path / "root/old.css").exists() == ("--clear" not in arguments)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.parametrize("root", [".", "..", "below"])
def test_release_and_sources_are_kept_apart(out: Path, root: str) -> None:
    """Clearing one would delete the other."""
    with (
        override_settings(STORAGES=storages(out), STATIC_ROOT=out / root),
        pytest.raises(ImproperlyConfigured, match="must not lie in each other"),
    ):
        staticfiles_storage.url("css/app.css")


# A project, set up by the blocks of docs/frameworks.md.

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "shop"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
"""
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
URLCONF = """
from django.http import HttpResponse
from django.template import engines
from django.urls import path
page = "{% load static %}{% static 'css/app.css' %}"
urlpatterns = [path("", lambda request: HttpResponse(
    engines["django"].from_string(page).render({}, request)))]
"""
WSGI = """
import os
from settings import BASE_DIR
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
"""


def documented(language: str) -> list[str]:
    """Return the blocks of a language below the heading Django."""
    section = DOCS.partition("\n## Django\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    """Return a project with an app, before anything was collected."""
    configuration, wsgi = documented("python")
    return plant(
        tmp_path,
        {
            "settings.py": SETTINGS + configuration,
            "manage.py": MANAGE,
            "urls.py": URLCONF,
            "wsgi.py": WSGI + wsgi,
            "shop/__init__.py": "",
            "shop/static/css/app.css": "a { background: url(../img/a.svg) }",
            "shop/static/img/a.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        },
    )


@pytest.fixture(name="port")
def _port(project: Path) -> Iterator[int]:
    """Collect, build and serve the project; return the port."""
    variables = {"PYTHONPATH": f"{project}{os.pathsep}{ROOT}"}
    (commands,) = documented("sh")
    for command in commands.splitlines():
        program, *arguments = command.split()
        program = "-m assetpipe" if program == "assetpipe" else ""
        subprocess.run(
            [sys.executable, *program.split(), *arguments],
            cwd=project,
            env=os.environ | variables,
            check=True,
            capture_output=True,
        )
    port = free_port()
    command_ = ["waitress-serve", f"--listen=127.0.0.1:{port}", "wsgi:application"]
    with started(command_, port, variables):
        yield port


def test_a_project_as_documented(port: int) -> None:
    """Collected, built and served: the page links the stylesheet, the stylesheet its picture."""
    with Connection(port) as connection:
        url = connection.ask(target="/").body.decode()
        assert re.fullmatch(r"/static/css/app\.[0-9a-f]{12}\.css", url)
        sheet = connection.ask(target=url)
        assert sheet.get("Cache-Control") == "public, max-age=31536000, immutable"
        picture = re.search(rb"url\(\.\./(img/a\.[0-9a-f]{12}\.svg)\)", sheet.body)
        assert picture
        assert connection.ask(target=f"/static/{picture[1].decode()}").status == 200
        missing = connection.ask(target="/static/none.css")
        assert (missing.status, missing.get("Cache-Control")) == (404, "no-store")
