"""Inputs: what transforms begin with, read from a file, compiled, or joined from several."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple
from urllib.parse import quote

from assetpipe import kinds
from assetpipe.build import plugins, sources
from assetpipe.build.cache import Cache, key
from assetpipe.build.config import Config
from assetpipe.build.model import Source
from assetpipe.build.plugins import Plugin
from assetpipe.build.urls import SCHEME, TAIL_SAFE, split_url
from assetpipe.build.workers import Workers
from assetpipe.errors import ConfigError, InputError
from assetpipe.globs import matcher, rooted
from assetpipe.kinds import text
from assetpipe.kinds.bundle import CannotBundleError, Joined, Member
from assetpipe.kinds.model import Compiled, CompileError, Note, Options, Reference
from assetpipe.kinds.sourcemap.parts import Part, Parts
from assetpipe.kinds.text import Lines
from assetpipe.names import split_suffix

Need = tuple[str, str]
"""The path of a file that was read, and its signature."""

# CSS Syntax 3, 3.3; ECMA-262, 12.3.
_LINE_BREAKS = {
    ".css": re.compile("\r\n|[\n\r\f]"),
    ".js": re.compile("\r\n|[\n\r\u2028\u2029]"),
}
_JOINERS = {".css": "assetpipe.kinds.css.bundle", ".js": "assetpipe.kinds.js.bundle"}
_URL_SAFE = "%/!$&*+,;=:@~-._"


class Input(NamedTuple):
    """The bytes that a transform begins with, and where they come from.

    Attributes:
        data: the bytes.
        maps: the source maps of what they come from, each with the name of the file that its
            paths are relative to; nothing where there is none.
        parts: what they were joined from; ``None`` if they were not.
        needs: other files that were read.
        notes: warnings.
    """

    data: bytes
    maps: tuple[tuple[bytes, str], ...] = ()
    parts: Parts | None = None
    needs: tuple[Need, ...] = ()
    notes: tuple[Note, ...] = ()


class Inputs:
    """All that a build makes assets of.

    Args:
        config: names the bundles.
        found: the files of the source folders.
        cache: keeps what compilers made.
        workers: processes to compile in.

    Attributes:
        found: the files of the source folders, by their names there.
        sources: what ships, by logical name and sorted by it: the files that were found, less
            those that only serve compilers; compiled ones under the names of their results;
            and bundles.

    Raises:
        ConfigError: a bundle has no members, or the name of a file; a plug-in cannot be used.
        InputError: a compiler's result has the name of another file.
    """

    def __init__(
        self, config: Config, found: Sequence[Source], cache: Cache, workers: Workers
    ) -> None:
        self.found = {source.name: source for source in found}
        self._is_html = matcher(config.html)
        self._cache = cache
        self._workers = workers
        self._plugins = plugins.load(cache)
        self._compiled: dict[str, tuple[Source, Plugin]] = {}
        self._members: dict[str, list[str]] = {}
        shipped = dict(self._shipped(found))
        for name, globs in config.bundles.items():
            self._members[name] = self._matching(name, globs, shipped)
        shipped |= {name: self._bundle(name, shipped) for name in self._members}
        self.sources = dict(sorted(shipped.items()))

    def module(self, name: str) -> str | None:
        """Return the module of the kind that handles a logical name, or ``None``."""
        if self._is_html(name):
            return "assetpipe.kinds.html"
        plugin = self._plugins.get(split_suffix(name)[1].lower())
        return plugin.reference if plugin else kinds.module_for(name)

    def is_made(self, name: str) -> bool:
        """Say whether a logical name stands for what the build makes of other files."""
        return name in self._members or name in self._compiled

    def place(self, name: str) -> str:
        """Return where what a logical name stands for is to be mended, as a person would write."""
        if name in self._members:
            return f'bundles."{name}"'
        return sources.place_of(self.sources[name].path)

    def is_settled(self, name: str, now_ns: int) -> bool:
        """Say whether a later write of what a name stands for would surely change its signature."""
        return all(
            sources.is_settled(self.sources[each].signature, now_ns)
            for each in self._members.get(name, (name,))
        )

    def read(self, name: str) -> Input:
        """Return the input of a logical name.

        Raises:
            InputError: it cannot be read, compiled or joined.
        """
        if name in self._members:
            return self._joined(name)
        if name in self._compiled:
            return self._compile(*self._compiled[name])
        plugin = self._plugins.get(split_suffix(name)[1].lower())
        return Input(sources.read(self.sources[name]), needs=tuple(_code(plugin)) if plugin else ())

    def _shipped(self, found: Sequence[Source]) -> Iterator[tuple[str, Source]]:
        for source in found:
            stem, suffix = split_suffix(source.name)
            plugin = self._plugins.get(suffix.lower())
            produces = getattr(plugin.kind(), "produces", None) if plugin else None
            if plugin is None or produces is None:
                yield source.name, source
                continue
            if kinds.compiler(plugin.reference).is_partial(source.name):
                continue
            name = stem + produces
            other = self.found.get(name) or self._compiled.get(name, (None,))[0]
            if other is not None:
                raise InputError(
                    f"both {other.path} and {source.path} would be {name!r}",
                    where=source.path,
                    hint="rename or ignore one of the two",
                )
            self._compiled[name] = source, plugin
            yield name, source._replace(name=name)

    # Compiling.

    def _compile(self, source: Source, plugin: Plugin) -> Input:
        """Compile a file, or find the result of the same file with the same imports."""
        data = sources.read(source)
        version = kinds.compiler(plugin.reference).version()
        entry = key("compile", plugin.reference, plugin.package, version, source.name, data)
        folder = os.path.dirname(source.path)
        result = self._compiled_before(entry, folder)
        if result is None:
            result = self._run(source, plugin, data)
            self._cache.put("transform", entry, _pack(result, folder))
        needs = [need for path in result.needs if (need := _need(path)) is not None]
        return Input(
            result.data,
            ((result.source_map, source.name),) if result.source_map else (),
            needs=(*needs, *_code(plugin)),
        )

    def _compiled_before(self, entry: str, folder: str) -> Compiled | None:
        stored = self._cache.get("transform", entry)
        return _unpack(stored, folder) if stored is not None else None

    def _run(self, source: Source, plugin: Plugin, data: bytes) -> Compiled:
        try:
            return self._workers.call(
                len(data), kinds.compile_file, plugin.reference, source.path, data
            )
        except CompileError as error:
            place = sources.place_of(error.path)
            if error.line:
                place += f":{error.line}:{error.column or 1}"
            raise InputError(
                error.message, where=place, hint="mend it; the last release stays"
            ) from error

    # Bundles.

    def _matching(
        self, name: str, globs: Sequence[str], shipped: Mapping[str, Source]
    ) -> list[str]:
        """Return the members of a bundle, in order."""
        if name in shipped:
            raise ConfigError(
                f"{name!r} is a file of its own",
                where=f'bundles."{name}"',
                hint="give the bundle a name of its own",
            )
        suffix = split_suffix(name)[1].lower()
        members: dict[str, None] = {}
        for glob in globs:
            matching = list(filter(rooted(glob), shipped))
            if not matching:
                raise ConfigError(
                    f"{glob!r} matches no file",
                    where=f'bundles."{name}"',
                    hint="members are named as in templates, from the source folder on",
                )
            members |= dict.fromkeys(sorted(matching))
        for member in members:
            if split_suffix(member)[1].lower() != suffix:
                raise ConfigError(
                    f"{member!r} cannot be a part of {name!r}",
                    where=f'bundles."{name}"',
                    hint="a bundle holds either stylesheets (.css) or classic scripts (.js)",
                )
        return list(members)

    def _bundle(self, name: str, shipped: Mapping[str, Source]) -> Source:
        members = [shipped[member] for member in self._members[name]]
        seen = key(*(part for each in members for part in (each.name, each.signature)))
        return Source(name, "", sum(each.size for each in members), seen)

    def _joined(self, name: str) -> Input:
        """Join the members of a bundle."""
        suffix = split_suffix(name)[1].lower()
        names = self._members[name]
        inputs = [self.read(member) for member in names]
        moved = [
            self._moved(member, each.data, posixpath.dirname(name))
            for member, each in zip(names, inputs, strict=True)
        ]
        joiner = import_module(_JOINERS[suffix])
        members = [Member(member, each.text) for member, each in zip(names, moved, strict=True)]
        try:
            joined: Joined = joiner.join(members)
        except CannotBundleError as error:
            line, column = moved[error.member].place(error.position)
            raise InputError(
                f'cannot be a part of "{name}": {error.message}',
                where=f"{self.place(names[error.member])}:{line}:{column}",
                hint=error.hint,
            ) from error
        notes = [
            Note(
                note.message,
                *moved[note.member].place(note.position),
                note.hint,
                self.place(names[note.member]),
            )
            for note in joined.notes
        ]
        parts = Parts(
            joined.text,
            tuple(_parts(joined, moved)),
            tuple(names),
            tuple(each.source for each in moved),
            _LINE_BREAKS[suffix],
        )
        maps = tuple(each.maps[0] if each.maps else (b"", "") for each in inputs)
        needs = tuple(dict.fromkeys(need for each in inputs for need in each.needs))
        return Input(joined.text.encode(), maps, parts, needs, tuple(notes))

    def _moved(self, name: str, data: bytes, folder: str) -> _Moved:
        """Return a member's text, its relative URLs as they must be in another folder."""
        source = text.decode(data)
        if source.encoding != "utf-8":
            raise InputError(
                "is not UTF-8, and cannot be joined with others",
                where=self.place(name),
                hint="save it as UTF-8",
            )
        moved = _Moved(source.chars)
        if posixpath.dirname(name) != folder:
            module, options = str(kinds.module_for(name)), Options(minify=False)
            result = self._workers.call(len(data), kinds.transform, module, data, options)
            for reference in result.references:
                url = _from(folder, posixpath.dirname(name), reference)
                if url is not None:
                    start = len(data[source.bom : reference.start].decode())
                    end = start + len(data[reference.start : reference.end].decode())
                    moved.replace(start, end, url)
        return moved


class _Moved:
    """A member's text, its relative URLs rewritten for another folder, and the way back.

    Attributes:
        source: the text as it was.
        runs: where each run of characters begins in the new text, and where in the source.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.runs = [(0, 0)]
        self._texts: list[str] = []
        self._length = 0
        self._at = 0

    def replace(self, start: int, end: int, url: str) -> None:
        """Put a URL in the place of some characters behind all that were replaced before."""
        for chars, origin in ((self.source[self._at : start], start), (url, end)):
            self._texts.append(chars)
            self._length += len(chars)
            self.runs.append((self._length, origin))
        self._at = end

    @property
    def text(self) -> str:
        """The new text."""
        return "".join([*self._texts, self.source[self._at :]])

    def place(self, position: int) -> tuple[int, int]:
        """Return line and column in the source of a position in the new text."""
        start, origin = self.runs[bisect_right(self.runs, (position, len(self.source))) - 1]
        return Lines(self.source).at(min(origin + position - start, len(self.source)))

    def parts(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the runs between two positions: how far from the first, and where in the source."""
        first = bisect_right(self.runs, (start, len(self.source))) - 1
        for begin, origin in self.runs[first:]:
            if begin >= end:
                return
            skipped = max(start - begin, 0)
            yield begin + skipped - start, origin + skipped


def _parts(joined: Joined, members: Sequence[_Moved]) -> Iterator[Part]:
    """Yield where every character of a bundle comes from."""
    end = 0
    for piece in joined.pieces:
        if piece.start > end:
            yield Part(end, -1, 0)
        for distance, origin in members[piece.member].parts(
            piece.origin, piece.origin + piece.length
        ):
            yield Part(piece.start + distance, piece.member, origin)
        end = piece.start + piece.length
    yield Part(end, -1, 0)


def _from(folder: str, old: str, reference: Reference) -> str | None:
    """Return how a relative URL in a file reads from another folder; ``None`` if it may stay."""
    path, tail = split_url(reference.specifier)
    if reference.role == "sourcemap" or not path or path.startswith("/") or SCHEME.match(path):
        return None
    if reference.role == "module" and not path.startswith(("./", "../")):
        return None
    root = "/" + "_/" * 64  # far down, for URLs that climb out of the tree
    target = posixpath.normpath(posixpath.join(root + old, path))
    url = posixpath.relpath(target, posixpath.normpath(root + folder))
    url = quote(url, safe=_URL_SAFE) + "/" * path.endswith("/")
    if reference.role == "module" and not url.startswith("../"):
        url = f"./{url}"
    return url + quote(tail, safe=TAIL_SAFE, errors="replace")


def _code(plugin: Plugin) -> Iterator[Need]:
    """Yield the code of a plug-in, which its author may be working on."""
    path = plugin.source()
    need = _need(path) if path else None
    if need:
        yield need


def _need(path: str) -> Need | None:
    try:
        return path, sources.signature(os.stat(path))
    except OSError:
        return None


# A compiled file is kept as a line of JSON, its map, and its data. Paths are relative to the file,
# and whatever was imported must still have the same bytes.


def _pack(result: Compiled, folder: str) -> bytes:
    needs = [[os.path.relpath(path, folder), _digest(path)] for path in result.needs]
    head = json.dumps({"needs": needs, "map": len(result.source_map)}).encode()
    return b"\n".join((head, result.source_map + result.data))


def _unpack(stored: bytes, folder: str) -> Compiled | None:
    line, _, rest = stored.partition(b"\n")
    head = json.loads(line)
    needs = [(os.path.normpath(os.path.join(folder, path)), seen) for path, seen in head["needs"]]
    if any(_digest(path) != seen for path, seen in needs):
        return None
    at = head["map"]
    return Compiled(rest[at:], rest[:at], tuple(path for path, _ in needs))


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
