"""Source maps: the way from the bytes that ship back to what their authors wrote.

A kind tells how its body leads to its source. From there on it is the build's work: linking moves
columns, and a source that was made by another tool came with a map of its own, perhaps of a file
that came with one, too. All of them are composed into one map, which ships as an asset.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from assetpipe.build import sources
from assetpipe.build.link import Edit, Offers, Resolver, edit, image_sets, offered
from assetpipe.build.model import Input, Need, Source
from assetpipe.build.transforms import Prepared
from assetpipe.build.workers import Workers
from assetpipe.kinds import text
from assetpipe.kinds.model import Mapped, Note
from assetpipe.kinds.sourcemap.compose import (
    NotASourceMapError,
    SourceMap,
    compose,
    data_url,
    named_by,
    parse,
    render,
    without_machine_paths,
)
from assetpipe.kinds.sourcemap.mappings import columns, shift
from assetpipe.kinds.sourcemap.parts import relocate
from assetpipe.kinds.urls import relative
from assetpipe.names import HASH_LENGTH, fingerprinted

_NONE: Mapping[int, SourceMap] = {}
_ANY_HASH = "0" * HASH_LENGTH
_LONGEST = 60  # characters of a URL that a warning shows: a map may be in the URL itself
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|[A-Za-z]:[\\/]|[\\/]")


@dataclass(frozen=True, slots=True)
class Made:
    """A source map that was made.

    Attributes:
        data: its bytes.
        is_composed: maps of others were composed into it, or would have been if they were right.
        notes: warnings; their places are in the source of the code that the map describes.
        needs: the other files that were read, with their signatures.
    """

    data: bytes
    is_composed: bool
    notes: tuple[Note, ...]
    needs: tuple[Need, ...]


class Maps:
    """Makes the source maps of one build.

    Args:
        found: every file of the source folders, by its name there.
        resolver: finds what references lead to, among all that ships.
        public_path: where a URL with a leading slash begins.
        fixed: says whether a name stays as it is.
        workers: processes to compose in.
        offers: what stylesheets offer beside an image.

    Attributes:
        found: every file of the source folders, by its name there.
        tree: finds files among those.
    """

    def __init__(
        self,
        found: Mapping[str, Source],
        resolver: Resolver,
        public_path: str,
        fixed: Callable[[str], bool],
        workers: Workers,
        offers: Offers,
    ) -> None:
        self.found = found
        self._by_path = {source.path: name for name, source in found.items()}
        self.tree = Resolver(public_path, found.keys())
        self._resolver = resolver
        self._fixed = fixed
        self._workers = workers
        self._offers = offers

    def edits(self, file: Prepared, body: Callable[[], bytes]) -> list[Edit | None]:
        """Return the edits that linking will make, one for each reference.

        Their texts are not yet those that will ship, but as long: every hash has one length. So a
        map can be made, and named by its bytes, before the code that is to hold that name.
        """
        edits: list[Edit | None] = []
        for reference in file.references:
            if reference.role == "images":
                images = offered(file, reference, self._resolver, self._offers)
                edits.append(image_sets(file, reference, images, self._output) if images else None)
                continue
            target = self._resolver.resolve(file.name, reference.specifier, reference.role)
            if not isinstance(target, str) or reference.role == "integrity":
                edits.append(None)
                continue
            edits.append(edit(file, reference, target, self._output(target), body))
        return edits

    def _output(self, target: str) -> str:
        return target if self._fixed(target) else fingerprinted(target, _ANY_HASH)

    def make(self, file: Prepared, body: bytes, mapped: Mapped, source: Input) -> Made:
        """Make the map of a prepared file.

        Args:
            file: the file.
            body: its bytes.
            mapped: how they lead back to the source.
            source: the source.
        """
        moved = [
            (line, column, len(each.text) - _columns(body[each.start : each.end], file.encoding))
            for each, (line, column) in zip(
                self.edits(file, lambda: body), mapped.places, strict=True
            )
            if each is not None
        ]
        trail = _Trail(self)
        whole = SourceMap(
            shift(mapped.mappings, moved),
            (file.name,),
            (text.decode(source.data).chars,),
            mapped.names,
        )
        if source.parts is not None:
            whole = relocate(whole, source.parts)
        is_composed = source.parts is not None or bool(source.maps or mapped.url)
        notes: tuple[Note, ...] = ()
        try:
            inner = {
                index: trail.parsed(data, base)
                for index, (data, base) in enumerate(source.maps)
                if data
            }
            if mapped.url and not source.maps:
                inner[0] = trail.named(mapped.url, file.name)
            if is_composed:
                whole = trail.deepened(whole, inner)
        except NotASourceMapError as error:
            url = mapped.url if len(mapped.url) < _LONGEST else f"{mapped.url[:_LONGEST]}…"
            notes = (
                Note(
                    f'the source map "{url}" is not used: {error}',
                    mapped.line,
                    mapped.column,
                    "its code is mapped to this file instead",
                ),
            )
        origins = tuple(_relative(origin, file.name) for origin in whole.sources)
        data = render(replace(whole, sources=without_machine_paths(origins)))
        return Made(data, is_composed, notes, tuple(trail.needs.items()))

    def composed(self, outer: SourceMap, inner: Mapping[int, SourceMap]) -> SourceMap:
        """Return a map that leads through others to their sources."""
        size = len(outer.mappings) + sum(len(each.mappings) for each in inner.values())
        return self._workers.call(size, compose, outer, inner)

    def origin(self, source: str, base: str) -> str:
        """Return the name of a map's source: as in the source folders, if it may lie there.

        Args:
            source: what the map calls it.
            base: the name of the map, or of the file that holds it.
        """
        path = url2pathname(urlsplit(source).path) if source[:5].lower() == "file:" else source
        if _is_absolute(path):
            return self._by_path.get(path, source)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
        plain = unquote(name)
        return plain if plain in self.found and name not in self.found else name


class _Trail:
    """One way back to the authors' sources: the files met on it."""

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self._known: dict[str, SourceMap | None] = {}
        self.needs: dict[str, str] = {}

    def named(self, url: str, base: str) -> SourceMap:
        """Return the map that a URL in a file names, its sources' own maps composed in.

        Raises:
            NotASourceMapError: there is none, or it is broken.
        """
        if url[:5].lower() == "data:":
            data = data_url(url)
            if data is None:
                raise NotASourceMapError("the URL holds no data")
            return self.parsed(data, base)
        name = self._maps.tree.resolve(base, url, "sourcemap")
        if not isinstance(name, str):
            raise NotASourceMapError("there is no such file")
        if name not in self._known:
            self._known[name] = None  # a map that leads back to itself stops here
            self._known[name] = self.parsed(self._read(name), name)
        known = self._known[name]
        if known is None:
            raise NotASourceMapError("it leads back to itself, or is broken")
        return known

    def parsed(self, data: bytes, base: str) -> SourceMap:
        """Return a map from its bytes, its sources' own maps composed in.

        Raises:
            NotASourceMapError: it is broken.
        """
        found = parse(data)
        origins = [origin and self._maps.origin(origin, base) for origin in found.sources]
        return self.deepened(replace(found, sources=tuple(origins)))

    def deepened(self, found: SourceMap, known: Mapping[int, SourceMap] = _NONE) -> SourceMap:
        """Return a map with its sources' own maps composed in.

        Args:
            found: the map.
            known: the maps of some of its sources.
        """
        contents = list(found.contents)
        inner = dict(known)
        for index, origin in enumerate(found.sources):
            if origin is None or index in inner:
                continue
            if contents[index] is None and origin in self._maps.found:
                contents[index] = text.decode(self._read(origin)).chars
            url = named_by(contents[index] or "")
            if url:
                with suppress(NotASourceMapError):
                    inner[index] = self.named(url, origin)
        found = replace(found, contents=tuple(contents))
        return self._maps.composed(found, inner) if inner else found

    def _read(self, name: str) -> bytes:
        source = self._maps.found[name]
        self.needs[source.path] = source.signature
        return sources.read(source)


def _columns(data: bytes, encoding: str) -> int:
    """Return how many columns some bytes of a text take: UTF-16 code units (ECMA-426)."""
    return columns(data.decode(encoding))


def _relative(origin: str | None, name: str) -> str | None:
    """Return how a map beside a file names a source; both are paths from the root of all names."""
    if origin is None or _is_absolute(origin):
        return origin
    return relative(origin, posixpath.dirname(name))


def _is_absolute(origin: str) -> bool:
    return _ABSOLUTE.match(origin) is not None
