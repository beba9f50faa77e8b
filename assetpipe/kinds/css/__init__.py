"""The format CSS: stylesheets, minified, with all that they refer to."""

from __future__ import annotations

import re
from dataclasses import replace

from assetpipe.kinds.patterns import compiled

from ..model import UTF_16, WORTHWHILE, Kind, Mapped, Note, Options, Reference, Transformed
from ..sourcemap.mappings import between, places
from ..text import Lines, Text, decode
from ..urls import is_local
from .images import with_images
from .minify import NotUnderstoodError, minify
from .positions import pair
from .scan import Found, Scan, SourceMap, scan
from .tokens import LINE_END, WHITE

_VERSION = "3"

# The bytes that declare an encoding, and the labels that mean UTF-8 there (CSS Syntax 3, 3.2).
_CHARSET = re.compile(rb'@charset "([^"]*)";')
_UTF_8 = frozenset({b"utf-8", b"utf8", b"utf-16", b"utf-16le", b"utf-16be"})

# Encodings of two bytes a character where the second byte can look like a backslash or a bracket.
_SHIFT_JIS = re.compile(rb"(?i).*(?:jis|31j|932|kanji)")
_GBK_OR_BIG5 = re.compile(rb"(?i)(?:x-)*(?:gb|cn-big5|big5)")
_SHIFT_JIS_PAIR = compiled("[\x81-\x9f\xe0-\xfc][\x40-\xfc]")
_PAIR = compiled("[\x81-\xfe][\x40-\xfe]")

_NEWLINES = "\n\r"
_BEHIND_MAP = " */\n"
_MAP_COMMENT = f"\n/*# sourceMappingURL={_BEHIND_MAP}"


class Css:
    """Stylesheets."""

    name = "css"

    def version(self) -> str:
        """Return the version of this code and of rcssmin."""
        import rcssmin

        return f"{_VERSION}+rcssmin-{rcssmin.__version__}"

    def transform(self, data: bytes, options: Options) -> Transformed:
        """Minify a stylesheet and find its references; one that is odd ships as it is, noted."""
        text = decode(data)
        label = _label(data, text)
        encoding = text.encoding if label in _UTF_8 or text.encoding != "utf-8" else "latin-1"
        source = scan(_readable(text, label))
        chars, result, notes = (
            _minified(text, encoding, source) if options.minify else (text.chars, source, ())
        )
        can_offer = options.image_set and encoding == text.encoding == "utf-8"
        links = with_images(chars, result.found) if can_offer else [*result.found]
        is_minified = chars is not text.chars
        is_made = options.made and options.source_maps != "off"
        is_changed = (
            is_minified or is_made or any(is_local(found.specifier) for found in result.found)
        )
        if result.source_map and (is_changed or options.source_maps == "hidden"):
            # The map tells columns of text that is about to change, or must not be found.
            chars = _without(chars, result.source_map)
        elif result.source_map and result.source_map.link:
            links.append(result.source_map.link)
        seen, starts = "", None
        if is_changed and options.source_maps != "off":
            seen = _seen(text, label, encoding)
            starts = pair(seen, _seen(replace(text, chars=chars), label, encoding))
            if starts is None and is_minified:
                return self.transform(data, replace(options, minify=False))
        # What is open at the end of a broken stylesheet would take in another comment.
        if starts is not None and options.source_maps == "linked":
            chars = f"{chars.rstrip(_NEWLINES)}{_MAP_COMMENT}"
            place = len(chars) - len(_BEHIND_MAP)
            links.append(Found(place, place, "", "map"))
        shipped = replace(text, chars=chars)
        references = _references(shipped, links, text, source)
        mapped = None
        if starts is not None:
            after = _seen(shipped, label, encoding)
            ends = [link.end for link in links]
            if encoding != text.encoding:
                ends = [reference.end - text.bom for reference in references]
            mapped = Mapped(
                between(seen, starts[0], after, starts[1], LINE_END),
                (),
                places(after, ends, LINE_END),
                *_own_map(text.chars, source.source_map),
            )
        return Transformed(
            body=data if chars is text.chars else data[: text.bom] + chars.encode(text.encoding),
            references=references,
            notes=notes,
            encoding=encoding,
            mapped=mapped,
        )


KIND: Kind = Css()


def _label(data: bytes, text: Text) -> bytes:
    """Return the encoding that a stylesheet declares; UTF-8 if it declares none."""
    declared = None if text.bom else _CHARSET.match(data)
    return declared[1].strip().lower() if declared else b"utf-8"


def _readable(text: Text, label: bytes) -> str:
    """Return the text for the scanner: where a character has two bytes, neither is ASCII."""
    if text.encoding != "latin-1":
        return text.chars
    if _SHIFT_JIS.match(label):
        return _SHIFT_JIS_PAIR.sub("\x80\x80", text.chars)
    return _PAIR.sub("\x80\x80", text.chars) if _GBK_OR_BIG5.match(label) else text.chars


def _seen(text: Text, label: bytes, encoding: str) -> str:
    """Return the text to count columns in: characters of what references are spliced in as."""
    if encoding != text.encoding:
        text = replace(text, chars=text.chars.encode().decode("latin-1"), encoding="latin-1")
    return _readable(text, label)


def _own_map(chars: str, found: SourceMap | None) -> tuple[str, int, int]:
    """Return the URL of a source map that a stylesheet names, with its line and column."""
    if found is None:
        return "", 0, 0
    before, mark, url = chars[found.start : found.end].partition("=")
    url = url.removesuffix("*/")
    start = found.start + len(before + mark) + len(url) - len(url.lstrip(WHITE))
    return url.strip(WHITE), *Lines(chars).at(start)


def _minified(text: Text, encoding: str, source: Scan) -> tuple[str, Scan, tuple[Note, ...]]:
    """Return the text to ship, what it refers to, and warnings."""
    unchanged = text.chars, source
    if text.encoding.startswith("utf-16"):
        return *unchanged, (UTF_16,)
    # Bytes of ASCII mean the same in all encodings but those that switch by an escape character.
    plain = text.ascii and "\x1b" not in text.chars
    if text.encoding != "utf-8" or not (encoding == "utf-8" or plain):
        return *unchanged, ()
    try:
        short = _shortest(text.chars)
    except NotUnderstoodError as odd:
        place = Lines(text.chars).at(odd.position)
        hint = "mend it: browsers too read what follows in another way than it looks"
        return *unchanged, (Note(f"{odd.message}: shipped unminified", *place, hint),)
    if len(short) > len(text.chars) * WORTHWHILE:
        return *unchanged, ()
    result = scan(short)
    if _named(result) != _named(source):
        return *unchanged, ()
    return short, result, ()


def _shortest(chars: str) -> str:
    """Return the shortest text of the same stylesheet.

    rcssmin is fast, but drops spaces that mean something: in names (``url("my image.png")``), in
    nested selectors (``.a{.b :hover{}}``), in custom properties, which scripts can read. So its
    text ships only where it is shorter than ours and ours is what it comes down to as well.

    Raises:
        NotUnderstoodError: nothing is certain about what the text means.
    """
    import rcssmin

    ours = minify(chars)
    if ours is chars:
        return ours  # left alone on purpose; on such text rcssmin takes quadratic time, too
    try:
        theirs: str = rcssmin.cssmin(chars, keep_bang_comments=True)
    except UnicodeDecodeError:  # it cuts characters in two: `:is(.urlé)`
        return ours
    return theirs if len(theirs) < len(ours) and _is_same(theirs, ours) else ours


def _is_same(theirs: str, ours: str) -> bool:
    try:
        return minify(theirs) == ours
    except NotUnderstoodError:
        return False


def _named(scanned: Scan) -> list[tuple[str, str]]:
    """Return what is referred to, in order."""
    return [(found.specifier, found.role) for found in scanned.found]


def _without(chars: str, source_map: SourceMap) -> str:
    """Return a text without the comments that name a source map."""
    spans = (*source_map.overruled, (source_map.start, source_map.end))
    ends = [0, *(place for span in spans for place in span), len(chars)]
    return "".join(chars[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True))


def _references(
    body: Text, links: list[Found], source: Text, scanned: Scan
) -> tuple[Reference, ...]:
    """Return references: their places in bytes of the body, lines and columns of the source."""
    if not links:
        return ()
    ends = body.offsets([place for link in links for place in (link.start, link.end)])
    lines = Lines(source.chars)
    found = iter(scanned.found)
    # Behind all that was found there is a source map: its own, which has not moved, or a new one.
    origins = [
        (0, 0) if link.role in {"images", "map"} else lines.at(next(found, link).start)
        for link in links
    ]
    return tuple(
        Reference(start, end, link.specifier, link.role, *origin)
        for start, end, link, origin in zip(ends[::2], ends[1::2], links, origins, strict=True)
    )
