"""Assets inside the page itself: the same meaning, and no way out of their element.

URLs in a file are relative to the file, and those in a page are relative to the page; so what is
relative is resolved against the file's own URL, as a browser would. What else would change its
meaning inside a page is refused.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from assetpipe.errors import InputError
from assetpipe.names import split_suffix
from assetpipe.serve.inline.drawing import drawing
from assetpipe.serve.inline.script import data_text, script_text
from assetpipe.serve.inline.source import Source, refusal
from assetpipe.serve.inline.style import style_text
from assetpipe.serve.tags import written

KEPT = 64
"""How many pieces are kept ready: sites have few, and each is small."""


class Piece(Protocol):
    """An asset as it stands in a page."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What a Content Security Policy asks about: the text of each style and script."""

    def html(self, attributes: Mapping[str, object]) -> str:
        """Return it with these attributes, as for ``tags.written``."""


@dataclass(frozen=True, slots=True)
class Element:
    """A style or script element.

    Attributes:
        tag: its name.
        text: what stands between its tags.
        type: its ``type``, unless it is the usual one.
    """

    tag: str
    text: str
    type: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Its text."""
        return (self.text,)

    def html(self, attributes: Mapping[str, object]) -> str:
        """Return the element."""
        said = {"type": self.type, **attributes}
        return f"<{self.tag}{written(said)}>{self.text}</{self.tag}>"


@lru_cache(maxsize=KEPT)
def piece(name: str, data: bytes, url: str, targets: tuple[str, ...], *, module: bool) -> Piece:
    """Return a file as it stands in a page.

    Args:
        name: logical name, whose suffix says what the file is.
        data: its bytes.
        url: where it is; what it refers to is relative to this.
        targets: URLs of all that it is known to refer to.
        module: if it is a script, it is an ECMAScript module.

    Raises:
        InputError: it is of another sort, or it would not mean the same inside a page.
    """
    source = Source.read(name, data, url, targets, module=module)
    made = _made(source)
    if source.awaited:
        raise refusal(name, f"where it names {min(source.awaited)} was not found")
    return made


def _made(source: Source) -> Piece:
    match split_suffix(source.name)[1].lower():
        case ".css":
            return Element("style", style_text(source))
        case ".js" | ".mjs":
            return Element("script", script_text(source), "module" if source.module else None)
        case ".json":
            return Element("script", data_text(source), "application/json")
        case ".svg":
            return drawing(source)
    raise InputError(
        "is nothing that can stand inside a page",
        where=source.name,
        hint="style sheets, scripts, JSON and SVG can: put the rest in by its URL",
    )


def csp_hash(text: str) -> str:
    """Return the source expression that allows an inline text (CSP Level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
