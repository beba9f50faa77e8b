"""URL references, as browsers read them (WHATWG URL, 4.4)."""

from __future__ import annotations

import posixpath
from typing import Final

from assetpipe.kinds.patterns import compiled

_REMOTE = compiled(r"[A-Za-z][-+.0-9A-Za-z]*+:|[/\\]{2}")

TAIL_SAFE = "!#$%&*+,/:;=?@[]~-._|^"
"""What a query or fragment may hold unescaped in any attribute, string or ``url()``."""

_C0_AND_SPACE: Final = "".join(map(chr, range(33)))


def split_url(specifier: str) -> tuple[str, str]:
    """Split a URL reference into its path, cleaned as browsers do, and its query and fragment.

    Browsers trim control characters and spaces, drop tabs and line breaks, and read a
    backslash as a slash (WHATWG URL, 4.4).
    """
    cleaned = specifier.strip(_C0_AND_SPACE)
    cleaned = cleaned.replace("\t", "").replace("\n", "").replace("\r", "")
    at = min((i for i in (cleaned.find("?"), cleaned.find("#")) if i >= 0), default=len(cleaned))
    return cleaned[:at].replace("\\", "/"), cleaned[at:]


def is_local(url: str) -> bool:
    """Say whether a URL may name a file of ours: it has a path, but no scheme and no host."""
    return url[:1] not in {"", "?", "#"} and not is_remote(url)


def is_remote(url: str) -> bool:
    """Say whether a URL has a scheme or a host; a backslash counts as a slash."""
    return _REMOTE.match(url) is not None


def relative(path: str, folder: str) -> str:
    """Return how a path reads from a folder; both may climb out of the tree that they begin in."""
    root = "/" + "_/" * 64  # far down, so that what climbs stays apart
    return posixpath.relpath(root + path, posixpath.normpath(root + folder))
