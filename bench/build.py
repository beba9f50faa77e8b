"""What a build costs, measured on whole processes and beside what it is to be compared with.

``python -m bench.build cold medium`` prints a Markdown table; README.md says what each
command measures. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from assetpipe.manifest import FILE_NAME, Asset, load
from bench.measure import Contender, interleaved, table
from bench.peers import peers
from tests.corpus import TREES, tree

_LOOK = (
    "import os, sys; [os.stat(os.path.join(d, f)) for d, _, n in os.walk(sys.argv[1]) for f in n]"
)
_EDITS = {".css": ".edited-{} {{ margin: 0 }}", ".js": 'globalThis.edited = "{}";'}


class Bench:
    """The folders of one measurement: a copy of the tree, and what is built from it."""

    def __init__(self, source: Path, work: Path, jobs: int) -> None:
        self.source, self.work, self.jobs = source, work, jobs
        self.tree, self.out, self.cache = work / "tree", work / "out", work / "cache"
        shutil.copytree(source, self.tree)

    def build(self, prepare: Callable[[], object], name: str = "assetpipe build") -> Contender:
        """Return a build of the copy into ``out``."""
        command: list[str | Path] = [sys.executable, "-m", "assetpipe", "build", self.tree]
        command += ["--out", self.out, "--jobs", str(self.jobs), "--quiet"]
        return Contender(name, command, prepare, {"ASSETPIPE_CACHE": str(self.cache)}, self.work)

    def build_once(self) -> None:
        """Build, unmeasured, so that cache and output are there."""
        interleaved([self.build(lambda: None, "first build")], 1)

    def forget(self) -> None:
        """Remove the output and the cache."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.rmtree(self.cache, ignore_errors=True)

    def assets(self) -> dict[str, Asset]:
        """Return the assets of the last build."""
        return dict(load(self.out / FILE_NAME).assets)


def cold(bench: Bench, runs: int) -> None:
    """Measure a build with no cache beside the bare codecs on the same bytes."""
    bench.build_once()
    reference = bench.work / "reference"
    bench.out.rename(reference)
    codecs = Contender(
        "codecs alone",
        [sys.executable, "-m", "bench.codecs", reference, str(bench.jobs)],
        folder=Path(__file__).parent.parent,
    )
    print(table(interleaved([bench.build(bench.forget), codecs], runs)))


def unchanged(bench: Bench, runs: int) -> None:
    """Measure a build that has nothing to do, beside a bare look at every file of the tree."""
    bench.build_once()
    look = Contender("os.walk and os.stat", [sys.executable, "-c", _LOOK, bench.tree])
    print(table(interleaved([bench.build(lambda: None), look], runs)))


def unchanged_peers(bench: Bench, runs: int) -> None:
    """Measure a build that has nothing to do, beside the peers' in the same case."""
    bench.build_once()
    firsts = [peer.contender for peer in peers(bench.source, bench.work)]
    interleaved(firsts, 1)
    others = [replace(first, prepare=lambda: None) for first in firsts]
    print(table(interleaved([*others, bench.build(lambda: None)], runs)))


def edit(bench: Bench, runs: int) -> None:
    """Measure a build after an edit of one leaf, beside one that has nothing to do."""
    bench.build_once()
    least, *_, most = _leaves(bench.assets())
    edits = iter(range(sys.maxsize))

    def change(name: str) -> None:
        path = bench.tree / name
        with path.open("a") as file:
            file.write("\n" + _EDITS[path.suffix].format(next(edits)) + "\n")

    contenders = [
        bench.build(lambda: change(most), f"after an edit of {most}"),
        bench.build(lambda: change(least), f"after an edit of {least}"),
        bench.build(lambda: None, "unchanged"),
    ]
    print(table(interleaved(contenders, runs)))


def _leaves(assets: dict[str, Asset]) -> list[str]:
    """Return the files that refer to nothing, those that most others see last."""
    referrers: dict[str, set[str]] = {name: set() for name in assets}
    for name, asset in assets.items():
        for target in asset.references:
            referrers[target].add(name)
    leaves = [
        name
        for name, asset in assets.items()
        if not asset.references and name.endswith(tuple(_EDITS)) and ".min." not in name
    ]
    if not leaves:
        sys.exit("the tree has no stylesheet or script without references")
    return sorted(leaves, key=lambda name: (len(_seen_by(name, referrers)), assets[name].size))


def _seen_by(name: str, referrers: dict[str, set[str]]) -> set[str]:
    """Return all files that an edit of one renames."""
    seen, todo = {name}, [name]
    while todo:
        new = referrers[todo.pop()] - seen
        seen |= new
        todo += new
    return seen


def compare_peers(bench: Bench, runs: int) -> None:
    """Measure cold builds beside the peers', and the bytes over the files that both compress."""
    others = peers(bench.source, bench.work)
    contenders = [*(peer.contender for peer in others), bench.build(bench.forget)]
    print(table(interleaved(contenders, runs)))
    ours = {name: dict(asset.encodings) for name, asset in bench.assets().items()}
    print("\n| bytes over the files that both compress | files | theirs | assetpipe | |")
    print("| --- | --- | --- | --- | --- |")
    for peer in others:
        theirs = peer.sizes()
        for coding in ("gzip", "br"):
            shared = [
                name for name in ours if coding in ours[name] and coding in theirs.get(name, ())
            ]
            # No page waits for a source map, so assetpipe compresses them with less effort.
            pages = [name for name in shared if not name.endswith(".map")]
            for names, which in ((shared, coding), (pages, f"{coding} without source maps")):
                one, other = (
                    sum(sizes[name][coding] for name in names) for sizes in (theirs, ours)
                )
                print(
                    f"| {peer.contender.name}, {which} | {len(names)} | {one:,} | {other:,} "
                    f"| {other / one if one else 1:.3f} |"
                )


COMMANDS: dict[str, Callable[[Bench, int], None]] = {
    "cold": cold,
    "edit": edit,
    "peers": compare_peers,
    "unchanged": unchanged,
    "unchanged-peers": unchanged_peers,
}


def main() -> None:
    """Run one measurement and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=list(COMMANDS))
    parser.add_argument("tree", help=f"a folder, or one of the corpus: {', '.join(TREES)}")
    parser.add_argument("-n", "--runs", type=int, default=5, help="of each contender (default 5)")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    known = next((name for name in TREES if name == arguments.tree), None)
    source = tree(known) if known else Path(arguments.tree).absolute()
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as work:
        bench = Bench(source, Path(work), arguments.jobs)
        print(f"`{arguments.command} {source.name}`, {arguments.runs} runs of each, "
              f"{arguments.jobs} jobs\n")  # fmt: skip
        COMMANDS[arguments.command](bench, arguments.runs)


if __name__ == "__main__":
    main()
