"""Putting the script's tag into an HTML page, while it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

SIGN = b'/live.js" data-streams="'
"""What every tag holds."""

# What browsers pass over before the doctype (WHATWG HTML, 13.2.6.4.1). Possessive: comments could
# be cut up in any number of ways otherwise.
_WHOLE = re.compile(
    rb"(?:\xef\xbb\xbf|\s|(?><!--.*?-->))*+<(?:!doctype\b|html[\s>])", re.DOTALL | re.IGNORECASE
)
_START = 4096  # bytes in which a page has to have said what it is

# The directives that decide about scripts, the one that counts first (CSP Level 3, 6.8.4).
_DIRECTIVES = ("script-src-elem", "script-src", "default-src")
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE)


def is_whole(start: bytes) -> bool:
    """Say whether a document is a whole page, and not a fragment that a script will place."""
    return _WHOLE.match(start[:_START]) is not None


class Tagged:
    """A page that is sent part by part as it comes, and the tag at its end.

    There, after ``</html>``, browsers take an element for one of the body (WHATWG HTML,
    13.2.6.4.22). A fragment stays as it is, and so does a page that has a tag already.

    Args:
        body: the page; closed with this.
        chunks: what to send of it, if not the body itself.
        tag: the tag.
    """

    def __init__(self, body: Iterable[bytes], chunks: Iterable[bytes], tag: bytes) -> None:
        self._body = body
        self._chunks = iter(chunks)
        self._tag = tag
        self._is_promised: bool | None = None

    def promise(self) -> int:
        """Look at the beginning, and return how many bytes will be added.

        A page of a known length says it first; whether there is a tag in it already cannot be
        known then, and a second one does no harm.
        """
        start: list[bytes] = []
        while sum(map(len, start)) < _START and (chunk := next(self._chunks, None)) is not None:
            start.append(chunk)
        self._chunks = chain(start, self._chunks)
        self._is_promised = is_whole(b"".join(start))
        return len(self._tag) if self._is_promised else 0

    def __iter__(self) -> Iterator[bytes]:
        start = end = b""
        is_tagged = False
        for chunk in self._chunks:
            yield chunk
            start += chunk[: _START - len(start)]
            is_tagged = is_tagged or SIGN in end + chunk
            end = (end + chunk)[-len(SIGN) :]
        is_due = self._is_promised
        if is_whole(start) and not is_tagged if is_due is None else is_due:
            yield self._tag

    def close(self) -> None:
        """Close the page."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def nonce(policies: Sequence[str]) -> str | None:
    """Return the nonce that lets a script run under content security policies, if they name one.

    Args:
        policies: the values of the header field, one for each of its lines.
    """
    found: dict[str, str] = {}
    for directive in re.split("[;,]", ",".join(policies)):
        name, _, sources = directive.strip().partition(" ")
        match = _NONCE.search(sources)
        if match:
            found.setdefault(name.lower(), match[1])
    return next((found[name] for name in _DIRECTIVES if name in found), None)
