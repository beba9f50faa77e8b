"""What holds for every file of every kind, whatever its bytes are."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from assetpipe.kinds.model import Kind, Options, Reference, Transformed
from assetpipe.kinds.patterns import compiled
from assetpipe.kinds.sourcemap.mappings import decode as decode_mappings
from assetpipe.kinds.text import decode

OPTIONS = (
    Options(),
    Options(minify=False),
    Options(module=True, worker=True),
    Options(source_maps="linked"),
    Options(minify=False, source_maps="hidden"),
)
_MAP_COMMENT = compiled(
    r"//[#@]\s*+sourceMappingURL=[^\n\r\u2028\u2029]*+"
    r"|/\*[#@]\s*+sourceMappingURL=\s*+(?:[^ \t\n\r\f*/]|\*(?!/)|/(?!\*))*+\s*+\*/"
)
_OWN_COMMENT = re.compile(r"\n(?://# sourceMappingURL=|/\*# sourceMappingURL= \*/)\n*\Z")
_NEW_NAMES = {"integrity": "sha384-AA", "map": "n.map", "sourcemap": "n.map"}


class Target(NamedTuple):
    """One kind, and what else knows about its format.

    Attributes:
        kind: what is tried.
        meaning: what a text means to another reader; ``None`` where that one has no opinion.
        stands_for: whether a text spells a specifier.
        line_break: what ends a line for those who read source maps.
    """

    kind: Kind
    meaning: Callable[[str, Options], Any]
    stands_for: Callable[[str, Reference], bool]
    line_break: str = "\n"


def check(target: Target, data: bytes) -> None:
    """Transform bytes in every way.

    Raises:
        AssertionError: a property does not hold.
    """
    for options in OPTIONS:
        shipped = target.kind.transform(data, options)
        places_are_right(target, data, shipped)
        if options.source_maps == "off":
            assert shipped.mapped is None
            assert len(shipped.body) <= len(data), "the body is longer than its source"
        else:
            mappings_lead_back(target, data, shipped)
        if nothing_is_lost(target, data, shipped, options):
            names_can_change(target, data, shipped, options)
            if options.source_maps == "off":
                once_is_enough(target, data, shipped, options)


def places_are_right(target: Target, data: bytes, shipped: Transformed) -> None:
    """Hold every reference against the bytes at its place, in the body and in the source."""
    source = decode(data)
    chars = source.chars
    starts = [0, *(match.end() for match in re.finditer("\n", chars)), len(chars) + 1]
    at = 0
    for reference in shipped.references:
        assert at <= reference.start <= reference.end <= len(shipped.body), "out of order"
        at = reference.end
        if reference.role == "map":
            assert reference.start == reference.end, "no place for a new name"
            continue
        text = shipped.body[reference.start : reference.end].decode(source.encoding)
        if reference.role != "integrity":
            assert target.stands_for(text, reference), "another specifier"
        origin = starts[reference.line - 1] + reference.column - 1
        assert origin < starts[reference.line], "a place outside of its line"
        assert chars.startswith(text, origin), "the source has no such text there"
    for note in shipped.notes:
        if note.line:
            origin = starts[note.line - 1] + note.column - 1
            assert note.column > 0, "a column from 1"
            assert origin < starts[note.line], "a note outside of its line"


def nothing_is_lost(target: Target, data: bytes, shipped: Transformed, options: Options) -> bool:
    """Compare what the source and the body mean; tell whether they mean anything."""
    if shipped.body == data:
        return True
    source = decode(data)
    before, after = source.chars, shipped.body[source.bom :].decode(source.encoding)
    if options.source_maps != "off":
        after = _OWN_COMMENT.sub("", after)
    if not options.minify or any("shipped" in note.message for note in shipped.notes):
        assert without_maps(after) == without_maps(before), "changed unasked"
    meaning = target.meaning(before, options)
    assert meaning is None or target.meaning(after, options) == meaning, "another meaning"
    return meaning is not None


def once_is_enough(target: Target, data: bytes, shipped: Transformed, options: Options) -> None:
    """Transform the body again."""
    if decode(shipped.body).encoding != decode(data).encoding:
        return  # the only byte that was not UTF-8 stood in a comment
    as_it_is = replace(options, minify=False)
    if shipped.body == target.kind.transform(data, as_it_is).body:
        options = as_it_is  # it was not worth while, but may be without the source map's comment
    again = target.kind.transform(shipped.body, options)
    assert again.body == shipped.body, "a second time changes more"
    assert named(again) == named(shipped), "a second time finds others"


def names_can_change(target: Target, data: bytes, shipped: Transformed, options: Options) -> None:
    """Put other names in the place of all, as linking does, and read the result."""
    body, at = b"", 0
    for reference in shipped.references:
        new = new_name(reference).encode(decode(data).encoding)
        body += shipped.body[at : reference.start] + new
        at = reference.end
    body += shipped.body[at:]
    if decode(body).encoding != decode(data).encoding:
        return  # what was not UTF-8, or half a character of UTF-16, stood in a name
    again = target.kind.transform(body, replace(options, minify=False, source_maps="off"))
    # Where a name is that of a file, no source map is named any more.
    found, expected = (
        [(name, role) for name, role in names if role not in _NEW_NAMES]
        for names in (
            named(again),
            [(new_name(reference), reference.role) for reference in shipped.references],
        )
    )
    assert found == expected, "names are lost"


def new_name(reference: Reference) -> str:
    """Return what to write in the place of a reference."""
    if reference.role in _NEW_NAMES:
        return _NEW_NAMES[reference.role]
    return "/n" if reference.specifier.startswith(("/", "\\")) else "./n"


def mappings_lead_back(target: Target, data: bytes, shipped: Transformed) -> None:
    """Hold each token's first character against the place in the source that the map tells."""
    source = decode(data)
    if shipped.mapped is None or not source.encoding == shipped.encoding == "utf-8":
        return
    before = utf16_lines(source.chars, target.line_break)
    after = utf16_lines(shipped.body[source.bom :].decode(), target.line_break)
    for line, segments in zip(after, decode_mappings(shipped.mapped.mappings), strict=False):
        for segment in segments:
            assert len(segment) > 1, "a token from nowhere"
            at, origin = 2 * segment[0], 2 * segment[3]
            assert line[at : at + 2], "a column outside of its line"
            assert line[at : at + 2] == before[segment[2]][origin : origin + 2], "another token"


def utf16_lines(chars: str, line_break: str) -> list[bytes]:
    """Return the lines of a text, in units of two bytes."""
    return [line.encode("utf-16-le") for line in re.split(line_break, chars)]


def named(shipped: Transformed) -> list[tuple[str, str]]:
    """Return what a body refers to."""
    return [(reference.specifier, reference.role) for reference in shipped.references]


def without_maps(chars: str) -> str:
    """Return a text without what looks like a comment that names a source map."""
    return _MAP_COMMENT.sub("", chars).rstrip()
