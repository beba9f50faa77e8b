"""Real trees build by the command line, and an independent checker finds nothing wrong.

``ASSETPIPE_TEST_LARGE=1`` adds the large tree, which takes minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checker import check
from tests.conftest import Built, build
from tests.corpus import TreeName
from tests.node import require_node

TREES: list[TreeName] = ["small", "medium"]
if os.environ.get("ASSETPIPE_TEST_LARGE"):
    TREES.append("large")

SAMPLE_APP = Path(__file__).parent / "sample_app"
SAMPLE_ROOTS = {
    "": SAMPLE_APP.parent.parent / "sample_static",
    "admin": SAMPLE_APP / "admin" / "static",
}
SAMPLE_PLAIN = {
    ".well-known/security.txt",
    "favicon.ico",
    "img/app-icon-192.png",
    "img/app-icon-512.png",
    "robots.txt",
    "site.webmanifest",
}


@pytest.mark.parametrize("name", TREES)
def test_a_real_tree_builds_into_a_sound_release(
    built_tree: Callable[[TreeName], Built], name: TreeName
) -> None:
    require_node()
    source, out, done = built_tree(name)
    assert done.returncode == 0, done.stderr
    assert check(source, out) == []


def test_the_sample_site_builds_into_a_sound_release(tmp_path: Path) -> None:
    require_node()
    done = build(SAMPLE_APP, "-o", tmp_path / "out", cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert check(SAMPLE_ROOTS, tmp_path / "out", unhashed=SAMPLE_PLAIN) == []


def test_a_misspelt_url_is_named_with_its_place_and_the_nearest_file(tmp_path: Path) -> None:
    done = build(SAMPLE_APP, "-o", tmp_path / "out", cache=tmp_path / "cache")
    sheet = (SAMPLE_ROOTS[""] / "css/site.css").read_text("utf-8")
    before, misspelt, _ = sheet.partition("../img/sands.png")
    line, column = before.count("\n") + 1, len(before) - before.rindex("\n")
    assert f"css/site.css:{line}:{column}: " in done.stderr
    assert f'"{misspelt}"' in done.stderr
    assert "did you mean ../img/sand.png?" in done.stderr
