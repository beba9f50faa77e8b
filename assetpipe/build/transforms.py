"""Transforms: each file through its kind, once for each content and set of options."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import NamedTuple

from assetpipe import kinds, mediatypes
from assetpipe.build.cache import Cache, key
from assetpipe.build.config import Config
from assetpipe.build.workers import Workers
from assetpipe.globs import matcher
from assetpipe.kinds.model import Note, Options, Reference, Transformed
from assetpipe.names import split_suffix


class Prepared(NamedTuple):
    """A file after its transform; its references still read as the author wrote them.

    A named tuple, as each rebuild after an edit makes one of every file.

    Attributes:
        name: logical name.
        source_digest: SHA-256 of the source.
        transform: the kind and options that made the body; empty where it is the source.
        digest: SHA-256 of the body.
        integrity: ``sha384-…`` of the body.
        size: bytes of the body.
        encoding: codec for text to be spliced in; only ``"utf-8"`` is announced as charset.
        references: places in the body that name other files.
        notes: warnings of the transform.
    """

    name: str
    source_digest: str
    transform: str
    digest: str
    integrity: str
    size: int
    encoding: str
    references: tuple[Reference, ...] = ()
    notes: tuple[Note, ...] = ()


class Transforms:
    """Runs kinds' transforms, or finds their results in the cache."""

    def __init__(self, config: Config, cache: Cache, workers: Workers) -> None:
        self._minify = config.minify
        self._is_immutable = matcher(config.immutable)
        self._is_worker = matcher(config.workers)
        self._cache = cache
        self._workers = workers

    def recipe(self, name: str) -> str:
        """Return the kind and options for a file; empty where it ships as it is."""
        module = kinds.module_for(name)
        return f"{module} {self._options(name)}" if module else ""

    def run(self, name: str, data: bytes, digest: str) -> Transformed:
        """Transform a file's bytes, or find the result; ``digest`` is their SHA-256."""
        module = kinds.module_for(name)
        if module is None:
            is_utf8 = mediatypes.is_text(name) and _is_utf8(data)
            return Transformed(data, encoding="utf-8" if is_utf8 else "latin-1")
        entry = key(self.recipe(name), kinds.load(module).version(), digest)
        stored = self._cache.get("transform", entry)
        if stored is not None:
            return _unpack(stored, data)
        result = self._workers.transform(module, data, self._options(name))
        self._cache.put("transform", entry, _pack(result, data))
        return result

    def _options(self, name: str) -> Options:
        stem, suffix = split_suffix(name)
        # A file that came minified, or under a name that is the hash of its bytes, stays as is.
        keep = stem.endswith((".min", "-min")) or self._is_immutable(name)
        return Options(
            minify=self._minify and not keep,
            module=suffix.lower() == ".mjs",
            worker=self._is_worker(name),
        )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# An entry is a line of JSON, then the body, or nothing where the body is the source.


def _pack(result: Transformed, data: bytes) -> bytes:
    untouched = result.body == data
    head = {
        "references": result.references,
        "notes": [astuple(note) for note in result.notes],
        "encoding": result.encoding,
        "untouched": untouched,
    }
    return json.dumps(head).encode() + b"\n" + (b"" if untouched else result.body)


def _unpack(stored: bytes, data: bytes) -> Transformed:
    line, _, body = stored.partition(b"\n")
    head = json.loads(line)
    return Transformed(
        data if head["untouched"] else body,
        tuple(map(Reference._make, head["references"])),
        tuple(Note(*fields) for fields in head["notes"]),
        head["encoding"],
    )
