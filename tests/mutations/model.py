"""What a deliberate breakage is."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """One breakage.

    Attributes:
        name: what is broken, a few words.
        file: below the package.
        old: text that occurs there exactly once.
        new: what it becomes.
        tests: arguments for pytest, paths below ``tests``.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str
