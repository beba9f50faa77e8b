"""Deliberate breakages, each of which must turn its tests red.

``python -m tests.mutations [NAME…]`` copies the package, breaks it in one place, and runs the
tests that should notice; it names the breakages that nobody noticed. A new one is a new row.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from tests.mutations.model import Mutation

ROOT = Path(__file__).parent.parent.parent
TIME_LIMIT = 120  # seconds; a breakage that hangs the tests is noticed, too
PARTS = (
    "build", "css", "js", "svg", "json", "html", "maps", "bundles", "esbuild", "inputs", "fuzz",
    "serve", "tags", "metrics", "flask", "commands", "frameworks", "publish", "stores",
    "edge", "invalidate", "verify", "watch", "watcher", "live", "client", "markup", "images",
    "variants",
)  # fmt: skip
MUTATIONS: list[Mutation] = [
    mutation for part in PARTS for mutation in import_module(f"tests.mutations.{part}").MUTATIONS
]


def run(mutation: Mutation | None, tests: str) -> str:
    """Run tests on a copy of the package; return ``green``, ``red``, or what else happened."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder)
        for name in ("assetpipe", "docs", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if mutation is not None:
            path = copy / "assetpipe" / mutation.file
            text = path.read_text("utf-8")
            if text.count(mutation.old) != 1:
                return f"does not apply: the text occurs {text.count(mutation.old)} times"
            path.write_text(text.replace(mutation.old, mutation.new), "utf-8")
        selection = [f"tests/{part}" if ".py" in part else part for part in shlex.split(tests)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *selection],
                cwd=copy,
                env=os.environ | {"PYTHONPATH": str(copy)},
                capture_output=True,
                encoding="utf-8",
                timeout=TIME_LIMIT,
            )
        except subprocess.TimeoutExpired:
            return "red"
    outcome = {0: "green", 1: "red"}.get(done.returncode)
    return outcome or f"pytest ended with status {done.returncode}:\n{done.stdout}{done.stderr}"


@cache
def before(tests: str) -> str:
    """Run tests on the package as it is."""
    return run(None, tests)


def complaints(mutations: list[Mutation]) -> Iterator[str]:
    """Yield a sentence for each breakage that was not noticed, or could not be judged."""
    for mutation in mutations:
        unbroken = before(mutation.tests)
        if unbroken != "green":
            verdict = f"its tests are {unbroken} without it"
        else:
            outcome = run(mutation, mutation.tests)
            verdict = {"red": "", "green": "SURVIVED"}.get(outcome, outcome)
        print(f"{mutation.file}: {mutation.name}: {verdict or 'noticed'}", flush=True)
        if verdict:
            yield f"{mutation.name}: {verdict}"


def main() -> None:
    """Apply the breakages whose names contain one of the arguments, or all."""
    words = sys.argv[1:]
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    if not chosen:
        sys.exit("no breakage has such a name")
    survived = list(complaints(chosen))
    print(f"{len(chosen) - len(survived)} of {len(chosen)} breakages were noticed.")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()
