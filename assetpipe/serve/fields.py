"""Request header fields that choose what is sent: encodings, entity tags and ranges."""

from __future__ import annotations

import re
from functools import lru_cache

IDENTITY = "identity"

# Real header fields are far shorter; a longer one is not worth the memory of remembering it.
_LONGEST_REMEMBERED = 200

# A coding that a request does not name comes after all that it names, whose least weight is 0.001.
_UNNAMED = 0.0005

_ALIASES = {"x-gzip": "gzip"}
_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_ENTITY_TAG = re.compile(r'(W/)?("[^"\x00-\x20]*")')

# More than 18 digits are no length of a file, and int() refuses those of thousands of digits.
_BYTE_RANGE = re.compile(
    r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*", re.IGNORECASE
)


def best_coding(accept: str | None, codings: tuple[str, ...]) -> str:
    """Return which of the available content codings answers an ``Accept-Encoding`` best.

    ``codings`` are ordered by the size of their bytes, smallest first, and hold ``identity``.
    The first among those of the highest weight wins. When none is acceptable, or nothing was
    said, it is ``identity``. Source: RFC 9110, 12.5.3.
    """
    if not accept:
        return IDENTITY
    if len(accept) > _LONGEST_REMEMBERED:
        return _negotiate(accept, codings)
    return _negotiate_once(accept, codings)


def _negotiate(accept: str, codings: tuple[str, ...]) -> str:
    weights = _weights(accept)

    def weight(coding: str) -> float:
        unnamed = _UNNAMED if coding == IDENTITY else 0.0
        return weights.get(coding, weights.get("*", unnamed))

    best = max(codings, key=weight)  # of equals, max() takes the first
    return best if weight(best) else IDENTITY


_negotiate_once = lru_cache(maxsize=1024)(_negotiate)


def _weights(accept: str) -> dict[str, float]:
    """Return the weight of each coding that the field names; malformed elements do not count."""
    weights = {}
    for element in accept.lower().split(","):
        coding, _, parameter = (part.strip(" \t") for part in element.partition(";"))
        match = _WEIGHT.fullmatch(parameter or "q=1")
        if coding and match:
            weights[_ALIASES.get(coding, coding)] = float(match[1])
    return weights


def matches_weakly(field: str, etag: str) -> bool:
    """Say whether ``If-None-Match`` names this entity tag, or any (RFC 9110, 13.1.2)."""
    return field == etag or field.strip() == "*" or any(tag == etag for _, tag in _tags(field))


def matches_strongly(field: str, etag: str) -> bool:
    """Say whether ``If-Match`` names this strong entity tag, or any (RFC 9110, 13.1.1)."""
    return field.strip() == "*" or any(not weak and tag == etag for weak, tag in _tags(field))


def _tags(field: str) -> list[tuple[str, str]]:
    return _ENTITY_TAG.findall(field)


def byte_range(field: str, size: int) -> range | None:
    """Return the bytes that a ``Range`` field asks of a representation of this size.

    The result is empty when they lie beyond its end, and ``None`` when the whole is to be sent:
    for a malformed field, another unit, and several ranges, which a server may ignore.
    Source: RFC 9110, 14.1.2 and 14.2.
    """
    match = _BYTE_RANGE.fullmatch(field)
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        if int(suffix) and not size:
            return None  # satisfiable, yet Content-Range cannot express it
        return range(max(0, size - int(suffix)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)
