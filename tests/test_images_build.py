"""Images in a build: what is configured, what ships beside them, and what a build takes over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assetpipe.build import Config, Release, build
from assetpipe.build.config import load_config
from assetpipe.errors import ConfigError, MissingExtraError
from assetpipe.manifest import Asset, load
from assetpipe.manifest import Image as Shown
from assetpipe.serve.static import StaticFiles
from tests.pictures import drawing, photo, saved, steep
from tests.site import clean_environment, command, contents, plant
from tests.test_images_lossless import HOSTILE
from tests.watching import Watching

WANTED = {"formats": ["avif", "webp"], "widths": [100, 200, 400]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project/static"
    plant(folder, {"css/app.css": "a { background: url(../img/hero.jpg) }"})
    (folder / "img").mkdir()
    (folder / "img/hero.jpg").write_bytes(saved(photo(300, 200), "JPEG", quality=92))
    (folder / "img/plan.png").write_bytes(saved(drawing(250, 100), "PNG"))
    return folder.parent


def built(project: Path, **options: Any) -> Release:
    """Build with variants."""
    known: dict[str, Any] = {
        "source": project / "static",
        "out": project / "out",
        "cache": project / "cache",
        "images": WANTED,
        "encodings": (),
    }
    return build(Config(**(known | options)))


def variants_of(release: Release, name: str) -> list[str]:
    """Return the variants of an image, less its name."""
    image = release.assets[name].image
    assert image is not None
    return [variant.removeprefix(f"{name}.") for variant in image.variants]


def decoded(release: Release, asset: Asset) -> Image.Image:
    with Image.open(release.out / asset.file) as image:
        image.load()
        return image


class TestVariants:
    """What ships beside an image."""

    def test_of_a_photograph(self, project: Path) -> None:
        """Each format in each width, up to its own; the best format first."""
        release = built(project)
        names = variants_of(release, "img/hero.jpg")
        assert names == [
            "100.avif", "200.avif", "300.avif", "100.webp", "200.webp", "300.webp",
        ]  # fmt: skip
        for name in names:
            asset = release.assets[f"img/hero.jpg.{name}"]
            assert asset.type == f"image/{name.split('.')[1]}"
            assert asset.immutable
            width = int(name.split(".")[0])
            assert asset.image is not None
            assert asset.image[:2] == (width, round(width * 2 / 3))
            picture = decoded(release, asset)
            assert picture.size == asset.image[:2]
            assert asset.size == (release.out / asset.file).stat().st_size

    def test_are_no_weight_that_was_saved(self, project: Path) -> None:
        """A page takes one of them, so they are left out of the totals of bytes."""
        assert built(project).totals.minified == built(project, variants="off").totals.minified

    def test_of_a_drawing(self, project: Path) -> None:
        """Without loss, where it is smaller; the same colours as before."""
        release = built(project)
        names = variants_of(release, "img/plan.png")
        assert names == [name for name in names if name.endswith(".webp")]
        assert "250.webp" in names
        picture = decoded(release, release.assets["img/plan.png.250.webp"])
        assert picture.convert("RGB").tobytes() == drawing(250, 100).tobytes()

    def test_that_are_not_worth_it(self, project: Path) -> None:
        """Are left out: the image is as small already."""
        tiny = saved(photo(300, 200), "WEBP", quality=20)
        (project / "static/img/tiny.webp").write_bytes(tiny)
        assert "300.webp" not in variants_of(built(project), "img/tiny.webp")

    @pytest.mark.parametrize(
        ("images", "expected"),
        [
            pytest.param({}, [], id="none by default"),
            pytest.param({"formats": ["webp"], "widths": []}, ["300.webp"], id="its own width"),
            pytest.param(
                {"formats": ["webp"], "widths": [200]}, ["200.webp"], id="no wider than asked"
            ),
            pytest.param(
                {"formats": ["original"], "widths": [100, 300]}, ["100.jpg"], id="its own format"
            ),
            pytest.param(
                {"rules": {"img/*": {"formats": ["webp"], "widths": [100]}}},
                ["100.webp"],
                id="by a rule",
            ),
            pytest.param(
                WANTED | {"rules": {"**": {"widths": [100]}, "*.jpg": {"formats": []}}},
                [],
                id="the last rule counts",
            ),
        ],
    )
    def test_as_configured(self, project: Path, images: Any, expected: list[str]) -> None:
        assert variants_of(built(project, images=images), "img/hero.jpg") == expected

    @pytest.mark.parametrize("key", ["plain", "immutable"])
    def test_of_images_that_keep_their_names(self, project: Path, key: str) -> None:
        """There are none: nobody looks them up."""
        release = built(project, **{key: ["img/hero.jpg"]})
        assert variants_of(release, "img/hero.jpg") == []

    def test_with_the_name_of_a_file(self, project: Path) -> None:
        """The file is the user's own, and stays."""
        own = saved(drawing(10, 10), "WEBP", lossless=True)
        (project / "static/img/hero.jpg.100.webp").write_bytes(own)
        release = built(project)
        assert "100.webp" not in variants_of(release, "img/hero.jpg")
        assert decoded(release, release.assets["img/hero.jpg.100.webp"]).size == (10, 10)

    def test_in_a_draft(self, project: Path) -> None:
        """They are made more quickly; or not at all."""
        only = {"formats": ["avif"], "widths": [200]}
        release = built(project, images=only)
        draft = built(project, images=only, variants="draft")
        for each in (release, draft):
            assert variants_of(each, "img/hero.jpg") == ["200.avif"]
        assert draft.id != release.id
        assert variants_of(built(project, variants="off"), "img/hero.jpg") == []

    def test_without_pillow(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who wants variants is told what to install; who does not, builds."""
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(MissingExtraError, match="making variants") as raised:
            built(project)
        assert raised.value.hint == 'run: pip install "assetpipe[images]"'
        assert built(project, variants="off").assets


def files(release: Release) -> dict[str, bytes]:
    """Return the files of a release."""
    return {
        asset.file: (release.out / asset.file).read_bytes() for asset in release.assets.values()
    }


def test_a_drawing_that_is_not_compressed_is_none_of_a_photograph(project: Path) -> None:
    """However large the file is, and whether it is written smaller or not."""
    (project / "static/img/plan.png").write_bytes(saved(drawing(250, 100), "PNG", compress_level=0))
    for minify in (True, False):
        release = built(project, minify=minify, images={"formats": ["avif", "webp"], "widths": []})
        assert variants_of(release, "img/plan.png") == ["250.webp"]


def test_images_are_negotiated(project: Path) -> None:
    """By the variants as wide as they are, which are made for it; but only where it is wanted."""
    (project / "static/img/other.jpg").write_bytes(saved(photo(300, 220), "JPEG", quality=92))
    rules = {"img/hero.jpg": {"negotiate": True}, "img/other.jpg": {"widths": [100, 400]}}
    wanted = WANTED | {"widths": [100], "rules": rules}
    release = built(project, images=wanted)
    assert variants_of(release, "img/hero.jpg") == ["100.avif", "300.avif", "100.webp", "300.webp"]
    assert variants_of(release, "img/other.jpg") == variants_of(release, "img/hero.jpg")
    image = release.assets["img/hero.jpg"].image
    assert image is not None
    assert image.alternates == ("img/hero.jpg.300.avif", "img/hero.jpg.300.webp")
    files = StaticFiles(release.out, load(release.out / "manifest.json"))
    asked = {"HTTP_ACCEPT": "image/webp,*/*"}
    for name, kind in (("img/hero.jpg", "image/webp"), ("img/other.jpg", "image/jpeg")):
        answer = files.respond("GET", release.assets[name].file, asked)
        assert dict(answer.headers)["Content-Type"] == kind
        assert dict(answer.headers).get("Vary") == ("Accept" if kind == "image/webp" else None)


EDITS: Mapping[str, Callable[[Path], object]] = {
    "nothing": lambda project: None,
    "another file is edited": lambda project: (project / "static/css/app.css").write_text("a{}"),
    "the image is another": lambda project: (project / "static/img/hero.jpg").write_bytes(
        saved(photo(320, 200), "JPEG")
    ),
    "it is removed": lambda project: (project / "static/img/hero.jpg").unlink(),
    "a variant is gone": lambda project: next(
        (project / "out/img").glob("hero.jpg.200*.avif")
    ).unlink(),
    "the output is gone": lambda project: shutil.rmtree(project / "out"),
    "the cache is gone": lambda project: shutil.rmtree(project / "cache"),
}
SETTINGS: Mapping[str, Any] = {
    "other widths": {**WANTED, "widths": [100, 400]},
    "another quality": {**WANTED, "webp_quality": 50},
    "not made smaller": {**WANTED, "optimize": False},
}


class TestBuildsAgain:
    """A build after another equals a build from nothing."""

    @pytest.mark.parametrize(
        ("edit", "images"),
        [
            *(pytest.param(edit, WANTED, id=name) for name, edit in EDITS.items()),
            *(
                pytest.param(EDITS[edit], SETTINGS[name], id=f"{name}, {edit}")
                for name, edit in product(SETTINGS, ("nothing", "the image is another"))
            ),
        ],
    )
    def test_after(self, project: Path, edit: Callable[[Path], object], images: Any) -> None:
        built(project)
        plant(project / "static", {"css/other.css": "b {}"})
        edit(project)
        release = built(project, images=images)
        again = built(
            project, images=images, out=project / "clean", cache=project / "none", use_cache=False
        )
        assert release.id == again.id
        assert files(release) == files(again)

    def test_without_encoding_again(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was made is found, even after a build that was broken off."""
        from assetpipe.kinds.image import variants

        made: list[int] = []
        encode = variants.encode

        def count(*arguments: Any) -> bytes:
            if len(made) == 4:
                raise KeyboardInterrupt
            made.append(1)
            return encode(*arguments)

        monkeypatch.setattr(variants, "encode", count)
        with pytest.raises(KeyboardInterrupt):
            built(project, jobs=1)
        encoded: list[int] = []

        def note(*arguments: Any) -> bytes:
            encoded.append(1)
            return encode(*arguments)

        monkeypatch.setattr(variants, "encode", note)
        built(project, jobs=1)
        assert len(encoded) == 9 - 4  # two formats of the photograph and one of the drawing
        encoded.clear()
        plant(project / "static", {"css/more.css": "a {}"})
        built(project, jobs=1)
        assert encoded == []


def test_ctrl_c_loses_nothing(project: Path) -> None:
    """What is encoded when the build is ended is not encoded again."""
    (project / "assetpipe.toml").write_text(
        'encodings = []\n[images]\nformats = ["avif"]\nspeed = 3\nwidths = [400, 450, 500, 550]\n'
    )
    (project / "static/img/large.jpg").write_bytes(saved(photo(600, 420), "JPEG"))
    made = project / ".assetpipe_cache/v1/variant"

    def entries() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in made.glob("*/*") if not path.suffix}

    process = subprocess.Popen(
        [sys.executable, "-m", "assetpipe", "build"],
        cwd=project,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    end = time.monotonic() + 60
    while len(entries()) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert b"Traceback" not in errors
    assert not (project / "build/static/manifest.json").exists()
    before = entries()
    assert command(project, "build").returncode == 0
    after = entries()
    assert len(before) < len(after)
    assert {path: after[path] for path in before} == before


class TestLimits:
    """Who takes too much is left alone, with a warning, and nobody else."""

    @pytest.mark.parametrize(
        ("limits", "said"),
        [
            pytest.param({"timeout": 0.02}, "more than 0.02 seconds", id="time"),
            pytest.param({"memory": 16}, "may take", id="memory, as its header says"),
        ],
    )
    def test_of_an_image(self, project: Path, limits: dict[str, Any], said: str) -> None:
        large = saved(photo(1400, 1000), "PNG", compress_level=0)
        (project / "static/img/large.png").write_bytes(large)
        release = built(project, images=limits, jobs=2)
        asset = release.assets["img/large.png"]
        assert (release.out / asset.file).read_bytes() == large
        assert asset.image == Shown(1400, 1000)
        (warning,) = [each for each in release.warnings if "large.png" in each.file]
        assert said in warning.message
        assert "[tool.assetpipe.images]" in warning.hint
        again = built(project, images={}, jobs=2)
        assert (again.out / again.assets["img/large.png"].file).read_bytes() != large
        assert again.warnings == ()

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems limit no memory")
    def test_of_memory_that_no_header_tells_of(self) -> None:
        """A worker that takes more is told so, or ends; the next call has another one."""
        from assetpipe.build.workers import LimitError, Limits, Workers

        limits = Limits(memory=64 << 20, seconds=60)
        with Workers(2) as workers:
            for _ in range(3):
                with pytest.raises(LimitError, match="it takes more than 64 MiB"):
                    workers.call_within(limits, 1, bytes, 256 << 20)
                assert workers.call_within(limits, 1, len, b"abc") == 3
            with pytest.raises(LimitError, match="it is damaged, or takes more than 64 MiB"):
                workers.call_within(limits, 1, os._exit, 1)
            assert workers.call_within(limits, 1, len, b"abc") == 3

    def test_libraries_in_workers_have_no_threads_of_their_own(self) -> None:
        """Each reserves address space, so that with many processors all would be too much."""
        from assetpipe.build.workers import Limits, Workers

        limits = Limits(memory=64 << 20, seconds=60)
        with Workers(1) as workers:
            for name in ("RAYON_NUM_THREADS", "MALLOC_ARENA_MAX"):
                assert workers.call_within(limits, 1, os.getenv, name) == "1"

    def test_of_time(self) -> None:
        """It is up where it says, and what waits for a worker gets one."""
        from assetpipe.build.workers import LimitError, Limits, Workers

        limits = Limits(memory=1 << 30, seconds=0.3)
        started = time.monotonic()
        with Workers(2) as workers, ThreadPoolExecutor(4) as threads:
            calls = [
                threads.submit(workers.call_within, limits, 1 << 20, time.sleep, 60)
                for _ in range(4)
            ]
            for call in calls:
                with pytest.raises(LimitError, match=r"than 0\.3 seconds"):
                    call.result()
        assert time.monotonic() - started < 20


def test_a_folder_of_hostile_images(project: Path) -> None:
    """Each is told of, all ship, and none takes more memory than it may."""
    limit = 128
    plant(project, {"assetpipe.toml": f"""
        [images]
        formats = ["avif", "webp"]
        widths = [20]
        memory = {limit}
    """})  # fmt: skip
    for number, (data, suffix, _) in enumerate(HOSTILE.values()):
        plant(project, {f"static/hostile/{number}.{suffix}": data})
    # Started by a small process, as one begins with the memory of whoever starts it.
    watched = (
        "import resource, subprocess, sys;"
        "done = subprocess.run([sys.executable, '-m', 'assetpipe', 'build', '--json']);"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", watched],
        cwd=project,
        env=clean_environment(),
        capture_output=True,
        check=True,
    )
    text, _, ended = done.stdout.decode().rstrip().rpartition("\n")
    release = json.loads(text)
    status, peak = map(int, ended.split())
    assert status == 0
    # Of the largest process among it and its workers, which need some for themselves.
    assert peak < (limit + 100) << 10
    warned = {
        Path(each["file"]).stem
        for each in release["warnings"]
        if each["message"].startswith("ships untouched: ")
    }
    certain = {str(number) for number, (*_, text) in enumerate(HOSTILE.values()) if text}
    assert warned >= certain
    shipped = set(contents(project / "build/static").values())
    for number in map(int, warned):
        assert [*HOSTILE.values()][number][0] in shipped


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_library_that_ends_its_process_ends_no_build(project: Path, jobs: int) -> None:
    """As libjpeg does; what it prints is not shown."""
    plant(project, {"static/img/steep.jpg": steep(), "assetpipe.toml": f"jobs = {jobs}\n"})
    done = command(project, "build", "--json")
    assert done.returncode == 0, done.stderr
    (warning,) = json.loads(done.stdout)["warnings"]
    assert "it is damaged, or takes more than 512 MiB (status 1)" in warning["message"]
    assert "DCT" not in done.stderr
    shipped = contents(project / "build/static").values()
    assert steep() in shipped
    assert (project / "static/img/hero.jpg").read_bytes() not in shipped


def test_a_watch_makes_none_unless_asked_to(project: Path) -> None:
    """A save is not to wait for them."""
    (project / "assetpipe.toml").write_text('[images]\nformats = ["webp"]\nwidths = [100]\n')
    for flags, count in [((), 0), (("--variants", "draft"), 2)]:
        with Watching(project, *flags):
            names = contents(project / "build/static")
            assert sum(".100." in name for name in names) == count


def test_people_are_told_what_makes_images_smaller(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once for each build that changed something, where it is not installed."""
    from assetpipe.cli import build as cli

    def run() -> bool:
        arguments = ["--out", str(project / "out"), "--encodings", "", str(project / "static")]
        cli.build_command.main(arguments, standalone_mode=False)
        return "pip install" in capsys.readouterr().err

    monkeypatch.chdir(project)
    assert not run()
    assert not run()
    monkeypatch.setattr(cli, "IMAGE_PACKAGES", ("no_such_package",))
    (project / "static/css/app.css").write_text("b {}")
    assert run()
    shutil.rmtree(project / "static/img")
    assert not run()


class TestConfiguration:
    """What can be written in the configuration, and what is said of what cannot."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            pytest.param('[images]\nformat = ["avif"]', "2: unknown key 'format'", id="key"),
            pytest.param('[images]\nformats = ["avf"]', "2: formats: unknown", id="format"),
            pytest.param("[images]\nmemory = 1", "2: memory: 1 is not a whole", id="memory"),
            pytest.param("[images]\nnegotiate = 1", "2: negotiate: 1 is not", id="negotiate"),
            pytest.param("[images]\nspeed = 11", "2: speed: 11 is not", id="speed"),
            pytest.param("[images]\nwidths = 320", "2: widths: 320 is not a list", id="widths"),
            pytest.param("[images]\nwidths = [0]", "2: widths: 0 is not", id="a width"),
            pytest.param('[images]\nlossless = "no"', "2: lossless: 'no' is not", id="lossless"),
            pytest.param('[images]\n[images.rules."a"]\nx = 1', "3: unknown key 'x'", id="rule"),
            pytest.param("[images]\nrules = 3", "2: rules: 3 is not a table", id="no rules"),
        ],
    )
    def test_that_is_wrong(self, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "assetpipe.toml").write_text(text)
        with pytest.raises(ConfigError) as raised:
            load_config(tmp_path, {})
        assert said in str(raised.value)

    def test_in_a_file(self, project: Path) -> None:
        """And on the command line, which wins."""
        (project / "assetpipe.toml").write_text(
            'encodings = []\n[images]\nformats = ["webp"]\nwidths = [100]\n'
        )
        shipped = []
        for flags in [[], ["--variants", "off"]]:
            done = command(project, "build", "--json", *flags)
            assert done.returncode == 0, done.stderr
            shipped.append([name for name in contents(project / "build/static") if "webp" in name])
            shutil.rmtree(project / "build")
        assert [len(each) > 0 for each in shipped] == [True, False]
