"""A build with a warm cache equals a clean build, byte for byte; and it does no work twice."""

from __future__ import annotations

import json
import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetpipe.build import sources
from tests.site import Site, assets, contents, flaws, settle, shipped

SHEETS = ["a.css", "b.css", "sub/c.css"]
SCRIPTS = ["m.js", "n.js", "sub/o.js"]
MAPS = ["m.js.map", "b.css.map"]
OTHERS = ["i.svg", "sub/j.svg", "robots.txt", "sub/t.txt", "i.svg/index.js"]
NAMES = [*SHEETS, *SCRIPTS, *MAPS, *OTHERS]
CHOICES: list[dict[str, Any]] = [
    {},
    {"minify": False},
    {"encodings": []},
    {"encodings": ["br", "gzip", "zstd"]},
    {"plain": []},
    {"plain": ["*.js", "robots.txt"]},
    {"immutable": ["sub/*"]},
    {"missing": {"*.css": "ignore"}},
    {"ignore": ["b.css", "n.js"]},
    {"public_url": "/elsewhere/"},
    {"source_maps": "linked"},
    {"source_maps": "hidden", "plain": ["m.js"]},
    {"source_maps": "linked", "bundles": {"sub/all.css": ["*.css", "sub/c.css"]}},
    {"bundles": {"all.js": ["[mn].js"]}},
]


@dataclass(frozen=True)
class Write:
    """Give a file new contents; ``salt`` makes bytes differ and leaves the size as it is."""

    name: str
    targets: tuple[str, ...]
    salt: int
    long: bool

    def __call__(self, site: Site) -> None:
        """Write over whatever is in the way, as ``git checkout`` would."""
        for folder in Path(self.name).parents[:-1]:
            if (site.source / folder).is_file():
                site.remove(str(folder))
        if (site.source / self.name).is_dir():
            shutil.rmtree(site.source / self.name)
        site.write(self.name, self.content())

    def content(self) -> str:
        """Return text of the file's format that refers to the targets."""
        here = posixpath.dirname(self.name)
        urls = [posixpath.relpath(target, here or ".") for target in self.targets]
        text = f"/*! {self.salt} */" + "/* long */" * 80 * self.long
        if self.name in SHEETS:
            imports = "".join(f'@import "{url}";\n' for url in urls if url.endswith(".css"))
            rules = "".join(f"a {{ b: url( '{url}?v#x' ) }}\n" for url in [*urls, "/static/a.css"])
            return f"{imports}{rules}{text}\n/*# sourceMappingURL=b.css.map */"
        if self.name in SCRIPTS:
            modules = [url if url.startswith(".") else f"./{url}" for url in urls]
            return "".join(f'import "{module}";\n' for module in modules) + (
                f"{text}\nrun( 1 )\n//# sourceMappingURL=m.js.map"
            )
        if self.name in MAPS:
            sources = [*urls, f"{self.salt}.ts"]
            return json.dumps({"version": 3, "sources": sources, "mappings": "AAAA;ACAA"})
        return f"{self.name} {text}"


@dataclass(frozen=True)
class Remove:
    """Remove a file, if it is there."""

    name: str

    def __call__(self, site: Site) -> None:
        if (site.source / self.name).is_file():
            site.remove(self.name)


@dataclass(frozen=True)
class Rename:
    """Rename a file over another, times and inode kept; if it is there."""

    name: str
    to: str

    def __call__(self, site: Site) -> None:
        source, target = site.source / self.name, site.source / self.to
        if source.is_file() and target.parent.is_dir() and not target.is_dir():
            source.rename(target)


@dataclass(frozen=True)
class Spoil:
    """Alter or remove a file of the output folder."""

    index: int
    removes: bool

    def __call__(self, site: Site) -> None:
        files = sorted(path for path in site.out.rglob("*.*") if path.is_file())
        if files and self.removes:
            files[self.index % len(files)].unlink()
        elif files:
            path = files[self.index % len(files)]
            path.write_bytes(path.read_bytes()[::-1])


@dataclass(frozen=True)
class Configure:
    """Build with other settings from now on."""

    settings: int

    def __call__(self, site: Site) -> None:
        pass


@dataclass(frozen=True)
class Pause:
    """Let the clock move on, so that times can be trusted from now on."""

    def __call__(self, site: Site) -> None:
        settle()


Step = Write | Remove | Rename | Spoil | Configure | Pause

names = st.sampled_from(NAMES)
writes = st.builds(
    Write,
    names,
    st.lists(names, max_size=3, unique=True).map(tuple),
    st.integers(1, 3),
    st.booleans(),
)
steps = st.one_of(
    writes,
    writes,
    writes,
    st.builds(Remove, names),
    st.builds(Rename, names, names),
    st.builds(Spoil, st.integers(0, 99), st.booleans()),
    st.builds(Configure, st.integers(0, len(CHOICES) - 1)),
    st.just(Pause()),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.lists(writes, min_size=3, max_size=8), then=st.lists(steps, min_size=1, max_size=8))
def test_a_cached_build_equals_a_clean_build(first: list[Write], then: list[Step]) -> None:
    """After any edits, additions, removals and renames: the same bytes and the same warnings.

    Steps mostly follow one another within the granularity of file times, and keep the size.
    """
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), {}, encodings=["gzip"], plain=["robots.txt"])
        for write in first:
            write(site)
        chosen: dict[str, Any] = {}
        for number, step in enumerate([None, *then]):
            if step is not None:
                step(site)
            if isinstance(step, Configure):
                chosen = CHOICES[step.settings]
            compare_with_clean(site, Path(folder) / f"clean{number}", chosen)


def compare_with_clean(site: Site, clean: Path, chosen: dict[str, Any]) -> None:
    """Build with the cache, and without it into a folder of its own, and compare."""
    try:
        warm = site.build(**chosen).warnings
    except Exception as error:  # noqa: BLE001 - whatever it is, a clean build must do the same
        with pytest.raises(type(error)) as raised:
            site.build(**chosen, out=clean, use_cache=False)
        assert str(raised.value) == str(error)  # noqa: PT017
        return
    cold = site.build(**chosen, out=clean, use_cache=False).warnings
    assert warm == cold
    assert shipped(site.out) == shipped(clean)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A built site whose sources are older than any doubt about their times."""
    site = Site(
        tmp_path,
        {
            "css/a.css": "@import 'b.css'; a { b: url(../img/i.svg) }" + "x { y: z }" * 80,
            "css/b.css": "b { c: d }" * 120,
            "img/i.svg": f"<svg>{'<g/>' * 150}</svg>",
            "gone.css": "a { b: url(gone.svg) }",
            "robots.txt": "User-agent: *\n" * 60,
        },
        plain=["robots.txt"],
    )
    settle()
    site.build()
    return site


def looks(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what writing a file would change: its inode and its time."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_is_written_where_nothing_changed(site: Site) -> None:
    """The second build gives the same release, with its warnings, and touches no file."""
    first = site.build(use_cache=False)
    site.build()
    before = looks(site.out), looks(site.cache)
    again = site.build()
    assert not again.changed
    assert (again.id, again.totals, again.warnings) == (first.id, first.totals, first.warnings)
    assert again.assets == first.assets
    assert (looks(site.out), looks(site.cache)) == before


def test_a_build_of_an_edited_tree_says_that_it_changed(site: Site) -> None:
    """``changed`` tells a caller whether there is something to publish or reload."""
    site.write("css/b.css", "b { c: e }")
    assert site.build().changed


def test_an_edited_plain_file_ships_with_its_siblings(site: Site) -> None:
    """Its name does not tell that it has new bytes."""
    site.write("robots.txt", "Disallow: /\n" * 60)
    site.build()
    assert site.text("robots.txt") == "Disallow: /\n" * 60
    assert flaws(site.out) == []


def test_only_what_changed_is_written(site: Site) -> None:
    """After one edit, files that cannot see it stay as they are on the disk."""
    before = looks(site.out)
    site.write("css/b.css", "b { c: e }" * 120)
    site.build()
    after = looks(site.out)
    written = {name.partition(".")[0] for name in after if after[name] != before.get(name)}
    assert written == {"css/a", "css/b", "", "manifest"}


def test_files_with_new_times_and_old_bytes_are_the_same_release(site: Site) -> None:
    """A checkout that touches every file changes nothing that ships."""
    before = shipped(site.out)
    for path in site.source.rglob("*.*"):
        path.touch()
    settle()
    site.build()
    assert shipped(site.out) == before
    assert not site.build().changed


def test_an_edit_that_is_taken_back_gives_the_earlier_release(site: Site) -> None:
    """A release is named by what ships, not by how it came about."""
    before = shipped(site.out)
    site.write("img/i.svg", "<svg></svg>")
    site.build()
    assert shipped(site.out) != before
    site.write("img/i.svg", f"<svg>{'<g/>' * 150}</svg>")
    site.build()
    assert shipped(site.out) == before


def remove(path: Path) -> None:
    path.unlink()


def reverse(path: Path) -> None:
    """Keep the size, and the time of modification too."""
    status = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [remove, reverse, empty])
@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("css/a.*.css", id="a fingerprinted file"),
        pytest.param("css/a.*.css.gz", id="its sibling"),
        pytest.param("css/b.*.css.br", id="a sibling of a file without references"),
        pytest.param("robots.txt", id="a plain file"),
        pytest.param("robots.txt.br", id="a sibling of a plain file"),
        pytest.param("manifest.json", id="the manifest"),
        pytest.param(".releases/*.json", id="the release's own manifest"),
    ],
)
def test_a_harmed_output_folder_is_mended(
    site: Site, pattern: str, harm: Callable[[Path], None]
) -> None:
    """The last build's knowledge is believed only of files that are still as it left them."""
    before = contents(site.out)
    (path,) = site.out.glob(pattern)
    harm(path)
    site.build()
    assert contents(site.out) == before


def test_a_manifest_that_was_put_back_by_hand_is_replaced(site: Site) -> None:
    """A build gives the release of its sources, whatever was current before."""
    old = (site.out / "manifest.json").read_bytes()
    site.write("css/b.css", "new{}")
    settle()
    new = site.build().id
    (site.out / "manifest.json").write_bytes(old)
    site.build()
    assert json.loads((site.out / "manifest.json").read_bytes())["release"] == new


def test_a_file_of_somebody_else_in_the_output_folder_stays(site: Site) -> None:
    """Only what a build made is its own to change."""
    (site.out / "theirs.txt").write_text("theirs")
    site.build()
    assert (site.out / "theirs.txt").read_text() == "theirs"


@pytest.mark.parametrize("kept", ["mtime", "size", "size and mtime", "all but the inode"])
def test_an_edit_that_hides_itself_is_seen(site: Site, kept: str) -> None:
    """Not every tool that writes a file leaves it a new time and size."""
    path = site.source / "css/b.css"
    status = path.stat()
    content = "b { c: e }" * (120 if "size" in kept or "all" in kept else 130)
    if kept == "all but the inode":
        other = site.source / "css/.new"
        other.write_text(content)
        other.replace(path)
    else:
        path.write_text(content)
    if kept != "size":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    site.build()
    assert site.text("css/b.css") == content.replace(" ", "")


@pytest.mark.parametrize(
    ("written", "built"),
    [
        pytest.param(1_700_000_000_123_456_789, 10_000_000, id="10 ms before the build"),
        pytest.param(1_700_000_000_000_000_000, 1_500_000_000, id="on a disk that knows seconds"),
    ],
)
def test_edits_within_one_tick_of_the_clock_are_all_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int, built: int
) -> None:
    """A file that is written again at once, at the same size, never ships its earlier bytes.

    The clock stands still here, as it does for two writes within one of its ticks.
    """
    monkeypatch.setattr(
        sources, "signature", lambda at: f"{at.st_size}-{written}-{written}-{at.st_ino}"
    )
    monkeypatch.setattr("time.time_ns", lambda: written + built)
    site = Site(tmp_path, {"a.txt": "one"})
    site.build()
    site.write("a.txt", "two")
    site.build()
    assert site.text("a.txt") == "two"


def test_edits_one_right_after_another_are_all_seen(tmp_path: Path) -> None:
    """The same with the real clock."""
    site = Site(tmp_path, {}, encodings=[])
    for number in range(100, 130):
        site.write("a.txt", f"{number}")
        site.build()
        site.write("a.txt", f"{number + 500}")
        site.build()
        assert site.text("a.txt") == f"{number + 500}"


SETTINGS: list[Any] = [
    pytest.param({"minify": False}, id="minify"),
    pytest.param({"encodings": ["gzip"]}, id="fewer encodings"),
    pytest.param({"encodings": ["gzip", "br", "zstd"]}, id="more encodings"),
    pytest.param({"plain": ["*.svg", "robots.txt"]}, id="plain"),
    pytest.param({"immutable": ["*.svg"]}, id="immutable"),
    pytest.param({"ignore": ["b.css"]}, id="ignore"),
    pytest.param({"missing": "ignore"}, id="missing"),
    pytest.param({"missing": {"*.css": "ignore"}}, id="missing for a glob"),
    pytest.param({"public_url": "/other/"}, id="public_url"),
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_matters_is_not_missed_by_an_unchanged_tree(
    site: Site, setting: dict[str, Any]
) -> None:
    """Changing the configuration there and back gives each time what a clean build gives."""
    for chosen in (setting, {}):
        assert site.build(**chosen).changed
        compare_with_clean(site, site.out.with_name(f"clean{len(chosen)}"), chosen)


@pytest.mark.parametrize(
    "setting", [{"jobs": 1}, {"jobs": 4}, {"lock_timeout": 1.0}, {"public_url": "https://h/static"}]
)
def test_a_setting_that_changes_no_byte_leaves_the_release_up_to_date(
    site: Site, setting: dict[str, Any]
) -> None:
    """Settings of the work, and of what stays out of the bytes, build nothing again."""
    assert not site.build(**setting).changed


def test_two_output_folders_share_one_cache_and_stay_apart(site: Site, tmp_path: Path) -> None:
    """What is known of one output folder is not believed of another."""
    site.build(out=tmp_path / "second")
    assert shipped(tmp_path / "second") == shipped(site.out)
    assert not site.build().changed
    assert not site.build(out=tmp_path / "second").changed


def test_a_failed_build_does_not_hide_the_edit_that_mends_it(site: Site) -> None:
    """After an error the next build starts from what is on the disk."""
    site.write("css/b.css", "b { c: url(nothing.png) }")
    with pytest.raises(Exception, match="matches no file"):
        site.build(missing="error", plain=[])
    site.write("css/b.css", "b { c: e }")
    site.build()
    compare_with_clean(site, site.out.with_name("clean"), {})


def test_a_missing_file_that_appears_is_linked_and_one_that_goes_is_warned_of(site: Site) -> None:
    """A reference's target counts even where the file that refers to it is untouched."""
    site.write("gone.svg", "<svg/>")
    assert site.build().warnings == ()
    assert assets(site.out)["gone.css"]["references"] == ["gone.svg"]
    site.remove("gone.svg")
    assert ["gone.css:1:12" in problem.where for problem in site.build().warnings] == [True]


def test_a_file_that_comes_between_two_others_is_linked(tmp_path: Path) -> None:
    """A name that appears can be what an untouched file has always meant."""
    site = Site(tmp_path, {"a/x.js": 'import "./b.js";', "a/b.js/c.txt": "a folder"})
    settle()
    site.build()
    (site.source / "a/b.js/c.txt").unlink()
    (site.source / "a/b.js").rmdir()
    site.write("a/b.js", "b()")
    site.build()
    assert assets(site.out)["a/x.js"]["references"] == ["a/b.js"]
    compare_with_clean(site, site.out.with_name("clean"), {})


def test_what_is_still_wrong_is_warned_of_again(site: Site) -> None:
    """A build after an edit elsewhere repeats the warnings of files that it did not read."""
    before = site.build().warnings
    settle()
    site.write("css/b.css", "b { c: e }")
    assert [problem.where for problem in before] == [f"{site.source}/gone.css:1:12"]
    assert site.build().warnings == before
