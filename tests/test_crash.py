"""What a killed, locked out or cramped build leaves behind: the last release, whole."""

from __future__ import annotations

import fcntl
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assetpipe.errors import InputError, OutsideError
from tests.nursery import Nursery
from tests.site import Site, clean_environment, command, flaws, plant, settle, shipped

KILLS = 50
KILLS_TO_A_FINISHED_BUILD = 5
FIXED = frozenset({"robots.txt"})


def generated_tree(seed: int) -> dict[str, str]:
    """Return 45 files that refer to each other, most of them small, one of 60 KB."""
    words = random.Random(seed)
    sizes = {"text/large.txt": 60_000, "text/small.txt": 20_000}
    texts = {name: " ".join(words.choices("abcdefgh", k=size // 2)) for name, size in sizes.items()}
    pictures = {
        f"img/{n}.svg": "<svg>" + f"<g id='{words.random()}'/>" * 40 + "</svg>" for n in range(20)
    }
    sheets = {f"css/{n}.css": f"a {{ b: url(../img/{n}.svg) }}\n" * 30 for n in range(20)}
    sheets["css/all.css"] = "".join(f"@import '{n}.css';\n" for n in range(20))
    return {**texts, **pictures, **sheets, "robots.txt": f"# {seed}\n" * 200}


def start(site: Site) -> subprocess.Popen[bytes]:
    """Start a build of a site by the command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "assetpipe", "build", site.source, "-o", site.out, "--quiet"],
        cwd=site.source.parent,
        env=clean_environment()
        | {"ASSETPIPE_CACHE": str(site.cache), "ASSETPIPE_PLAIN": ",".join(FIXED)},
        stderr=subprocess.PIPE,
    )


WORK = """
import assetpipe.build.pipeline, assetpipe.kinds.css, brotli, deflate
from assetpipe.build import Config, build

def work(settings):
    build(Config(**settings))
"""


def build_in(nursery: Nursery, site: Site, *, kill_after: float | None = None) -> int:
    """Build a site, and kill the build after so many seconds; return its exit status."""
    folders = {"source": str(site.source), "out": str(site.out), "cache": str(site.cache)}
    (end,) = nursery.run(folders | {"plain": [*FIXED]}, kill_after=kill_after)
    return end


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery(WORK) as nursery:
        yield nursery


def test_a_build_that_is_killed_leaves_a_whole_release_and_the_next_one_completes(
    tmp_path: Path, nursery: Nursery
) -> None:
    """Fifty ``kill -9``, from the first moment of a build to its last, cold and over a release.

    Some come right after another, so that what one build left lies in the next one's way.
    """
    trees = [generated_tree(1), generated_tree(2)]
    trees[1]["text/small.txt"] = trees[0]["text/small.txt"]
    expected = []
    for number, tree in enumerate(trees):
        clean = Site(tmp_path / f"clean{number}", tree, plain=[*FIXED], use_cache=False)
        clean.build()
        expected.append(shipped(clean.out))
    site = Site(tmp_path / "site", trees[0], plain=[*FIXED])
    started = time.perf_counter()
    assert build_in(nursery, site) == 0
    duration = time.perf_counter() - started
    moments = random.Random(3)
    killed = 0
    for attempt in range(5 * KILLS):
        current = attempt % len(trees)
        plant(site.source, trees[current])
        if moments.random() < 0.8:
            shutil.rmtree(site.cache, ignore_errors=True)
        if moments.random() < 0.3:
            shutil.rmtree(site.out, ignore_errors=True)
        had_release = (site.out / "manifest.json").exists()
        status = build_in(nursery, site, kill_after=moments.uniform(0, duration))
        killed += status == -signal.SIGKILL
        if had_release or (site.out / "manifest.json").exists():
            assert flaws(site.out, fixed=FIXED) == []
        if killed % KILLS_TO_A_FINISHED_BUILD == 0:
            site.build()
            assert shipped(site.out) == expected[current]
            assert not (site.out / ".staging").exists()
        if killed == KILLS:
            return
    pytest.fail(f"of {5 * KILLS} builds, all but {killed} finished before they were killed")


def test_two_builds_into_one_folder_at_once_both_finish(tmp_path: Path) -> None:
    """One waits for the other; the release is whole, and that of the one that came last."""
    shared = {"out": tmp_path / "out", "cache": tmp_path / "cache"}
    sites = [Site(tmp_path / f"{number}", generated_tree(number), **shared) for number in range(2)]
    builds = [start(site) for site in (*sites, sites[0])]
    assert [build.communicate()[1].replace(WAITING, b"") for build in builds] == [b""] * 3
    assert [build.returncode for build in builds] == [0] * 3
    assert flaws(tmp_path / "out") == []


WAITING = "Waiting for another build into the same folder …\n".encode()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a release."""
    site = Site(tmp_path, {"a.txt": "a" * 1_000, "b.css": "a{b:c}"})
    settle()
    site.build()
    return site


@pytest.fixture
def lock(site: Site) -> Iterator[int]:
    """The output folder's lock, held as another process would."""
    descriptor = os.open(site.out / ".lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield descriptor
    os.close(descriptor)


def test_a_build_waits_for_another_one_and_then_proceeds(site: Site, lock: int) -> None:
    """It says once that it waits."""
    site.write("a.txt", "new")
    told = []

    def waiting() -> None:
        told.append("waiting")
        fcntl.flock(lock, fcntl.LOCK_UN)

    assert site.build(waiting=waiting).changed
    assert told == ["waiting"]
    assert site.text("a.txt") == "new"


def test_a_build_that_has_waited_looks_again_at_what_is_there(
    site: Site, lock: int, tmp_path: Path
) -> None:
    """Meanwhile another release may have been made, and files of the last one cleaned away."""
    other = Site(tmp_path / "other", {"c.txt": "c"}, out=site.out)
    site.write("a.txt", "new")

    def waiting() -> None:
        fcntl.flock(lock, fcntl.LOCK_UN)
        other.build()
        command(tmp_path, "clean", "-o", site.out, "--keep", "1")

    site.build(waiting=waiting)
    assert list(site.files()) == ["a.txt", "b.css"]
    assert flaws(site.out) == []


def test_a_build_does_not_wait_for_ever(site: Site, lock: int) -> None:
    """After the time limit it says what holds it up, where, and what to do: exit status 3."""
    before = shipped(site.out)
    site.write("a.txt", "new")
    done = command(
        site.source.parent, "build", "-o", "out", ASSETPIPE_CACHE="cache",
        ASSETPIPE_LOCK_TIMEOUT="0.3",
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("Waiting for another build into the same folder")
    assert f"{site.out}: another build has been writing here for 0.3 seconds" in done.stderr
    assert "lock_timeout" in done.stderr
    assert shipped(site.out) == before


def test_a_build_that_gives_up_waiting_leaves_the_other_ones_work_alone(
    site: Site, lock: int
) -> None:
    """What lies in the output folder belongs to whoever holds the lock, staging files included."""
    plant(site.out, {".staging/1-0": "half a file of the other build"})
    site.write("a.txt", "new")
    with pytest.raises(OutsideError, match="another build"):
        site.build(lock_timeout=0)
    assert (site.out / ".staging/1-0").exists()


def test_a_build_without_changes_needs_no_lock(site: Site, lock: int) -> None:
    """Looking disturbs nobody."""
    assert not site.build(lock_timeout=0).changed


def test_the_lock_of_a_killed_process_holds_nobody_up(site: Site) -> None:
    """A lock file that lies around is not a lock."""
    assert (site.out / ".lock").exists()
    site.write("a.txt", "new")
    assert site.build(lock_timeout=0).changed


def test_a_failed_build_leaves_no_thread_at_work(tmp_path: Path) -> None:
    """Once ``build()`` has raised, nothing writes into the folder that the next build locks."""
    site = Site(tmp_path, {**generated_tree(1), "gone.css": "a{b:url(gone.png)}"}, missing="error")
    before = threading.active_count()
    with pytest.raises(InputError, match=r"gone\.png"):
        site.build(jobs=4)
    assert threading.active_count() == before


def test_a_failure_keeps_plain_files_of_the_last_release(site: Site) -> None:
    """A file under a fixed name is not replaced before the whole release is there."""
    site.write("robots.txt", "one")
    site.build(plain=["robots.txt"])
    site.write("robots.txt", "two")
    site.write("b.css", "a{b:url(gone.png)}")
    with pytest.raises(InputError, match="matches no file"):
        site.build(plain=["robots.txt"], missing="error")
    assert site.text("robots.txt") == "one"
    assert flaws(site.out) == []


LIMITED = """
import resource, sys
from assetpipe.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
main()
"""


def test_a_file_that_cannot_be_written_to_its_end_is_a_failure_of_the_outside(site: Site) -> None:
    """Exit status 3 with the place, and the last release stays as it was."""
    before = shipped(site.out)
    site.write("big.txt", "text " * 20_000)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "build", "-o", "out"],
        cwd=site.source.parent,
        env=clean_environment() | {"ASSETPIPE_CACHE": "cache"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 3, done.stderr
    assert re.search(r"/out/big\.[0-9a-f]{12}\.txt: cannot be written: File too large", done.stderr)
    assert "Traceback" not in done.stderr
    assert shipped(site.out) == before
    site.build()
    assert flaws(site.out) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("full", ["out", "cache"])
def test_a_full_disk_leaves_the_last_release(tmp_path: Path, small_disk: Path, full: str) -> None:
    """Exit status 3, and what the failed build wrote is not in the next one's way.

    A full cache is in the way, and the error says how to do without it.
    """
    places: dict[str, Any] = {full: small_disk / full}
    site = Site(tmp_path, {"a.txt": "small", "a.css": "a { b: c }"}, **places)
    site.build()
    before = shipped(site.out)
    big = {f"{number}.css": f"a{number} {{ b: c }}" * 5_000 for number in range(9)}
    plant(site.source, big)
    with pytest.raises(OutsideError, match="No space left on device") as raised:
        site.build()
    assert raised.value.exit_code == 3
    assert ("--no-cache" in str(raised.value)) == (full == "cache")
    assert shipped(site.out) == before
    for name in big:
        site.remove(name)
    site.write("a.txt", "also small")
    site.build(use_cache=full != "cache")
    assert site.text("a.txt") == "also small"
    assert flaws(site.out) == []
