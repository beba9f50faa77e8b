"""What a minifier costs by the size of its input: CPU time and memory a megabyte.

``python -m bench.growth FILE`` measures one file, in a process of its own, and prints JSON.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from assetpipe.kinds import load, module_for
from assetpipe.kinds.model import Options
from tests.oversize import SCRIPTS, SHEETS, Oversize

SIZES = (1_000_000, 5_000_000, 20_000_000)
_SECONDS = 90
"""What has not ended by then is not linear: the slowest input takes 1.5 CPU seconds a megabyte."""
_CASES = {".js": SCRIPTS, ".css": SHEETS}


class Growth(NamedTuple):
    """One input in all sizes.

    Attributes:
        name: what it is.
        seconds: CPU seconds a megabyte, by size.
        memory: peak memory beyond the interpreter's and the file's, in bytes for each of its own.
        refused: it ships as it is, with a note.
    """

    name: str
    seconds: list[float]
    memory: list[float]
    refused: bool

    def row(self) -> str:
        """Return a row of a Markdown table."""
        seconds = " | ".join(f"{value:.2f}" for value in self.seconds)
        return (
            f"| {self.name}{' (refused)' if self.refused else ''} | {seconds} "
            f"| {self.seconds[-1] / max(self.seconds[0], 0.001):.2f} | {self.memory[-1]:.0f} |"
        )

    @property
    def linear(self) -> bool:
        """Whether the largest input takes at most three times as long for its size."""
        return self.seconds[-1] <= 3 * max(self.seconds[0], 0.05)


def grow(files: Iterable[Path], jobs: int) -> Iterator[Growth]:
    """Measure all generated inputs, and the given files repeated."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda case: _measure(*case), _inputs(list(files)))


def _inputs(files: list[Path]) -> Iterator[tuple[str, str, Oversize]]:
    """Yield name, suffix and input."""
    for path in files:
        yield f"{path.name}, repeated", path.suffix, Oversize(path.read_text("utf-8") + "\n")
    for suffix, cases in _CASES.items():
        for name, case in cases.items():
            yield f"{suffix[1:].upper()}: {name}", suffix, case


def _measure(name: str, suffix: str, growing: Oversize) -> Growth:
    costs: list[dict[str, Any]] = []
    for size in SIZES:
        costs.append(_one(growing.text(size), suffix))
        if costs[-1]["seconds"] == inf:
            break  # a larger one takes no less
    return Growth(
        name,
        [cost["seconds"] / cost["size"] * 1e6 for cost in costs],
        [cost["memory"] / cost["size"] for cost in costs],
        costs[-1]["refused"],
    )


def _one(text: str, suffix: str) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(text.encode())
        file.flush()
        command = [sys.executable, "-m", "bench.growth", file.name]
        done = subprocess.run(command, capture_output=True)
    if done.returncode == -signal.SIGXCPU:
        return {"seconds": inf, "memory": 0, "refused": False, "size": len(text)}
    done.check_returncode()
    cost: dict[str, Any] = json.loads(done.stdout)
    return cost


def main() -> None:
    """Minify one file and print what that took."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 1))
    path = Path(sys.argv[1])
    data = path.read_bytes()
    module = module_for(path.name)
    assert module is not None
    kind = load(module)
    kind.transform(b"a", Options())  # so that all modules are loaded
    before = _peak()
    started = time.process_time()
    shipped = kind.transform(data, Options())
    seconds = time.process_time() - started
    cost = {"seconds": seconds, "memory": _peak() - before, "refused": bool(shipped.notes)}
    print(json.dumps(cost | {"size": len(data)}))


def _peak() -> int:
    """Return the most bytes that this process has had resident."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which starts at what the parent has, from before the exec (getrusage(2)).
        (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())
        return int(kilobytes) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
