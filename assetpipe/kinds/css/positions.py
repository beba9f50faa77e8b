"""Where the tokens of a stylesheet stand, before and after it was minified."""

from __future__ import annotations

import re
from itertools import accumulate
from operator import add, sub
from typing import NamedTuple

from assetpipe.kinds.patterns import compiled

from .tokens import COMMENT, ESCAPE, NAME_CHAR, NAMED_URL, STRING, URL, WHITE, WS

# Coarser than the tokens of CSS Syntax 3, section 4: what no minifier takes apart is one, and a
# mark is one even where it is half of a token, so that no lost space makes one of two. An escape
# in front of a bracket may spell `url(`, and is none.
_TOKEN = compiled(
    rf"""
    ( (?: {WS}++ | {COMMENT} )*+ )
    ( [.\#@]?+ (?: {NAME_CHAR} | {ESCAPE}(?!{NAME_CHAR}*+\() | \.(?=[0-9]) )++ %?+
    | {STRING} | {URL} | \((?:(?!{NAMED_URL})|(?={WS}*+["'])) | /(?!\*)
    | [^"'/\\({WHITE}] | \Z
    | ( [\s\S] ) [\s\S]*+
    )
    """,
    re.VERBOSE,
)


class _Positions(NamedTuple):
    """The tokens of a stylesheet, and the position of each in characters."""

    tokens: list[str]
    starts: list[int]


def _positions(chars: str) -> _Positions | None:
    """Return the tokens of a stylesheet; ``None`` if one is broken, or open at its end."""
    gaps, tokens, broken = map(list, zip(*_TOKEN.findall(chars), strict=True))
    if any(broken):
        return None
    lengths = list(map(len, tokens))
    ends = accumulate(map(add, map(len, gaps), lengths))
    starts = list(map(sub, ends, lengths))
    count = len(tokens) - tokens.count("")  # Nothing but the end is empty, and that may come twice.
    return _Positions(tokens[:count], starts[:count])


def pair(source: str, body: str) -> tuple[list[int], list[int]] | None:
    """Return where the tokens of a body start in the source, and where in the body.

    Both have the same tokens in the same order, but for semicolons that the body does not need.
    ``None`` if they do not, or if a token is broken.
    """
    before, after = _positions(source), _positions(body)
    if before is None or after is None:
        return None
    starts = before.starts if before.tokens == after.tokens else _aligned(before, after)
    return None if starts is None else (starts, after.starts)


def _aligned(source: _Positions, body: _Positions) -> list[int] | None:
    """Return where the tokens of a body with fewer semicolons start in the source."""
    starts = []
    rest = zip(source.tokens, source.starts, strict=True)
    for wanted in body.tokens:
        found, start = next(rest, ("", 0))
        while found == ";" and wanted != ";":
            found, start = next(rest, ("", 0))
        if found != wanted:
            return None
        starts.append(start)
    return starts if all(found == ";" for found, _ in rest) else None
