"""Find the places in an SVG document that name other files.

What counts: ``href`` and ``xlink:href`` of the elements that load what they name (an ``<a>`` is a
way to another page), ``url()`` in attributes that are CSS, style sheets, and
``<?xml-stylesheet?>``. A place ends before the query and fragment, so these stay as they are
written, with all their escapes: another ``&`` would have to be ``&amp;``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from assetpipe.kinds.patterns import compiled

from ..css.scan import scan
from ..css.tokens import ESCAPE, unescape
from ..model import Role
from ..urls import is_remote
from .document import (
    STYLESHEET,
    SVG,
    WHITE,
    XHTML,
    XLINK,
    XML,
    Attribute,
    Document,
    Node,
    Unescaped,
    content,
    value,
)

_LOADING = frozenset({
    "altGlyph", "animate", "animateColor", "animateMotion", "animateTransform", "animation",
    "audio", "color-profile", "cursor", "discard", "feImage", "filter", "font-face-uri",
    "glyphRef", "image", "linearGradient", "mpath", "pattern", "radialGradient", "script",
    "set", "textPath", "tref", "use", "video",
})  # fmt: skip
# Attributes in which CSS may name a file: presentation attributes (SVG 2, 6.6; SVG 1.1, M.2).
_CSS = frozenset({
    "clip-path", "color-profile", "cursor", "fill", "filter", "marker", "marker-end",
    "marker-mid", "marker-start", "mask", "mask-image", "shape-inside", "shape-subtract",
    "stroke", "style",
})  # fmt: skip
_ANIMATING = frozenset({"animate", "animateColor", "set"})
_ANIMATED = frozenset({"by", "from", "to", "values"})

_HREF = compiled(
    rf"""[{WHITE}](?P<name>href|type)[{WHITE}]*+=[{WHITE}]*+(?:"([^"]*+)"|'([^']*+)')"""
)
_CONTROLS = "".join(map(chr, range(33)))  # What browsers trim of a URL (WHATWG URL, 4.4).
_SPACES = str.maketrans("\t\r\n", "   ")  # What XML makes of white space in a value (3.3.3).
_CSS_CHARACTER = compiled(rf"{ESCAPE}|[\s\S]")


class Link(NamedTuple):
    """A place that names a file, in characters, and what stands there, escapes resolved."""

    start: int
    end: int
    specifier: str
    role: Role


class Unfollowed(NamedTuple):
    """Something that keeps references from being followed, and where it stands."""

    message: str
    position: int
    hint: str


class Found(NamedTuple):
    """All that a document refers to, in order, and what is not followed."""

    links: list[Link]
    unfollowed: list[Unfollowed]


def find(document: Document) -> Found:
    """Find what a document refers to, up to the error if it is not well-formed."""
    finder = _Finder(document)
    finder.find()
    return Found(finder.links, finder.unfollowed)


class _Finder:
    """One walk over a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._chars = document.chars
        self.links: list[Link] = []
        self.unfollowed: list[Unfollowed] = []

    def find(self) -> None:
        """Look at all nodes."""
        nodes = self._document.nodes
        skipped = -1  # The end tag up to which `xml:base` applies.
        for index, node in enumerate(nodes):
            if node.kind == "pi" and STYLESHEET.match(self._chars, node.start):
                self._instruction(node)
            if node.kind != "start" or index <= skipped:
                continue
            for each in node.attributes:
                if each.space == XML and each.local == "base":
                    skipped = node.last if node.last >= 0 else len(nodes)
                    self._note("references below xml:base are not followed", each, "remove it")
            if index <= skipped:
                continue
            if node.space in {SVG, XHTML}:
                for each in node.attributes:
                    self._attribute(node, each)
                if node.local == "style" and node.last > index and self._is_css(node):
                    self._css(content(self._document, index))

    def _attribute(self, node: Node, attribute: Attribute) -> None:
        local = attribute.local
        if attribute.prefix:
            if local == "href" and attribute.space == XLINK:
                self._href(node, attribute)
        elif local == "href":
            self._href(node, attribute)
        elif (local in _CSS and (node.space == SVG or local == "style")) or (
            local in _ANIMATED and node.local in _ANIMATING and node.space == SVG
        ):
            if local in _ANIMATED and self._animates_href(node):
                self._urls(attribute)
            elif self._chars.find("(", attribute.value, attribute.end) >= 0:
                self._css(value(self._document, attribute), attribute)

    def _href(self, node: Node, attribute: Attribute) -> None:
        if node.local in _LOADING and node.space == SVG:
            start = attribute.value
            if self._chars[start] == "#" or self._chars[start : start + 5].lower() == "data:":
                return  # Without a copy of what can be megabytes.
            url = value(self._document, attribute)
            if self._is_known(url, attribute):
                self._url(url, 0, len(url.chars))

    def _urls(self, attribute: Attribute) -> None:
        """Take the URLs that an animation puts into an attribute, one after the other."""
        urls = value(self._document, attribute)
        if "data:" in urls.chars or not self._is_known(urls, attribute):
            return  # Such a URL may hold the very character that parts them.
        start = 0
        for piece in urls.chars.split(";"):
            self._url(urls, start, start + len(piece))
            start += len(piece) + 1

    def _url(self, text: Unescaped, start: int, end: int) -> None:
        """Take the URL that is some part of a text."""
        url = text.chars[start:end]
        path = re.split(r"[?#]", url, maxsplit=1)[0]
        self._add(text, start, start + len(path), path, "url")

    def _css(self, text: Unescaped, attribute: Attribute | None = None) -> None:
        """Take what a style sheet names, or a value of CSS."""
        chars = text.chars
        if attribute:
            if not self._is_known(text, attribute):
                return
            chars = chars.translate(_SPACES)
        elif not text.known:
            return
        for found in scan(chars).found:
            named = chars[found.start : found.end]
            end = found.start + _path_length(named)
            self._add(text, found.start, end, unescape(chars[found.start : end]), found.role)

    def _add(self, text: Unescaped, start: int, end: int, specifier: str, role: Role) -> None:
        trimmed = specifier.strip(_CONTROLS)
        if not trimmed or is_remote(trimmed):
            return
        place = text.place(start, end)
        written = self._chars[slice(*place)]
        if "<" in written or "]]>" in written:
            return  # It is written across the border of a CDATA section.
        self.links.append(Link(*place, trimmed, role))

    def _instruction(self, node: Node) -> None:
        """Take the style sheet of ``<?xml-stylesheet?>``."""
        for found in _HREF.finditer(self._chars, node.start, node.end):
            if found["name"] == "href":
                url = Unescaped(self._document, [(*found.span(found.lastindex or 0), True)])
                self._url(url, 0, len(url.chars))

    def _is_css(self, node: Node) -> bool:
        """Say whether a ``<style>`` is a style sheet that browsers know."""
        kinds = [
            value(self._document, each).chars for each in node.attributes if each.local == "type"
        ]
        return not kinds or kinds[0].strip().lower() in {"", "text/css"}

    def _animates_href(self, node: Node) -> bool:
        names = self._values(node, "attributeName")
        return any(name.rpartition(":")[2] == "href" for name in names)

    def _values(self, node: Node, local: str) -> Iterator[str]:
        for each in node.attributes:
            if each.local == local and not each.prefix:
                yield value(self._document, each).chars.strip()

    def _is_known(self, text: Unescaped, attribute: Attribute) -> bool:
        if not text.known:
            self._note(
                "a reference through an entity is not followed", attribute, "write it out here"
            )
        return text.known

    def _note(self, message: str, attribute: Attribute, hint: str) -> None:
        self.unfollowed.append(Unfollowed(message, attribute.start, hint))


def _path_length(url: str) -> int:
    """Return how much of a URL, as CSS writes it, stands before its query and fragment."""
    if "\\" not in url:
        return len(re.split(r"[?#]", url, maxsplit=1)[0])
    for found in _CSS_CHARACTER.finditer(url):
        if unescape(found[0]) in {"?", "#"}:
            return found.start()
    return len(url)
