"""Names: logical names, fingerprinted file names, and the URLs that reach them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

HASH_LENGTH = 12
"""Hexadecimal digits of SHA-256 in a file name: existing servers take twelve for immutable."""

_FINGERPRINT = re.compile(rf"\.[0-9a-f]{{{HASH_LENGTH}}}\Z")

SIBLING_SUFFIXES = {"br": ".br", "gzip": ".gz", "zstd": ".zst"}
"""The suffix of a precompressed sibling by content coding (names as in RFC 9110, 8.4.1)."""

# What a path segment may hold unescaped (RFC 3986, 3.3), less the quotes and parentheses that
# would end a CSS url() or a string around it, the ampersand that may begin a character reference
# in HTML, and the comma that may end a URL in a srcset.
PATH_SAFE = "/!$*+;=:@~-._"


def split_suffix(name: str) -> tuple[str, str]:
    """Split a logical name before its last suffix: ``a/b.min.js`` gives ``a/b.min``, ``.js``.

    A name without suffix, or one whose only dot leads it, gives an empty suffix.
    """
    folder, slash, base = name.rpartition("/")
    stem, dot, suffix = base.rpartition(".")
    if not dot or not suffix or not stem.strip("."):
        return name, ""
    return f"{folder}{slash}{stem}", f".{suffix}"


def fingerprinted(name: str, digest: str) -> str:
    """Return the output file name of a logical name: ``css/app.<12 hex>.css``.

    ``digest`` is a hexadecimal SHA-256; its first ``HASH_LENGTH`` digits are used.
    """
    stem, suffix = split_suffix(name)
    return f"{stem}.{digest[:HASH_LENGTH]}{suffix}"


def is_fingerprinted(file: str) -> bool:
    """Say whether a file name looks like one that ``fingerprinted`` gives."""
    return _FINGERPRINT.search(split_suffix(file)[0]) is not None


def url_path(file: str) -> str:
    """Percent-encode a file name for use as a URL path, in any attribute, string or ``url()``.

    Source: RFC 3986, 3.3; quotes, parentheses and white space are always encoded.
    """
    return quote(file, safe=PATH_SAFE)


def relative_url(source: str, target: str) -> str:
    """Return the relative URL that leads from one output file to another.

    Both are POSIX paths below the same root. A first segment with a colon gets ``./`` in front,
    as it would read as a scheme otherwise (RFC 3986, 4.2).
    """
    here = source.split("/")[:-1]
    there = target.split("/")
    shared = 0
    while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
        shared += 1
    path = url_path("/".join([".."] * (len(here) - shared) + there[shared:]))
    return f"./{path}" if ":" in path.split("/", 1)[0] else path


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that a misspelt name most likely meant, or ``None``.

    A name that differs only in letter case or in its folder comes first, then a missing
    suffix, then the closest spelling in the same folder.
    """
    import difflib  # only for people who err; production never pays for it

    folder, _, base = name.rpartition("/")
    folded, base_folded = name.casefold(), base.casefold()
    same_case, same_stem, same_base, same_folder = [], [], [], []
    for candidate in candidates:
        candidate_folder, _, candidate_base = candidate.rpartition("/")
        if candidate.casefold() == folded:
            same_case.append(candidate)
        elif candidate.startswith((f"{name}.", f"{name}/index.")):
            same_stem.append(candidate)
        elif candidate_base.casefold() == base_folded:
            same_base.append(candidate)
        elif candidate_folder == folder:
            same_folder.append(candidate)
    for group in (same_case, same_stem):
        if group:
            return min(group, key=lambda other: (len(other), other))
    close = difflib.get_close_matches(name, sorted(same_folder), n=1, cutoff=0.75)
    if close:
        return close[0]
    close = difflib.get_close_matches(name, sorted(same_base), n=1, cutoff=0.0)
    return close[0] if close else None
