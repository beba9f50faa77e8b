"""JavaScript: verified minification, and the references of scripts and modules.

A script is changed only where its tokens are known for certain; else it ships as it is, and a
note says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, compress

from assetpipe.kinds.js.context import GAPS, Unsure
from assetpipe.kinds.js.lexical import LINE_END
from assetpipe.kinds.js.minify import print_tokens
from assetpipe.kinds.js.references import Found, find, last_comments, may_refer, source_maps
from assetpipe.kinds.js.tokens import Tokens, tokenize
from assetpipe.kinds.model import (
    UTF_16,
    WORTHWHILE,
    Mapped,
    Minified,
    Note,
    Options,
    Reference,
    Transformed,
)
from assetpipe.kinds.sourcemap.mappings import between, places
from assetpipe.kinds.text import Lines, Text, decode

_VERSION = "3"

_BLANK = " \t\n\r"
_MAP_COMMENT = "\n//# sourceMappingURL="

_PART = 4096  # characters


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
        minify = options.minify and text.encoding == "utf-8" and can_shrink(text.chars)
        script = _Script(data, text, options, _encoding_notes(text, options))
        comments = last_comments(text.chars)
        is_made = options.made and options.source_maps != "off"
        is_plain = not minify and not is_made and not may_refer(text.chars)
        if is_plain and comments is not None:
            return script.untouched(comments)
        try:
            tokens = tokenize(text.chars, module=options.module)
        except Unsure as unsure:
            noted = replace(script, notes=(*script.notes, _note(text, unsure)))
            return noted.untouched(comments)
        found = find(tokens, worker=options.worker)
        comments = len(text.chars) - len(tokens.last_gap())
        if minify:
            pieces = print_tokens(tokens)
            if sum(map(len, pieces)) < WORTHWHILE * len(text.chars):
                return script.changed(tokens, found, pieces, comments)
        if is_made or any(hit.is_local() for hit in found):
            gap = [_without_maps(text.chars, comments)[comments:]] if tokens.last_gap() else []
            pieces = tokens.pieces[: len(tokens.pieces) - len(gap)] + gap
            return script.changed(tokens, found, pieces, comments)
        return script.untouched(comments, _references(found, tokens, text, text, tokens.pieces))

    def adopt(self, data: bytes, options: Options, minified: Minified) -> Transformed:
        """Ship what another minifier wrote, if it refers to what the source refers to."""
        text = decode(data)
        script = _Script(data, text, options, ())
        if len(minified.code) >= WORTHWHILE * len(text.chars):
            return self.transform(data, options)
        if not may_refer(text.chars) and not may_refer(minified.code):
            return script.adopted(minified, [], last_comments(text.chars))
        try:
            tokens = tokenize(text.chars, module=options.module)
            smaller = tokenize(minified.code, module=options.module)
        except Unsure:
            return self.transform(data, options)
        named = find(tokens, worker=options.worker)
        found = find(smaller, worker=options.worker)
        origins = dict(
            zip(
                map(_meaning, named),
                _references(named, tokens, text, text, tokens.pieces),
                strict=True,
            )
        )
        if sorted(map(_meaning, named)) != sorted(map(_meaning, found)):
            return self.transform(data, options)
        comments = len(text.chars) - len(tokens.last_gap())
        written = [
            (start, len(smaller.pieces[hit.piece]), origins[_meaning(hit)])
            for hit, start in zip(found, _starts(smaller.pieces, found), strict=True)
        ]
        return script.adopted(minified, written, comments)


def _meaning(hit: Found) -> tuple[str, str]:
    return hit.specifier, hit.role


@dataclass(frozen=True, slots=True)
class _Script:
    """One script, and what is to become of it."""

    data: bytes
    text: Text
    options: Options
    notes: tuple[Note, ...]

    def untouched(
        self, comments: int | None, references: tuple[Reference, ...] = ()
    ) -> Transformed:
        """Return the script as it is, but for a comment that is to be hidden.

        Args:
            comments: where its last comments begin, if that is known.
            references: what it refers to besides its source map.
        """
        body = self.data
        if comments is not None and self.options.source_maps == "hidden":
            body = self._encoded(_without_maps(self.text.chars, comments))
        elif comments is not None:
            references = (*references, *_map_references(self.text, comments))
        return Transformed(body, references, self.notes, self.text.encoding)

    def changed(
        self, tokens: Tokens, found: list[Found], pieces: list[str], comments: int
    ) -> Transformed:
        """Return the script with other gaps between its tokens.

        Args:
            tokens: its tokens.
            found: what it refers to.
            pieces: the same tokens as they ship, and the gaps between them.
            comments: where the source's last comments begin.
        """
        chars = "".join(pieces)
        maps = self.options.source_maps
        if maps == "linked":
            chars = f"{chars.rstrip(_BLANK)}{_MAP_COMMENT}\n"
        body = self._encoded(chars)
        shipped = replace(self.text, chars=chars)
        references = _references(found, tokens, self.text, shipped, pieces)
        if maps == "off":
            return Transformed(body, references, self.notes, self.text.encoding)
        starts = zip(_starts(pieces, found), found, strict=True)
        ends = [start + len(pieces[hit.piece]) - 1 for start, hit in starts]
        if maps == "linked":
            place = len(body) - len("\n".encode(self.text.encoding))
            references = (*references, Reference(place, place, "", "map", 0, 0))
            ends.append(len(chars) - 1)
        mapped = self._mapped(tokens, pieces, chars, ends, comments)
        return Transformed(body, references, self.notes, self.text.encoding, mapped)

    def adopted(
        self, minified: Minified, written: list[tuple[int, int, Reference]], comments: int | None
    ) -> Transformed:
        """Return what another minifier wrote.

        Args:
            minified: the script as it wrote it.
            written: of each string that names a file its position and length in that script, in
                characters with its quotes, and the reference that it is in the source.
            comments: where the source's last comments begin, if that is known.
        """
        chars, maps = minified.code, self.options.source_maps
        if maps == "linked":
            chars = f"{chars}{_MAP_COMMENT}\n"
        shipped = replace(self.text, chars=chars)
        spans = [place for at, size, _ in written for place in (at + 1, at + size - 1)]
        offsets = shipped.offsets(spans)
        references = tuple(
            origin._replace(start=start, end=end)
            for start, end, (_, _, origin) in zip(offsets[::2], offsets[1::2], written, strict=True)
        )
        body = self._encoded(chars)
        if maps == "off":
            return Transformed(body, references)
        ends = spans[1::2]
        if maps == "linked":
            references = (*references, Reference(len(body) - 1, len(body) - 1, "", "map", 0, 0))
            ends.append(len(chars) - 1)
        behind = places(chars, ends, LINE_END)
        mapped = Mapped(minified.mappings, minified.names, behind, *self._own_map(comments))
        return Transformed(body, references, mapped=mapped)

    def _own_map(self, comments: int | None) -> tuple[str, int, int]:
        """Return the URL of the source map that the source names, its line and column.

        Args:
            comments: where the source's last comments begin, if that is known.
        """
        chars = self.text.chars
        maps = () if comments is None else source_maps(chars, comments)
        if not maps:
            return "", 0, 0
        return maps[-1].url, *Lines(chars).at(maps[-1].url_start)

    def _encoded(self, chars: str) -> bytes:
        return self.data[: self.text.bom] + chars.encode(self.text.encoding)

    def _mapped(
        self, tokens: Tokens, pieces: list[str], chars: str, ends: list[int], comments: int
    ) -> Mapped:
        """Return the way back from what ships.

        Args:
            tokens: the source's tokens.
            pieces: the same tokens as they ship, and the gaps between them.
            chars: the text that ships.
            ends: where its references end, in characters.
            comments: where the source's last comments begin.
        """
        source = self.text.chars
        is_token = [kind not in GAPS for kind in tokens.kinds]
        is_token[0] = tokens.pieces[0] != ""
        mappings = between(
            source,
            list(compress(tokens.starts(), is_token)),
            chars,
            list(compress(accumulate(map(len, pieces), initial=0), is_token)),
            LINE_END,
        )
        behind = places(chars, ends, LINE_END)
        return Mapped(mappings, (), behind, *self._own_map(comments))


def can_shrink(chars: str) -> bool:
    """Tell whether minifying a script may be worth the work.

    rjsmin guesses what its characters mean, and sometimes wrongly; but it is fast, and nearly
    exact in how much there is to remove. Where something is never closed it takes quadratic time,
    so it gets the script in parts. Over 142 MB of real scripts this misses none, and lets 28 MB
    of minified ones pass, to be looked at in vain.
    """
    import rjsmin

    parts = (chars[at : at + _PART] for at in range(0, len(chars), _PART))
    left = sum(len(rjsmin.jsmin(part, keep_bang_comments=True)) for part in parts)
    return left < WORTHWHILE * len(chars)


def _encoding_notes(text: Text, options: Options) -> tuple[Note, ...]:
    if options.minify and text.encoding.startswith("utf-16"):
        return (UTF_16,)
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


def _without_maps(chars: str, comments: int) -> str:
    """Return a script without the comments at its end that name a source map."""
    kept, at = [], 0
    for found in source_maps(chars, comments):
        kept.append(chars[at : found.start])
        at = found.end
    return "".join([*kept, chars[at:]])


KIND = JavaScript()
