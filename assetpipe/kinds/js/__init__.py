"""JavaScript: verified minification, and the references of scripts and modules.

A script is changed only where its tokens are known for certain; else it ships as it is, and a
note says why.
"""

from __future__ import annotations

from dataclasses import replace

from assetpipe.kinds.js.context import Unsure
from assetpipe.kinds.js.minify import print_tokens
from assetpipe.kinds.js.references import Found, find, last_comments, may_refer, source_maps
from assetpipe.kinds.js.tokens import Tokens, tokenize
from assetpipe.kinds.model import Note, Options, Reference, Transformed
from assetpipe.kinds.text import Lines, Text, decode

_VERSION = "1"

_WORTHWHILE = 0.99
"""Minifying pays where less than this share of a script remains; of a minified one more does."""


class JavaScript:
    """The kind of scripts and modules."""

    name = "js"

    def version(self) -> str:
        """Return the version of this code and of rjsmin."""
        import rjsmin

        return f"{_VERSION}+rjsmin-{rjsmin.__version__}"

    def transform(self, data: bytes, options: Options) -> Transformed:
        """Minify a script where that is safe, and find its references."""
        text = decode(data)
        minify = options.minify and text.encoding == "utf-8" and _can_shrink(text.chars)
        notes = _encoding_notes(text, options)
        comments = last_comments(text.chars)
        if not minify and comments is not None and not may_refer(text.chars):
            return _unchanged(data, text, _map_references(text, comments), notes)
        try:
            tokens = tokenize(text.chars, module=options.module)
        except Unsure as unsure:
            maps = () if comments is None else _map_references(text, comments)
            return _unchanged(data, text, maps, (*notes, _note(text, unsure)))
        found = find(tokens, worker=options.worker)
        if minify:
            pieces = print_tokens(tokens)
            printed = "".join(pieces)
            if len(printed) < len(text.chars):
                shipped = replace(text, chars=printed)
                body = data[: text.bom] + printed.encode()
                return Transformed(body, _references(found, tokens, text, shipped, pieces), notes)
        references = _references(found, tokens, text, text, tokens.pieces)
        comments = len(text.chars) - len(tokens.last_gap())
        if any(hit.is_local() for hit in found):
            return _unchanged(_without_maps(data, text, comments), text, references, notes)
        maps = _map_references(text, comments)
        return _unchanged(data, text, (*references, *maps), notes)


def _unchanged(
    body: bytes, text: Text, references: tuple[Reference, ...], notes: tuple[Note, ...]
) -> Transformed:
    return Transformed(body, references, notes, text.encoding)


def _can_shrink(chars: str) -> bool:
    """Tell whether minifying a script is worth the work.

    rjsmin guesses what its characters mean, and sometimes wrongly; but it is fast, and nearly
    exact in how much there is to remove.
    """
    import rjsmin

    return len(rjsmin.jsmin(chars, keep_bang_comments=True)) < _WORTHWHILE * len(chars)


def _encoding_notes(text: Text, options: Options) -> tuple[Note, ...]:
    if options.minify and text.encoding.startswith("utf-16"):
        return (Note("the file is UTF-16: shipped unminified", hint="save it as UTF-8"),)
    return ()


def _note(text: Text, unsure: Unsure) -> Note:
    line, column = Lines(text.chars).at(unsure.position)
    return Note(
        f"shipped as it is, for it is not certain what this means: {unsure.reason}",
        line,
        column,
        hint="what it refers to is not followed: mend it, or list those files under `plain`",
    )


def _references(
    found: list[Found], tokens: Tokens, source: Text, shipped: Text, pieces: list[str]
) -> tuple[Reference, ...]:
    """Return the found strings as references.

    Args:
        found: the strings, in order.
        tokens: the source's tokens.
        source: the source.
        shipped: the text that ships.
        pieces: the same tokens as they ship, and the gaps between them.
    """
    if not found:
        return ()
    lines = Lines(source.chars)
    starts = _starts(tokens.pieces, found)
    places = []
    for hit, start in zip(found, _starts(pieces, found), strict=True):
        places += [start + 1, start + len(pieces[hit.piece]) - 1]
    offsets = iter(shipped.offsets(places))
    return tuple(
        Reference(next(offsets), next(offsets), hit.specifier, hit.role, *lines.at(start + 1))
        for hit, start in zip(found, starts, strict=True)
    )


def _starts(pieces: list[str], found: list[Found]) -> list[int]:
    """Return the position of each found string among the pieces, in characters."""
    starts, at, behind = [], 0, 0
    for hit in found:
        at += sum(map(len, pieces[behind : hit.piece]))
        behind = hit.piece
        starts.append(at)
    return starts


def _map_references(text: Text, comments: int) -> tuple[Reference, ...]:
    """Return the source map's reference, if the last comments name one.

    Args:
        text: the script.
        comments: where its last comments begin.
    """
    maps = source_maps(text.chars, comments)
    if not maps:
        return ()
    last = maps[-1]
    start, end = text.offsets([last.url_start, last.url_start + len(last.url)])
    lines = Lines(text.chars)
    return (Reference(start, end, last.url, "sourcemap", *lines.at(last.url_start)),)


def _without_maps(data: bytes, text: Text, comments: int) -> bytes:
    """Return a script without the comments at its end that name a source map."""
    maps = source_maps(text.chars, comments)
    offsets = text.offsets([place for found in maps for place in (found.start, found.end)])
    ends = [0, *offsets, len(data)]
    return b"".join(data[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True))


KIND = JavaScript()
