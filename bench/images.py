"""Images beside other programs that write them: ``python -m bench.images``.

Prints Markdown tables of bytes, quality, time and memory; README.md says how they are made.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from assetpipe.build.workers import LimitError, Limits, Workers
from assetpipe.kinds import IMAGE, transform
from assetpipe.kinds.image.variants import SPEED, Encoding, Format, Pixels, encode
from assetpipe.kinds.model import Options
from bench.measure import Contender, Cost, interleaved, table
from bench.peers import environment
from tests.corpus import tree
from tests.node import NodeUnavailableError, installed

SHARP = {"sharp": "0.35.5"}
PICTURES = {"material-design-lite": "1.3.0", "uikit": "3.25.29"}
METRIC = ("numpy==2.4.6", "pillow==13.0.0", "scipy==1.17.1", "ssimulacra2==0.3.0")
WIDTHS = (1920, 1280, 960, 640, 320)
QUALITIES = {"avif": (45, 55, 65, 75), "webp": (60, 72, 84, 94)}
OURS, BARE, POINTS = "assetpipe", "the encoders alone", 9

_UIKIT, _LITE = "uikit/tests/images", "material-design-lite/dist"
_LITE_BLOG = f"{_LITE}/templates/blog/images"
_PHOTOS = (
    f"{_UIKIT}/photo.jpg", f"{_UIKIT}/photo2.jpg", f"{_UIKIT}/photo3.jpg", f"{_UIKIT}/dark.jpg",
    f"{_UIKIT}/size-v.jpg", f"{_UIKIT}/avatar.jpg", f"{_LITE}/assets/demos/transparent.jpg",
    f"{_LITE_BLOG}/bg_2880.jpg", f"{_LITE_BLOG}/road_big.jpg",
)  # fmt: skip
_PHOTOS_OF_TREE = (
    "astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "retina.jpg",
)  # fmt: skip

# Each job is encoded by itself, so that its CPU time is its own.
_SHARP_JOBS = """
const sharp = require("sharp");
sharp.concurrency(1);
sharp.cache(false);
const fs = require("fs");
(async () => {
  for (const { source, out, format, options } of JSON.parse(fs.readFileSync(process.argv[2]))) {
    const data = fs.readFileSync(source);
    const before = process.cpuUsage();
    const file = await sharp(data)[format](options).toBuffer();
    const { user, system } = process.cpuUsage(before);
    fs.writeFileSync(out, file);
    console.log((user + system) / 1e6);
  }
})();
"""
# As eleventy-img does it: one input, of which each file is a clone, all at once.
_SHARP_LARGE = """
const sharp = require("sharp");
const [, , photo, out, effort, ...widths] = process.argv;
const input = sharp(photo).rotate();
const jobs = [];
for (const width of widths) {
  const scaled = input.clone().resize(Number(width));
  jobs.push(scaled.clone().avif({ effort: Number(effort) }).toFile(`${out}/${width}.avif`));
  jobs.push(scaled.clone().webp().toFile(`${out}/${width}.webp`));
}
Promise.all(jobs);
"""
_SCORES = """
import sys
from ssimulacra2 import compute_ssimulacra2
for line in sys.stdin:
    print(compute_ssimulacra2(*line.rstrip("\\n").split("\\t")), flush=True)
"""


class Encoded(NamedTuple):
    """One image in one quality.

    Attributes:
        path: the file.
        cpu: seconds that it took to encode it.
    """

    path: Path
    cpu: float


class Point(NamedTuple):
    """What one image in one quality is.

    Attributes:
        score: SSIMULACRA 2, up to 100.
        size: bytes.
        cpu: seconds that it took to encode it.
    """

    score: float
    size: int
    cpu: float


Encoder = Callable[[Sequence[tuple[Path, int, Path]]], list[Encoded]]
"""Encodes images, each at a quality, each into a file."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", nargs="*", default=["lossless", "lossy", "large"])
    parser.add_argument("--runs", type=int, default=3, help="of each contender (default 3)")
    parser.add_argument("--width", type=int, default=640, help="of the lossy images (default 640)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as temporary:
        work = Path(temporary)
        match arguments.measure:
            case ["optimize", name, folder]:
                _optimize(name, Path(folder))
            case ["encode", folder]:
                _encode_all(Path(folder))
            case names:
                for name in names:
                    (work / name).mkdir()
                    print(f"\n{MEASURES[name](work / name, arguments)}")


# Without loss.


def lossless(work: Path, arguments: argparse.Namespace) -> str:
    """Optimise all PNGs and JPEGs of packages, and of what image libraries are tested with."""
    lines = []
    packages, tests = (tree("large"), installed(PICTURES)), (tree("images"),)
    for (suffixes, kind), (whose, roots) in itertools.product(
        (((".png",), "PNG"), ((".jpg", ".jpeg"), "JPEG")),
        (("packages", packages), ("tests of image libraries", tests)),
    ):
        name = f"{kind} of {whose}"
        folder = work / name
        folder.mkdir()
        for number, path in enumerate(_files(roots, suffixes)):
            shutil.copy(path, folder / f"{number:04}{path.suffix.lower()}")
        sources = list(folder.iterdir())
        total = sum(path.stat().st_size for path in sources)
        names = ["Pillow optimize=True", OURS]
        if suffixes == (".png",) and shutil.which("oxipng"):
            names.insert(0, "oxipng")
        out = {each: work / f"{name} {each}" for each in names}

        def contender(name: str, folder: Path = folder, out: Mapping[str, Path] = out) -> Contender:
            command = [sys.executable, "-m", "bench.images", "optimize", name, str(out[name])]
            if name == "oxipng":
                command = ["oxipng", "-o2", "--strip=safe", "-q", "-r", str(out[name])]

            def prepare() -> None:
                shutil.rmtree(out[name], ignore_errors=True)
                shutil.copytree(folder, out[name])

            return Contender(name, command, prepare)

        costs = interleaved([contender(each) for each in names], arguments.runs)
        lines += [f"{name}, {len(sources)} files, {total:,} bytes\n"]
        lines += [
            "| | bytes | of the originals | CPU s | CPU × |",
            "| --- | --- | --- | --- | --- |",
        ]
        ours = _cpu(costs[OURS])
        for each in names:
            size = sum(path.stat().st_size for path in out[each].iterdir())
            cpu = _cpu(costs[each])
            lines.append(
                f"| {each} | {size:,} | {size / total:.1%} | {cpu:.1f} | {cpu / ours:.2f} |"
            )
        lines.append("")
    return "\n".join(lines)


def _files(roots: Iterable[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """Return the images that can be read, each content once."""
    found: dict[bytes, Path] = {}
    for path in sorted(path for root in roots for path in root.rglob("*")):
        if path.suffix.lower() in suffixes and path.is_file():
            with suppress(OSError, ValueError, SyntaxError), Image.open(path) as image:
                image.load()
                found.setdefault(path.read_bytes(), path)
    return list(found.values())


def _optimize(name: str, folder: Path) -> None:
    """Optimise the files of a folder in place; none grows."""
    warnings.simplefilter("ignore")  # of broken images, among which there are many
    optimized = {OURS: _ours_optimized}.get(name, _pillow_optimized)
    with Workers(1) as workers:
        for path in sorted(folder.iterdir()):
            data = path.read_bytes()
            path.write_bytes(min(data, optimized(data, workers), key=len))


def _ours_optimized(data: bytes, workers: Workers) -> bytes:
    """Optimise as a build does: in a worker, as libraries may end their process."""
    try:
        done = workers.call_within(Limits(512 << 20, 60), 1, transform, IMAGE, data, Options())
    except LimitError:
        return data
    return done.body


def _pillow_optimized(data: bytes, _workers: Workers) -> bytes:
    image = Image.open(io.BytesIO(data))
    file = io.BytesIO()
    try:
        if image.format == "JPEG":
            image.save(file, "JPEG", quality="keep", optimize=True, progressive=True)
        else:
            image.save(file, "PNG", optimize=True, save_all=getattr(image, "n_frames", 1) > 1)
    except (OSError, ValueError, SyntaxError):
        return data
    return file.getvalue()


# With loss.


def lossy(work: Path, arguments: argparse.Namespace) -> str:
    """Encode photographs at several qualities; compare bytes and CPU time at equal scores."""
    sources = _sources(work, arguments.width)
    lines = []
    for format_, encoders in _encoders(work).items():
        jobs = [(source, quality) for source in sources for quality in QUALITIES[format_]]
        found: dict[str, dict[Path, list[Point]]] = {}
        for name, encoder in encoders.items():
            found[name] = _points(encoder, jobs, work / f"{name}.{format_}")
            print(f"{format_}: {name} encoded", file=sys.stderr)
        base = next(iter(encoders))
        count, width = len(sources), arguments.width
        lines += [f"`{format_}`, {count} photographs, up to {width} pixels wide\n"]
        lines += ["| | bytes × | median × | CPU × |", "| --- | --- | --- | --- |"]
        for name, each in found.items():
            sizes, cpus = _ratios(found[base], each)
            lines.append(
                f"| {name} | {statistics.geometric_mean(sizes):.3f} "
                f"| {statistics.median(sizes):.3f} | {statistics.geometric_mean(cpus):.2f} |"
            )
        lines.append("")
    return "\n".join(lines)


def _photos() -> list[Path]:
    modules, data = installed(PICTURES), tree("medium") / "skimage"
    return [*(modules / name for name in _PHOTOS), *(data / name for name in _PHOTOS_OF_TREE)]


def _sources(work: Path, width: int) -> list[Path]:
    """Write the photographs as plain PNGs, without profiles that some encoders would copy."""
    found = []
    for photo in _photos():
        image = Image.open(photo).convert("RGB")
        image.thumbnail((width, 2 * width), Image.Resampling.LANCZOS)
        plain = Image.frombytes("RGB", image.size, image.tobytes())
        plain.save(work / f"{photo.stem}.png", compress_level=1)
        found.append(work / f"{photo.stem}.png")
    return found


def _encoders(work: Path) -> dict[Format, dict[str, Encoder]]:
    """Return what to compare, by format; the ratios are to the first."""
    avif: dict[str, Encoder] = {}
    webp: dict[str, Encoder] = {}
    try:
        modules = installed(SHARP)
    except NodeUnavailableError as error:
        print(f"sharp is left out: {error}", file=sys.stderr)
    else:
        for effort in (4, 2):
            avif[f"sharp, effort {effort}"] = _sharp(modules, work, "avif", effort)
        webp["sharp"] = _sharp(modules, work, "webp", 4)
    for speed in (SPEED, SPEED - 1, SPEED + 1):
        avif[f"{OURS}, speed {speed}"] = _ours("avif", speed)
    webp[OURS] = _ours("webp", SPEED)
    if shutil.which("avifenc"):
        # Before 1.0 it has no quality, but libavif's quantizer that stands for it.
        avif["avifenc -s 6"] = _program(
            "avifenc -s 6 -j 1 -y 444 --min {0} --max {0} {1} {2}", lambda q: 63 - q * 63 // 100
        )
    if shutil.which("cwebp"):
        webp["cwebp -m 6"] = _program("cwebp -quiet -m 6 -q {0} {1} -o {2}")
    return {"avif": avif, "webp": webp}


def _ours(format_: Format, speed: int) -> Encoder:
    def encoder(jobs: Sequence[tuple[Path, int, Path]]) -> list[Encoded]:
        found = []
        for source, quality, out in jobs:
            image = Image.open(source)
            pixels = Pixels(*image.size, image.mode, image.tobytes())
            before = time.thread_time()
            out.write_bytes(encode(pixels, Encoding(format_, quality, speed)))
            found.append(Encoded(out, time.thread_time() - before))
        return found

    return encoder


def _sharp(modules: Path, work: Path, format_: Format, effort: int) -> Encoder:
    def encoder(jobs: Sequence[tuple[Path, int, Path]]) -> list[Encoded]:
        listed = [
            {
                "source": str(source),
                "out": str(out),
                "format": format_,
                "options": {"quality": quality, "effort": effort},
            }
            for source, quality, out in jobs
        ]
        (work / "jobs.json").write_text(json.dumps(listed))
        script = work / "jobs.cjs"
        script.write_text(_SHARP_JOBS)
        done = subprocess.run(
            ["node", script, work / "jobs.json"],
            check=True, stdout=subprocess.PIPE, env=_node(modules),
        )  # fmt: skip
        seconds = map(float, done.stdout.split())
        return [Encoded(out, cpu) for (*_, out), cpu in zip(jobs, seconds, strict=True)]

    return encoder


def _program(command: str, scale: Callable[[int], int] = int) -> Encoder:
    """Return an encoder that is a program of its own; starting it counts, too.

    Args:
        command: with places for quality, source and result.
        scale: what a quality is to the program.
    """

    def encoder(jobs: Sequence[tuple[Path, int, Path]]) -> list[Encoded]:
        found = []
        for source, quality, out in jobs:
            words = [word.format(scale(quality), source, out) for word in command.split()]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found.append(Encoded(out, cpu))
        return found

    return encoder


def _points(
    encoder: Encoder, jobs: Sequence[tuple[Path, int]], folder: Path
) -> dict[Path, list[Point]]:
    """Encode images, and score what became of them."""
    folder.mkdir()
    named = [(source, quality, folder / f"{source.stem}-{quality}") for source, quality in jobs]
    encoded = encoder(named)
    pairs = []
    for (source, *_), each in zip(named, encoded, strict=True):
        decoded = each.path.with_suffix(".ppm")
        Image.open(each.path).convert("RGB").save(decoded)
        pairs.append(f"{source}\t{decoded}\n")
    python = environment(METRIC) / "bin" / "python"
    done = subprocess.run(
        [python, "-c", _SCORES], input="".join(pairs), check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[Path, list[Point]] = defaultdict(list)
    for (source, *_), each, score in zip(named, encoded, done.stdout.split(), strict=True):
        found[source].append(Point(float(score), each.path.stat().st_size, each.cpu))
    return found


def _ratios(
    base: Mapping[Path, Sequence[Point]], other: Mapping[Path, Sequence[Point]]
) -> tuple[list[float], list[float]]:
    """Return for each image how many times the bytes and the CPU time it takes at equal scores."""
    sizes: list[float] = []
    cpus: list[float] = []
    for source, points in base.items():
        ours, theirs = sorted(other[source]), sorted(points)
        low, high = max(ours[0].score, theirs[0].score), min(ours[-1].score, theirs[-1].score)
        if low >= high:
            continue
        scores = [low + (high - low) * number / (POINTS - 1) for number in range(POINTS)]
        for ratios, field in ((sizes, "size"), (cpus, "cpu")):
            logs = [_at(ours, score, field) - _at(theirs, score, field) for score in scores]
            ratios.append(math.exp(statistics.fmean(logs)))
    return sizes, cpus


def _at(points: Sequence[Point], score: float, field: str) -> float:
    """Return the logarithm of a field at a score, between the two nearest points."""
    pairs = itertools.pairwise(points)
    left, right = next(pair for pair in pairs if score <= pair[1].score or pair[1] == points[-1])
    share = (score - left.score) / (right.score - left.score)
    low, high = (math.log(max(getattr(each, field), 1e-6)) for each in (left, right))
    return low + (high - low) * min(max(share, 0), 1)


# One large photograph.


def large(work: Path, arguments: argparse.Namespace) -> str:
    """Make ten variants of a photograph of 24 megapixels: five widths in two formats."""
    site = work / "static"
    site.mkdir()
    photo = _montage(site / "photo.jpg")
    (work / "pyproject.toml").write_text(
        '[tool.assetpipe.images]\nformats = ["avif", "webp"]\noptimize = false\n'
        f"widths = {list(WIDTHS)}\n"
    )
    raw, sharp = work / "raw", work / "sharp"
    raw.mkdir()
    sharp.mkdir()
    image = Image.open(photo)
    for width in WIDTHS:
        size = width, round(image.height * width / image.width)
        (raw / "x".join(map(str, size))).write_bytes(image.resize(size).tobytes())
    contenders = []
    try:
        modules = installed(SHARP)
    except NodeUnavailableError as error:
        print(f"sharp is left out: {error}", file=sys.stderr)
    else:
        script = work / "large.cjs"
        script.write_text(_SHARP_LARGE)
        for effort in (4, 2):
            command: list[str | Path] = [
                "node",
                script,
                photo,
                sharp,
                str(effort),
                *map(str, WIDTHS),
            ]
            name = f"sharp, effort {effort}"
            contenders.append(Contender(name, command, environment=_node(modules)))

    def forget() -> None:
        for name in (".assetpipe_cache", "build"):
            shutil.rmtree(work / name, ignore_errors=True)

    build = [sys.executable, "-m", "assetpipe", "build", "--quiet"]
    contenders.append(
        Contender("assetpipe build", build, forget, {"PYTHONPATH": str(Path.cwd())}, work)
    )
    bare = [sys.executable, "-m", "bench.images", "encode", str(raw)]
    contenders.append(Contender(BARE, bare))
    costs = interleaved(contenders, arguments.runs)
    head = f"A photograph of 24 megapixels, {len(WIDTHS)} widths × 2 formats, {arguments.runs} runs"
    return f"{head}\n\n{table(costs)}"


def _montage(path: Path) -> Path:
    """Write a photograph of 6,000 × 4,000 pixels, made of nine."""
    whole = Image.new("RGB", (6000, 4000))
    for number, photo in enumerate(_photos()[:9]):
        part = Image.open(photo).convert("RGB")
        place = number % 3 * 2000, number // 3 * 1333
        whole.paste(ImageOps.fit(part, (2000, 1334), Image.Resampling.LANCZOS), place)
    whole.save(path, quality=90)
    return path


def _encode_all(folder: Path) -> None:
    """Encode raw images in both formats, in as many threads as a build would, and drop them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = []
        for path in sorted(folder.iterdir(), key=lambda path: -path.stat().st_size):
            width, height = map(int, path.name.split("x"))
            pixels = Pixels(width, height, "RGB", path.read_bytes())
            tasks += [
                pool.submit(encode, pixels, how)
                for how in (Encoding("avif", 65), Encoding("webp", 80))
            ]
        for task in tasks:
            task.result()


def _node(modules: Path) -> dict[str, str]:
    return os.environ | {"NODE_PATH": str(modules)}


def _cpu(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.cpu for cost in costs)


MEASURES: dict[str, Callable[[Path, argparse.Namespace], str]] = {
    "lossless": lossless, "lossy": lossy, "large": large,
}  # fmt: skip

if __name__ == "__main__":
    main()
