"""A nursery of processes: they need no time to import anything, so that kills hit their work."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Self

from tests.site import clean_environment

_PARENT = """
import json, os, signal, sys, time, traceback
for line in sys.stdin:
    jobs, kill_after = json.loads(line)
    children = []
    for job in jobs:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(job)
                status = 0
            except Exception:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(status)
        children.append(child)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(children[0], signal.SIGKILL)
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(json.dumps(ends), flush=True)
"""


class Nursery:
    """A parent that has imported all, and forks a child for each piece of work.

    Args:
        work: Python that imports, and defines ``work(job)`` for a job that JSON can hold.
    """

    def __init__(self, work: str) -> None:
        self._work = work

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._work + _PARENT],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, *jobs: Any, kill_after: float | None = None) -> list[int]:
        """Do jobs at once, kill the first one after so many seconds; return how they ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([jobs, kill_after]), file=self._process.stdin, flush=True)
        ends: list[int] = json.loads(self._process.stdout.readline())
        return ends
