"""The command line: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

import assetpipe
from tests.site import Tree, assets, clean_environment, command, plant

TREE: Tree = {
    "static/css/app.css": "a { b: url(../img/i.svg) }\n" * 60 + "a { b: url(../img/j.svg) }",
    "static/img/i.svg": f"<svg>{'<g/>' * 300}</svg>",
    "static/robots.txt": "User-agent: *\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without configuration, one reference of which matches nothing."""
    return plant(tmp_path, TREE)


def test_build_without_arguments_builds_static(project: Path) -> None:
    """The shortest way: ``static/`` into ``build/static/``, and a summary."""
    done = command(project, "build")
    assert done.returncode == 0, done.stderr
    assert list(assets(project / "build/static")) == ["css/app.css", "img/i.svg", "robots.txt"]


def test_the_summary_says_what_was_built(project: Path) -> None:
    """Files, warnings, seconds, and bytes before, minified and for each encoding."""
    lines = command(project, "build").stdout.splitlines()
    assert re.fullmatch(
        r"Built release [0-9a-f]+ in build/static: 3 files, 1 warning, \d+\.\d\d s", lines[0]
    )
    assert lines[1].split() == ["sources", "minified", "br", "gzip"]
    assert re.fullmatch(r"( +\d+(\.\d KiB| B)){4}", lines[2])
    assert lines[3].split()[::2][0] == "100"


def test_serve_shows_the_release(project: Path) -> None:
    """On this machine only, with a page that leads to each file, until it is interrupted."""
    assert command(project, "build").returncode == 0
    with subprocess.Popen(
        [sys.executable, "-m", "assetpipe", "serve", "--port", "0", "--json"],
        cwd=project,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            said = json.loads(server.stdout.readline())
            with urlopen(said["url"]) as page:
                links = re.findall(r'href="(/static/[^"]+)"', page.read().decode())
            assert len(links) == 3
            with urlopen(said["url"] + links[0].lstrip("/")) as answer:
                assert answer.headers["Cache-Control"].endswith("immutable")
            with pytest.raises(HTTPError, match="404"):
                urlopen(said["url"] + "static/manifest.json")
            taken = command(project, "serve", "--port", said["url"].rpartition(":")[2].rstrip("/"))
            assert taken.returncode == 3
            assert "choose another --port" in taken.stderr
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0


def test_serve_without_a_release_says_what_to_do(project: Path) -> None:
    """Instead of serving nothing."""
    done = command(project, "serve")
    assert done.returncode == 2
    assert "run `assetpipe build` first" in done.stderr


def test_a_second_build_says_that_nothing_changed(project: Path) -> None:
    """And warns again, as the warning still holds."""
    first = command(project, "build")
    command(project, "build")
    again = command(project, "build")
    assert again.stdout.startswith("Up to date: release ")
    assert again.stderr == first.stderr


def test_a_warning_has_its_place_and_a_suggestion(project: Path) -> None:
    """On standard error, as a path from the current folder with line and column."""
    done = command(project, "build")
    assert done.stderr == (
        'Warning: static/css/app.css:61:12: "../img/j.svg" matches no file; '
        "did you mean ../img/i.svg?\n"
    )


def test_many_warnings_are_cut_short(tmp_path: Path) -> None:
    """A person reads twenty, a program gets them all."""
    rules = "".join(f"a{{b:url(gone{n}.png)}}\n" for n in range(30))
    plant(tmp_path, {"static/a.css": rules})
    told = command(tmp_path, "build").stderr.splitlines()
    assert len(told) == 21
    assert told[-1] == "… and 10 more warnings; --json lists them all"
    assert len(json.loads(command(tmp_path, "build", "--json").stdout)["warnings"]) == 30


def test_quiet_prints_warnings_only(project: Path) -> None:
    """Nothing on standard output."""
    done = command(project, "build", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("Warning: ")


def test_json_is_one_object_on_standard_output(project: Path) -> None:
    """With all that the summary says, and nothing else on either stream."""
    done = command(project, "build", "--json")
    printed = json.loads(done.stdout)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    out = project / "build/static"
    document = json.loads((out / "manifest.json").read_bytes())
    weights = [asset["size"] for asset in document["assets"].values()]
    assert printed["release"] == document["release"]
    assert printed["out"] == str(out)
    assert printed["manifest"] == str(out / "manifest.json")
    assert printed["changed"] is True
    assert printed["files"] == 3
    assert printed["bytes"]["source"] == sum(len(content) for content in TREE.values())
    assert printed["bytes"]["minified"] == sum(weights)
    assert set(printed["bytes"]) == {"source", "minified", "br", "gzip"}
    assert printed["seconds"] > 0
    (warning,) = printed["warnings"]
    assert warning["message"] == '"../img/j.svg" matches no file'
    assert warning["hint"] == "did you mean ../img/i.svg?"


FAILURES: list[Any] = [
    pytest.param(["build", "--strict"], 1, "matches no file", id="an input error"),
    pytest.param(["build", "nowhere"], 2, "does not exist", id="a missing folder"),
    pytest.param(["build", "static/robots.txt"], 2, "not a folder", id="a file for a folder"),
    pytest.param(["build", "-o", "static"], 2, "holds the source folder", id="out is the source"),
    pytest.param(["build", "-o", "."], 2, "holds the source folder", id="out around the source"),
    pytest.param(["build", "--encodings", "gzp"], 2, "did you mean gzip", id="an encoding"),
    pytest.param(["build", "--public-url", "x"], 2, "starts with /", id="a public URL"),
    pytest.param(["build", "-o", "static/robots.txt/x"], 3, "annot be", id="a file in the way"),
    pytest.param(["clean"], 2, "there is no manifest here", id="no release"),
    pytest.param(["clean", "-o", "broken"], 2, "is not JSON", id="a broken manifest"),
    pytest.param(["build", "--minfy"], 2, "--minify", id="an unknown option"),
    pytest.param(["build", "--jobs", "0"], 2, "jobs", id="a value out of range"),
    pytest.param(["build", "--jobs", "many"], 2, "jobs", id="a value of the wrong type"),
    pytest.param(["biuld"], 2, "Did you mean build?", id="an unknown command"),
    pytest.param(["cache", "prnue"], 2, "prune", id="an unknown command of a group"),
]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(("arguments", "status", "message"), FAILURES)
def test_a_failure_has_its_status_and_message_and_no_traceback(
    project: Path, arguments: list[str], status: int, message: str, as_json: bool
) -> None:
    """1: the input, 2: the usage or configuration, 3: the outside; in JSON, too, one object."""
    plant(project, {"broken/manifest.json": "{"})
    done = command(project, *arguments, *["--json"] * as_json)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    if as_json:
        printed = json.loads(done.stdout)
        assert printed["exit_code"] == status
        assert message in f"{printed['error']['message']} {printed['error']['hint']}"
        assert set(printed["error"]) == {"message", "where", "hint"}
        assert done.stderr == ""
    else:
        assert message in done.stderr
        assert done.stdout == ""


def test_strict_leaves_the_last_release(project: Path) -> None:
    """A broken reference never reaches production."""
    command(project, "build")
    before = (project / "build/static/manifest.json").read_bytes()
    plant(project, {"static/b.css": "a{b:url(gone.png)}"})
    assert command(project, "build", "--strict").returncode == 1
    assert (project / "build/static/manifest.json").read_bytes() == before


FLAGS: list[Any] = [
    pytest.param(["--encodings", ""], {}, [], id="no encodings"),
    pytest.param(["--encodings", "zstd"], {}, ["zstd"], id="another encoding"),
    pytest.param([], {"ASSETPIPE_ENCODINGS": "gzip"}, ["gzip"], id="from the environment"),
    pytest.param(["--encodings", "br"], {"ASSETPIPE_ENCODINGS": "gzip"}, ["br"], id="both"),
]


@pytest.mark.parametrize(("flags", "environment", "expected"), FLAGS)
def test_flags_reach_the_build(
    project: Path, flags: list[str], environment: dict[str, str], expected: list[str]
) -> None:
    """A flag wins over the environment."""
    done = command(project, "build", "-o", "out", *flags, **environment)
    assert done.returncode == 0, done.stderr
    assert list(assets(project / "out")["img/i.svg"]["encodings"]) == expected


def test_no_minify_ships_what_was_written(project: Path) -> None:
    """References are linked all the same."""
    command(project, "build", "--no-minify")
    out = project / "build/static"
    shipped = (out / assets(out)["css/app.css"]["file"]).read_text()
    assert shipped.startswith("a { b: url(../img/i.")


def test_no_cache_leaves_no_folder(project: Path) -> None:
    """Neither in the project nor elsewhere."""
    command(project, "build", "--no-cache")
    assert {path.name for path in project.iterdir()} == {"static", "build"}


def test_several_sources_are_built_into_one_release(project: Path) -> None:
    """Folders that are named replace the configuration's."""
    plant(project, {"more/extra.txt": "x", "assetpipe.toml": "source = 'elsewhere'"})
    done = command(project, "build", "static", "more", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert list(assets(project / "out"))[1] == "extra.txt"


def test_a_path_that_the_terminal_cannot_show_is_spelt_out(tmp_path: Path) -> None:
    """A name in any script builds and is reported where the output is not Unicode."""
    plant(tmp_path, {"static/日本.css": "a{b:url(gone.png)}"})
    done = command(tmp_path, "build", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert r"static/\u65e5\u672c.css:1:9" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["build", "--help"], ["cache", "-h"]])
def test_help_is_on_standard_output(tmp_path: Path, arguments: list[str]) -> None:
    """Asking for help is no error."""
    done = command(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: assetpipe")


def test_version(tmp_path: Path) -> None:
    """Name and version in one line."""
    assert command(tmp_path, "--version").stdout == f"assetpipe {assetpipe.__version__}\n"


WITHOUT = """
import sys
sys.modules[{package!r}] = None  # as if it were not installed
from assetpipe.__main__ import main
main()
"""


@pytest.mark.parametrize("package", ["click", "brotli", "deflate", "rcssmin", "rjsmin"])
def test_a_package_that_is_not_installed_names_what_to_install(project: Path, package: str) -> None:
    """One line to copy, whatever of the extra is missing."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package), "build"],
        cwd=project,
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 2
    assert package in done.stderr
    assert 'pip install "assetpipe[build]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "build").exists()


def test_a_reader_that_leaves_is_no_error(project: Path) -> None:
    """``assetpipe build | head -0`` ends without a complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "assetpipe", "build", "--json"],
        cwd=project,
        env=clean_environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    os.close(writing)
    assert done.stderr == ""
