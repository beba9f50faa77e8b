"""Bundles: one classic script or stylesheet of many files, as people know it from Flask-Assets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assetpipe.build import load_config
from assetpipe.errors import ConfigError, InputError
from tests.site import Site, Tree, assets, contents, plant, settle, shipped
from tests.test_source_maps import came_with_map, the_map, traced

SITE: Tree = {
    "js/vendor/b.js": "var b = a + 1 // no semicolon\n",
    "js/vendor/a.js": "var a = 1",
    "js/site.js": "(function () {\n  console.log(b);\n})()\n",
    "css/one/one.css": '@charset "utf-8";\n.one { background: url("img/a.png?v=1#x") }\n',
    "css/two.css": "@import url(base.css);\n.two { background: url(one/img/a.png); }\n",
    "css/base.css": "body { margin: 0 }\n",
    "css/one/img/a.png": b"\x89PNG\r\n\x1a\n",
}
BUNDLES = {
    "js/all.js": ["js/vendor/*.js", "js/site.js"],
    "css/all/all.css": ["css/one/*.css", "css/two.css"],
}


def test_members_are_joined_in_order(tmp_path: Path) -> None:
    """Those of one glob by name; each ends where it ended."""
    site = Site(tmp_path, SITE, bundles=BUNDLES)
    site.build()
    text = site.text("js/all.js").replace("\n", ";").replace(";;", ";")
    assert text.startswith("var a=1;var b=a+1;")
    assert text.rstrip(";").endswith("(function(){console.log(b);})()")
    assert set(SITE) < set(assets(site.out))


def test_urls_lead_from_where_the_bundle_lies(tmp_path: Path) -> None:
    """Whatever folder a member is in, and with their queries and fragments."""
    site = Site(tmp_path, SITE, bundles=BUNDLES)
    release = site.build()
    assert not release.warnings or "import" in str(release.warnings)
    assert site.text("css/all/all.css") == site.fill(
        '@import url(../<css/base.css>);.one{background:url("../one/img/<css/one/img/a.png>?v=1#x")'
        "}.two{background:url(../one/img/<css/one/img/a.png>)}"
    )


@pytest.mark.parametrize("mode", ["linked", "hidden"])
def test_its_map_leads_to_the_members(tmp_path: Path, mode: str) -> None:
    """Token by token, and through the maps that they came with."""
    tree = {**SITE, **came_with_map()}
    bundles = BUNDLES | {"css/all/all.css": ["css/one/*.css", "css/app.css", "css/two.css"]}
    site = Site(tmp_path, tree, bundles=bundles, source_maps=mode)
    site.build()
    for name, origins in {
        "js/all.js": ["vendor/a.js", "vendor/b.js", "site.js"],
        "css/all/all.css": ["../one/one.css", "../../scss/app.scss", "../two.css"],
    }.items():
        assert sorted(the_map(site, name)["sources"]) == sorted(origins)
        pairs = list(traced(site, name))
        assert len(pairs) >= 8
        assert [here for here, _ in pairs] == [there for _, there in pairs]


def test_a_bundle_is_built_again_when_a_member_changes(tmp_path: Path) -> None:
    """And only then; the result is that of a clean build."""
    site = Site(tmp_path, SITE, bundles=BUNDLES, source_maps="linked")
    site.build()
    settle()
    site.build()
    assert not site.build().changed
    before = site.files()
    site.write("js/site.js", "alert(1)")
    settle()
    site.build()
    after = site.files()
    assert before["js/all.js"] != after["js/all.js"]
    assert before["css/all/all.css"] == after["css/all/all.css"]
    site.write("js/vendor/aa.js", "var aa")
    site.build()
    clean = Site(tmp_path / "c", contents(site.source), bundles=BUNDLES, source_maps="linked")
    clean.build()
    assert shipped(site.out) == shipped(clean.out)


def test_what_a_member_lacks_is_told_once(tmp_path: Path) -> None:
    """Where it stands in the member, not in the bundle."""
    tree = {"a.css": "a { b: url(gone.png) }", "sub/b.css": "c { d: e }"}
    site = Site(tmp_path, tree, bundles={"all.css": ["a.css", "sub/b.css"]})
    (warning,) = site.build().warnings
    assert str(warning).split(": ")[0].endswith("a.css:1:12")


WRONG: list[Any] = [
    pytest.param({"js/site.js": ["js/vendor/*.js"]}, ConfigError, "a file of its own", id="a name"),
    pytest.param({"all.js": ["js/nothing/*.js"]}, ConfigError, "matches no file", id="no members"),
    pytest.param({"all.js": ["css/*.css"]}, ConfigError, "cannot be a part of", id="other suffix"),
    pytest.param({"all.js": ["js/module.js"]}, InputError, "module", id="a module"),
    pytest.param({"all.css": ["css/open.css", "css/two.css"]}, InputError, "closed", id="open"),
    pytest.param({"all.css": ["css/latin.css"]}, InputError, "not UTF-8", id="another encoding"),
]  # fmt: skip


@pytest.mark.parametrize(("bundles", "error", "message"), WRONG)
def test_what_cannot_be_joined_is_an_error(
    tmp_path: Path, bundles: dict[str, list[str]], error: type[Exception], message: str
) -> None:
    """It says what, where and what to do instead."""
    tree = {
        **SITE,
        "js/module.js": "export const a = 1",
        "css/open.css": "a {\n  b: c",
        "css/latin.css": "a { b: 'é' }".encode("latin-1"),
    }
    with pytest.raises(error) as raised:
        Site(tmp_path, tree, bundles=bundles).build()
    told = str(raised.value)
    assert message in told
    assert "\n  " in told
    if error is InputError:
        assert any(f"static/{glob}" in told for globs in bundles.values() for glob in globs)


def test_bundles_are_configured_in_a_table(tmp_path: Path) -> None:
    """As in the README."""
    text = '[tool.assetpipe.bundles]\n"js/all.js" = ["js/vendor/*.js", "js/site.js"]\n'
    plant(tmp_path, {"pyproject.toml": text})
    config = load_config(tmp_path, {})
    assert config.bundles == {"js/all.js": ("js/vendor/*.js", "js/site.js")}
    assert json.dumps(list(config.bundles)) == '["js/all.js"]'
