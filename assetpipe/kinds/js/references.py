"""What a script refers to: modules, workers' scripts, files beside it, its source map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from assetpipe.kinds.js import context as k
from assetpipe.kinds.js.lexical import COMMENT
from assetpipe.kinds.js.tokens import Tokens
from assetpipe.kinds.model import Role

_TRIGGERS = re.compile(r"\b(?:import|export|importScripts|URL)\b")
_SOURCE_MAP = re.compile(r"(?://|/\*)[#@][ \t]*sourceMappingURL[ \t]*=[ \t]*([^\s'\"*]+)[ \t]*(?:\*/)?")


class Found(NamedTuple):
    """A string that names a file.

    Attributes:
        index: the piece of the string.
        specifier: what the string stands for.
        role: how it is used.
    """

    index: int
    specifier: str
    role: Role


class SourceMap(NamedTuple):
    """A comment that names the source map: its place and its URL's, in characters."""

    start: int
    end: int
    url_start: int
    url_end: int


def may_refer(text: str) -> bool:
    """Tell whether a script may refer to anything, besides its source map."""
    return _TRIGGERS.search(text) is not None


# Source maps.

_LAST_COMMENT = re.compile(rf"(?:{COMMENT})")


def source_map(text: str) -> SourceMap | None:
    """Return the comment that names the source map, or ``None``.

    Only a comment with nothing but white space and comments behind it counts, as in ECMA-426
    ("JavaScriptExtractSourceMapURL").
    """
    at = text.rfind("sourceMappingURL")
    if at < 0:
        return None
    return None


def module_strings(tokens: Tokens, *, worker: bool) -> Iterator[Found]:
    """Yield every string that names a file, in order."""
    yield from ()
