"""The watch: what it builds, when, and what it says of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.site import CODE, assets, clean_environment, command, contents, plant
from tests.watching import Watching

TREE = {
    "static/css/app.css": "@import 'base.css';\nbody { color: red }\n",
    "static/css/base.css": "a { background: url(../img/a.svg) }\n",
    "static/img/a.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    "static/js/app.js": "console.log( 1 );\n",
}
OUT = Path("build/static")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return plant(tmp_path / "project", TREE)


def release_of(project: Path) -> str:
    """Return the id of the current release."""
    found: str = json.loads((project / OUT / "manifest.json").read_bytes())["release"]
    return found


def clean_build(project: Path, *options: str) -> str:
    """Build the same sources somewhere else, without a cache; return the release's id."""
    out = project.parent / "clean"
    done = command(project, "build", "-o", out, "--no-cache", "--json", *options)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(out)
    found: str = json.loads(done.stdout)["release"]
    return found


DRAFT = ("--no-minify", "--encodings", "")


@pytest.mark.parametrize(
    ("asked", "options", "minified", "encodings"),
    [
        pytest.param([], [*DRAFT], False, [], id="by itself"),
        pytest.param(["--minify"], ["--encodings", ""], True, [], id="minified when asked"),
        pytest.param(
            ["--encodings", "gzip"],
            ["--no-minify", "--encodings", "gzip"],
            False,
            ["gzip"],
            id="compressed when asked",
        ),
    ],
)
def test_the_first_release_is_made_for_development(
    project: Path, asked: list[str], options: list[str], minified: bool, encodings: list[str]
) -> None:
    """Whatever the configuration says, nothing is minified or compressed unless options ask."""
    plant(
        project, {"assetpipe.toml": "minify = true\n", "static/long.css": "a { color: red }\n" * 99}
    )
    with Watching(project, *asked) as watch:
        assert watch.first["release"] == release_of(project)
    found = assets(project / OUT)
    body = (project / OUT / found["long.css"]["file"]).read_text()
    assert (body.count(" ") < 99) is minified
    assert [*found["long.css"]["encodings"]] == encodings
    assert release_of(project) == clean_build(project, *options)


def test_each_save_is_a_release(project: Path) -> None:
    """A stylesheet, the image behind it, a new file, and one that goes."""
    with Watching(project) as watch:
        seen = {watch.first["release"]}
        for name, change, changed in (
            ("css/base.css", lambda path: path.write_text("a { color: blue }\n"), "css/base.css"),
            ("img/a.svg", lambda path: path.write_text("<svg/>\n"), "img/a.svg"),
            ("css/new.css", lambda path: path.write_text("b{}\n"), "css/new.css"),
            ("js/app.js", Path.unlink, "js/app.js"),
        ):
            change(project / "static" / name)
            built = watch.next("build")
            assert built["changed"] == [changed]
            assert built["release"] == release_of(project)
            seen.add(built["release"])
        assert watch.rest() == []
    assert len(seen) == 5
    assert release_of(project) == clean_build(project, *DRAFT)


def test_what_is_written_again_as_it_was_is_no_change(project: Path) -> None:
    """A touch and a save without an edit make nothing; what is ignored is not seen."""
    with Watching(project) as watch:
        (project / "static/css/app.css").touch()
        (project / "static/css/app.css").write_text(TREE["static/css/app.css"])
        (project / "static/css/.app.css.swp").write_text("x")
        (project / "static/css/app.css~").write_text("x")
        assert watch.rest() == []


def test_a_broken_source_keeps_the_last_release_until_it_is_mended(project: Path) -> None:
    """The error is told to people and to pages, and taken back by itself."""
    plant(project, {"assetpipe.toml": 'missing = "error"\n'})
    sheet = project / "static/css/app.css"
    with Watching(project) as watch, watch.page("source") as page:
        good = release_of(project)
        sheet.write_text("a { background: url(gone.png) }\n")
        error = watch.next("error")
        assert "gone.png" in error["error"]["message"]
        assert error["changed"] == ["css/app.css"]
        assert release_of(project) == good
        assert page.next()["type"] == "update"
        told = page.next()
        assert (told["type"], told["release"]) == ("state", good)
        assert "gone.png" in told["errors"][0]["message"]
        with watch.page("manifest") as other:
            assert other is not page
        sheet.write_text("a { color: green }\n")
        assert watch.next("build")["release"] == release_of(project) != good
        assert page.next()["type"] == "update"
        mended = page.next()
        assert (mended["errors"], mended["release"]) == ([], release_of(project))


def test_a_first_build_that_fails_is_mended_by_a_save(project: Path) -> None:
    """There is no release yet; the watch goes on."""
    plant(
        project, {"assetpipe.toml": 'missing = "error"\n', "static/css/app.css": "a{b:url(c.png)}"}
    )
    with Watching(project) as watch:
        assert watch.first["event"] == "error"
        assert not (project / OUT / "manifest.json").exists()
        with pytest.raises(HTTPError, match="503"):
            urlopen(f"{watch.url}/")
        with watch.page("manifest") as page:
            plant(project, {"static/css/app.css": "a{}"})
            assert watch.next("build")["release"] == release_of(project)
            assert page.next()["type"] in {"update", "state"}


def test_pages_hear_of_sources_before_the_build_and_of_releases_after(project: Path) -> None:
    """Names and files are those that each of the two kinds of pages has in its URLs."""
    with (
        Watching(project) as watch,
        watch.page("source") as source,
        watch.page("manifest") as manifest,
    ):
        (project / "static/css/base.css").write_text("a { color: blue }\n")
        assert source.next() == {
            "type": "update",
            "changes": [{"name": "css/base.css", "kind": "style", "file": None}],
            "release": None,
        }
        told = manifest.next()
        found = assets(project / OUT)
        assert told["release"] == release_of(project)
        assert told["changes"] == [
            {"name": name, "kind": "style", "file": found[name]["file"]}
            for name in ("css/app.css", "css/base.css")
        ]
        assert source.next()["release"] == release_of(project)
        (project / "static/js/app.js").unlink()
        assert source.next()["changes"] == [{"name": "js/app.js", "kind": "other", "file": None}]


def test_a_page_that_slept_is_told_what_changed_between_two_releases(project: Path) -> None:
    """Even by another process than the one that it knew."""
    with Watching(project) as watch:
        known = watch.first["release"]
        (project / "static/img/a.svg").write_text("<svg> </svg>\n")
        watch.next("build")
    with Watching(project) as watch:
        page = watch.page("manifest", since="000000000000-7", release=known)
        told = page.next()
        assert [change["name"] for change in told["changes"]] == [
            "css/app.css", "css/base.css", "img/a.svg",
        ]  # fmt: skip
        page.__exit__()


def test_templates_reload_pages_without_a_build(project: Path) -> None:
    """They lie beside the sources: ``templates/``, or what ``reload`` names."""
    plant(project, {"templates/a.html": "a", "views/b.html": "b"})
    with Watching(project) as watch, watch.page("source") as page, watch.page("manifest") as other:
        (project / "templates/a.html").write_text("aa")
        assert watch.next("reload")["changed"] == ["templates/a.html"]
        assert page.next()["type"] == other.next()["type"] == "reload"
        plant(project, {"assetpipe.toml": 'reload = ["views"]\n'})
        assert watch.next("build")["changed"] == ["assetpipe.toml"]
        (project / "views/b.html").write_text("bb")
        assert watch.next("reload")["changed"] == ["views/b.html"]


def test_a_changed_configuration_is_taken_up(project: Path) -> None:
    """A wrong one is an error until it is mended; a new source is watched."""
    with Watching(project) as watch:
        plant(project, {"assetpipe.toml": 'plain = ["js/*"]\n'})
        watch.next("build")
        assert assets(project / OUT)["js/app.js"]["file"] == "js/app.js"
        plant(project, {"assetpipe.toml": "plain = [\n"})
        assert "TOML" in watch.next("error")["error"]["message"]
        plant(project, {"assetpipe.toml": "pain = []\n"})
        assert "did you mean plain?" in watch.next("error")["error"]["hint"]
        (project / "static/js/app.js").write_text("console.log( 2 );\n")
        assert "did you mean plain?" in watch.next("error")["error"]["hint"]
        plant(project, {"admin/a.css": "a{}"})
        sources = '[[source]]\npath = "static"\n[[source]]\npath = "admin"\nprefix = "admin"\n'
        plant(project, {"assetpipe.toml": sources})
        watch.next("build")
        assert "admin/a.css" in assets(project / OUT)
        (project / "admin/a.css").write_text("b{}")
        assert watch.next("build")["changed"] == ["admin/a.css"]


def test_a_configuration_among_the_sources_counts(project: Path) -> None:
    """Where the project itself is the source folder."""
    project = project / "static"
    plant(project, {"assetpipe.toml": 'source = "."\nout = "../out"\nignore = ["*.toml"]\n'})
    with Watching(project) as watch:
        plant(project, {"assetpipe.toml": 'source = "."\nout = "../out"\nplain = ["js/*"]\n'})
        watch.next("build")
        assert "js/app.js" in assets(project.parent / "out")
        assert assets(project.parent / "out")["js/app.js"]["file"] == "js/app.js"


def test_a_source_folder_may_go_and_come_back(project: Path) -> None:
    """As between two branches of which one has no such folder."""
    with Watching(project) as watch:
        good = release_of(project)
        (project / "static").rename(project / "elsewhere")
        assert "does not exist" in watch.next("error")["error"]["message"]
        assert release_of(project) == good
        (project / "elsewhere").rename(project / "static")
        assert watch.next("build")["release"] == good
        (project / "static/css/app.css").write_text("a{}")
        assert watch.next("build")["release"] != good


def test_releases_that_nobody_needs_are_removed(project: Path) -> None:
    """Those of this watch but for the last few; what a build made before stays."""
    assert command(project, "build").returncode == 0
    before = release_of(project)
    history = project / OUT / ".releases"
    with Watching(project) as watch:
        for number in range(16):
            (project / "static/css/base.css").write_text(f"a {{ width: {number}px }}\n")
            watch.next("build")
            if number == 15:
                (project / "static/js/app.js").write_text("console.log(2);\n")
                watch.next("build")
        end = time.monotonic() + 10
        while len([*history.iterdir()]) > 5 and time.monotonic() < end:
            time.sleep(0.05)
        left = {path.stem for path in history.iterdir()}
    manifests = [json.loads((history / f"{release}.json").read_bytes()) for release in left]
    needed = {asset["file"] for each in manifests for asset in each["assets"].values()}
    assert {before, release_of(project)} <= left
    assert len(left) == 5
    # A build has siblings, too, which only its manifest names.
    there = {name for name in contents(project / OUT) if not name.endswith((".gz", ".br"))}
    assert {name for name in there if "/" in name and not name.startswith(".")} == needed


def test_a_build_beside_the_watch_is_not_disturbed(project: Path) -> None:
    """Both write into the same folder, each a whole release."""
    with Watching(project) as watch:
        draft = release_of(project)
        done = command(project, "build", "--json")
        assert release_of(project) == json.loads(done.stdout)["release"] != draft
        (project / "static/js/app.js").write_text("console.log(2)\n")
        assert watch.next("build")["release"] == release_of(project)
    assert release_of(project) == clean_build(project, *DRAFT)


def test_a_thousand_files_at_once_are_one_build(project: Path) -> None:
    """As by a checkout: what was begun with the first of them is given up."""
    sheets = [project / f"static/{number}.css" for number in range(1000)]
    for sheet in sheets[::2]:
        sheet.write_text("a {}\n")
    with Watching(project) as watch:
        for attempt in range(5):
            for number, sheet in enumerate(sheets):
                sheet.write_text(f"a {{ width: {number}px; height: {attempt}px }}\n")
            built, others = watch.next("build"), watch.rest()
            if not others:  # else the machine was busy, and they did not come at once
                break
        assert len(built["changed"]) == 1000
        assert others == []
    assert release_of(project) == clean_build(project, *DRAFT)


def test_half_a_save_is_no_error(project: Path) -> None:
    """A sheet that names an image that is written right after it."""
    plant(project, {"assetpipe.toml": 'missing = "error"\n'})
    with Watching(project) as watch:
        sheet, image = project / "static/css/app.css", project / "static/css/new.svg"
        for number in range(9):
            sheet.write_text(f"a {{ background: url(new.svg) }} b {{ width: {number}px }}\n")
            time.sleep(0.015)  # the build has begun, and failed
            image.write_text("<svg/>\n")
            said = [watch.next("build", "error"), *watch.rest()]
            if len(said) == 1:  # else the machine was busy, and this was no half of a save
                break
            image.unlink()
            watch.rest()
        assert [each["event"] for each in said] == ["build"]


def install(project: Path, name: str, text: str) -> dict[str, str]:
    """Install a kind of this name; return the environment in which it is found."""
    packages = plant(
        project / "packages",
        {
            f"assetpipe_{name}.py": text,
            f"assetpipe_{name}-1.dist-info/METADATA": f"Name: assetpipe_{name}\nVersion: 1\n",
            f"assetpipe_{name}-1.dist-info/entry_points.txt": (
                f"[assetpipe.kinds]\n{name} = assetpipe_{name}\n"
            ),
        },
    )
    return {"PYTHONPATH": os.pathsep.join([str(packages), str(CODE)])}


@pytest.mark.parametrize("broken", [False, True])
def test_what_a_compiler_reads_is_watched(project: Path, broken: bool) -> None:
    """Wherever it lies: a plug-in tells which files it has read, or where it found an error."""
    pytest.importorskip("sass", reason="the package libsass is not installed")
    plugin = Path(__file__).parent / "example_plugin" / "assetpipe_scss.py"
    environment = install(project, "scss", plugin.read_text())
    plant(project, {"static/style.scss": "@import '../shared/colors';\na { color: $ink }\n"})
    plant(project, {"shared/_colors.scss": "$ink: ;\n" if broken else "$ink: red;\n"})
    with Watching(project, environment=environment) as watch:
        assert watch.first["event"] == ("error" if broken else "build")
        (project / "shared/_colors.scss").write_text("$ink: blue;\n")
        assert watch.next("build")["changed"] == ["shared/_colors.scss"]
        time.sleep(1)
        watch.rest()
        (project / "shared/_colors.scss").write_text("$ink: navy;\n")
        assert watch.next("build")["changed"] == ["shared/_colors.scss"]
    style = project / OUT / assets(project / OUT)["style.css"]["file"]
    assert "navy" in style.read_text()


SLOW = """
import pathlib, time
from assetpipe.kinds.model import Compiled
class Slow:
    name, produces = "slow", ".css"
    version = lambda self: "1"
    is_partial = lambda self, name: False
    def compile(self, path, data):
        pathlib.Path("compiling").touch()
        while data and pathlib.Path("compiling").exists():
            time.sleep(0.01)
        return Compiled(data)
KIND = Slow()
"""


def test_a_save_in_three_parts_is_one_build(project: Path) -> None:
    """Each comes while the build of the one before it runs; all within half a second."""
    names = ["one.slow", "three.css", "two.slow"]
    plant(project, {f"static/{name}": "" for name in names})
    flag = project / "compiling"
    with Watching(project, environment=install(project, "slow", SLOW)) as watch:
        for number in range(9):
            flag.unlink()
            started = time.monotonic()
            for name in ("one.slow", "two.slow"):
                (project / "static" / name).write_text(f"{name[:3]}{number}{{}}")
                wait_for(flag.exists)
                (project / "static/three.css").write_text(f"{name[:3]}{number}{{}}")
                time.sleep(0.02)  # until it is noticed
                if name == "one.slow":
                    (project / "static/two.slow").write_text(f"two{number}{{}}")
                    time.sleep(0.02)
                flag.unlink()
            if time.monotonic() - started < 0.4:
                break
            flag.touch()
            watch.rest()  # the machine was busy, and these were several saves
        assert watch.next("build")["changed"] == names
        flag.touch()
        assert watch.rest() == []


def test_a_file_that_comes_and_goes_is_not_built(project: Path) -> None:
    """A temporary file that nobody knows by its name; here while another file is built."""
    plant(project, {"static/app.slow": ""})
    flag, temporary = project / "compiling", project / "static/fnq27"
    with Watching(project, environment=install(project, "slow", SLOW)) as watch:
        flag.unlink()
        (project / "static/app.slow").write_text("a{}")
        wait_for(flag.exists)
        temporary.touch()
        time.sleep(0.3)
        temporary.unlink()
        time.sleep(0.3)
        flag.unlink()
        assert watch.next("build")["changed"] == ["app.slow"]
        temporary.write_text("temporary")
        temporary.unlink()
        assert watch.rest() == []


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHILD = """
import os, pathlib, signal, sys, time
def end(number, _frame):
    pathlib.Path("ended").write_text(str(int(number)))
    sys.exit(int(sys.argv[1]))
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, end)
pathlib.Path("started").write_text(os.environ["ASSETPIPE_WATCH"])
time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[1]))
"""


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, 0, id="Ctrl-C to the watch alone"),
        pytest.param(signal.SIGTERM, 128 + signal.SIGTERM, id="SIGTERM"),
        pytest.param(signal.SIGHUP, 128 + signal.SIGHUP, id="SIGHUP"),
    ],
)
def test_a_signal_ends_the_command_too(project: Path, number: int, status: int) -> None:
    """It is told where the watch listens, and is never outlived."""
    (project / "child.py").write_text(CHILD)
    with Watching(project, "--", sys.executable, "child.py", "7", "60") as watch:
        wait_for((project / "started").exists)
        wait_for((project / "started").read_text)
        assert (project / "started").read_text() == watch.url
        assert watch.stop(number) == status
    assert int((project / "ended").read_text()) == signal.SIGTERM


def test_a_signal_while_the_command_starts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no handle yet by which it could be ended; so it is ended as soon as it has one."""
    from assetpipe.cli.main import main

    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def start_and_signal(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(start(*arguments, **options))
        signal.raise_signal(signal.SIGTERM)
        return started[-1]

    monkeypatch.chdir(project)
    monkeypatch.setattr("assetpipe.dev.command.subprocess.Popen", start_and_signal)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        command = ["--", sys.executable, "-c", "import time; time.sleep(60)"]
        status = main.main(["watch", "-q", "--port", "0", *command], standalone_mode=False)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert status == 128 + signal.SIGTERM
    (process,) = started
    assert process.poll() is not None


def test_a_stubborn_command_is_ended(project: Path) -> None:
    """It has three seconds, and no more."""
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"import signal, time, pathlib; {ignore}; pathlib.Path('on').touch(); time.sleep(60)"
    with Watching(project, "--", sys.executable, "-c", code) as watch:
        wait_for((project / "on").exists)
        started = time.monotonic()
        assert watch.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        assert time.monotonic() - started < 15


def test_the_watch_ends_with_the_command(project: Path) -> None:
    """And with its status."""
    (project / "child.py").write_text(CHILD)
    command = [sys.executable, "child.py", "7", "0", "--json", "--no-such-option"]
    with Watching(project, "--", *command) as watch:
        assert watch.wait() == 7


def test_ctrl_c_ends_at_once(project: Path) -> None:
    """Without a word on the terminal, and the file that tells the address is gone."""
    with Watching(project) as watch:
        place = json.loads((project / ".assetpipe_cache/watch.json").read_text())
        assert place == {"url": watch.url, "out": str(project / OUT)}
        started = time.monotonic()
        assert watch.stop() == 0
        assert time.monotonic() - started < 2
    assert watch.errors == ""
    assert not (project / ".assetpipe_cache/watch.json").exists()


def test_the_next_process_begins_where_this_one_ended(project: Path) -> None:
    """What was remembered is in the cache: nothing is built again."""
    with Watching(project) as watch:
        (project / "static/css/app.css").write_text("a{}")
        watch.next("build")
        last = release_of(project)
    done = command(project, "publish", "target", "--dry-run")
    assert "run `assetpipe build` first" in done.stderr  # it is known to be a draft
    with Watching(project) as watch:
        assert watch.first["release"] == last


def test_the_release_can_be_looked_at(project: Path) -> None:
    """On the same port, as by ``assetpipe serve``; pages there reload, too."""
    with Watching(project) as watch, urlopen(f"{watch.url}/") as answer:
        page = answer.read().decode()
        assert "css/app.css" in page
        assert "live.js" in page


def test_two_watches_have_two_ports(project: Path, tmp_path: Path) -> None:
    """The second of two projects takes any that is free."""
    other = plant(tmp_path / "other", TREE)
    with (
        Watching(project, "--host", "127.0.0.1", port=None) as one,
        Watching(other, port=None) as two,
    ):
        assert one.url != two.url


def test_where_a_watch_listens_is_written_down_again(project: Path) -> None:
    """When the cache was removed, or another watch of the project has ended."""
    place = project / ".assetpipe_cache/watch.json"

    def said() -> str:
        with suppress(OSError):
            return str(json.loads(place.read_text())["url"])
        return ""

    with Watching(project) as one:
        with Watching(project, "-o", "other") as two:
            assert said() == two.url
        assert said() == ""
        (project / "static/js/app.js").write_text("1")
        wait_for(lambda: said() == one.url)
        shutil.rmtree(place.parent)
        (project / "static/js/app.js").write_text("2")
        wait_for(lambda: said() == one.url)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        pytest.param(["--", "no-such-program"], 2, "cannot be started", id="no such program"),
        pytest.param(["elsewhere"], 2, "does not exist", id="no such source"),
        pytest.param(["--pol"], 2, "--poll", id="a misspelt option"),
        pytest.param(["--port", "TAKEN"], 3, "choose another --port", id="a port that is taken"),
        pytest.param(["--host", "256.1.1.1"], 3, "--host", id="no such address"),
    ],
)
def test_what_cannot_be_watched_is_said(
    project: Path, taken: int, arguments: list[str], status: int, said: str
) -> None:
    """And nothing is left running."""
    given = [str(taken) if each == "TAKEN" else each for each in arguments]
    done = command(project, "watch", *given)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_extra_is_named(project: Path) -> None:
    """With what to run; looking again and again needs none."""
    (project / "watchdog.py").write_text("raise ModuleNotFoundError(name='watchdog')\n")
    here = {"PYTHONPATH": os.pathsep.join([str(project), str(CODE)])}
    done = command(project, "watch", **here)
    assert done.returncode == 2
    assert 'pip install "assetpipe[watch]"' in done.stderr
    with Watching(project, "--poll", environment=here) as watch:
        (project / "static/css/app.css").write_text("a{}")
        assert watch.next("build")["changed"] == ["css/app.css"]


def test_people_read_one_line_for_each_build(project: Path) -> None:
    """What changed, how long it took, and the warnings that are new."""
    plant(project, {"static/old.css": "a{b:url(old.png)}"})
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "assetpipe", "watch", "--port", "0"],
        cwd=project,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout
    lines = iter(process.stdout)
    assert "Watching" in next(lines)
    assert "5 files → release " in next(lines)
    plant(project, {"static/css/app.css": "a{b:url(new.png)}"})
    line = next(lines)
    assert line.startswith("css/app.css → release ")
    assert line.endswith(" ms, 2 warnings\n")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.count("old.png") == 1
    assert errors.count("new.png") == 1
    assert process.returncode == 0


NAMES = st.sampled_from(["a.css", "b.css", "c.js", "d/a.css", "d/e/b.css", "f/g.svg", "d", "f"])
TEXTS = st.sampled_from(["", "a{}", "@import 'b.css';", "a{b:url(f/g.svg)}", "let a = 1", "<svg/>"])
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), NAMES, TEXTS),
    st.tuples(st.just("replace"), NAMES, TEXTS),
    st.tuples(st.just("move"), NAMES, NAMES),
    st.tuples(st.just("remove"), NAMES, st.none()),
)


def operate(folder: Path, verb: str, name: str, other: str | None) -> None:
    """Do to a folder what an operation says, as far as it can be done."""
    path = folder / name
    try:
        if verb == "remove":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif verb == "move":
            (folder / str(other)).parent.mkdir(parents=True, exist_ok=True)
            path.rename(folder / str(other))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            target = folder / ".temporary" if verb == "replace" else path
            target.write_text(str(other))
            target.replace(path)
    except OSError:
        (folder / ".temporary").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def wandering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Watching]]:
    project = plant(tmp_path_factory.mktemp("wandering"), TREE)
    with Watching(project) as watch:
        yield project, watch


@settings(max_examples=10, deadline=None)
@given(operations=st.lists(OPERATIONS, min_size=50, max_size=60))
def test_after_any_operations_the_output_equals_a_clean_build(
    wandering: tuple[Path, Watching], operations: list[tuple[str, str, str | None]]
) -> None:
    """Five hundred of them, with pauses here and there, while it watches."""
    project, watch = wandering
    for number, operation in enumerate(operations):
        operate(project / "static", *operation)
        if number % 10 == 9:
            time.sleep(0.03)
    watch.rest()
    clean = project / "clean"
    done = command(project, "build", "-o", clean, "--no-cache", *DRAFT)
    assert done.returncode == 0, done.stderr
    expected = contents(clean)
    shutil.rmtree(clean)
    found = contents(project / OUT)
    assert {name: found.get(name) for name in expected if not name.startswith(".")} == {
        name: data for name, data in expected.items() if not name.startswith(".")
    }
