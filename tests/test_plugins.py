"""Formats that other packages add, by the example that the documentation shows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from assetpipe import kinds
from assetpipe.errors import ConfigError, InputError
from tests.site import Site, Tree, assets, contents, plant, settle, shipped
from tests.test_source_maps import the_map

EXAMPLE = Path(__file__).parent / "example_plugin"
SITE: Tree = {
    "css/app.scss": '@import "parts/colours";\n\n.hero {\n  .title { color: $ink; }\n'
    "  background: url(../img/a.png);\n  @include frame;\n}\n",
    "css/parts/_colours.scss": "$ink: red;\n@mixin frame { border: 1px solid $ink; }\n",
    "img/a.png": b"\x89PNG\r\n\x1a\n",
}
Install = Callable[..., None]


@pytest.fixture(name="install")
def _install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs packages made of one module, as pip would."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)

    def install(name: str, suffix: str, code: str, version: str = "1.0") -> None:
        point = f"[assetpipe.kinds]\n{suffix} = {name}\n"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        plant(folder, {
            f"{name}.py": code,
            f"{name}-1.dist-info/METADATA": metadata,
            f"{name}-1.dist-info/entry_points.txt": point,
        })  # fmt: skip
        sys.modules.pop(name, None)
        kinds.load.cache_clear()

    yield install
    kinds.load.cache_clear()
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(folder)):
            del sys.modules[module]


@pytest.fixture(name="scss")
def _scss(install: Install) -> None:
    pytest.importorskip("sass", reason="the package libsass is not installed")
    install("assetpipe_scss", "scss", (EXAMPLE / "assetpipe_scss.py").read_text())


@pytest.mark.usefixtures("scss")
def test_a_compiled_file_ships_as_what_it_becomes(tmp_path: Path) -> None:
    """Under the name of the result, minified and linked like any other, its partials left out."""
    site = Site(tmp_path, SITE)
    site.build()
    assert set(assets(site.out)) == {"css/app.css", "img/a.png"}
    assert site.text("css/app.css") == site.fill(
        ".hero{background:url(../img/<img/a.png>);border:1px solid red}.hero .title{color:red}"
    )
    assert assets(site.out)["css/app.css"]["type"] == "text/css; charset=utf-8"


@pytest.mark.usefixtures("scss")
def test_its_map_leads_to_what_was_compiled(tmp_path: Path) -> None:
    """Through the compiler's map, with the texts of all files, and no path of the machine."""
    site = Site(tmp_path, SITE, source_maps="linked")
    site.build()
    found = the_map(site, "css/app.css")
    assert dict(zip(found["sources"], found["sourcesContent"], strict=True)) == {
        "app.scss": SITE["css/app.scss"],
        "parts/_colours.scss": SITE["css/parts/_colours.scss"],
    }


@pytest.mark.usefixtures("scss")
def test_a_change_of_what_it_imports_compiles_it_again(tmp_path: Path) -> None:
    """Inside the source folder and outside; nothing else does."""
    outside = plant(tmp_path / "shared", {"_size.scss": "$size: 1px;"})
    tree = {**SITE, "css/app.scss": '@import "../../shared/size";\n.a { margin: $size; }\n'}
    site = Site(tmp_path, tree)
    assert site.build().changed
    settle()
    site.build()
    assert not site.build().changed
    plant(outside, {"_size.scss": "$size: 2px;"})
    assert site.build().changed
    assert site.text("css/app.css") == ".a{margin:2px}"
    settle()
    plant(outside, {"_size.scss": "$size: 1px;"})
    site.build()
    clean = Site(tmp_path / "clean", {})
    plant(tmp_path / "clean/shared", contents(outside))
    plant(clean.source, contents(site.source))
    clean.build()
    assert shipped(site.out) == shipped(clean.out)


@pytest.mark.usefixtures("scss")
@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        pytest.param("css/app.scss", ".a {\n  b: $nothing;\n}", "css/app.scss:2:6", id="the file"),
        pytest.param(
            "css/parts/_colours.scss", "\n\n.a { b }}", "css/parts/_colours.scss:3:6", id="a part"
        ),
        pytest.param("css/app.scss", '@import "gone";', "css/app.scss:1:1", id="a missing part"),
    ],
)
def test_an_error_of_the_compiler_names_its_place(
    tmp_path: Path, name: str, content: str, place: str
) -> None:
    """File, line and column, and the last release stays."""
    site = Site(tmp_path, SITE)
    before = site.build().id
    settle()
    site.write(name, content)
    with pytest.raises(InputError) as raised:
        site.build()
    assert str(raised.value.where).endswith(place)
    assert "Traceback" not in str(raised.value)
    site.write(name, SITE[name])
    assert site.build().id == before


SIMPLE = """
from assetpipe.kinds.model import Compiled, Options, Transformed

class Shout:
    name = "shout"

    def version(self):
        return "1"

    def transform(self, data, options):
        return Transformed(data.upper())

KIND = Shout()
"""

COMPILER = """
from assetpipe.kinds.model import Compiled

class Copy:
    name = "copy"
    produces = ".css"

    def version(self):
        return "1"

    def is_partial(self, name):
        return False

    def compile(self, path, data):
        return Compiled(data)

KIND = Copy()
"""


def test_a_kind_that_keeps_its_suffix(tmp_path: Path, install: Install) -> None:
    """The smaller protocol: bytes in, bytes and references out."""
    install("shout", "txt", SIMPLE)
    site = Site(tmp_path, {"a.txt": "hello"})
    site.build()
    assert site.text("a.txt") == "HELLO"


def test_a_plugin_that_is_edited_or_updated_is_run_again(tmp_path: Path, install: Install) -> None:
    """Its author sees what it does now, without a new version."""
    install("shout", "txt", SIMPLE)
    site = Site(tmp_path, {"a.txt": "hello"})
    site.build()
    settle()
    site.build()
    # Of another size: Python itself looks at sizes and whole seconds only.
    install("shout", "txt", SIMPLE.replace("upper()", "lower().title()").replace('"1"', '"2"'))
    site.build()
    assert site.text("a.txt") == "Hello"


WRONG: list[Any] = [
    pytest.param(
        [("one", "txt", SIMPLE), ("two", "txt", SIMPLE)], ".txt files belong to", id="two of them"
    ),
    pytest.param(
        [("one", "css", SIMPLE)], ".css files belong to assetpipe itself", id="our own suffix"
    ),
    pytest.param([("one", "txt", "import nothing_of_this")], "cannot be used", id="an import"),
    pytest.param([("one", "txt", "x = 1")], "cannot be used", id="no KIND"),
]


@pytest.mark.parametrize(("packages", "message"), WRONG)
def test_a_plugin_that_cannot_be_used_is_named(
    tmp_path: Path, install: Install, packages: list[tuple[str, str, str]], message: str
) -> None:
    """The package to uninstall or mend is in the error."""
    for package in packages:
        install(*package)
    with pytest.raises(ConfigError, match=message) as raised:
        Site(tmp_path, {"a.txt": "x"}).build()
    assert str(raised.value.where).startswith(("one ", "two "))


@pytest.mark.parametrize(
    "line",
    [
        "raise ValueError('odd')",
        "return 1 / 0",
        "return data",
        "return Compiled(data.decode())",
        "return Compiled(data, None)",
    ],
)
def test_a_compiler_that_fails_is_an_error_about_the_file(
    tmp_path: Path, install: Install, line: str
) -> None:
    """Not a traceback."""
    install("copy_css", "ccss", COMPILER.replace("return Compiled(data)", line))
    with pytest.raises(InputError, match="the compiler copy_css failed") as raised:
        Site(tmp_path, {"a.ccss": "x"}).build()
    assert str(raised.value.where).endswith("a.ccss")


def test_two_files_for_one_name_are_refused(tmp_path: Path, install: Install) -> None:
    """A stylesheet beside the source that makes it is most often a forgotten result."""
    install("copy_css", "ccss", COMPILER)
    with pytest.raises(InputError, match=r"would be 'a\.css'"):
        Site(tmp_path, {"a.ccss": "x", "a.css": "y"}).build()


def test_the_example_is_what_its_metadata_says() -> None:
    """Its entry point names its module."""
    text = (EXAMPLE / "pyproject.toml").read_text()
    assert '[project.entry-points."assetpipe.kinds"]\nscss = "assetpipe_scss"' in text
    pytest.importorskip("sass", reason="the package libsass is not installed")
    sys.path.insert(0, str(EXAMPLE))
    try:
        assert import_module("assetpipe_scss").KIND.produces == ".css"
    finally:
        sys.path.remove(str(EXAMPLE))
        del sys.modules["assetpipe_scss"]
