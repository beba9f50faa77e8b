"""``minifier = "esbuild"``: scripts written by that program, linked and mapped by us."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from assetpipe.errors import ConfigError
from assetpipe.kinds.js import KIND
from assetpipe.kinds.model import Minified, Options
from tests.node import node_modules, require_node
from tests.site import Site, Tree, assets, command, plant, settle
from tests.test_source_maps import the_map, traced, word_map

LONG = "function add(firstNumber, secondNumber) {\n  return firstNumber + secondNumber;\n}\n"
SITE: Tree = {
    "js/classic.js": f"var total = add(1, 2);\n{LONG}let shared = total;\n",
    "js/app.js": f"import {{ part }} from './part.js?v=1';\n\n{LONG}export const sum = "
    "add(part, 1);\nexport const later = () => import('./part.js');\n",
    "js/part.js": "/*! licence */\nexport const part = 1;\n\nconst notUsed = 2;\n",
    "js/done.min.js": "var a = 1 ;",
    "js/odd.js": "var \u0061wait;\nwith (window) {\n  total = 1;\n}\n",
    "css/a.css": "a {\n  b: c;\n}\n",
}


@pytest.fixture(name="program", scope="module")
def _program() -> str:
    require_node()
    (found,) = node_modules().glob("@esbuild/*/bin/esbuild")
    return str(found)


@pytest.fixture(name="site")
def _site(tmp_path: Path, program: str) -> Site:
    return Site(tmp_path, SITE, minifier="esbuild", minifier_path=program)


def test_local_names_are_short_and_shared_ones_stay(site: Site) -> None:
    """A classic script shares its top-level names with all others of the page."""
    site.build()
    text = site.text("js/classic.js")
    assert "firstNumber" not in text
    assert all(name in text for name in ("total", "add", "shared"))
    assert "/*! licence */" in site.text("js/part.js")
    assert site.text("js/done.min.js") == "var a = 1 ;"
    assert site.text("css/a.css") == "a{b:c}"


def test_what_it_writes_is_linked(site: Site) -> None:
    """Specifiers lead to the final names."""
    site.build()
    assert assets(site.out)["js/app.js"]["references"] == ["js/part.js"]
    text = site.text("js/app.js")
    assert text.count(site.fill("./<js/part.js>")) == 2
    assert "./part.js" not in text


def test_it_is_smaller_than_our_own(site: Site) -> None:
    """Else there would be no point."""
    small = site.build().totals.minified
    assert small < site.build(minifier="assetpipe").totals.minified


@pytest.mark.parametrize("mode", ["linked", "hidden"])
def test_its_maps_lead_back(site: Site, mode: str) -> None:
    """Names that it keeps lead to themselves; the map knows those that it shortened."""
    site.build(source_maps=mode)
    for name in ("js/classic.js", "js/app.js"):
        found = the_map(site, name)
        assert found["sources"] == [name.removeprefix("js/")]
        assert "firstNumber" in found["names"]
        kept = [
            (here, there)
            for here, there in traced(site, name)
            if here in {"total", "add", "shared", "sum", "later", "return", "function"}
        ]
        assert len(kept) >= 4
        assert [here for here, _ in kept] == [there for _, there in kept]


def test_a_map_that_came_with_the_script_is_composed(tmp_path: Path, program: str) -> None:
    """Through esbuild's own to the first source."""
    source = "const total: number = 42;\nconst other: number = total;\n"
    made = "const total = 42;\n\nconst other = total;\n//# sourceMappingURL=a.js.map\n"
    tree = {"a.js": made, "a.js.map": word_map(made, source, sources=["a.ts"],
                                               sourcesContent=[source])}  # fmt: skip
    site = Site(tmp_path, tree, minifier="esbuild", minifier_path=program, source_maps="linked")
    site.build()
    assert the_map(site, "a.js")["sources"] == ["a.ts"]
    assert ("total", "total") in set(traced(site, "a.js"))


def test_a_script_that_it_cannot_read_is_ours_to_write(tmp_path: Path, program: str) -> None:
    """One file does not stop the others, nor does it ship larger than it must."""
    tree = {"bad.js": "var  a  =  ;\n", "good.js": LONG}
    site = Site(tmp_path, tree, minifier="esbuild", minifier_path=program)
    site.build()
    assert "firstNumber" not in site.text("good.js")
    assert site.text("bad.js") == "var a=;"


def test_one_process_serves_the_whole_build(tmp_path: Path, program: str) -> None:
    """Not one for each file: starting it takes longer than most of them need."""
    log = tmp_path / "log"
    wrapper = plant(tmp_path, {"esbuild": f'#!/bin/sh\necho "$1" >> {log}\nexec {program} "$@"\n'})
    (wrapper / "esbuild").chmod(0o755)
    tree = {f"{n}.js": f"var v{n};\n{LONG}" for n in range(40)}
    site = Site(tmp_path / "site", tree, minifier="esbuild", jobs=2,
                minifier_path=str(wrapper / "esbuild"))  # fmt: skip
    site.build()
    started = log.read_text().splitlines()
    assert sum(line.startswith("--service") for line in started) == 1
    assert len(started) <= 2


@pytest.mark.parametrize("place", ["PATH", "node_modules"])
def test_it_is_found_where_people_install_it(tmp_path: Path, program: str, place: str) -> None:
    """Without being told where."""
    folder = tmp_path / ("bin" if place == "PATH" else "node_modules/.bin")
    folder.mkdir(parents=True)
    os.symlink(program, folder / "esbuild")
    plant(tmp_path, {"static/a.js": LONG, "assetpipe.toml": 'minifier = "esbuild"'})
    path = f"{folder}:/usr/bin:/bin" if place == "PATH" else "/usr/bin:/bin"
    done = command(tmp_path, "build", "--json", PATH=path)
    assert done.returncode == 0, done.stderr
    out = Path(json.loads(done.stdout)["out"])
    (built,) = out.glob("a.*.js")
    assert "firstNumber" not in built.read_text()


def test_a_missing_program_says_how_to_get_it(tmp_path: Path, monkeypatch: Any) -> None:
    """Before anything is built."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("esbuild") is None
    with pytest.raises(ConfigError, match="was not found") as raised:
        Site(tmp_path, SITE, minifier="esbuild").build()
    assert "npm install --save-dev esbuild" in str(raised.value.hint)
    assert not (tmp_path / "out").exists()


def test_each_minifier_has_its_own_results(site: Site) -> None:
    """A cache that both have filled mixes nothing up."""
    first = site.build().id
    settle()
    other = site.build(minifier="assetpipe").id
    assert other != first
    assert site.build().id == first


@pytest.mark.parametrize(
    "code",
    [
        "import'./other.js'",
        "",
        "import'./part.js';import'./part.js'",
        "var a = /",
    ],
    ids=["another file", "nothing", "twice", "no script"],
)
def test_what_names_other_files_is_not_taken(code: str) -> None:
    """Whatever wrote it: then our own text ships."""
    source = b"import './part.js';\n\n\nexport  const  long  =  1;\n"
    result = KIND.adopt(source, Options(), Minified(code))
    assert result.body == b'import"./part.js";export const long=1;'.replace(b'"', b"'")
