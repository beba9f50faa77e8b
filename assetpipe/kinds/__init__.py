"""The formats that assetpipe understands; every other file ships byte for byte."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, cast

from assetpipe.names import split_suffix

if TYPE_CHECKING:
    from assetpipe.kinds.model import Compiled, Compiler, Kind, Minified, Options, Transformed

IMAGE = "assetpipe.kinds.image"
"""The module of the kind for images that are made of pixels."""

# A kind is imported when its first file turns up: a build without changes needs none of them.
_MODULES = {
    ".apng": IMAGE,
    ".avif": IMAGE,
    ".cjs": "assetpipe.kinds.js",
    ".css": "assetpipe.kinds.css",
    ".cur": IMAGE,
    ".geojson": "assetpipe.kinds.json",
    ".gif": IMAGE,
    ".ico": IMAGE,
    ".jfif": IMAGE,
    ".jpeg": IMAGE,
    ".jpg": IMAGE,
    ".js": "assetpipe.kinds.js",
    ".json": "assetpipe.kinds.json",
    ".jsonld": "assetpipe.kinds.json",
    ".map": "assetpipe.kinds.sourcemap",
    ".mjs": "assetpipe.kinds.js",
    ".pjpeg": IMAGE,
    ".png": IMAGE,
    ".svg": "assetpipe.kinds.svg",
    ".topojson": "assetpipe.kinds.json",
    ".webmanifest": "assetpipe.kinds.webmanifest",
    ".webp": IMAGE,
}

_LOADING = RLock()

# By a file's base name, which says more than its suffix.
_NAMED = {"manifest.json": "assetpipe.kinds.webmanifest"}


def module_for(name: str) -> str | None:
    """Return the module of the kind that handles a logical name, or ``None``."""
    base = name.rpartition("/")[2].lower()
    return _NAMED.get(base) or _MODULES.get(split_suffix(base)[1])


@cache
def load(reference: str) -> Kind:
    """Return the kind that a module defines: ``module:NAME``, or ``module`` for its ``KIND``."""
    module, _, name = reference.partition(":")
    # Kinds import parts of each other: from two threads at once, each could wait for the other.
    with _LOADING:
        kind: Kind = getattr(import_module(module), name or "KIND")
    return kind


def compiler(reference: str) -> Compiler:
    """Return the compiler that a module defines, as ``load`` does a kind."""
    return cast("Compiler", load(reference))


def compile_file(reference: str, path: str, data: bytes) -> Compiled:
    """Compile one file.

    Raises:
        CompileError: the compiler does not accept it, or failed.
    """
    from assetpipe.kinds.model import CompileError

    try:
        compiled = compiler(reference).compile(path, data)
        if not (isinstance(compiled.data, bytes) and isinstance(compiled.source_map, bytes)):
            raise TypeError("what it returned is not made of bytes")
        return compiled
    except CompileError:
        raise
    except Exception as error:
        raise CompileError(f"the compiler {reference} failed: {error!r}", path) from error


def transform(
    reference: str, data: bytes, options: Options, minified: Minified | None = None
) -> Transformed:
    """Run a kind's transform; a defect of ours ships the file untouched and says so.

    Args:
        reference: names the kind, as for ``load``.
        data: the file's bytes.
        options: the options.
        minified: the script as another minifier wrote it.

    Raises:
        MemoryError: it takes too much.
    """
    from assetpipe.kinds.model import Adopter, Note, Transformed

    try:
        kind = load(reference)
        if minified is not None and isinstance(kind, Adopter):
            return kind.adopt(data, options, minified)
        return kind.transform(data, options)
    except MemoryError:
        raise  # which is the file's doing, and whoever asked has set the limit
    except Exception as error:  # noqa: BLE001 - one file must not take the release down
        note = Note(
            f"ships untouched after an internal error: {error!r}",
            hint="please report it with the file, and list the file under `plain` until then",
        )
        return Transformed(data, notes=(note,), encoding="latin-1")
