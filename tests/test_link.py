"""Linking: which references are rewritten, to what, and who gets a new name when a file changes.

Templates say ``<img/a.png>`` for the last segment of that asset's output file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assetpipe.build import Config, build
from assetpipe.build.link import components
from assetpipe.errors import AssetpipeError, ConfigError, InputError
from tests.site import Site, Tree, assets, plant

SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"


def linked(folder: Path, tree: Tree, **settings: Any) -> Site:
    """Build a site whose bodies ship as they were written, but for their references."""
    site = Site(folder, tree, minify=False, encodings=[], **settings)
    site.build()
    return site


def renamed(site: Site, name: str, content: str) -> set[str]:
    """Change one file, build again, and return the logical names with a new output file."""
    before = site.files()
    site.write(name, content)
    site.build()
    after = site.files()
    return {name for name in after if after[name] != before.get(name)}


REWRITTEN = [
    pytest.param("css/a.css", "url(../img/a.svg)", "url(../img/<img/a.svg>)", id="a relative path"),
    pytest.param("css/a.css", "url(./b.svg)", "url(<css/b.svg>)", id="a leading dot segment"),
    pytest.param("css/a.css", "url(x/.././b.svg)", "url(<css/b.svg>)", id="dot segments inside"),
    pytest.param("css/a.css", "url(..//img/a.svg)", "url(../img/<img/a.svg>)", id="a double slash"),
    pytest.param(
        "css/a.css", "url(../img/a.svg?v=4.7.0#x)", "url(../img/<img/a.svg>?v=4.7.0#x)",
        id="a query and a fragment stay",
    ),
    pytest.param(
        "css/a.css", "url(b.svg?#iefix)", "url(<css/b.svg>?#iefix)", id="an empty query stays"
    ),
    pytest.param("css/a.css", "url(b.svg#)", "url(<css/b.svg>#)", id="an empty fragment stays"),
    pytest.param(
        "css/a.css", "url('b.svg#svgView(viewBox(0,0,8,8))')",
        "url('<css/b.svg>#svgView(viewBox(0,0,8,8))')", id="parentheses in a fragment stay",
    ),
    pytest.param(
        "css/a.css", r"url(b.svg#a\(b\))", "url(<css/b.svg>#a%28b%29)",
        id="a parenthesis that had to be escaped is escaped as URLs do",
    ),
    pytest.param(
        "css/a.css", "url('b.svg?q=%C3%A4&r=%20')", "url('<css/b.svg>?q=%C3%A4&r=%20')",
        id="escapes in a query are not escaped again",
    ),
    pytest.param(
        "css/a.css", "url(/static/img/a.svg)", "url(../img/<img/a.svg>)",
        id="a root-absolute path below the public path",
    ),
    pytest.param(
        "css/a.css", "url(../../static/img/a.svg)", "url(../img/<img/a.svg>)",
        id="a path that leaves the root and comes back through the public path",
    ),
    pytest.param(
        "css/a.css", r"url('..\\img\\a.svg')", "url('../img/<img/a.svg>')",
        id="backslashes, which browsers read as slashes",
    ),
    pytest.param("css/a.css", "url(' b.svg ')", "url('<css/b.svg>')", id="white space around it"),
    pytest.param("css/a.css", "url(%62.svg)", "url(<css/b.svg>)", id="a letter that is escaped"),
    pytest.param("css/a.css", "url(%2e./img/a.svg)", "url(../img/<img/a.svg>)", id="dots escaped"),
    pytest.param(
        "js/a.js", 'import "./b.js?x#y";', 'import "./<js/b.js>?x#y";', id="a module specifier"
    ),
    pytest.param(
        "js/a.js", 'import "/static/js/b.js";', 'import "./<js/b.js>";',
        id="a root-absolute module specifier stays no bare one",
    ),
    pytest.param(
        "js/a.js", 'new URL("../img/a.svg", import.meta.url);',
        'new URL("../img/<img/a.svg>", import.meta.url);', id="a URL relative to the module",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "after"), REWRITTEN)
def test_a_reference_to_a_file_becomes_a_relative_url_of_its_output_file(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    """Path forms that a browser resolves to one of our files are rewritten, tails untouched."""
    site = linked(
        tmp_path,
        {
            name: f"a{{b:{before}}}" if name.endswith(".css") else before,
            "css/b.svg": SVG,
            "img/a.svg": SVG,
            "js/b.js": "b()",
        },
    )
    assert site.fill(after) in site.text(name)


LEFT_ALONE = [
    pytest.param("css/a.css", "url(//host/img/a.svg)", id="another host"),
    pytest.param("css/a.css", "url(https://host/static/img/a.svg)", id="a scheme"),
    pytest.param("css/a.css", "url(HTTPS://host/img/a.svg)", id="a scheme in upper case"),
    pytest.param("css/a.css", "url('data:image/svg+xml,<svg/>')", id="a data URL"),
    pytest.param("css/a.css", "url(#gradient)", id="a fragment"),
    pytest.param("css/a.css", "url('')", id="nothing"),
    pytest.param("css/a.css", "url(/img/a.svg)", id="a root-absolute path outside the public path"),
    pytest.param("css/a.css", "url(/staticky/img/a.svg)", id="a path that only starts like it"),
    pytest.param("css/a.css", "url(../../img/a.svg)", id="a path that leaves the root"),
    pytest.param("css/a.css", "url(../../../../../img/a.svg)", id="a path far beyond the root"),
    pytest.param("js/a.js", 'import "img/a.svg";', id="a bare module specifier"),
    pytest.param("js/a.js", 'import "@scope/package";', id="a package in a scope"),
]


@pytest.mark.parametrize(("name", "reference"), LEFT_ALONE)
def test_what_is_no_file_of_the_site_is_left_alone_without_a_word(
    tmp_path: Path, name: str, reference: str
) -> None:
    """URLs that lead elsewhere ship as written, and are neither warned of nor references."""
    body = f"a{{b:{reference}}}" if name.endswith(".css") else reference
    site = Site(tmp_path, {name: body, "img/a.svg": SVG}, minify=False)
    assert site.build().warnings == ()
    assert reference in site.text(name)
    assert assets(site.out)[name]["references"] == []


@pytest.mark.parametrize(
    ("public_url", "reference", "resolves"),
    [
        pytest.param("https://cdn.example/assets/", "/assets/a.svg", True, id="a full URL's path"),
        pytest.param("https://cdn.example", "/a.svg", True, id="a full URL without a path"),
        pytest.param("https://cdn.example/assets/", "/a.svg", False, id="outside that path"),
        pytest.param("/", "/a.svg", True, id="the root"),
        pytest.param("/deep/er", "/deep/er/a.svg", True, id="no slash at the end"),
        pytest.param("/deep/er/", "/deep/a.svg", False, id="a folder above"),
    ],
)
def test_the_public_url_decides_which_absolute_paths_are_ours(
    tmp_path: Path, public_url: str, reference: str, resolves: bool
) -> None:
    """A root-absolute URL below the public URL's path is a reference; the host is not looked at."""
    tree = {"a.css": f"a{{b:url({reference})}}", "a.svg": SVG}
    site = linked(tmp_path, tree, public_url=public_url)
    assert site.text("a.css") == site.fill("a{b:url(<a.svg>)}" if resolves else tree["a.css"])


def test_host_and_prefix_stay_out_of_the_bytes(tmp_path: Path) -> None:
    """The same tree under two public URLs of one path gives the same release."""
    tree = {"css/a.css": "a{b:url(/s/b.svg)}", "b.svg": SVG}
    one = Site(tmp_path / "one", tree, public_url="/s/").build()
    two = Site(tmp_path / "two", tree, public_url="https://cdn.example/s/").build()
    assert one.id == two.id


# The name -> references of each tree; every file also has some text of its own.
GRAPHS: Mapping[str, Mapping[str, list[str]]] = {
    "chain": {"a.css": ["b.css"], "b.css": ["c.css"], "c.css": [], "other.css": []},
    "diamond": {
        "top.css": ["left.css", "right.css"],
        "left.css": ["leaf.svg"],
        "right.css": ["leaf.svg"],
        "leaf.svg": [],
        "other.css": [],
    },
    "cycle": {
        "page.js": ["one.js"],
        "one.js": ["two.js"],
        "two.js": ["three.js", "leaf.js"],
        "three.js": ["one.js"],
        "leaf.js": [],
        "other.js": [],
    },
    "sheets": {"one.css": ["two.css"], "two.css": ["one.css"], "page.css": ["one.css"]},
    "two cycles": {
        "a.js": ["b.js"],
        "b.js": ["a.js", "c.js"],
        "c.js": ["d.js"],
        "d.js": ["c.js"],
    },
    "self": {"self.js": ["self.js"], "page.js": ["self.js"]},
}


def graph_tree(graph: Mapping[str, list[str]]) -> dict[str, str]:
    """Return a tree whose files refer to each other as the graph says."""
    tree = {}
    for name, targets in graph.items():
        if name.endswith(".svg"):
            tree[name] = SVG
        elif name.endswith(".css"):
            rules = "".join(f"b{{c:url({target})}}" for target in targets)
            imports = "".join(f'@import "{target}";' for target in targets if ".css" in target)
            tree[name] = f"{imports}{rules}x{{--name:{name}}}"
        else:
            tree[name] = "".join(f'import "./{target}";' for target in targets) + f"/*! {name} */"
    return tree


@pytest.mark.parametrize(
    ("graph", "changed", "expected"),
    [
        pytest.param("chain", "c.css", "a.css b.css c.css", id="a leaf: all above it"),
        pytest.param("chain", "b.css", "a.css b.css", id="a middle: nothing below it"),
        pytest.param("chain", "a.css", "a.css", id="a top: itself alone"),
        pytest.param("diamond", "leaf.svg", "leaf.svg left.css right.css top.css", id="a diamond"),
        pytest.param("diamond", "left.css", "left.css top.css", id="one side of a diamond"),
        pytest.param("cycle", "one.js", "one.js page.js three.js two.js", id="a cycle: all of it"),
        pytest.param("cycle", "three.js", "one.js page.js three.js two.js", id="any member of it"),
        pytest.param("cycle", "leaf.js", "leaf.js one.js page.js three.js two.js", id="below it"),
        pytest.param("cycle", "page.js", "page.js", id="above a cycle: not the cycle"),
        pytest.param("sheets", "two.css", "one.css page.css two.css", id="a cycle of stylesheets"),
        pytest.param("two cycles", "a.js", "a.js b.js", id="the upper of two cycles"),
        pytest.param("two cycles", "d.js", "a.js b.js c.js d.js", id="the lower of two cycles"),
        pytest.param("self", "self.js", "page.js self.js", id="a file that refers to itself"),
    ],
)
def test_a_change_renames_all_that_can_see_it_and_nothing_else(
    tmp_path: Path, graph: str, changed: str, expected: str
) -> None:
    """A file's name changes exactly if its bytes change, references included."""
    tree = graph_tree(GRAPHS[graph])
    site = linked(tmp_path, tree)
    assert renamed(site, changed, tree[changed] + "/* new */") == set(expected.split())


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_reference_of_a_graph_leads_to_a_file_that_exists(tmp_path: Path, graph: str) -> None:
    """Members of cycles, too, refer to each other by their final names."""
    tree = graph_tree(GRAPHS[graph])
    site = linked(tmp_path, tree)
    for name, targets in GRAPHS[graph].items():
        assert assets(site.out)[name]["references"] == sorted(targets)
        expected = tree[name]
        for target in targets:
            expected = expected.replace(f"({target})", f"(<{target}>)")
            expected = expected.replace(f'"{target}"', f'"<{target}>"')
            expected = expected.replace(f'"./{target}"', f'"./<{target}>"')
        assert site.text(name) == (site.fill(expected) if targets else expected)


def test_the_members_of_a_cycle_have_names_of_their_own(tmp_path: Path) -> None:
    """Two files of one cycle with equal stems and equal bytes do not share a name."""
    body = 'import "../a/x.js"; import "../b/x.js";'
    site = linked(tmp_path, {"a/x.js": body, "b/x.js": body})
    one, two = site.file("a/x.js"), site.file("b/x.js")
    assert one.rpartition("/")[2] != two.rpartition("/")[2]


def test_a_cycle_is_named_by_what_is_in_it_and_not_by_where_it_is_found(tmp_path: Path) -> None:
    """A file that refers to a cycle, added before all others, does not rename the cycle."""
    site = linked(tmp_path, graph_tree(GRAPHS["cycle"]))
    before = site.files()
    site.write("AAA.js", 'import "./three.js";')
    site.build()
    after = site.files()
    assert {name: after[name] for name in before} == before


def test_a_chain_longer_than_pythons_stack_is_linked(tmp_path: Path) -> None:
    """A deep chain of imports is a long loop, not a deep recursion."""
    depth = sys.getrecursionlimit() + 100
    tree = {f"{n}.css": f'@import "{n + 1}.css";' for n in range(depth)}
    site = linked(tmp_path, {**tree, f"{depth}.css": "a{b:c}"})
    assert site.text("0.css") == site.fill('@import "<1.css>";')


def test_components_come_after_all_that_they_refer_to() -> None:
    """A chain of five thousand files that ends in a cycle is put in order without recursion."""
    graph = {str(n): [str(n + 1)] for n in range(5_000)} | {"5000": ["4999"]}
    found = list(components(graph, graph))
    assert sorted(found[0]) == ["4999", "5000"]
    assert found[1:] == [[str(n)] for n in range(4_998, -1, -1)]


MISSING = {
    "css/a.css": "a{b:url(gone.svg)}",
    "css/b.css": "a{b:url(gone.svg)}",
    "js/a.js": 'import "./gone.js";',
}


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        pytest.param("warn", "css/a.css css/b.css js/a.js", id="warn"),
        pytest.param("ignore", "", id="ignore"),
        pytest.param({"css/**": "ignore"}, "js/a.js", id="a glob and the default default"),
        pytest.param({"css/**": "warn", "default": "ignore"}, "css/a.css css/b.css", id="default"),
        pytest.param(
            {"css/b.css": "warn", "css/**": "ignore"}, "css/b.css js/a.js", id="the first match"
        ),
    ],
)
def test_an_unresolved_reference_is_left_as_it_is_and_warned_of_by_policy(
    tmp_path: Path, missing: Any, expected: str
) -> None:
    """One warning for each reference, by the policy of the file that refers."""
    site = Site(tmp_path, MISSING, minify=False, missing=missing)
    warned = [problem.where.partition(":")[0] for problem in site.build().warnings]
    assert warned == [str(site.source / name) for name in expected.split()]
    assert site.text("css/a.css") == MISSING["css/a.css"]


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param("error", id="everywhere"),
        pytest.param({"js/*": "error", "default": "ignore"}, id="for a glob"),
    ],
)
def test_an_unresolved_reference_can_stop_the_release(tmp_path: Path, missing: Any) -> None:
    """With the policy ``error`` the build names the place, and the last release stays."""
    site = Site(tmp_path, {"js/a.js": "a()"})
    last = site.build().id
    site.write("js/a.js", MISSING["js/a.js"])
    with pytest.raises(InputError) as raised:
        site.build(missing=missing)
    assert f'{site.source}/js/a.js:1:9: "./gone.js" matches no file' in str(raised.value)
    assert json.loads((site.out / "manifest.json").read_bytes())["release"] == last


def test_every_error_is_told_at_once(tmp_path: Path) -> None:
    """A build that stops for missing files names all of them, not the first only."""
    site = Site(tmp_path, MISSING, missing="error")
    with pytest.raises(InputError) as raised:
        site.build()
    assert all(name in str(raised.value) for name in MISSING)


def test_warnings_come_in_the_order_of_names_and_lines(tmp_path: Path) -> None:
    """Line 9 comes before line 10."""
    lines = "\n".join(f"a{{b:url(gone{n}.svg)}}" for n in range(1, 13))
    site = Site(tmp_path, {"b.css": lines, "a.css": lines})
    places = [problem.where.rpartition(":")[0] for problem in site.build().warnings]
    assert places == [
        f"{site.source}/{name}:{n}" for name in ("a.css", "b.css") for n in range(1, 13)
    ]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("a.min.js", "a()\n//# sourceMappingURL=a.js.map\n", id="a script's"),
        pytest.param("a.min.css", "a{b:c}\n/*# sourceMappingURL=a.css.map */\n", id="a sheet's"),
    ],
)
def test_a_missing_source_map_is_never_an_error(tmp_path: Path, name: str, body: str) -> None:
    """A third party's file whose map was not shipped builds under the strictest policy."""
    site = Site(tmp_path, {name: body}, missing="error")
    (problem,) = site.build().warnings
    assert problem.severity == "warning"
    assert site.text(name) == body


SUGGESTIONS = [
    pytest.param("a.css", "url(img/Logo.svg)", "img/logo.svg", id="a wrong letter case"),
    pytest.param("a.css", "url(IMG/logo.svg)", "img/logo.svg", id="a folder in the wrong case"),
    pytest.param("a.js", 'import "./util";', "./util.js", id="a missing extension"),
    pytest.param("a.js", 'import "./lib";', "./lib/index.js", id="a folder with an index"),
    pytest.param("a.css", "url(img/logos.svg)", "img/logo.svg", id="a near name"),
    pytest.param("a.css", "url(logo.svg)", "img/logo.svg", id="the wrong folder"),
    pytest.param("sub/a.js", 'import "./util.js";', "../util.js", id="the folder above"),
    pytest.param("a.css", "url(img/my%20fil.svg)", "img/my%20file.svg", id="a name with a space"),
]


@pytest.mark.parametrize(("name", "reference", "expected"), SUGGESTIONS)
def test_a_warning_names_what_was_most_likely_meant(
    tmp_path: Path, name: str, reference: str, expected: str
) -> None:
    """The suggestion is a URL that can be pasted where the wrong one stands."""
    site = Site(
        tmp_path,
        {
            name: f"a{{b:{reference}}}" if name.endswith(".css") else reference,
            "img/logo.svg": SVG,
            "img/my file.svg": SVG,
            "util.js": "u()",
            "lib/index.js": "i()",
        },
    )
    (problem,) = site.build().warnings
    assert problem.hint == f"did you mean {expected}?"


def test_nothing_is_suggested_where_nothing_is_near(tmp_path: Path) -> None:
    """A wild guess would be worse than none."""
    site = Site(tmp_path, {"a.css": "a{b:url(qqqq.png)}", "zebra.svg": SVG})
    assert [problem.hint for problem in site.build().warnings] == [""]


def test_a_reference_to_a_folder_says_so(tmp_path: Path) -> None:
    """A URL that names a folder is told from one that names nothing."""
    site = Site(
        tmp_path, {"a.js": 'const base = new URL("./img/", import.meta.url);', "img/a.svg": SVG}
    )
    (problem,) = site.build().warnings
    assert problem.message == '"./img/" names a folder, not a file'
    assert "plain" in problem.hint


def test_a_plain_file_keeps_its_name_and_the_urls_that_lead_to_it(tmp_path: Path) -> None:
    """A reference to a plain file ships as it was written, and is a reference all the same."""
    tree = {"css/a.css": "a{b:url( '../x/../logo.svg?v=1' )}", "logo.svg": SVG}
    site = linked(tmp_path, tree, plain=["logo.svg"])
    assert site.text("css/a.css") == tree["css/a.css"]
    assert site.file("logo.svg") == "logo.svg"
    assert assets(site.out)["logo.svg"]["immutable"] is False
    assert assets(site.out)["css/a.css"]["references"] == ["logo.svg"]


def test_a_plain_script_refers_to_fingerprinted_files(tmp_path: Path) -> None:
    """Keeping a name does not keep a file from being linked."""
    site = linked(tmp_path, {"sw.js": 'import "./b.js";', "b.js": "b()"}, plain=["sw.js"])
    assert (site.out / "sw.js").read_text() == site.fill('import "./<b.js>";')


def test_an_absolute_url_of_a_plain_file_becomes_relative(tmp_path: Path) -> None:
    """The public path stays out of the bytes, whatever the target is called."""
    tree = {"css/a.css": "a{b:url(/static/logo.svg)}", "logo.svg": SVG}
    site = linked(tmp_path, tree, plain=["logo.svg"])
    assert site.text("css/a.css") == "a{b:url(../logo.svg)}"


def test_an_immutable_file_keeps_its_name_and_is_cached_for_ever(tmp_path: Path) -> None:
    """A name that another tool has fingerprinted is not fingerprinted again."""
    tree = {"assets/app-5f3c9a.js": "app()", "a.js": 'import "./assets/app-5f3c9a.js";'}
    site = linked(tmp_path, tree, immutable=["assets/**"])
    assert site.file("assets/app-5f3c9a.js") == "assets/app-5f3c9a.js"
    assert assets(site.out)["assets/app-5f3c9a.js"]["immutable"] is True
    assert site.text("a.js") == tree["a.js"]


def test_a_plain_file_in_a_cycle_breaks_it(tmp_path: Path) -> None:
    """A name that never changes need not be known first: each of the others has its own hash."""
    site = linked(
        tmp_path, {"a.js": 'import "./b.js";', "b.js": 'import "./a.js";'}, plain=["a.js"]
    )
    assert site.text("a.js") == site.fill('import "./<b.js>";')
    assert renamed(site, "a.js", 'import "./b.js"; a()') == set()


def hash_name(folder: Path, name: str, body: str) -> str:
    """Return the output file that a body gets."""
    return linked(folder, {name: body}).file(name)


@pytest.mark.parametrize(
    ("tree", "plain", "message"),
    [
        pytest.param({"manifest.json": "{}"}, ["*.json"], "manifest.json", id="the manifest"),
        pytest.param({"manifest.json/a.txt": "a"}, ["a.txt"], "manifest.json", id="a folder"),
    ],
)
def test_a_plain_name_that_is_assetpipes_own_is_refused(
    tmp_path: Path, tree: Tree, plain: list[str], message: str
) -> None:
    """No source can take the place of the manifest."""
    site = Site(tmp_path, tree, plain=plain)
    with pytest.raises(ConfigError, match=message):
        site.build()
    assert not (site.out / "manifest.json").exists()


def test_a_source_called_manifest_is_fingerprinted_like_any_other(tmp_path: Path) -> None:
    """Only a plain ``manifest.json`` is in the way."""
    site = linked(tmp_path, {"manifest.json": "{}"})
    assert site.file("manifest.json").startswith("manifest.")
    assert (site.out / site.file("manifest.json")).read_text() == "{}"


def test_a_source_named_like_another_ones_output_is_refused(tmp_path: Path) -> None:
    """Both names are told; neither file is lost silently."""
    taken = hash_name(tmp_path / "first", "a.css", "a{b:c}")
    site = Site(
        tmp_path / "second", {"a.css": "a{b:c}", taken: "other{}"}, plain=[taken], minify=False
    )
    with pytest.raises(InputError) as raised:
        site.build()
    assert "'a.css'" in str(raised.value)
    assert taken in str(raised.value)


def test_a_source_named_like_another_ones_sibling_keeps_its_bytes(tmp_path: Path) -> None:
    """Where a user brings a ``.gz`` of a plain file along, the build makes none."""
    body = "long text " * 200
    site = Site(
        tmp_path, {"a.txt": body, "a.txt.gz": b"mine"}, plain=["a.txt", "a.txt.gz"],
        encodings=["gzip", "br"],
    )  # fmt: skip
    site.build()
    assert (site.out / "a.txt.gz").read_bytes() == b"mine"
    assert list(assets(site.out)["a.txt"]["encodings"]) == ["br"]


def test_a_plain_file_in_the_place_of_another_roots_folder_is_refused(tmp_path: Path) -> None:
    """One disk cannot hold a file and a folder of one name: both are named, before any harm."""
    plant(tmp_path, {"one/admin": "a file", "two/a.txt": "in a folder"})
    config = Config(
        source=[tmp_path / "one", {"path": tmp_path / "two", "prefix": "admin"}],
        out=tmp_path / "out",
        cache=tmp_path / "cache",
        plain=("admin", "a.txt"),
    )
    with pytest.raises(AssetpipeError) as raised:
        build(config)
    assert isinstance(raised.value, InputError)
    assert "'admin'" in str(raised.value)
