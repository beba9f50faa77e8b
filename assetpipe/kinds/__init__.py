"""The formats that assetpipe understands; every other file ships byte for byte."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from assetpipe.names import split_suffix

if TYPE_CHECKING:
    from assetpipe.kinds.model import Kind

# A kind is imported when its first file turns up: a build without changes needs none of them.
_MODULES = {
    ".cjs": "assetpipe.kinds.js",
    ".css": "assetpipe.kinds.css",
    ".js": "assetpipe.kinds.js",
    ".mjs": "assetpipe.kinds.js",
}


def module_for(name: str) -> str | None:
    """Return the module of the kind that handles a logical name, or ``None``."""
    return _MODULES.get(split_suffix(name)[1].lower())


@cache
def load(module: str) -> Kind:
    """Return the kind that a module defines as ``KIND``."""
    kind: Kind = import_module(module).KIND
    return kind
