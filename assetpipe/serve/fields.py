"""Request header fields that choose what is sent: codings, types, entity tags, dates, ranges."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

IDENTITY = "identity"

# Decisions about Accept-Encoding and Accept are remembered, but not more of them, and not of
# longer fields: what clients send is short and repeats itself, what attackers send is neither.
_MOST_REMEMBERED = 1024
_LONGEST_REMEMBERED = 200

# A coding that a request does not name comes after all that it names, whose least weight is 0.001.
_UNNAMED = 0.0005

_ALIASES = {"x-gzip": "gzip"}
_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_ENTITY_TAG = re.compile(r'(W/)?("[^"\x00-\x20]*")')

# More than 18 digits are no length of a file, and int() refuses those of thousands of digits.
_BYTE_RANGE = re.compile(
    r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.IGNORECASE
)

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = rf"(?:{'|'.join(_DAYS)})"
_DATES = (
    re.compile(rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(
        r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
        rf"(?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"
    ),
    re.compile(rf"{_DAY} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


class _Choice(dict[str | None, str]):
    """Which of some things answers a field best, by that field."""

    def __missing__(self, accept: str) -> str:
        best = self._best(_weights(accept))
        if len(accept) <= _LONGEST_REMEMBERED and len(self) < _MOST_REMEMBERED:
            self[accept] = best
        return best

    def _best(self, weights: Mapping[str, float]) -> str:
        raise NotImplementedError


class Choice(_Choice):
    """Which of some content codings answers an ``Accept-Encoding`` field best, by that field.

    The first among those of the highest weight wins. When none is acceptable, or nothing was
    said, it is ``identity``. Source: RFC 9110, 12.5.3.

    Args:
        codings: what there is, that of the fewest bytes first; with ``identity``.
    """

    def __init__(self, codings: tuple[str, ...]) -> None:
        super().__init__({None: IDENTITY, "": IDENTITY})
        self.codings = codings

    def _best(self, weights: Mapping[str, float]) -> str:
        def weight(coding: str) -> float:
            unnamed = _UNNAMED if coding == IDENTITY else 0.0
            return weights.get(coding, weights.get("*", unnamed))

        best = max(self.codings, key=weight)  # of equals, max() takes the first
        return best if weight(best) else IDENTITY


class TypeChoice(_Choice):
    """Which media type answers an ``Accept`` field best, by that field; empty for the usual one.

    Another than the usual type is sent only to who names it: scripts and old browsers say that
    they take ``*/*``, and do not know what that is. Of equal weights the first one wins, the usual
    type last. Source: RFC 9110, 12.5.1.

    Args:
        usual: the type that everybody takes.
        others: other types, the best first.
    """

    def __init__(self, usual: str, others: tuple[str, ...]) -> None:
        super().__init__({None: "", "": ""})
        self.usual = (usual, f"{usual.partition('/')[0]}/*", "*/*")
        self.others = others

    def _best(self, weights: Mapping[str, float]) -> str:
        best = max(self.others, key=lambda other: weights.get(other, 0.0))
        usual = next((weights[each] for each in self.usual if each in weights), 0.0)
        weight = weights.get(best, 0.0)
        return best if weight and weight >= usual else ""


def _weights(accept: str) -> dict[str, float]:
    """Return the weight of each coding or type that a field names.

    Malformed elements do not count, and neither do types with parameters, which name none of ours.
    """
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


def http_date(seconds: int) -> str:
    """Return a time as header fields write it (RFC 9110, 5.6.7, IMF-fixdate).

    Args:
        seconds: since 1970, UTC.
    """
    at = time.gmtime(seconds)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"
    )


def parse_date(field: str) -> int | None:
    """Return the seconds since 1970 that a date field tells; ``None`` where it is malformed.

    All three formats are read (RFC 9110, 5.6.7). A year of two digits that would lie more than
    fifty years ahead is one of the past.
    """
    match = next(filter(None, (form.fullmatch(field.strip(" \t")) for form in _DATES)), None)
    if match is None:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        this = time.gmtime().tm_year
        year += this - this % 100
        year -= 100 if year > this + 50 else 0
    day, hour, minute, second = (int(match[unit]) for unit in ("day", "hour", "minute", "second"))
    try:
        # A minute may have a leap second, which the calendar does not know.
        at = datetime(
            year, _MONTHS.index(match["month"]) + 1, day, hour, minute, min(second, 59), tzinfo=UTC
        )
    except ValueError:
        return None
    return int(at.timestamp()) if second <= 60 else None


def byte_range(field: str, size: int) -> range | None:
    """Return the bytes that a ``Range`` field asks of a representation of this size.

    The result is empty when they lie beyond its end, and ``None`` when the whole is to be sent:
    for a malformed field, another unit, and several ranges, which a server may ignore.
    Source: RFC 9110, 14.1.2 and 14.2.
    """
    match = _BYTE_RANGE.fullmatch(field.strip(" \t"))
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
