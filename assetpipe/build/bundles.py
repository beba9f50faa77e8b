"""Bundles: many scripts or stylesheets as one, with the way back to each."""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from urllib.parse import quote

from assetpipe import kinds
from assetpipe.build.cache import key
from assetpipe.build.model import Input, Source
from assetpipe.build.workers import Workers
from assetpipe.errors import ConfigError, InputError
from assetpipe.globs import rooted
from assetpipe.kinds import text
from assetpipe.kinds.bundle import CannotBundleError, Joined, Member
from assetpipe.kinds.model import Note, Options, Reference
from assetpipe.kinds.sourcemap.parts import Part, Parts
from assetpipe.kinds.text import Lines
from assetpipe.kinds.urls import TAIL_SAFE, is_local, relative, split_url
from assetpipe.names import PATH_SAFE, split_suffix

_JOINERS = {".css": "assetpipe.kinds.css.bundle", ".js": "assetpipe.kinds.js.bundle"}


def place(bundle: str) -> str:
    """Return where a bundle is to be mended."""
    return f'bundles."{bundle}"'


def members(bundle: str, globs: Sequence[str], shipped: Mapping[str, Source]) -> list[str]:
    """Return the members of a bundle, in order.

    Args:
        bundle: its logical name.
        globs: what it is made of; those of one glob come by name.
        shipped: what else ships, by logical name.

    Raises:
        ConfigError: there is a file of its name, a glob matches nothing, or a member has another
            format.
    """
    if bundle in shipped:
        raise ConfigError(
            f"{bundle!r} is a file of its own",
            where=place(bundle),
            hint="give the bundle a name of its own",
        )
    suffix = split_suffix(bundle)[1].lower()
    found: dict[str, None] = {}
    for glob in globs:
        matching = sorted(filter(rooted(glob), shipped))
        if not matching:
            raise ConfigError(
                f"{glob!r} matches no file",
                where=place(bundle),
                hint="members are named as in templates, from the source folder on",
            )
        found |= dict.fromkeys(matching)
    for member in found:
        if split_suffix(member)[1].lower() != suffix:
            raise ConfigError(
                f"{member!r} cannot be a part of {bundle!r}",
                where=place(bundle),
                hint="a bundle holds either stylesheets (.css) or classic scripts (.js)",
            )
    return list(found)


def source(bundle: str, parts: Sequence[Source]) -> Source:
    """Return what stands for a bundle among the sources; it changes when a part does."""
    seen = key(*(text for part in parts for text in (part.name, part.signature)))
    return Source(bundle, "", sum(part.size for part in parts), seen)


def join(
    bundle: str, inputs: Mapping[str, Input], where: Callable[[str], str], workers: Workers
) -> Input:
    """Join the members of a bundle.

    Args:
        bundle: its logical name.
        inputs: its members by logical name, in order.
        where: says where a member is to be mended.
        workers: processes to look for URLs in.

    Raises:
        InputError: a member would not mean in the bundle what it means by itself.
    """
    names = list(inputs)
    moved = [_moved(name, each.data, bundle, where, workers) for name, each in inputs.items()]
    joiner = import_module(_JOINERS[split_suffix(bundle)[1].lower()])
    try:
        joined: Joined = joiner.join(
            [Member(name, each.text) for name, each in zip(names, moved, strict=True)]
        )
    except CannotBundleError as error:
        line, column = moved[error.member].place(error.position)
        raise InputError(
            f'cannot be a part of "{bundle}": {error.message}',
            where=f"{where(names[error.member])}:{line}:{column}",
            hint=error.hint,
        ) from error
    notes = (
        Note(
            note.message,
            *moved[note.member].place(note.position),
            note.hint,
            where(names[note.member]),
        )
        for note in joined.notes
    )
    return Input(
        joined.text.encode(),
        tuple(each.maps[0] if each.maps else (b"", "") for each in inputs.values()),
        Parts(
            joined.text,
            tuple(_parts(joined, moved)),
            tuple(names),
            tuple(each.source for each in moved),
            joined.line_end,
        ),
        tuple(dict.fromkeys(need for each in inputs.values() for need in each.needs)),
        tuple(notes),
    )


def _moved(
    name: str, data: bytes, bundle: str, where: Callable[[str], str], workers: Workers
) -> _Moved:
    """Return a member's text, its relative URLs as they must be where the bundle lies."""
    decoded = text.decode(data)
    if decoded.encoding != "utf-8":
        raise InputError(
            "is not UTF-8, and cannot be joined with others",
            where=where(name),
            hint="save it as UTF-8",
        )
    moved = _Moved(decoded.chars)
    old, new = posixpath.dirname(name), posixpath.dirname(bundle)
    if old != new:
        module, options = str(kinds.module_for(name)), Options(minify=False)
        result = workers.call(len(data), kinds.transform, module, data, options)
        for reference in result.references:
            url = _from(new, old, reference)
            if url is not None:
                start = len(data[decoded.bom : reference.start].decode())
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
    if reference.role == "sourcemap" or path.startswith("/") or not is_local(path):
        return None
    if reference.role == "module" and not path.startswith(("./", "../")):
        return None
    url = relative(posixpath.join(old, path), folder)
    url = quote(url, safe=f"{PATH_SAFE}%") + "/" * path.endswith("/")
    if reference.role == "module" and not url.startswith("../"):
        url = f"./{url}"
    return url + quote(tail, safe=TAIL_SAFE, errors="replace")
