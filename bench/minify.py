"""How small minifiers make real scripts and stylesheets, what it costs, and how many they break.

``python -m bench.minify small`` prints two Markdown tables; README.md says what they hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
import deflate

from assetpipe.build.esbuild import Esbuild, find, version
from assetpipe.kinds import load, module_for
from assetpipe.kinds.model import Minified, Options
from bench.measure import Contender, interleaved
from bench.peers import environment
from tests import checker_css
from tests.corpus import TREES, tree
from tests.node import node_modules, run_node

PACKAGES = ("lightningcss==0.3.2", "tdewolff-minify==2.24.12")

_HERE = Path(__file__)
_ORACLE = _HERE.with_suffix(".mjs")
_SCRIPTS, _SHEETS = {".cjs", ".js", ".mjs"}, {".css"}
_LONGEST_LINE = 300  # characters on the average; beyond, a file came minified

Jobs = Sequence[tuple[str, str]]
"""Paths of a source and of what a minifier is to write; it leaves out what it cannot do."""

# The tools of the virtual environment, which has no assetpipe.
_FOREIGN = """\
import json, sys
import lightningcss, minify
tool, jobs = sys.argv[1:]
def run(text, suffix):
    if tool == "lightningcss":
        return lightningcss.process_stylesheet(text, minify=True)
    return minify.string("text/css" if suffix == ".css" else "application/javascript", text)
for source, output in json.load(open(jobs)):
    with open(source, encoding="utf-8", newline="") as file:
        text = file.read()
    try:
        text = run(text, source[source.rindex("."):])
    except Exception:
        continue
    with open(output, "w", encoding="utf-8", newline="") as file:
        file.write(text)
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A minifier.

    Attributes:
        name: what it is called in the table.
        suffixes: what it can read.
        command: what minifies the files of a list of jobs, whose path follows.
        keeps: it keeps all names and rules, so that its output must be the same program.
    """

    name: str
    suffixes: set[str]
    command: Sequence[str | Path]
    keeps: bool


@dataclass(frozen=True, slots=True)
class Row:
    """What a tool made of all files of one language.

    Attributes:
        tool: its name.
        raw: bytes of all outputs.
        gzip: their bytes compressed with gzip.
        br: their bytes compressed with Brotli.
        refused: how many files it could not read.
        broken: how many outputs an oracle found to be wrong.
        newer: how many outputs need a later ECMAScript than their sources.
        cpu: seconds.
    """

    tool: str
    raw: int
    gzip: int
    br: int
    refused: int = 0
    broken: int = 0
    newer: int = 0
    cpu: float = 0.0


def tools() -> list[Tool]:
    """Return the minifiers, assetpipe last; installs the foreign ones on first use."""
    here: list[str | Path] = [sys.executable, "-m", "bench.minify", "--run"]
    foreign: list[str | Path] = [environment(PACKAGES) / "bin" / "python", "-c", _FOREIGN]
    every = _SCRIPTS | _SHEETS
    return [
        Tool("rjsmin", _SCRIPTS, [*here, "rjsmin"], keeps=True),
        Tool("rcssmin", _SHEETS, [*here, "rcssmin"], keeps=True),
        Tool("tdewolff-minify", every, [*foreign, "tdewolff"], keeps=False),
        Tool("lightningcss", _SHEETS, [*foreign, "lightningcss"], keeps=False),
        Tool("esbuild --minify", every, [*here, "esbuild"], keeps=False),
        Tool("assetpipe", every, [*here, "assetpipe"], keeps=True),
        Tool("assetpipe, minifier = esbuild", _SCRIPTS, [*here, "both"], keeps=False),
    ]


# The tools that run in a process of this file.


def _run_rjsmin(jobs: Jobs) -> None:
    import rjsmin

    for source, output in jobs:
        _write(output, rjsmin.jsmin(_read(source), keep_bang_comments=True))


def _run_rcssmin(jobs: Jobs) -> None:
    import rcssmin

    for source, output in jobs:
        _write(output, rcssmin.cssmin(_read(source), keep_bang_comments=True))


def _run_assetpipe(jobs: Jobs) -> None:
    for source, output in jobs:
        Path(output).write_bytes(_ours(source))


def _run_both(jobs: Jobs) -> None:
    with Esbuild(_esbuild(), version(_esbuild())) as esbuild, ThreadPoolExecutor(4) as threads:

        def one(job: tuple[str, str]) -> None:
            source, output = job
            body = _ours(source)
            result = esbuild.minify(_read(source), module=source.endswith(".mjs"), source_map=False)
            if isinstance(result, Minified):
                body = min(body, result.code.encode(), key=len)
            Path(output).write_bytes(body)

        for _ in threads.map(one, jobs):
            pass


def _run_esbuild(jobs: Jobs) -> None:
    """Run esbuild by its command line, over all files that it can read at once."""
    waiting = [jobs]
    while waiting:
        some = waiting.pop()
        with tempfile.TemporaryDirectory() as out:
            # Each under a name of its own, as the output folder is flat.
            entries = [f"{at}={source}" for at, (source, _) in enumerate(some)]
            command = [_esbuild(), "--minify", "--log-level=silent", f"--outdir={out}", *entries]
            if subprocess.run(command).returncode == 0:
                for at, (source, output) in enumerate(some):
                    suffix = ".css" if source.endswith(".css") else ".js"
                    Path(out, f"{at}{suffix}").rename(output)
            elif len(some) > 1:
                waiting += [some[: len(some) // 2], some[len(some) // 2 :]]


def _ours(source: str) -> bytes:
    module = module_for(source)
    assert module is not None
    options = Options(module=source.endswith(".mjs"))
    return load(module).transform(Path(source).read_bytes(), options).body


def _esbuild() -> str:
    return find(str(next(node_modules().glob("@esbuild/*/bin/esbuild*"))), Path())


def _read(path: str) -> str:
    return Path(path).read_bytes().decode()


def _write(path: str, text: str) -> None:
    Path(path).write_bytes(text.encode())


RUNS: dict[str, Callable[[Jobs], None]] = {
    "assetpipe": _run_assetpipe,
    "both": _run_both,
    "esbuild": _run_esbuild,
    "rcssmin": _run_rcssmin,
    "rjsmin": _run_rjsmin,
}


# What they made, judged by parsers that are none of theirs.


def _broken(tool: Tool, files: Mapping[Path, Path]) -> dict[Path, tuple[str | None, bool]]:
    """Return how each output is broken, or ``None``, and whether it needs a later ECMAScript."""
    found: dict[Path, tuple[str | None, bool]] = {}
    scripts = {source: output for source, output in files.items() if source.suffix in _SCRIPTS}
    if scripts:
        questions = "".join(
            json.dumps({"name": str(source), "source": str(source), "output": str(output)}) + "\n"
            for source, output in scripts.items()
        )
        oracle = "compare.mjs" if tool.keeps else str(_ORACLE)
        for line in run_node(oracle, text=questions).splitlines():
            answer = json.loads(line)
            verdict = _references_differ(answer) if tool.keeps else answer["broken"]
            found[Path(answer["name"])] = verdict, answer.get("newer", False)
    for source in files.keys() - scripts.keys():
        found[source] = _broken_sheet(source, files[source], keeps=tool.keeps), False
    return found


def _references_differ(answer: dict[str, Any]) -> str | None:
    if answer["difference"]:
        return str(answer["difference"])
    names = [
        [found["specifier"] for found in answer[side] if found["role"] != "sourcemap"]
        for side in ("source", "output")
    ]
    return None if names[0] == names[1] else "refers to other files"


def _broken_sheet(source: Path, output: Path, *, keeps: bool) -> str | None:
    before, after = (checker_css.read(path.read_bytes()) for path in (source, output))
    if keeps:
        return None if before.tokens == after.tokens else "has other rules"
    errors = [sum(token.startswith("error") for token in sheet.tokens) for sheet in (before, after)]
    if errors[1] > errors[0]:
        return "has a new error"
    if before.tokens and not after.tokens:
        return "is empty"
    urls = [
        {found.specifier for found in sheet.references if found.role != "sourcemap"}
        for sheet in (before, after)
    ]
    lost = urls[0] - urls[1]
    return f"lost {min(lost)}" if lost else None


# The table.


class Sizes:
    """Compressed sizes; equal contents are compressed once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[int, int, int]] = {}

    def total(self, paths: Iterable[Path]) -> tuple[int, int, int]:
        """Return the sums of raw, gzip 12 and Brotli 11 sizes."""
        paths = list(paths)
        with ThreadPoolExecutor(2) as threads:
            raw, gzip, br = zip(*threads.map(self._of, paths), strict=True)
        return sum(raw), sum(gzip), sum(br)

    def _of(self, path: Path) -> tuple[int, int, int]:
        body = path.read_bytes()
        digest = hashlib.sha256(body).digest()
        if digest not in self._known:
            gzip, br = deflate.gzip_compress(body, 12), brotli.compress(body, quality=11)
            self._known[digest] = len(body), len(gzip), len(br)
        return self._known[digest]


def measure(tool: Tool, sources: Sequence[Path], sizes: Sizes, work: Path) -> Row:
    """Run a tool over files of one language; what it cannot do counts as its source."""
    work.mkdir()
    outputs = {source: work / f"{at}{source.suffix}" for at, source in enumerate(sources)}
    jobs = work / "jobs.json"
    jobs.write_text(json.dumps([(str(source), str(output)) for source, output in outputs.items()]))
    contender = Contender(tool.name, [*tool.command, jobs], folder=_HERE.parent.parent)
    (cost,) = interleaved([contender], 1)[tool.name]
    done = {source: output for source, output in outputs.items() if output.exists()}
    verdicts = _broken(tool, done)
    for source, (verdict, _) in verdicts.items():
        if verdict:
            print(f"{tool.name} broke {source}: {verdict}", file=sys.stderr)
    raw, gzip, br = sizes.total(done.get(source, source) for source in sources)
    return Row(
        tool.name,
        refused=len(sources) - len(done),
        broken=sum(verdict is not None for verdict, _ in verdicts.values()),
        newer=sum(newer for _, newer in verdicts.values()),
        raw=raw,
        gzip=gzip,
        br=br,
        cpu=cost.cpu,
    )


def unminified(folders: Iterable[Path], suffixes: set[str]) -> list[Path]:
    """Return the files to minify: text in UTF-8 that is not minified, each content once."""
    found: dict[bytes, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in suffixes and path.is_file() and ".min." not in path.name:
                data = path.read_bytes()
                try:
                    text = data.decode()
                except UnicodeDecodeError:
                    continue
                if text.strip() and len(text) < _LONGEST_LINE * (text.count("\n") + 1):
                    found.setdefault(data, path)
    return list(found.values())


def table(title: str, rows: Sequence[Row]) -> str:
    """Return a Markdown table; ratios are to the first row, the sources."""
    lines = [
        f"| {title} | raw | gzip | br | raw × | gzip × | br × | refused | broken | newer | CPU s |",
        "| --- " * 11 + "|",
    ]
    base = rows[0]
    lines += (
        f"| {row.tool} | {row.raw:,} | {row.gzip:,} | {row.br:,} | {row.raw / base.raw:.3f} "
        f"| {row.gzip / base.gzip:.3f} | {row.br / base.br:.3f} | {row.refused} | {row.broken} "
        f"| {row.newer} | {row.cpu:.1f} |"
        for row in rows
    )
    return "\n".join(lines)


def main() -> None:
    """Minify the trees with every tool and print a table for each language."""
    if sys.argv[1:2] == ["--run"]:
        RUNS[sys.argv[2]](json.loads(Path(sys.argv[3]).read_bytes()))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tree", nargs="+", help=f"folders, or of the corpus: {', '.join(TREES)}")
    parser.add_argument("--every", type=int, default=1, help="take one file of so many (default 1)")
    arguments = parser.parse_args()
    known = {str(name): name for name in TREES}
    folders = [
        tree(known[name]) if name in known else Path(name).absolute() for name in arguments.tree
    ]
    sizes = Sizes()
    for title, suffixes in (("JavaScript", _SCRIPTS), ("CSS", _SHEETS)):
        sources = unminified(folders, suffixes)[:: arguments.every]
        if not sources:
            continue
        rows = [Row(f"{len(sources):,} sources", *sizes.total(sources))]
        with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as work:
            rows += (
                measure(tool, sources, sizes, Path(work, f"{at}"))
                for at, tool in enumerate(tools())
                if tool.suffixes & suffixes
            )
        print(table(title, rows), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
