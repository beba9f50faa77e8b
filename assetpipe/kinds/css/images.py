"""Declarations of backgrounds, which are to be repeated with their images in other formats.

Browsers take the last declaration of a property that they understand (CSS Syntax 3, 9): so behind
``background: url(a.jpg)`` there may stand ``background: image-set(url(a.avif) type("image/avif"),
…)``, and those that do not know ``type()`` there pass it by (CSS Images 4, 2.5). Which formats
there are is known when the images have been made: what is found here is what to repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assetpipe.kinds.patterns import compiled

from ..model import SEPARATOR
from ..urls import is_local, split_url
from .scan import Found
from .tokens import CLOSED_BY, COMMENT, NEXT_MARK, WHITE, WS

_TRIVIA = rf"(?:{WS}++|{COMMENT})*+"
_DECLARATION = compiled(rf"{_TRIVIA}((?ai:background(?:-image)?){_TRIVIA}:[\s\S]*)")
_BEFORE_URL = compiled(rf"(?ai:url)\({WS}*+[\"']?\Z")
_AFTER_URL = compiled(rf"[\"']?{WS}*+\)")
_CALL = compiled(r"([-\w]*)\(")

# What a browser of today does not know makes it pass by a declaration. But where a value is only
# known later, as with `var()`, it has passed by the one before it then.
_KNOWN_CALLS = compiled(
    r"(?i:url|(?:repeating-)?(?:linear|radial|conic)-gradient|(?:rgb|hsl)a?|hwb|(?:ok)?(?:lab|lch)"
    r"|color(?:-mix)?|calc|min|max|clamp|)"
)


def with_images(chars: str, found: Sequence[Found]) -> list[Found]:
    """Return what a stylesheet refers to, with an empty place behind each such declaration.

    The place has the role ``images``; its specifier is the declaration, with ``SEPARATOR`` on
    either side of each URL. Nothing is found in a stylesheet that is broken.

    Args:
        chars: the stylesheet.
        found: what it refers to, in order.
    """
    links: list[Found] = []
    rest = iter(found)
    link = next(rest, None)
    for start, end in _declarations(chars):
        inside = []
        while link is not None and link.start < end:
            links.append(link)
            if link.start >= start:
                inside.append(link)
            link = next(rest, None)
        repeated = _repeated(chars, start, end, inside)
        if repeated:
            links.append(Found(end, end, repeated, "images"))
    if link is not None:
        links += [link, *rest]
    return links


def _declarations(chars: str) -> list[tuple[int, int]]:
    """Return where declarations of backgrounds begin and end, none if brackets do not match."""
    found: list[tuple[int, int]] = []
    opened: list[str] = []
    at = start = 0
    while match := NEXT_MARK.match(chars, at):
        mark, at = match["mark"], match.end()
        if not mark:
            return found if mark == "" and not opened else []
        if mark in {";", "}"} and opened[-1:] == ["{"]:
            # Behind a block there is none, and what is before it ends with it, written or not.
            declared = _DECLARATION.fullmatch(chars, start, at - 1)
            if declared:
                end = declared.end() - len(declared[1]) + len(declared[1].rstrip(WHITE))
                found.append((declared.start(1), end))
        if mark in CLOSED_BY:
            opened.append(mark)
        elif mark != ";" and (not opened or CLOSED_BY[opened.pop()] != mark):
            return []
        if mark in {";", "{", "}"} and not {"(", "["} & set(opened):
            start = at
    return []


def _repeated(chars: str, start: int, end: int, inside: Sequence[Found]) -> str:
    """Return a declaration with its URLs set apart; empty if it cannot be repeated."""
    text = chars[start:end]
    calls = _CALL.findall(text)
    is_plain = text.isascii() and SEPARATOR not in text and "\\" not in text
    if not inside or not is_plain or not all(map(_KNOWN_CALLS.fullmatch, calls)):
        return ""
    parts = list(_parts(chars, start, end, inside))
    return SEPARATOR.join(parts) if len(parts) > 1 else ""


def _parts(chars: str, start: int, end: int, inside: Sequence[Found]) -> Iterator[str]:
    """Yield text, URL, text, and so on; a single text if a URL says more than a file."""
    at = start
    found: list[str] = []
    for link in inside:
        if not is_local(link.specifier):
            continue
        before = _BEFORE_URL.search(chars, at, link.start)
        after = _AFTER_URL.match(chars, link.end)
        if before is None or after is None or split_url(link.specifier)[1]:
            yield chars[start:end]
            return
        found += [chars[at : before.start()], link.specifier]
        at = after.end()
    yield from (*found, chars[at:end])
