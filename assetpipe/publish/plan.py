"""The plan: what a publish will put, and why, as data that can be printed, tested and done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from assetpipe.manifest import Manifest
from assetpipe.names import SIBLING_SUFFIXES

Reason = Literal["new", "size differs", "content differs"]


@dataclass(frozen=True, slots=True)
class Put:
    """One file to put.

    Attributes:
        file: its name in the release and at the target.
        size: bytes.
        fixed: its name does not change with its bytes, so it goes last.
        reason: why it has to be put.
    """

    file: str
    size: int
    fixed: bool
    reason: Reason


def plan(
    release: Manifest,
    size_of: Callable[[str], int | None],
    differs: Callable[[str], bool],
) -> list[Put]:
    """Return what is missing at a target, the largest first, fixed names last.

    Args:
        release: what is to be there.
        size_of: size of a file at the target, ``None`` where there is none.
        differs: says whether the target's content of a file is another; asked for fixed names
            of the right size only, as a fingerprinted name stands for its content.
    """
    puts = []
    for asset in release.assets.values():
        sizes = {SIBLING_SUFFIXES[coding]: size for coding, size in asset.encodings.items()}
        for suffix, size in {**sizes, "": asset.size}.items():
            file = asset.file + suffix
            there = size_of(file)
            reason: Reason
            if there is None:
                reason = "new"
            elif there != size:
                reason = "size differs"
            elif not asset.immutable and differs(file):
                reason = "content differs"
            else:
                continue
            puts.append(Put(file, size, not asset.immutable, reason))
    return sorted(puts, key=lambda put: (put.fixed, -put.size, put.file))
