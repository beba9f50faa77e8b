"""What a process costs: wall time, CPU time and peak memory, its children included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

_SAMPLING_SECONDS = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one run.

    Attributes:
        wall: seconds by the clock.
        cpu: seconds of user and system time, of the process and all that it waited for.
        memory: bytes resident at the peak: the sum over the process tree, sampled, where
            ``/proc`` tells it; else of the largest process alone.
    """

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True)
class Contender:
    """One thing to measure: a command, and what to do before each run, unmeasured."""

    name: str
    command: Sequence[str | Path]
    prepare: Callable[[], object] = lambda: None
    environment: Mapping[str, str] | None = None
    folder: Path | None = None


def interleaved(contenders: Sequence[Contender], runs: int) -> dict[str, list[Cost]]:
    """Run A B A B …, so that whatever slows the machine for a while slows all alike."""
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in contenders}
    for number in range(runs):
        for contender in contenders:
            contender.prepare()
            cost = _run(contender)
            costs[contender.name].append(cost)
            print(f"run {number + 1}: {contender.name} {cost.wall:.2f} s", file=sys.stderr)
    return costs


def _run(contender: Contender) -> Cost:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ASSETPIPE_")
    }
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(contender.command),
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=contender.folder,
            env=environment | dict(contender.environment or {}),
        )
        with _PeakOfTree(process.pid) as tree:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{contender.name} failed with {process.returncode}:\n{said.read()[-4000:]}")
    # Where it can be sampled that counts, as ru_maxrss starts at what this process has, from
    # before the exec. It is in kilobytes on Linux, in bytes on macOS (getrusage(2) of each).
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(wall, usage.ru_utime + usage.ru_stime, tree.peak or largest)


class _PeakOfTree:
    """Samples the memory of a process and its descendants while the ``with`` block runs."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid = pid
        self._done = Event()
        self._sampler = Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _PeakOfTree:
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._done.wait(_SAMPLING_SECONDS):
            self.peak = max(self.peak, resident_bytes(self._pid))


def resident_bytes(pid: int) -> int:
    """Return the resident bytes of a process tree; 0 where ``/proc`` does not tell."""
    folder = Path(f"/proc/{pid}")
    try:
        total = int((folder / "statm").read_text().split()[1]) * _PAGE
        for thread in (folder / "task").iterdir():
            total += sum(map(resident_bytes, map(int, (thread / "children").read_text().split())))
    except (OSError, IndexError):  # gone meanwhile, or no Linux
        return 0
    return total


def table(costs: Mapping[str, Sequence[Cost]]) -> str:
    """Return a Markdown table of medians and ranges; ratios are to the last row."""
    lines = [
        "| | wall s (min–max) | CPU s (min–max) | peak MB | wall × | CPU × |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    *_, base = costs.values()
    for name, runs in costs.items():
        wall, cpu = ([getattr(run, field) for run in runs] for field in ("wall", "cpu"))
        base_wall = statistics.median(run.wall for run in base)
        base_cpu = statistics.median(run.cpu for run in base)
        memory = statistics.median(run.memory for run in runs) / 1e6
        lines.append(
            f"| {name} | {_spread(wall)} | {_spread(cpu)} | {memory:.0f} "
            f"| {statistics.median(wall) / base_wall:.2f} "
            f"| {statistics.median(cpu) / base_cpu:.2f} |"
        )
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"
