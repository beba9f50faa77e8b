"""Transforms: each file through its kind, once for each content and set of options."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, replace
from typing import Any, NamedTuple

from assetpipe import kinds, mediatypes
from assetpipe.build.cache import Cache, key
from assetpipe.build.config import MIB, Config
from assetpipe.build.esbuild import Esbuild
from assetpipe.build.inputs import Inputs
from assetpipe.build.model import Need
from assetpipe.build.variants import Variants
from assetpipe.build.workers import LimitError, Limits, Workers
from assetpipe.dimensions import measure
from assetpipe.globs import matcher
from assetpipe.kinds import text
from assetpipe.kinds.js import can_shrink
from assetpipe.kinds.model import (
    ImageOptions,
    Mapped,
    Minified,
    Note,
    Options,
    Picture,
    Reference,
    Transformed,
)
from assetpipe.manifest import Image
from assetpipe.names import split_suffix

_CSS, _JAVASCRIPT = "assetpipe.kinds.css", "assetpipe.kinds.js"
_LIMIT_HINT = "if it is right, raise `memory` or `timeout` in [tool.assetpipe.images]"


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
        needs: other files that were read to make the body, with their signatures.
        listed: the manifest names it as an asset.
        origin: logical name of what it was made of, beside which it ships; empty for all else.
        image: what it looks like, if it is an image that could be read.
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
    needs: tuple[Need, ...] = ()
    listed: bool = True
    origin: str = ""
    image: Image | None = None


class Transforms:
    """Runs kinds' transforms, or finds their results in the cache.

    Args:
        config: decides the options.
        inputs: tells the kind of each file.
        cache: keeps the results.
        workers: processes to work in.
        esbuild: writes scripts smaller, if it is wanted.
        variants: tells which variants of an image are made.
    """

    def __init__(
        self,
        config: Config,
        inputs: Inputs,
        cache: Cache,
        workers: Workers,
        esbuild: Esbuild | None,
        variants: Variants,
    ) -> None:
        self._minify = config.minify
        self._image_rule = config.images.finder()
        self._offers_images = config.images.offers and config.variants != "off"
        self._limits = Limits(config.images.memory * MIB, config.images.timeout)
        self._source_maps = config.source_maps
        self._minifier = f"esbuild {esbuild.version}" if esbuild else "assetpipe"
        self._esbuild = esbuild
        self._inputs = inputs
        self._is_immutable = matcher(config.immutable)
        self._is_worker = matcher(config.workers)
        self._cache = cache
        self._workers = workers
        self._variants = variants

    def recipe(self, name: str) -> str:
        """Return the kind and options for a file; empty where it ships as it is."""
        module = self._inputs.module(name)
        if module is None:
            return ""
        recipe = f"{module} {self._options(name)}"
        if module != kinds.IMAGE:
            return recipe
        # What was too much once is tried again with other limits, and with these no more.
        return f"{recipe} {self._limits} {self._variants.recipe(name)}"

    def run(self, name: str, data: bytes, digest: str) -> Transformed:
        """Transform a file's bytes, or find the result; ``digest`` is their SHA-256."""
        module = self._inputs.module(name)
        if module is None:
            is_utf8 = mediatypes.is_text(name) and _is_utf8(data)
            return Transformed(data, encoding="utf-8" if is_utf8 else "latin-1")
        options = self._options(name)
        entry = key(f"{module} {options}", kinds.load(module).version(), digest)
        stored = self._cache.get("transform", entry)
        if stored is not None:
            return _unpack(stored, data)
        minified, notes = self._minified(data, options) if module == _JAVASCRIPT else (None, ())
        if options.image is not None:
            try:
                result = self._workers.call_within(
                    self._limits, _pixels(data), kinds.transform, module, data, options
                )
            except LimitError as error:
                note = Note(f"ships untouched: {error}", hint=_LIMIT_HINT)
                return Transformed(data, notes=(note,), encoding="latin-1")
        else:
            result = self._workers.call(len(data), kinds.transform, module, data, options, minified)
        result = replace(result, notes=(*notes, *result.notes))
        self._cache.put("transform", entry, _pack(result, data))
        return result

    def _minified(self, data: bytes, options: Options) -> tuple[Minified | None, tuple[Note, ...]]:
        """Return a script as esbuild writes it, if that is wanted and possible, and warnings."""
        if self._esbuild is None or not options.minify:
            return None, ()
        source = text.decode(data)
        if source.encoding != "utf-8" or not can_shrink(source.chars):
            return None, ()
        result = self._esbuild.minify(
            source.chars, module=options.module, source_map=options.source_maps != "off"
        )
        if isinstance(result, Minified):
            return result, ()
        note = Note(
            f"esbuild cannot read it: {result.message}",
            result.line,
            result.column,
            "mend it; until then it is minified without esbuild",
        )
        return None, (note,)

    def _options(self, name: str) -> Options:
        stem, suffix = split_suffix(name)
        # A file that came minified, or under a name that is the hash of its bytes, stays as is.
        keep = stem.endswith((".min", "-min")) or self._is_immutable(name)
        module, image = self._inputs.module(name), None
        if module == kinds.IMAGE:
            rule = self._image_rule(name)
            keep |= not rule.optimize
            image = ImageOptions(
                self._limits.memory, rule.metadata, rule.placeholder, suffix.lower()
            )
        return Options(
            minify=self._minify and not keep,
            minifier=self._minifier if module == _JAVASCRIPT else "assetpipe",
            module=suffix.lower() == ".mjs",
            worker=self._is_worker(name),
            source_maps=self._source_maps,
            made=self._inputs.is_made(name),
            image=image,
            image_set=module == _CSS and self._offers_images,
        )


def _pixels(data: bytes) -> int:
    """Return how many pixels an image has; 1 where nobody knows."""
    size = measure(data)
    return size.width * size.height if size else 1


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
        "mapped": result.mapped and asdict(result.mapped),
        "picture": result.picture,
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
        _mapped(**head["mapped"]) if head["mapped"] else None,
        Picture(*head["picture"]) if head["picture"] else None,
    )


def _mapped(names: list[str], places: list[list[int]], **fields: Any) -> Mapped:
    return Mapped(names=tuple(names), places=tuple((a, b) for a, b in places), **fields)
