"""``Link`` header fields for what a page uses (RFC 8288), which CDNs turn into 103 Early Hints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

MOST = 20
"""How many links a header has at most, unless told otherwise: later ones only compete."""

LONGEST = 4096
"""How many bytes a header's value has at most, unless told otherwise: servers and proxies commonly
have room for 8 KiB of all header fields together."""

# What RFC 3986 allows in a URL: neither `>` nor a line break, which would end the link.
_URL_SAFE = "%!#$&'()*+,/:;=?@[]~-._"
_SENDABLE = re.compile(r"[ -~]*")  # RFC 9110, 5.6.4, without the tab and obsolete bytes
_SPECIAL = re.compile(r'["\\]')


@dataclass(frozen=True, slots=True)
class Preload:
    """A file that a page will need, as ``<link rel="preload">`` would describe it.

    Attributes:
        url: where it is.
        destination: what it is used as: the ``as`` of a preload, such as ``style`` or ``font``;
            not sent for a module, whose default it is.
        type: media type; empty if it need not be said.
        crossorigin: ``anonymous``, ``use-credentials``, or empty for a request without CORS.
        integrity: subresource integrity; empty if the page does not ask for it.
        module: it is an ECMAScript module, fetched by ``modulepreload``.
        nonce: what the page's Content Security Policy knows it by; empty if nothing.
    """

    url: str
    destination: str
    type: str = ""
    crossorigin: str = ""
    integrity: str = ""
    module: bool = False
    nonce: str = ""


def link_header(preloads: Iterable[Preload], *, most: int = MOST, longest: int = LONGEST) -> str:
    """Return the value of a ``Link`` header for what a page used, in that order.

    Each URL is named once. The first that is one too many, or too long, ends the header; it is
    empty if nothing is left. A link that no header can carry is left out.

    Args:
        preloads: what the page used.
        most: how many links there may be.
        longest: how many bytes the value may have.
    """
    links: dict[str, str] = {}
    length = -2  # the first has no comma in front
    for preload in preloads:
        if preload.url in links or (link := _link(preload)) is None:
            continue
        length += 2 + len(link)
        if len(links) >= most or length > longest:
            break
        links[preload.url] = link
    return ", ".join(links.values())


def _link(preload: Preload) -> str | None:
    """Return one link (RFC 8288, 3; its attributes: WHATWG HTML, 4.2.4.5); ASCII."""
    parameters = {
        "rel": "modulepreload" if preload.module else "preload",
        "as": "" if preload.module else preload.destination,
        "type": preload.type,
        "crossorigin": preload.crossorigin,
        "integrity": preload.integrity,
        "nonce": preload.nonce,
    }
    if not all(map(_SENDABLE.fullmatch, parameters.values())):
        return None
    rest = "".join(f"; {name}={_value(value)}" for name, value in parameters.items() if value)
    return f"<{quote(preload.url, safe=_URL_SAFE)}>{rest}"


def _value(text: str) -> str:
    if text.isalpha():
        return text  # a token needs no quotes (RFC 9110, 5.6.2)
    return '"' + _SPECIAL.sub(r"\\\g<0>", text) + '"'
