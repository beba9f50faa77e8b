"""Whether what ships of a script or a stylesheet means what its source means.

Our minifiers make what ships; parsers that are not ours judge it. Acorn must find the same syntax
tree before and after, tinycss2 the same rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from assetpipe.kinds import load, module_for
from assetpipe.kinds.model import Options, Transformed
from tests import checker_css
from tests.node import run_node

SUFFIXES = (".cjs", ".css", ".js", ".mjs")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one file.

    Attributes:
        path: the source.
        size: its bytes.
        shipped: the bytes that ship.
        refused: why a minifier would not touch it, and where; empty if it took it.
        difference: how what ships means something else, or ``None``.
    """

    path: Path
    size: int
    shipped: int
    refused: str
    difference: str | None


def minified_in(folder: Path) -> list[Path]:
    """Return the scripts and stylesheets below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())


def judge(paths: Iterable[Path], scratch: Path, *, forced: bool = False) -> list[Verdict]:
    """Minify scripts and stylesheets, and have each compared with its source.

    Args:
        paths: the files; their suffixes tell what they are.
        scratch: an empty folder for what ships.
        forced: have also those written anew that hardly shrink, which ship as they are.

    Raises:
        NodeUnavailableError: there are scripts, and no Node to judge them.
    """
    verdicts = []
    scripts = []
    for number, path in enumerate(paths):
        data = path.read_bytes()
        shipped = transform(path, data, forced=forced)
        refused = "; ".join(f"{note.line}:{note.column} {note.message}" for note in shipped.notes)
        verdict = Verdict(path, len(data), len(shipped.body), refused, None)
        if path.suffix == ".css":
            verdict = replace(verdict, difference=sheet_difference(data, shipped.body))
        elif shipped.body != data:
            output = scratch / f"{number}.js"
            output.write_bytes(shipped.body)
            scripts.append((number, path, output))
        verdicts.append(verdict)
    for number, difference in script_differences(scripts).items():
        verdicts[number] = replace(verdicts[number], difference=difference)
    return verdicts


def transform(path: Path, data: bytes, *, forced: bool = False) -> Transformed:
    """Transform a file's bytes as a build would, minified whatever its name says."""
    module = module_for(path.name)
    assert module is not None, path
    options = Options(module=path.suffix == ".mjs")
    done = load(module).transform(data, options)
    if not forced or done.notes or done.body != data:
        return done
    # A comment more than the hundredth of its size that has to be saved.
    ballast = b"\n/*" + b" " * (len(data) // 90 + 1) + b"*/"
    done = load(module).transform(data + ballast, options)
    return replace(done, body=done.body.removesuffix(ballast))


def sheet_difference(source: bytes, output: bytes) -> str | None:
    """Return where a stylesheet's rules stop being those of its source, or ``None``."""
    if source == output:
        return None
    before, after = checker_css.read(source), checker_css.read(output)
    if before.tokens == after.tokens:
        return None
    both = zip(before.tokens, after.tokens, strict=False)
    at = next((at for at, (one, other) in enumerate(both) if one != other), None)
    if at is None:
        at = min(len(before.tokens), len(after.tokens))
    lines = before.lines[: at + 1] or [1]
    return f"line {lines[-1]}: {before.tokens[at : at + 8]} became {after.tokens[at : at + 8]}"


def script_differences(scripts: list[tuple[int, Path, Path]]) -> dict[int, str | None]:
    """Return how scripts differ from their sources, each by its number."""
    if not scripts:
        return {}
    requests = "".join(
        json.dumps({"name": number, "source": str(source), "output": str(output)}) + "\n"
        for number, source, output in scripts
    )
    answers = map(json.loads, run_node("compare.mjs", text=requests).splitlines())
    return {answer["name"]: answer["difference"] for answer in answers}
