"""Source maps: from what ships back to what its authors wrote, right to the column.

The maps are read by an independent library, the package ``sourcemap``.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sourcemap

from tests import corpus
from tests.site import Site, Tree, assets, command, contents, flaws, settle, shipped

LINKED: dict[str, Any] = {"source_maps": "linked"}
HIDDEN: dict[str, Any] = {"source_maps": "hidden"}
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_TOKEN = re.compile(r"\.?[A-Za-z_$][\w$]*")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_COMMENT = re.compile(r"\n(?://|/\*)# sourceMappingURL=(\S+)(?: \*/)?\n?\Z")

SITE: Tree = {
    "css/app.css": '/* head */\n@import "base.css";\n\n.hero {\n  background: url(../img/a.png);\n'
    "  color: red;\n}\n.tail > a { margin: 0 }\n",
    "css/base.css": "body {\n  margin : 0 ;\n}\n",
    "js/app.js": "// one\nimport { first } from './lib/one.js';\n\nexport function second(it) {\n"
    "  return first(it) + 1;\n}\n",
    "js/lib/one.js": "export function first(argument) {\n  // nothing\n  return argument * 2;\n}\n",
    "js/classic.js": "var answer = 42;\n\nfunction ask( question ) {\n  return answer;\n}\n",
    "img/a.png": b"\x89PNG\r\n\x1a\n",
}


def the_map(site: Site, name: str) -> Any:
    """Return the source map that the manifest lists for a file, as JSON."""
    file = assets(site.out)[name]["source_map"]
    return json.loads((site.out / file).read_bytes())


def traced(site: Site, name: str) -> Iterator[tuple[str, str]]:
    """Yield each word of what ships from its token's start on, and what the map says is its source.

    Words that linking has put there are left out, and lines that begin inside of a token.
    """
    found = the_map(site, name)
    index = sourcemap.loads(json.dumps(found))
    texts = dict(zip(found["sources"], found["sourcesContent"], strict=True))
    lines = {origin: _LINE_BREAK.split(text) for origin, text in texts.items()}
    code = _COMMENT.sub("", site.text(name))
    hashes = {file.split(".")[-2] for file in site.files().values()}
    for number, line in enumerate(_LINE_BREAK.split(code)):
        for word in _WORD.finditer(line):
            try:
                token = index.lookup(number, word.start())
            except IndexError:
                continue
            if token.dst_line != number or token.dst_col > word.start() or token.src is None:
                continue
            here = line[token.dst_col : word.end()]
            there = lines[token.src][token.src_line][token.src_col :]
            is_url = here[0] in "(\"'" and re.search(r"[./]", here)
            if not is_url and not any(each in here for each in hashes):
                yield here, there[: len(here)]


def vlq(*numbers: int) -> str:
    """Encode numbers as ECMA-426 does, digit by digit."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = ""
    for number in numbers:
        rest = -number << 1 | 1 if number < 0 else number << 1
        while rest > 31:
            text += digits[rest & 31 | 32]
            rest >>= 5
        text += digits[rest]
    return text


def word_map(generated: str, source: str, **fields: Any) -> str:
    """Return a map that leads each word of one text to the same word of another."""
    lines, last = [], (0, 0)
    places = {
        word[0]: (number, word.start())
        for number, line in enumerate(source.split("\n"))
        for word in _TOKEN.finditer(line)
    }
    for line in generated.split("\n"):
        segments, column = [], 0
        for word in _TOKEN.finditer(line):
            if word[0] in places:
                row, at = places[word[0]]
                segments.append(vlq(word.start() - column, 0, row - last[0], at - last[1]))
                column, last = word.start(), (row, at)
        lines.append(",".join(segments))
    document = {"version": 3, "names": [], "mappings": ";".join(lines)} | fields
    return json.dumps(document)


@pytest.mark.parametrize("minify", [True, False], ids=["minified", "only rewritten"])
def test_every_word_leads_back_to_its_source(tmp_path: Path, minify: bool) -> None:
    """Behind the URLs that linking has made longer, too."""
    site = Site(tmp_path, SITE, minify=minify, **LINKED)
    site.build()
    names = ["css/app.css", "js/app.js", *(["js/classic.js", "css/base.css"] if minify else [])]
    for name in names:
        pairs = list(traced(site, name))
        assert len(pairs) > 1
        assert [word for word, _ in pairs] == [there for _, there in pairs], name


def test_the_code_names_its_map_and_the_map_its_source(tmp_path: Path) -> None:
    """By the final name; the map holds the source's text, for the source has no URL of its own."""
    site = Site(tmp_path, SITE, **LINKED)
    site.build()
    for name, end in {
        "css/app.css": "\n/*# sourceMappingURL=<css/app.css.map> */",
        "js/app.js": "\n//# sourceMappingURL=<js/app.js.map>\n",
        "js/classic.js": "\n//# sourceMappingURL=<js/classic.js.map>\n",
    }.items():
        assert site.text(name).rstrip("\n").endswith(site.fill(end).rstrip("\n"))
        listed = assets(site.out)[name + ".map"]
        assert assets(site.out)[name]["source_map"] == listed["file"]
        assert name + ".map" in assets(site.out)[name]["references"]
        assert listed["type"] == "application/json"
        found = json.loads((site.out / listed["file"]).read_bytes())
        assert found["sources"] == [name.rpartition("/")[2]]
        assert found["sourcesContent"] == [SITE[name]]
        assert found["version"] == 3
    assert not flaws(site.out)


def test_maps_do_not_count_as_weight(tmp_path: Path) -> None:
    """They hold the sources once more, which would hide what was saved."""
    tree = {**SITE, **came_with_map()}
    site = Site(tmp_path, tree)
    off, on = site.build().totals, site.build(**LINKED).totals
    sizes = {name: asset["size"] for name, asset in assets(site.out).items()}
    assert on.files == len(sizes)
    assert on.source == off.source - len(tree["css/app.css.map"])
    assert on.minified == sum(size for name, size in sizes.items() if not name.endswith(".map"))


def test_untouched_files_have_no_map(tmp_path: Path) -> None:
    """There is nothing that it could tell."""
    site = Site(tmp_path, {"a.min.js": "var a=1;", "b.css": "a{b:c}"}, **LINKED)
    site.build()
    assert set(assets(site.out)) == {"a.min.js", "b.css"}
    assert site.text("a.min.js") == "var a=1;"
    assert "source_map" not in assets(site.out)["a.min.js"]


SCSS = "$red: red;\n.hero {\n  .title { color: $red; }\n}\n"
SHEET = ".hero .title {\n  color: red;\n}\n"


def came_with_map(comment: str = "/*# sourceMappingURL=app.css.map */", **fields: Any) -> Tree:
    """Return a stylesheet that another tool made, with the tool's map."""
    fields = {"sources": ["../scss/app.scss"], "sourcesContent": [SCSS]} | fields
    return {"css/app.css": SHEET + comment, "css/app.css.map": word_map(SHEET, SCSS, **fields)}


COMPOSED: list[Any] = [
    pytest.param(came_with_map(), ["../scss/app.scss"], [SCSS], id="beside it"),
    pytest.param(
        came_with_map(sourceRoot="../scss", sources=["app.scss"]),
        ["../scss/app.scss"], [SCSS], id="a source root",
    ),
    pytest.param(
        {**came_with_map(sourcesContent=None), "scss/app.scss": SCSS},
        ["../scss/app.scss"], [SCSS], id="contents in the tree only",
    ),
    pytest.param(
        came_with_map(sourcesContent=None), ["../scss/app.scss"], [None], id="no contents at all"
    ),
    pytest.param(
        came_with_map(sources=["webpack://app/./scss/app.scss"]),
        ["webpack://app/./scss/app.scss"], [SCSS], id="a URL of a bundler",
    ),
    pytest.param(
        came_with_map(sources=["/home/ann/work/site/scss/app.scss"]),
        ["app.scss"], [SCSS], id="a folder of somebody's machine",
    ),
    pytest.param(
        came_with_map(sources=["file:///C:/Users/ann/site/scss/app.scss"]),
        ["app.scss"], [SCSS], id="a file URL of somebody's machine",
    ),
    pytest.param(
        {"css/app.css": SHEET + "/*# sourceMappingURL=data:application/json;base64,"
         + base64.b64encode(
             word_map(SHEET, SCSS, sources=["app.scss"], sourcesContent=[SCSS]).encode()
         ).decode() + " */"},
        ["app.scss"], [SCSS], id="inside the file",
    ),
    pytest.param(
        {"css/app.css": SHEET + "/*# sourceMappingURL=../maps/x.map */",
         "maps/x.map": word_map(SHEET, SCSS, sources=["../a.scss"], sourcesContent=[SCSS])},
        ["../a.scss"], [SCSS], id="in another folder",
    ),
    pytest.param(
        {"css/app.css": SHEET + "/*# sourceMappingURL=app.css.map */",
         "css/app.css.map": json.dumps({"version": 3, "sections": [
             {"offset": {"line": 0, "column": 0},
              "map": json.loads(word_map(SHEET, SCSS, sources=["a.scss"], sourcesContent=[SCSS]))}
         ]})},
        ["a.scss"], [SCSS], id="in sections",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "origins", "texts"), COMPOSED)
def test_a_map_that_came_with_a_file_is_composed(
    tmp_path: Path, tree: Tree, origins: list[str], texts: list[str | None]
) -> None:
    """The debugger shows what the author wrote, not what a tool made of it."""
    site = Site(tmp_path, tree, **LINKED)
    site.build()
    found = the_map(site, "css/app.css")
    assert found["sources"] == origins
    assert found.get("sourcesContent", [None]) == texts
    if texts != [None]:
        pairs = [(word, there) for word, there in traced(site, "css/app.css")]
        assert [word for word, _ in pairs] == [".hero", ".title", "color", "red"]
        assert [there for _, there in pairs] == [".hero", ".title", "color", "red"]
    assert str(tmp_path) not in json.dumps(found)


def test_three_levels_of_maps_lead_to_the_first_source(tmp_path: Path) -> None:
    """Each source may itself have been made by a tool, and say so."""
    first = "const   answer: number = 42;\nconst other: string = 'x';\n"
    second = "const answer = 42;\n\nconst other = 'x';\n//# sourceMappingURL=second.js.map\n"
    third = "\n\n  const answer = 42;\n  const other = 'x';\n//# sourceMappingURL=app.js.map"
    tree: Tree = {
        "js/app.js": third,
        "js/app.js.map": word_map(third, second, sources=["build/second.js"]),
        "js/build/second.js": second,
        "js/build/second.js.map": word_map(
            second, first, sources=["../../ts/first.ts"], sourcesContent=[first]
        ),
    }
    site = Site(tmp_path, tree, **LINKED)
    site.build()
    found = the_map(site, "js/app.js")
    assert (found["sources"], found["sourcesContent"]) == (["../ts/first.ts"], [first])
    pairs = [pair for pair in traced(site, "js/app.js") if "'" not in pair[0]]
    assert [word for word, _ in pairs] == [there for _, there in pairs]
    assert len(pairs) == 4


@pytest.mark.parametrize(
    ("comment", "tree", "message"),
    [
        pytest.param("gone.map", {}, '"gone.map" is not used: there is no such file', id="missing"),
        pytest.param(
            "https://cdn.example/a.map", {}, "there is no such file", id="on another host"
        ),
        pytest.param("a.js.map", {"a.js.map": "{"}, "is not used", id="broken"),
        pytest.param("a.js.map", {"a.js.map": "GIF89a"}, "is not used", id="no map"),
        pytest.param("a.js.map", {"a.js.map": "[" * 100_000}, "is not used", id="brackets"),
        pytest.param(
            "a.js.map",
            {"a.js.map": '{"version":3,"sources":["a.js"],"mappings":"!!"}'},
            "is not used",
            id="mappings of rubbish",
        ),
        pytest.param("data:application/json;base64,!", {}, "is not used", id="no data"),
    ],
)
@pytest.mark.parametrize("missing", ["warn", "error"])
def test_a_map_that_cannot_be_used_stops_nothing(
    tmp_path: Path, comment: str, tree: Tree, message: str, missing: str
) -> None:
    """A third party's missing map is no reason not to deploy: the code leads to itself instead."""
    text = f"var answer = 42;\n\n\nvar other = 1;\n//# sourceMappingURL={comment}\n"
    site = Site(tmp_path, {"a.js": text, **tree}, missing=missing, **LINKED)
    release = site.build()
    assert message in "\n".join(map(str, release.warnings))
    assert "a.js:5:" in "\n".join(map(str, release.warnings))
    assert the_map(site, "a.js")["sources"] == ["a.js"]
    assert [a for a, _ in traced(site, "a.js")] == [b for _, b in traced(site, "a.js")]


def test_a_change_of_the_map_renames_the_code(tmp_path: Path) -> None:
    """Else a browser would keep the code that names the old map for a year."""
    site = Site(tmp_path, came_with_map(), **LINKED)
    site.build()
    before = site.files()
    settle()
    site.write("css/app.css.map", str(came_with_map(sources=["other.scss"])["css/app.css.map"]))
    site.build()
    after = site.files()
    assert before["css/app.css.map"] != after["css/app.css.map"]
    assert before["css/app.css"] != after["css/app.css"]
    assert the_map(site, "css/app.css")["sources"] == ["other.scss"]


def test_modules_in_a_circle_have_maps(tmp_path: Path) -> None:
    """Their names are one group's, and the maps' are not part of the circle."""
    tree: Tree = {
        "a.js": "import { b } from './b.js';\n\nexport const a = () => b;\n",
        "b.js": "import { a } from './a.js';\n\nexport const b = () => a;\n",
    }
    site = Site(tmp_path, tree, **LINKED)
    site.build()
    assert not flaws(site.out)
    first = site.files()
    for name in tree:
        assert site.text(name).endswith(site.fill(f"//# sourceMappingURL=<{name}.map>\n"))
    settle()
    site.write("b.js", str(tree["b.js"]) + "\n\n// a comment, which only the map shows\n")
    site.build()
    assert not {name for name in first if first[name] == site.file(name)} - {"a.js.map"}


def test_hidden_maps_are_made_but_not_told_of(tmp_path: Path) -> None:
    """No code names them, no manifest lists them as assets, and nothing publishes them."""
    tree = {
        **SITE,
        **came_with_map(),
        "v.min.js": "var v=1;\n//# sourceMappingURL=v.min.js.map",
        "v.min.js.map": word_map("v", "v", sources=["v.ts"]),
        "game.map": "not a source map",
    }
    site = Site(tmp_path, tree, **HIDDEN)
    site.build()
    listed = assets(site.out)
    assert [name for name in listed if name.endswith(".map")] == ["game.map"]
    for name in listed:
        if name.endswith((".css", ".js")):
            assert "sourceMappingURL" not in site.text(name)
    assert the_map(site, "css/app.css")["sources"] == ["../scss/app.scss"]
    assert [a for a, _ in traced(site, "js/classic.js")] == [
        b for _, b in traced(site, "js/classic.js")
    ]
    target = tmp_path / "target"
    done = command(tmp_path, "publish", "-o", site.out, f"file://{target}")
    assert done.returncode == 0, done.stderr
    assert [name for name in contents(target) if ".map" in name] == [
        name for name in contents(target) if "game." in name
    ]


def test_clean_takes_the_hidden_maps_of_old_releases(tmp_path: Path) -> None:
    """And leaves those of the releases that it keeps."""
    site = Site(tmp_path, {"a.js": "var  a  =  1;\n", "b.js": "var  b  =  1;\n"}, **HIDDEN)
    site.build()
    old, same = (assets(site.out)[name]["source_map"] for name in ("a.js", "b.js"))
    settle()
    site.write("a.js", "var  a  =  2;\n")
    site.build()
    new = assets(site.out)["a.js"]["source_map"]
    assert command(tmp_path, "clean", "-o", site.out, "--keep", "1").returncode == 0
    assert [(site.out / file).exists() for file in (old, same, new)] == [False, True, True]


def test_when_off_a_map_stays_only_with_the_code_that_it_describes(tmp_path: Path) -> None:
    """The map file ships either way, for something else may refer to it."""
    text = "var answer  =  42;\n//# sourceMappingURL=a.js.map\n"
    tree: Tree = {"a.js": text, "a.min.js": text, "a.js.map": word_map(text, text, sources=["a"])}
    site = Site(tmp_path, tree)
    site.build()
    assert site.text("a.js") == "var answer=42;"
    assert site.text("a.min.js") == text.replace("a.js.map", site.file("a.js.map"))
    assert "a.js.map" in assets(site.out)


def test_a_map_is_the_same_wherever_the_site_lies(tmp_path: Path) -> None:
    """No path of the machine goes into what ships."""
    tree = {**SITE, **came_with_map()}
    one, other = Site(tmp_path / "one", tree, **LINKED), Site(tmp_path / "x/y", tree, **LINKED)
    one.build()
    other.build()
    assert shipped(one.out) == shipped(other.out)


EDITS: list[Any] = [
    pytest.param("js/lib/one.js", "export function first(a) { return a; }\n", id="a leaf"),
    pytest.param("css/app.css.map", came_with_map(sources=["x.scss"])["css/app.css.map"], id="map"),
    pytest.param("js/classic.js.map", '{"version":3,"sources":[],"mappings":""}', id="a new map"),
    pytest.param("gone.js.map", word_map("var", "var", sources=["g"]), id="the missing map"),
    pytest.param("scss/app.scss", SCSS, id="the source's contents"),
    pytest.param("img/b.png", b"new", id="a target that was missing"),
]


@pytest.mark.parametrize(("name", "content"), EDITS)
@pytest.mark.parametrize("mode", ["linked", "hidden"])
def test_a_build_after_an_edit_equals_a_clean_one(
    tmp_path: Path, mode: str, name: str, content: str | bytes
) -> None:
    """Whatever a map depends on, a warm cache notices."""
    tree: Tree = {
        **SITE, **came_with_map(sourcesContent=None),
        "gone.js": "var   a = 1;\n\n\n//# sourceMappingURL=gone.js.map",
        "late.css": "a {\n  b: url(img/b.png) c;\n  d: e }\n",
    }  # fmt: skip
    warm = Site(tmp_path / "warm", tree, source_maps=mode)
    warm.build()
    settle()
    warm.build()
    for change in (content, None):
        if change is not None:
            warm.write(name, change)
        elif name in tree:
            warm.write(name, tree[name])
        else:
            warm.remove(name)
        settle()
        warm.build()
        clean = Site(tmp_path / f"clean{change is None}", contents(warm.source), source_maps=mode)
        clean.build()
        assert shipped(warm.out) == shipped(clean.out)


def test_real_files_lead_back_token_by_token(tmp_path: Path) -> None:
    """Two thousand words at random of each of a tree's scripts and stylesheets."""
    tree = corpus.require_tree("small")
    files = {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in sorted(tree.rglob("*"))
        if path.suffix in {".js", ".css", ".mjs"}
    }
    site = Site(tmp_path, {n: data for n, data in files.items() if len(data) < 300_000},
                encodings=[], missing="ignore", **LINKED)  # fmt: skip
    site.build()
    checked = 0
    for name, asset in assets(site.out).items():
        if "source_map" not in asset or len(the_map(site, name)["sources"]) != 1:
            continue
        pairs = list(traced(site, name))
        for word, there in random.Random(name).sample(pairs, min(2000, len(pairs))):
            checked += 1
            assert word == there, name
    assert checked > 20_000
