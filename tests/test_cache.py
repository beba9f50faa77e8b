"""The cache: losing or harming it loses time only, and it stays within its limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assetpipe.build.cache import Cache, key
from tests.site import Site, clean_environment, command, contents, settle, shipped

TREE = {
    "a.css": "@import 'b.css'; a { b: url(i.svg) }" + "x { y: z }" * 200,
    "b.css": "b { c: url(gone.png) }" * 50,
    "i.svg": "<svg/>" * 200,
    "t.txt": "text " * 300,
    "robots.txt": "User-agent: *\n" * 60,
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A built site."""
    site = Site(tmp_path, TREE, plain=["robots.txt"])
    settle()
    site.build()
    return site


def entries(cache: Path) -> list[Path]:
    """Return every entry of a cache."""
    return sorted(path for path in (cache / "v1").rglob("*") if path.is_file())


def flip(data: bytes) -> bytes:
    """Change one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGE = [
    pytest.param(flip, id="one bit flipped"),
    pytest.param(lambda data: data[:-1], id="cut by a byte"),
    pytest.param(lambda data: data[: len(data) // 2], id="cut in half"),
    pytest.param(lambda data: data[:40], id="cut to its head"),
    pytest.param(lambda data: b"", id="empty"),
    pytest.param(lambda data: bytes(len(data)), id="zeros, as after a power cut"),
    pytest.param(lambda data: data + b"x", id="longer"),
    pytest.param(lambda data: b"\x00" * 32 + b"{}", id="of some other content"),
]


@pytest.mark.parametrize("edited", [False, True], ids=["unchanged tree", "edited tree"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_changes_no_byte(
    site: Site, damage: Callable[[bytes], bytes], edited: bool
) -> None:
    """Whatever happened to the entries, a build gives what it gives without them."""
    for path in entries(site.cache):
        path.write_bytes(damage(path.read_bytes()))
    if edited:
        site.write("t.txt", "other " * 300)
    warm = site.build()
    cold = site.build(out=site.out.with_name("clean"), use_cache=False)
    assert shipped(site.out) == shipped(cold.out)
    assert warm.warnings == cold.warnings
    site.build()
    assert not site.build().changed


@pytest.mark.parametrize("section", ["state", "transform", "encode"])
def test_a_lost_section_changes_no_byte(site: Site, section: str) -> None:
    """Entries are independent of each other: any may be missing."""
    before = shipped(site.out)
    for path in entries(site.cache):
        if section in path.parts:
            path.unlink()
    site.write("new.txt", "new")
    site.build()
    site.remove("new.txt")
    site.build()
    assert shipped(site.out) == before


def test_entries_of_another_build_are_used(site: Site, tmp_path: Path) -> None:
    """A second project with the same contents compresses nothing again, wherever it lies."""
    before = set(entries(site.cache))
    other = Site(tmp_path / "other", TREE, plain=["robots.txt"], cache=site.cache)
    other.build()
    added = {path.parts[-3] for path in set(entries(site.cache)) - before}
    assert added == {"state"}
    assert shipped(other.out) == shipped(site.out)


def test_without_a_cache_nothing_is_read_or_left(tmp_path: Path) -> None:
    """``--no-cache`` makes no folder, and is not misled by a bad one."""
    site = Site(tmp_path, TREE)
    site.build(use_cache=False)
    assert not site.cache.exists()
    site.build()
    before = contents(site.cache)
    site.write("t.txt", "other " * 300)
    site.build(use_cache=False)
    assert contents(site.cache) == before


def test_a_temporary_cache_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a build nor a failed build leaves anything in the temporary folder."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    site = Site(tmp_path, TREE)
    site.build(use_cache=False)
    with pytest.raises(Exception, match="matches no file"):
        site.build(use_cache=False, missing="error")
    assert list(temporary.iterdir()) == []


def test_the_cache_keeps_itself_out_of_version_control(site: Site) -> None:
    """And out of backups, by the tag that they know."""
    assert (site.cache / ".gitignore").read_text() == "*\n"
    tag = (site.cache / "CACHEDIR.TAG").read_bytes()
    assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55")


def test_a_gitignore_that_the_user_changed_stays(site: Site) -> None:
    """The markers are written once."""
    (site.cache / ".gitignore").write_text("mine")
    site.write("t.txt", "other " * 300)
    site.build()
    assert (site.cache / ".gitignore").read_text() == "mine"


def size_of(cache: Path) -> int:
    """Return the bytes of all entries."""
    return sum(path.stat().st_size for path in entries(cache))


def info(site: Site, *arguments: str) -> dict[str, Any]:
    """Run ``assetpipe cache``, and return what it prints as JSON."""
    done = command(site.source.parent, "cache", *arguments, "--json", ASSETPIPE_CACHE=site.cache)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_cache_info_says_what_is_there(site: Site) -> None:
    """Number, bytes, place and limit."""
    assert info(site, "info") == {
        "folder": str(site.cache),
        "limit": 1024 << 20,
        "entries": len(entries(site.cache)),
        "size": size_of(site.cache),
    }


def test_cache_info_of_no_cache_is_zero_and_makes_none(tmp_path: Path) -> None:
    """To look is not to make."""
    site = Site(tmp_path, {})
    assert info(site, "info")["entries"] == 0
    assert not site.cache.exists()


def test_cache_prune_removes_what_was_not_used_for_longest(site: Site) -> None:
    """Down to the limit that is asked for; what is left still works."""
    Cache(site.cache).put("encode", key("large"), os.urandom(1 << 20))
    old = entries(site.cache)
    for path in old:
        os.utime(path, (1, 1))
    Cache(site.cache).put("encode", key("recent"), b"recent")
    printed = info(site, "prune", "--limit", "1")
    assert printed["removed"] == len(old) - len(entries(site.cache)) + 1
    assert printed["size"] == size_of(site.cache) <= 1 << 20
    assert Cache(site.cache).get("encode", key("recent")) == b"recent"


def test_cache_prune_to_nothing_leaves_a_working_site(site: Site) -> None:
    """The next build starts over."""
    before = shipped(site.out)
    assert info(site, "prune", "--limit", "0")["entries"] == 0
    site.build()
    assert shipped(site.out) == before


def test_using_an_entry_keeps_it_from_being_pruned(tmp_path: Path) -> None:
    """The time of the last use counts, not that of writing."""
    cache = Cache(tmp_path)
    for name in ("one", "two"):
        cache.put("s", key(name), bytes(1_000))
    for path in entries(tmp_path):
        os.utime(path, (time.time() - 200_000,) * 2)
    cache.get("s", key("one"))
    cache.prune(1_500)
    assert cache.get("s", key("one")) is not None
    assert cache.get("s", key("two")) is None


@pytest.mark.parametrize("fails", [False, True], ids=["builds", "failed builds"])
def test_the_limit_is_kept_by_builds(tmp_path: Path, fails: bool) -> None:
    """A cache that grew over ``cache_limit`` is pruned without being asked."""
    site = Site(tmp_path, {"gone.css": "a { b: url(gone.png) }"}, cache_limit=1, encodings=["gzip"])
    for number in range(6):
        style = "".join(f"a{number}{os.urandom(8).hex()} {{ b: c }}\n" for _ in range(14_000))
        site.write("a.css", style)
        try:
            site.build(missing="error" if fails else "ignore")
        except Exception as error:  # noqa: BLE001
            assert fails, error  # noqa: PT017
    assert size_of(site.cache) <= 1 << 20


def test_two_processes_share_one_cache(tmp_path: Path) -> None:
    """Both build at once, from one cold cache, the same files; both are whole."""
    sites = [Site(tmp_path / name, TREE, cache=tmp_path / "cache") for name in ("one", "two")]
    program = "import sys; from assetpipe.__main__ import main; main()"
    builds = [
        subprocess.Popen(
            [sys.executable, "-c", program, "build", site.source, "-o", site.out, "--quiet"],
            cwd=tmp_path,
            env=clean_environment() | {"ASSETPIPE_CACHE": "cache", "ASSETPIPE_MISSING": "ignore"},
        )
        for site in sites
    ]
    assert [build.wait() for build in builds] == [0, 0]
    one, two = (shipped(site.out) for site in sites)
    assert one == two
    assert not [path for path in entries(tmp_path / "cache") if path.suffix == ".tmp"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(["ab", "c"], ["a", "bc"], id="the same text cut elsewhere"),
        pytest.param(["a", ""], ["a"], id="an empty part"),
        pytest.param(["1:a"], ["a"], id="a part that looks like its own length"),
        pytest.param([], [""], id="nothing and the empty text"),
    ],
)
def test_different_parts_have_different_keys(one: list[str], other: list[str]) -> None:
    """Each part is told from its neighbour by its length."""
    assert key(*one) != key(*other)
