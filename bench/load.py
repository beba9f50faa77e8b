"""Requests of every sort while releases come and go: ``python -m bench.load``.

Every body is compared: by the hash that its entity tag is made of, the rest with what the same
entity tag gave before.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

import brotli

from assetpipe.build import Config, build
from assetpipe.build.output import Output
from assetpipe.manifest import FILE_NAME, HISTORY, load
from bench.apps import BODY, LIVE, OUT, PREFIX
from bench.serve import plant
from tests.http.client import Answer, Connection
from tests.http.servers import free_port, started

_TO_BASE64URL = str.maketrans("+/", "-_")
_DECODERS = {None: bytes, "br": brotli.decompress, "gzip": gzip.decompress}
_KEPT = 3  # releases
_EXPECTED = {200, 206, 304, 404, 416}


@dataclass
class Seen:
    """What all clients have seen.

    Attributes:
        statuses: answers by status.
        bodies: the verified bytes by entity tag.
        tags: the last entity tag of a path.
        targets: paths that a kept release has.
        wrong: what should not have come.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    bodies: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


def ask(port: int, seen: Seen, seed: int, done: Event) -> None:
    """Ask until it is done, for anything that a browser, a crawler or a download tool may."""
    dice = random.Random(seed)
    with Connection(port) as connection:
        while not done.is_set():
            target = dice.choice(seen.targets)
            fields = [("Accept-Encoding", dice.choice(["gzip, br", "gzip", "identity", "*;q=0"]))]
            method = "GET"
            sort = dice.random()
            tag = seen.tags.get(target, "")
            size = len(seen.bodies.get(tag, b"")) + 10
            if sort < 0.1:
                target = f"none{dice.randrange(1000)}.css"
            elif sort < 0.3 and tag:
                fields.append(("If-None-Match", tag))
            elif sort < 0.45:
                first = dice.randrange(size)
                fields.append(("Range", f"bytes={first}-{first + dice.randrange(size)}"))
                if tag and dice.random() < 0.5:
                    fields.append(("If-Range", tag))
            elif sort < 0.5:
                method = "HEAD"
            try:
                answer = connection.ask(method, PREFIX + target, fields)
            except OSError as error:
                problem = f"no answer: {error}"
            else:
                problem = check(answer, method, target, seen)
                seen.statuses[answer.status] += 1
            if problem:
                with seen.lock:
                    seen.wrong.append(f"{method} {target} {fields}: {problem}")


def check(answer: Answer, method: str, target: str, seen: Seen) -> str:
    """Return what is wrong with an answer; nothing if all is well."""
    tag = answer.get("ETag") or ""
    if answer.status not in _EXPECTED:
        return f"status {answer.status}"
    if answer.status == 404:
        # What only a release that has just been cleaned away had is rightly gone.
        return "is there, but was not found" if target in seen.targets else ""
    if method == "HEAD" or answer.status in (304, 416):
        return "a body" if answer.body else ""
    if answer.status == 206:
        start, _, rest = (answer.get("Content-Range") or "").removeprefix("bytes ").partition("-")
        part = slice(int(start), int(rest.split("/")[0]) + 1)
        known = seen.bodies.get(tag)
        return "" if known is None or known[part] == answer.body else "another part"
    if not tag:
        return ""  # a plain file that is newer than the manifest: nothing vouches for it
    body = _DECODERS[answer.get("Content-Encoding")](answer.body)
    digest = base64.b64encode(hashlib.sha384(body).digest()).decode()[:22].translate(_TO_BASE64URL)
    if tag.strip('"')[:22] != digest:
        return "its hash is not that of its entity tag"
    with seen.lock:
        seen.bodies[tag], seen.tags[target] = answer.body, tag
    return ""


def release(folder: Path, number: int, seen: Seen) -> None:
    """Build a release in which everything of some of its files has changed."""
    source = folder / "source"
    (source / "small.txt").write_text(f"release {number} " * 60)
    (source / "robots.txt").write_text(f"User-agent: {number:03}\n" * 40)
    with (source / "large.js").open("a") as file:
        file.write(f"g({number});\n")
    out = folder / "out"
    build(Config(source=source, out=out, cache=folder / "cache", plain=("robots.txt",)))
    current = load(out / FILE_NAME)
    kept = sorted((out / HISTORY).iterdir(), key=lambda path: path.stat().st_mtime_ns)[-_KEPT:]
    files = {asset.file for path in kept for asset in load(path).assets.values()}
    seen.targets = sorted({*files, *current.assets})
    Output(out).clean(_KEPT)


def memory(port: int) -> int:
    """Return the resident bytes of the processes that serve a port, each page counted once."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f":{port}".encode() in (folder / "cmdline").read_bytes():
                rollup = (folder / "smaps_rollup").read_text()
                total += int(rollup.split("Pss:")[1].split()[0]) * 1024
        except OSError:
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--releases", type=int, default=20)
    arguments = parser.parse_args()
    seen, done = Seen(), Event()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plant(folder)
        release(folder, 0, seen)
        port = free_port()
        command = [
            sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "2",
            "--threads", "32", "--keep-alive", "60", "--bind", f"127.0.0.1:{port}",
            "--log-level", "error", "bench.apps:application('assetpipe')",
        ]  # fmt: skip
        environment = {OUT: str(folder / "out"), BODY: os.devnull, LIVE: "1"}
        with (
            started(command, port, environment),
            ThreadPoolExecutor(arguments.connections) as pool,
        ):
            resident = []
            for seed in range(arguments.connections):
                pool.submit(ask, port, seen, seed, done)
            pause = arguments.seconds / (arguments.releases + 1)
            for number in range(1, arguments.releases + 1):
                time.sleep(pause)
                release(folder, number, seen)
                resident.append(memory(port) / 1e6)
                print(f"release {number}: {resident[-1]:.1f} MB", file=sys.stderr)
            time.sleep(pause)
            done.set()
    total = sum(seen.statuses.values())
    print(f"{total} answers: {dict(sorted(seen.statuses.items()))}")
    print(f"{len(seen.bodies)} bodies verified by hash; {len(seen.wrong)} wrong answers")
    print(f"memory of all workers: {resident[0]:.1f} MB first, {resident[-1]:.1f} MB last")
    for each in seen.wrong[:20]:
        print(f"  {each}")
    sys.exit(bool(seen.wrong))


if __name__ == "__main__":
    main()
