"""The conformance suite of ECMAScript, run by Node before and after it is minified.

A test that fails as it is, for want of a feature or for what Node's ``vm`` cannot do, tells
nothing. One that fails only when it is minified shows a fault of ours.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from assetpipe.kinds.js import KIND
from assetpipe.kinds.model import Options

_DRIVER = Path(__file__).with_suffix(".mjs")
_SHARD = 400
_SHARD_SECONDS = 900
_METADATA = re.compile(r"/\*---(.*?)---\*/", re.DOTALL)

# These compare the source text of functions, which minifying shortens as comments and blanks go.
_SOURCE_TEXT = (
    "test/built-ins/Function/prototype/toString/",
    "test/staging/sm/async-functions/toString.js",
    "test/staging/sm/class/parenExprToString.js",
    "test/staging/sm/generators/runtime.js",
)


@dataclass(frozen=True, slots=True)
class Test:
    """One test, from its metadata (the suite's INTERPRETING.md).

    Attributes:
        name: path below the suite's folder.
        flags: how it is to be run.
        includes: files of the harness that it needs besides the usual ones.
        negative: phase and type of the error that it must end with, as ``parse: SyntaxError``.
    """

    name: str
    flags: frozenset[str]
    includes: tuple[str, ...]
    negative: str

    def requests(self) -> Iterator[str]:
        """Yield a line for the driver for each mode: sloppy, strict or both."""
        module, raw, asynchronous = (flag in self.flags for flag in ("module", "raw", "async"))
        modes = [False, True]
        if module or raw or "noStrict" in self.flags:
            modes = [False]
        elif "onlyStrict" in self.flags:
            modes = [True]
        for strict in modes:
            yield json.dumps(
                {
                    "name": self.name,
                    "strict": strict,
                    "module": module,
                    "raw": raw,
                    "async": asynchronous,
                    "includes": [*self.includes, *["doneprintHandle.js"] * asynchronous],
                }
            )

    def passes(self, outcome: str) -> bool:
        """Say whether a run ended as the suite wants it."""
        return outcome.startswith(self.negative + ":") if self.negative else not outcome


@dataclass(slots=True)
class Result:
    """What came out of one folder of the suite.

    Attributes:
        tests: how many there are.
        refused: those that ship as they are, and why.
        runs: how often one was run, sloppy or strict.
        before: runs that pass as the tests are.
        after: runs that pass with the tests minified.
        text: runs that pass before and not after, as they compare the source text of functions.
        broken: all other runs that pass before and not after, and how these end.
        parsing: runs of what could not be parsed before and can be after.
        other: runs that fail before and after, and in another way.
    """

    tests: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    runs: int = 0
    before: int = 0
    after: int = 0
    text: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)
    parsing: list[str] = field(default_factory=list)
    other: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, test: Test, mode: str, before: str, after: str) -> None:
        """Add one run by how it ended before and after."""
        name = f"{test.name} ({mode})"
        passed_before, passed_after = test.passes(before), test.passes(after)
        self.runs += 1
        self.before += passed_before
        self.after += passed_after
        if passed_before and not passed_after and name.startswith(_SOURCE_TEXT):
            self.text += 1
        elif passed_before and not passed_after:
            self.broken.append((name, after))
        elif before != after:
            self.other.append((name, before, after))
        if before.startswith("parse:") and not after.startswith("parse:"):
            self.parsing.append(name)


def examine(suite: Path, folder: str, jobs: int) -> Result:
    """Run the tests below one folder of the suite, ``test/language`` say, before and after."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as scratch:
        tests = []
        for path in sorted((suite / folder).rglob("*")):
            if path.is_file():
                name = path.relative_to(suite).as_posix()
                source = path.read_bytes()
                test = None if "_FIXTURE" in name or path.suffix != ".js" else read(name, source)
                output, refused = ship(source, test) if path.suffix == ".js" else (source, "")
                target = Path(scratch, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(output)
                if test:
                    result.tests += 1
                    if refused:
                        result.refused.append((name, refused))
                    else:
                        tests.append(test)
        requests = [(test, line) for test in tests for line in test.requests()]
        shards = [requests[at : at + _SHARD] for at in range(0, len(requests), _SHARD)]
        with ThreadPoolExecutor(jobs) as pool:
            run = pool.map(lambda shard: _run(suite, Path(scratch), shard), shards)
            for shard, outcomes in zip(shards, run, strict=True):
                for (test, line), (before, after) in zip(shard, outcomes, strict=True):
                    mode = "strict" if json.loads(line)["strict"] else "as it is"
                    result.add(test, mode, before, after)
                print(f"{folder}: {result.runs} of {len(requests)}", file=sys.stderr)
    return result


def read(name: str, source: bytes) -> Test:
    """Read a test's metadata."""
    found = _METADATA.search(source.decode("utf-8", "replace").replace("\r\n", "\n"))
    metadata = found[1].replace("\r", "\n") if found else ""
    phase, error = (
        re.search(rf"^negative:(?:\n.*)*?\n +{key}: *(\w+)", metadata, re.MULTILINE)
        for key in ("phase", "type")
    )
    return Test(
        name,
        frozenset(_items(metadata, "flags")),
        tuple(_items(metadata, "includes")),
        f"{phase[1]}: {error[1]}" if phase and error else "",
    )


def _items(metadata: str, key: str) -> list[str]:
    """Return a list of the metadata, written in one line or in one line each."""
    if found := re.search(rf"^{key}: *\[(.*?)\]", metadata, re.MULTILINE | re.DOTALL):
        return re.findall(r"[^\s,]+", found[1])
    found = re.search(rf"^{key}: *\n((?: *- .*\n)+)", metadata, re.MULTILINE)
    return re.findall(r"- *(\S+)", found[1]) if found else []


def ship(source: bytes, test: Test | None) -> tuple[bytes, str]:
    """Return what ships of a test or of what it imports, and why it is refused if it is."""
    module = test is not None and "module" in test.flags
    shipped = KIND.transform(source, Options(module=module))
    return shipped.body, "; ".join(note.message for note in shipped.notes)


def _run(suite: Path, minified: Path, runs: list[tuple[Test, str]]) -> list[tuple[str, str]]:
    """Return how runs end before and after; one that takes Node down with it ends so."""
    outcomes: list[tuple[str, str]] = []
    while len(outcomes) < len(runs):
        outcomes += _outcomes(suite, minified, (line for _, line in runs[len(outcomes) :]))
        if len(outcomes) < len(runs):
            outcomes.append(("crash", "crash"))
    return outcomes


def _outcomes(suite: Path, minified: Path, lines: Iterable[str]) -> list[tuple[str, str]]:
    with tempfile.TemporaryFile("w+") as said:
        command = ["node", "--experimental-vm-modules", "--no-warnings", "--stack-size=900"]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*command, _DRIVER, suite, minified],
                input="\n".join(lines).encode(),
                stdout=said,
                stderr=subprocess.DEVNULL,
                timeout=_SHARD_SECONDS,
            )
        said.seek(0)
        return [(before, after) for before, after in map(json.loads, said)]
