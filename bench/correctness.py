"""Whether minifying is right, linear and fast, at a scale that takes too long for the suite.

``python -m bench.correctness meaning large`` prints a Markdown table; README.md says what each
command looks at. Ends with 1 where something is wrong; speed alone is never wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from assetpipe.kinds import load, module_for
from assetpipe.kinds.model import Options, Transformed
from bench import growth, test262
from tests.corpus import TREES, tree
from tests.meaning import Verdict, judge, minified_in

_BATCH = 500
_RUNS = 3
_LANGUAGES = {".css": "CSS"}


def meaning(folder: Path) -> bool:
    """Compare all scripts and stylesheets of a folder with what ships of them."""
    paths = minified_in(folder)
    reasons: Counter[str] = Counter()
    right = True
    print("| | files | bytes | written anew | bytes | refused | wrong |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, forced in (("as a build does", False), ("all", True)):
        verdicts: dict[str, list[Verdict]] = {"CSS": [], "JavaScript": []}
        for at in range(0, len(paths), _BATCH):
            with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as scratch:
                for verdict in judge(paths[at : at + _BATCH], Path(scratch), forced=forced):
                    verdicts[_language(verdict.path)].append(verdict)
        for language, found in verdicts.items():
            print(_row(f"{language}, {name}", found), flush=True)
            for verdict in found:
                if verdict.refused and not forced:
                    reasons[verdict.refused.partition(" ")[2]] += 1
                if complaint := verdict.difference or verdict.refused:
                    print(f"{verdict.path}: {complaint}", file=sys.stderr)
                right &= verdict.difference is None
    for reason, count in reasons.most_common():
        print(f"\n{count} refused: {reason}")
    return right


def _language(path: Path) -> str:
    return _LANGUAGES.get(path.suffix, "JavaScript")


def _row(name: str, verdicts: list[Verdict]) -> str:
    anew = [verdict for verdict in verdicts if verdict.shipped != verdict.size]
    return (
        f"| {name} | {len(verdicts):,} | {sum(verdict.size for verdict in verdicts):,} "
        f"| {len(anew):,} | {sum(verdict.size for verdict in anew):,} "
        f"| {sum(bool(verdict.refused) for verdict in verdicts)} "
        f"| {sum(verdict.difference is not None for verdict in verdicts)} |"
    )


def conformance(suite: Path) -> bool:
    """Run the tests of a copy of test262 as they are and minified."""
    if not (suite / "harness" / "sta.js").is_file():
        sys.exit(f"{suite} is no copy of test262")
    right = True
    print("| folder | tests | refused | runs | pass before | pass after | compare their own text |"
          " new failures | newly parsed |")  # fmt: skip
    print("| --- |" + " --- |" * 8)
    for folder in ("language", "annexB", "built-ins", "staging"):
        result = test262.examine(suite, f"test/{folder}", os.cpu_count() or 1)
        print(
            f"| {folder} | {result.tests:,} | {len(result.refused)} | {result.runs:,} "
            f"| {result.before:,} | {result.after:,} | {result.text} "
            f"| {len(result.broken)} | {len(result.parsing)} |",
            flush=True,
        )
        for name, outcome in result.broken:
            print(f"{name}: {outcome}", file=sys.stderr)
        right &= not result.broken and not result.parsing
    return right


def _measure_growth(folder: Path) -> bool:
    """Measure inputs of up to 20 MB, generated and made of a folder's largest files."""
    scripts, sheets = (
        sorted(
            (path for path in minified_in(folder) if _language(path) == language),
            key=lambda path: path.stat().st_size,
        )[-2:]
        for language in ("JavaScript", "CSS")
    )
    sizes = " | ".join(f"{size // 1_000_000} MB" for size in growth.SIZES)
    print(f"| CPU s a MB | {sizes} | last ÷ first | memory a byte |")
    print("| --- |" + " --- |" * (len(growth.SIZES) + 2))
    right = True
    for found in growth.grow([*scripts, *sheets], os.cpu_count() or 1):
        print(found.row(), flush=True)
        right &= found.linear
    return right


def speed(folder: Path) -> bool:
    """Measure bytes a CPU second on one core: the best of some runs over a folder's files."""
    files = [(path, path.read_bytes()) for path in minified_in(folder)]
    print("| | files | MB | CPU s | MB/s |")
    print("| --- | --- | --- | --- | --- |")
    for language in ("JavaScript", "CSS"):
        chosen = [(path, data) for path, data in files if _language(path) == language]
        anew = [(path, data) for path, data in chosen if _as_in_a_build(path, data).body != data]
        for name, measured in ((f"{language}, all", chosen), (f"{language}, written anew", anew)):
            megabytes = sum(len(data) for _, data in measured) / 1e6
            seconds = min(_seconds(measured) for _ in range(_RUNS))
            print(
                f"| {name} | {len(measured):,} | {megabytes:.1f} | {seconds:.2f} "
                f"| {megabytes / seconds if seconds else 0:.1f} |",
                flush=True,
            )
    return True


def _seconds(files: list[tuple[Path, bytes]]) -> float:
    started = time.process_time()
    for path, data in files:
        _as_in_a_build(path, data)
    return time.process_time() - started


def _as_in_a_build(path: Path, data: bytes) -> Transformed:
    module = module_for(path.name)
    assert module is not None, path
    options = Options(minify=not path.stem.endswith((".min", "-min")), module=path.suffix == ".mjs")
    return load(module).transform(data, options)


COMMANDS = {
    "growth": _measure_growth,
    "meaning": meaning,
    "speed": speed,
    "test262": conformance,
}


def main() -> None:
    """Run one command and print what it finds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=list(COMMANDS))
    parser.add_argument("tree", help=f"a folder, or one of the corpus: {', '.join(TREES)}")
    arguments = parser.parse_args()
    known = next((name for name in TREES if name == arguments.tree), None)
    folder = tree(known) if known else Path(arguments.tree).absolute()
    sys.exit(not COMMANDS[arguments.command](folder))


if __name__ == "__main__":
    main()
