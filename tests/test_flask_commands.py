"""``flask assetpipe``: builds what the app has, and says why a URL is as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask

from assetpipe.cli.flask import commands
from assetpipe.flask import AssetPipe
from tests.site import CODE, Tree, assets, clean_environment, plant, settle
from tests.watching import Watching

PROJECT: Tree = {
    "pyproject.toml": "",
    "shop/static/css/app.css": "body { color: red }",
    "shop/static/robots.txt": "User-agent: *",
    "shop/admin/static/log.css": ".log { margin: 0 }",
    "site-packages/other/static/other.css": ".other { }",
}


def make_app(folder: Path, config: Mapping[str, Any] | None = None, **options: Any) -> Flask:
    """Return an app with a blueprint of its own, and one that comes from a package."""
    app = Flask("shop", root_path=str(folder / "shop"), **options)
    app.config.update(config or {})
    AssetPipe(app)
    for name, root in (("admin", "shop/admin"), ("other", "site-packages/other")):
        app.register_blueprint(
            Blueprint(
                name,
                name,
                url_prefix=f"/{name}",
                root_path=str(folder / root),
                static_folder="static",
                static_url_path="/files",
            )
        )
    return app


def ask(app: Flask, *arguments: str) -> tuple[int, str]:
    """Run a command of ``flask assetpipe``; return its status and what it printed."""
    # What `flask` runs has the mode of its environment, whatever was configured.
    environment = {"FLASK_DEBUG": str(int(app.debug))}
    result = app.test_cli_runner().invoke(commands, arguments, env=environment)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's folder; the current folder is another one."""
    plant(tmp_path / "project", PROJECT)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "project"


# --- build -------------------------------------------------------------------------------------

OWN = {"css/app.css", "robots.txt", "admin/log.css"}
BUILDS = [
    pytest.param({}, "", (), "build/static", OWN, id="the app's folders"),
    pytest.param(
        {"ASSETPIPE_BLUEPRINTS": {"admin": None}},
        "", (), "build/static", {"css/app.css", "robots.txt"}, id="a blueprint left alone",
    ),
    pytest.param(
        {"ASSETPIPE_BLUEPRINTS": {"admin": "back/office"}},
        "", (), "build/static", {"css/app.css", "robots.txt", "back/office/log.css"},
        id="a prefix",
    ),
    pytest.param(
        {"ASSETPIPE_BLUEPRINTS": {"other": "other"}},
        "", (), "build/static", {*OWN, "other/other.css"}, id="a package's blueprint, by name",
    ),
    pytest.param({"ASSETPIPE_OUT": "dist"}, "", (), "dist", OWN, id="where the app looks"),
    pytest.param({}, "", ("--out", "here"), "../elsewhere/here", OWN, id="a folder of its own"),
    pytest.param(
        {}, "[tool.assetpipe]\nsource = 'shop/admin/static'\nout = 'dist'", (), "dist", {"log.css"},
        id="sources of the configuration",
    ),
    pytest.param(
        {"ASSETPIPE_BLUEPRINTS": {"admin": "", "other": "other"}}, "", (), "build/static",
        {"css/app.css", "robots.txt", "log.css", "other/other.css"}, id="no prefix",
    ),
    pytest.param(
        {}, "[tool.assetpipe]\nignore = ['robots.txt']", (), "build/static",
        OWN - {"robots.txt"}, id="other keys of the configuration",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("config", "toml", "arguments", "out", "expected"), BUILDS)
def test_build_finds_the_folders(
    project: Path,
    config: Mapping[str, Any],
    toml: str,
    arguments: tuple[str, ...],
    out: str,
    expected: set[str],
) -> None:
    """Wherever it is run, and into the folder where the app will look."""
    (project / "pyproject.toml").write_text(toml)
    app = make_app(project, config)
    status, said = ask(app, "build", *arguments)
    assert status == 0, said
    assert set(assets(project / out)) == expected
    assert f"{len(expected)} file" in said


def test_what_was_built_is_what_the_app_serves(project: Path) -> None:
    """Blueprints' URLs are hashed, those of a package are not."""
    app = make_app(project)
    assert ask(app, "build", "--quiet")[0] == 0
    with app.test_request_context():
        assert re.fullmatch(
            r"/static/admin/log\.\w{12}\.css", app.url_for("admin.static", filename="log.css")
        )
        other = app.url_for("other.static", filename="other.css")
    assert other == "/other/files/other.css"


def add(app: Flask, name: str, folder: Path, static: str = "static") -> None:
    """Give an app a blueprint."""
    app.register_blueprint(
        Blueprint(name, name, root_path=str(folder), static_folder=static, url_prefix=f"/{name}")
    )


def test_an_app_that_is_installed_has_blueprints_of_its_own(tmp_path: Path) -> None:
    """What lies below the project is the project's, wherever that lies itself."""
    shop = tmp_path / "lib/site-packages/shop"
    plant(shop, {"static/a.css": "a { }", "admin/static/b.css": "b { }"})
    app = Flask("shop", root_path=str(shop))
    AssetPipe(app)
    add(app, "admin", shop / "admin")
    assert ask(app, "build")[0] == 0
    assert set(assets(shop / "build/static")) == {"a.css", "admin/b.css"}


@pytest.mark.parametrize("static", [".", "../admin"], ids=["as it is", "the long way"])
def test_a_blueprint_may_have_a_folder_in_that_of_the_app(tmp_path: Path, static: str) -> None:
    """Its files are not built twice."""
    plant(tmp_path, {"static/a.css": "a { }", "static/admin/b.css": "b { }"})
    app = Flask("shop", root_path=str(tmp_path))
    AssetPipe(app)
    add(app, "admin", tmp_path / "static/admin", static)
    status, said = ask(app, "build")
    assert status == 0, said
    assert set(assets(tmp_path / "build/static")) == {"a.css", "admin/b.css"}


def test_two_files_of_one_name_are_both_named(tmp_path: Path) -> None:
    """One of them would never be seen; the doctor says so, too."""
    plant(tmp_path, {"static/admin/b.css": "a { }", "admin/static/b.css": "b { }"})
    app = Flask("shop", root_path=str(tmp_path))
    AssetPipe(app)
    assert ask(app, "build")[0] == 0
    add(app, "admin", tmp_path / "admin")
    for status, said in (ask(app, "build"), ask(app, "doctor")):
        assert status == 1
        assert str(tmp_path / "static/admin/b.css") in said
        assert str(tmp_path / "admin/static/b.css") in said


def test_build_says_who_names_the_sources(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not the app."""
    assert "source" not in ask(make_app(project), "build")[1].splitlines()[0]
    monkeypatch.setenv("ASSETPIPE_SOURCE", str(project / "shop/static"))
    assert "`source` names in ASSETPIPE_SOURCE" in ask(make_app(project), "build")[1]
    monkeypatch.delenv("ASSETPIPE_SOURCE")
    (project / "pyproject.toml").write_text("[tool.assetpipe]\nsource = 'shop/static'")
    assert "pyproject.toml, not the folders" in ask(make_app(project), "build")[1]
    assert ask(make_app(project), "build", "--quiet")[1] == ""


def test_links_below_the_apps_own_static_path_are_hashed(tmp_path: Path) -> None:
    """The build knows where the app serves what it makes, unless the configuration does."""
    plant(tmp_path, {"pyproject.toml": "", "static/a.css": "a{b:url(/assets/i.svg)}",
                     "static/i.svg": "<svg/>"})  # fmt: skip
    app = Flask("shop", root_path=str(tmp_path), static_url_path="/assets")
    AssetPipe(app)
    ask(app, "build")
    out = tmp_path / "build/static"
    assert assets(out)["a.css"]["references"] == ["i.svg"]
    (tmp_path / "pyproject.toml").write_text("[tool.assetpipe]\npublic_url = '/elsewhere/'")
    ask(app, "build")
    assert assets(out)["a.css"]["references"] == []


def test_links_to_pages_are_none_to_files_at_the_root(tmp_path: Path) -> None:
    """An app may have both there."""
    plant(tmp_path, {"static/a.css": "a{b:url(/page)}"})
    app = Flask("shop", root_path=str(tmp_path), static_url_path="")
    AssetPipe(app)
    assert ask(app, "build", "--strict")[0] == 0


def test_a_manifest_of_another_name_is_none_that_a_build_writes(project: Path) -> None:
    """The app would not find it."""
    app = make_app(project, {"ASSETPIPE_MANIFEST": "dist/assets.json"})
    status, said = ask(app, "build")
    assert status == 2
    assert "the app looks for assets.json" in said
    assert not (project / "dist").exists()


def test_an_app_without_files_is_told_so(tmp_path: Path) -> None:
    """As an error, without a traceback, also as JSON."""
    app = Flask("bare", root_path=str(tmp_path), static_folder=None)
    AssetPipe(app)
    status, said = ask(app, "build", "--json")
    assert status == 2
    assert "folder of static files" in json.loads(said)["error"]["message"]


def test_other_commands_of_flask_do_not_load_the_build() -> None:
    """Flask loads every package's commands for each of its own, such as ``flask run``."""
    code = (
        "import assetpipe.cli.flask, sys;"
        "print([name for name in sys.modules if name.startswith('assetpipe.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True
    )
    assert done.stdout.strip() == "['assetpipe.cli', 'assetpipe.cli.flask']", done.stderr


def test_flask_knows_the_commands(project: Path) -> None:
    """As its users start them, in a process of its own."""
    plant(
        project,
        {
            "shop/__init__.py": "from flask import Flask\nfrom assetpipe.flask import AssetPipe\n"
            "app = Flask(__name__)\nAssetPipe(app)\n"
        },
    )
    environment = clean_environment() | {"PYTHONPATH": f"{CODE}{os.pathsep}{project}"}
    for command, expected in (("build", "Built release"), ("doctor", "ok     The release")):
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "shop", "assetpipe", command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


# --- doctor ------------------------------------------------------------------------------------


def date(path: Path, hours: int) -> None:
    """Set when a file was written, as hours from now."""
    now = time.time()
    os.utime(path, (now, now + 3600 * hours))


def doctor(app: Flask, *urls: str) -> tuple[int, list[str]]:
    status, said = ask(app, "doctor", *urls)
    return status, said.splitlines()


EXPLAINED = [
    pytest.param(
        "css/app.css", {}, 0, r"gives /static/css/app\.\w{12}\.css\.$", id="a name"
    ),
    pytest.param(
        "/static/css/app.css", {}, 0, r"the path is written by hand: write the call", id="by hand"
    ),
    pytest.param(
        "http://localhost:5000/static/css/app.css?v=1", {}, 0, "written by hand", id="a whole URL"
    ),
    pytest.param(
        "static/css/app.css", {}, 0, r"url_for\('static', filename='css/app.css'\)",
        id="a path without a slash",
    ),
    pytest.param(
        "/static/a%20b.css", {}, 0, "filename='a b.css'", id="a quoted URL"
    ),
    pytest.param(
        "/root/static/css/app.css", {"APPLICATION_ROOT": "/root"}, 0, "gives /root/static/css",
        id="below the application's root",
    ),
    pytest.param("/page", {}, 0, "no static file: the app answers it by 'page'", id="a page"),
    pytest.param("http://[", {}, 1, "is no URL", id="no URL"),
    pytest.param(
        "/static/css/left.css", {}, 0, r"left\.css is left out of the release", id="ignored"
    ),
    pytest.param(
        "/static/css/late.css", {}, 1, r"late\.css changed after the release", id="changed since"
    ),
    pytest.param(
        "/other/files/other.css", {}, 0, "of a package, which is left alone", id="a package's"
    ),
    pytest.param("{css/app.css}", {}, 0, "is hashed: it is css/app.css of", id="a hashed URL"),
    pytest.param(
        "/static/css/app.0123456789ab.css", {}, 1, "The release has no", id="an unknown hash"
    ),
    pytest.param(
        "css/ap.css", {}, 1, r"The release has no css/ap\.css\. Did you mean css/app\.css\?",
        id="misspelt",
    ),
    pytest.param("quite/other", {}, 1, "Put the file into a static folder", id="nothing like it"),
    pytest.param(
        "/static/robots.txt", {}, 0, "keeps its name, since `plain`", id="a plain file"
    ),
    pytest.param(
        "/static/css/new.css", {}, 1,
        r"new\.css is there, but the release does not have it: run `flask", id="a new file",
    ),
    pytest.param(
        "/admin/files/log.css", {}, 0, "filename='admin/log.css'", id="a blueprint's URL"
    ),
    pytest.param(
        "/admin/files/log.css", {"ASSETPIPE_BLUEPRINTS": {"admin": None}}, 0,
        "belongs to the blueprint admin, whose URLs are left alone", id="a blueprint left alone",
    ),
    pytest.param(
        "css/app.css", {"DEBUG": True}, 0, "source mode, because app.debug is on", id="debug"
    ),
    pytest.param(
        "css/app.css", {"ASSETPIPE_MODE": "source"}, 0, "as ASSETPIPE_MODE says", id="source mode"
    ),
    pytest.param(
        "css/app.css", {"ASSETPIPE_OUT": "none"}, 1, "no manifest here; run `flask assetpipe",
        id="no release",
    ),
    pytest.param(
        "https://cdn.example.com/shop/{css/app.css}",
        {"ASSETPIPE_CDN_URL": "https://cdn.example.com/shop"}, 0, "is hashed", id="on the CDN",
    ),
    pytest.param(
        "css/app.css", {"ASSETPIPE_CDN_URL": "https://cdn.example.com/shop"}, 0,
        r"gives https://cdn\.example\.com/shop/css/app", id="from the CDN",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("url", "config", "status", "expected"), EXPLAINED)
def test_doctor_explains_a_url(
    project: Path, url: str, config: Mapping[str, Any], status: int, expected: str
) -> None:
    """In a sentence, as a person would."""
    toml = "[tool.assetpipe]\nplain = ['robots.txt']\nignore = ['left.css']"
    late = project / "shop/static/css/late.css"
    plant(project, {"pyproject.toml": toml, "shop/static/a b.css": "a { }"})
    plant(late.parent, {"left.css": "", "late.css": "a { }"})
    assert ask(make_app(project), "build")[0] == 0
    plant(late.parent, {"new.css": "a { }"})
    date(late.with_name("new.css"), -1)
    date(late, 1)
    files = assets(project / "build/static")
    url = re.sub(r"\{(.+)\}", lambda name: files[name[1]]["file"], url)
    app = make_app(project, config)
    app.add_url_rule("/page", "page", lambda: "page")
    found, said = doctor(app, url)
    assert len(said) == 1
    assert re.search(expected, said[0]), said
    assert (found, said[0].split()[0]) == (status, "wrong" if status else "ok")


EXAMINED = [
    pytest.param({}, 0, ["manifest mode", "has 3 assets", "in front of the app",
                         "other belongs to a package"], id="all is well"),
    pytest.param({"DEBUG": True}, 0, ["source mode, because app.debug is on"], id="debug"),
    pytest.param({"ASSETPIPE_OUT": "none"}, 1, ["there is no manifest here"], id="no release"),
    pytest.param({"ASSETPIPE_CDN_URL": "https://cdn.example.com"}, 0,
                 ["URLs lead to https://cdn.example.com"], id="a CDN"),
    pytest.param({"ASSETPIPE_IN_FRONT": False}, 0, ["as ASSETPIPE_IN_FRONT says"], id="not first"),
    pytest.param({"ASSETPIPE_MANIFEST": "build/static/manifest.json", "ASSETPIPE_OUT": "x"}, 1,
                 ["ASSETPIPE_OUT is not looked at"], id="two places"),
    pytest.param({"ASSETPIPE_CROSSORIGIN": "use-credentials",
                  "ASSETPIPE_CDN_URL": "https://cdn.example.com"}, 1, ["browsers refuse"],
                 id="credentials"),
    pytest.param({"ASSETPIPE_CROSSORIGIN": "use-credentials"}, 0, ["manifest mode"],
                 id="credentials for the app itself"),
    pytest.param({"ASSETPIPE_BLUEPRINTS": {"admn": None}}, 1,
                 ["there is no such blueprint; did you mean admin?"], id="a misspelt blueprint"),
    pytest.param({"ASSETPIPE_BLUEPRINTS": {"admin": "else"}}, 1,
                 ["URLs of the blueprint admin are not hashed"], id="another prefix"),
    pytest.param({"ASSETPIPE_BLUEPRINTS": {"admin": None}}, 0,
                 ["blueprint admin is left alone, as ASSETPIPE_BLUEPRINTS says"],
                 id="a blueprint left alone"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "status", "expected"), EXAMINED)
def test_doctor_examines_the_app(
    project: Path, config: Mapping[str, Any], status: int, expected: list[str]
) -> None:
    """Each thing is a line, and the status says whether one of them is wrong."""
    assert ask(make_app(project), "build")[0] == 0
    found, said = doctor(make_app(project, config))
    for sentence in expected:
        assert any(sentence in line for line in said), said
    assert found == status, said
    assert any(line.startswith("wrong") for line in said) == bool(status)


def test_doctor_sees_that_sources_changed(project: Path) -> None:
    """Since the release was made, or made again."""
    app = make_app(project)
    assert ask(app, "build")[0] == 0
    date(project / "shop/static/css/app.css", 1)
    plant(project, {"shop/static/old.css": "a { }"})
    date(project / "shop/static/old.css", -1)
    found, said = doctor(app)
    assert found == 1
    assert any("css/app.css changed after the release was made: run" in line for line in said)
    assert any("The release does not have old.css: run" in line for line in said)
    assert doctor(make_app(project, {"DEBUG": True}))[0] == 0


def test_what_is_built_again_is_not_older_than_its_sources(project: Path) -> None:
    """Even if nothing in it changed."""
    app = make_app(project)
    assert ask(app, "build")[0] == 0
    settle()
    (project / "shop/static/css/app.css").touch()
    assert doctor(app)[0] == 1
    assert ask(app, "build")[0] == 0
    assert doctor(app)[0] == 0


def test_doctor_needs_no_sources(project: Path) -> None:
    """Servers have the release only."""
    app = make_app(project)
    assert ask(app, "build")[0] == 0
    (project / "shop/static").rename(project / "shop/gone")
    (project / "shop/admin/static").rename(project / "shop/admin/gone")
    assert doctor(app)[0] == 0
    assert doctor(app, "css/app.css")[0] == 0


def test_doctor_sees_a_blueprint_beside_the_app(project: Path) -> None:
    """It is the project's, although not the app's package's."""
    app = make_app(project)
    assert ask(app, "build")[0] == 0
    add(app, "desk", plant(project / "desk", {"static/d.css": "d { }"}))
    found, said = doctor(app)
    assert found == 1
    assert any("URLs of the blueprint desk are not hashed" in line for line in said)


def test_doctor_finds_names_on_every_host(tmp_path: Path) -> None:
    """With the host, and without."""
    plant(tmp_path, {"static/css/app.css": "a { }"})
    host = "assets.example.com"
    app = Flask("shop", root_path=str(tmp_path), host_matching=True, static_host=host)
    AssetPipe(app)
    assert ask(app, "build")[0] == 0
    for url in ("/static/css/app.css", f"http://{host}/static/css/app.css", "css/app.css"):
        status, [said] = doctor(app, url)
        assert status == 0, said
        assert "filename='css/app.css'" in said


def test_doctor_tells_of_functions_around_requests(project: Path) -> None:
    """They are why files are answered more slowly."""
    app = make_app(project)
    app.before_request(lambda: None)
    assert ask(app, "build")[0] == 0
    assert any("as the app has a function for before_request" in line for line in doctor(app)[1])


def test_doctor_speaks_json(project: Path) -> None:
    """For other programs."""
    status, said = ask(make_app(project), "doctor", "css/app.css", "--json")
    assert status == 1
    [finding] = json.loads(said)["findings"]
    assert finding["ok"] is False
    assert "no manifest" in finding["message"]


def test_an_app_without_the_extension_is_told_so(tmp_path: Path) -> None:
    """The commands are there in every project."""
    status, said = ask(Flask("bare", root_path=str(tmp_path)), "doctor")
    assert status == 2
    assert "call AssetPipe(app)" in said


def test_the_watch_of_an_app_builds_its_folders(tmp_path: Path) -> None:
    """Those of the build; templates of the app and its blueprints reload pages."""
    plant(tmp_path, dict(PROJECT) | {"shop/admin/views/log.html": "log"})
    code = (
        "from pathlib import Path\n"
        "from flask import Blueprint\n"
        "from tests.test_flask_commands import make_app\n"
        f"app = make_app(Path({str(tmp_path)!r}))\n"
        "app.register_blueprint(Blueprint('views', 'views', template_folder='views',"
        f" root_path={str(tmp_path / 'shop/admin')!r}))\n"
    )
    (tmp_path / "app.py").write_text(code)
    module = ("flask", "--app", "app", "assetpipe", "watch")
    with Watching(tmp_path, module=module, environment={"PYTHONWARNINGS": "default"}) as watch:
        assert {"css/app.css", "admin/log.css"} <= assets(tmp_path / "build/static").keys()
        (tmp_path / "shop/admin/static/log.css").write_text(".log { margin: 1px }")
        assert watch.next("build")["changed"] == ["admin/log.css"]
        (tmp_path / "shop/admin/views/log.html").write_text("another")
        assert watch.next("reload")["changed"] == ["shop/admin/views/log.html"]
