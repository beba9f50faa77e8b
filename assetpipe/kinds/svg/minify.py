"""Decide what of an SVG document may go, so that nobody who looks at the picture can tell.

How much goes depends on who else looks at the document (``Witness``). A script sees every node,
so then nothing goes. A style sheet sees elements and attributes, by selectors as ``:nth-child()``,
``+`` and ``[…]``, but no comments, and the text between elements only by ``:empty``. Unless there
is a sheet that does look at such things, the following goes:

- comments and processing instructions; a licence, and ``<?xml-stylesheet?>``, stay;
- ``<?xml?>`` where it says what is so without it, a DOCTYPE that declares nothing;
- white space between elements that draw no text, and white space inside of tags;
- ``<metadata>``, unless it names a licence;
- elements and attributes of drawing programs, known by their namespaces;
- declarations of prefixes that nothing mentions.

In text, ``<title>`` and the like, all text and comments stay. Text anywhere else is never drawn
(SVG 2, chapter 11), whatever ``white-space`` says; below ``xml:space``, it stays all the same, as
the author has asked for it. What is below a ``<foreignObject>``, or an element that is not SVG,
stays byte for byte.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from assetpipe.kinds.patterns import compiled

from ..css.tokens import COMMENT
from .document import (
    STYLESHEET,
    SVG,
    WHITE,
    XHTML,
    XML,
    Attribute,
    Document,
    Node,
    Unescaped,
    content,
)

EDITORS = (
    "http://inkscape.sourceforge.net/",
    "http://krita.org/",
    "http://ns.adobe.com/",
    "http://schemas.microsoft.com/visio/",
    "http://sodipodi.sourceforge.net/",
    "http://taptrix.com/",
    "http://vectornator.io",
    "http://www.bohemiancoding.com/",
    "http://www.corel.com",
    "http://www.figma.com/",
    "http://www.inkscape.org/",
    "http://www.openswatchbook.org/",
    "http://www.serif.com/",
    "http://www.sodipodi.com/",
    "http://www.vector.evaxdesign.sk",
    "http://www.vectornator.io",
    "https://boxy-svg.com",
    "https://www.vectornator.io",
)
"""How the namespaces begin in which drawing programs keep what only they read."""

# SVG elements in which text is never drawn, so the white space between their children is nothing.
_STRUCTURE = frozenset({
    "a", "animate", "animateColor", "animateMotion", "animateTransform", "circle", "clipPath",
    "color-profile", "cursor", "defs", "discard", "ellipse", "feBlend", "feColorMatrix",
    "feComponentTransfer", "feComposite", "feConvolveMatrix", "feDiffuseLighting",
    "feDisplacementMap", "feDistantLight", "feDropShadow", "feFlood", "feFuncA", "feFuncB",
    "feFuncG", "feFuncR", "feGaussianBlur", "feImage", "feMerge", "feMergeNode", "feMorphology",
    "feOffset", "fePointLight", "feSpecularLighting", "feSpotLight", "feTile", "feTurbulence",
    "filter", "font", "font-face", "font-face-format", "font-face-name", "font-face-src",
    "font-face-uri", "g", "glyph", "hkern", "image", "line", "linearGradient", "marker", "mask",
    "missing-glyph", "mpath", "path", "pattern", "polygon", "polyline", "radialGradient",
    "rect", "set", "stop", "svg", "switch", "symbol", "use", "view", "vkern",
})  # fmt: skip
# Elements with a script of their own, or with a document that can reach this one.
_CAN_SCRIPT = frozenset({"embed", "handler", "iframe", "listener", "object", "script"})

# Attributes with a grammar where any white space is like one space, and none counts at the ends.
_LISTS = frozenset({"d", "gradientTransform", "patternTransform", "points", "transform"})

_LICENCE = compiled(r"(?i)<!--!|licen[cs]e|copyright|\(c\)|©")
_RIGHTS = compiled(rf"{_LICENCE.pattern}|rights")

_PLAIN_DECLARATION = compiled(
    rf"""<\?xml[{WHITE}]++version[{WHITE}]*+=[{WHITE}]*+["']1\.0["']
    (?:[{WHITE}]++encoding[{WHITE}]*+=[{WHITE}]*+["'](?ai:utf-8)["'])?+
    (?:[{WHITE}]++standalone[^?]*+)?+[{WHITE}]*+\?>""",
    re.VERBOSE,
)
_IS_CSS = compiled(rf"""[{WHITE}]type[{WHITE}]*+=[{WHITE}]*+["']text/css["']""")
# Style sheets that ask only for names, classes, ids, ancestors and parents: what goes is none's.
_GAP = rf"(?:[{WHITE}]++|{COMMENT})*+"
_BLIND = compiled(
    rf"""{_GAP}(?:(?:[-\w.\#,*>{WHITE}]++|{COMMENT})++
    \{{(?:[^{{}}@\\"'/]++|"[^"\\\n{{}}]*+"|'[^'\\\n{{}}]*+'|{COMMENT}|/(?!\*))*+\}}{_GAP})*+""",
    re.VERBOSE,
)
_ASKS_FOR_TEXT = compiled(r"(?ai:empty|blank|only-whitespace|-node|@import)|\\")
_RUN = compiled(rf"[{WHITE}]{{2,}}+|[\t\r\n]")
_PREFIX = compiled(r"(?<![-.\w])([-.\w]++):", re.ASCII)


class Witness(IntEnum):
    """Who sees a document besides the eye: the last that applies counts."""

    NOBODY = 0
    ELEMENTS = 1
    TEXT = 2
    SCRIPT = 3


class _Keep(IntEnum):
    """What stays inside an element; each step includes those before it."""

    LITTLE = 0
    SPACE = 1
    TEXT = 2
    ALL = 3


class Cut(NamedTuple):
    """Characters ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str


def cuts(document: Document) -> list[Cut]:
    """Return what to change in a well-formed document, in order."""
    witness = _witness(document)
    root = next(node for node in document.nodes if node.kind == "start")
    if witness is Witness.SCRIPT or document.opaque or root.space != SVG or root.local != "svg":
        return []
    found = _Cutter(document, witness, frozenset()).cuts()
    if witness is not Witness.NOBODY:
        return found
    declared = {
        attribute.local
        for node in document.nodes
        for attribute in node.attributes
        if attribute.prefix == "xmlns" and attribute.local.isascii()
    }
    if not declared:
        return found
    unused = declared.difference(_PREFIX.findall(_apply(document.chars, found)))
    return _Cutter(document, witness, frozenset(unused)).cuts() if unused else found


def _apply(chars: str, changes: list[Cut]) -> str:
    """Return the text with changes made."""
    parts, at = [], 0
    for start, end, text in changes:
        parts += [chars[at:start], text]
        at = end
    return "".join([*parts, chars[at:]])


def _witness(document: Document) -> Witness:
    """Say who sees the document."""
    witness = Witness.NOBODY
    chars = document.chars
    if "script:" in chars.lower():  # As in `javascript:`.
        return Witness.SCRIPT
    for index, node in enumerate(document.nodes):
        if node.kind == "pi" and STYLESHEET.match(chars, node.start):
            if not _IS_CSS.search(chars, node.start, node.end):
                return Witness.SCRIPT  # XSLT, or who knows what.
            witness = Witness.TEXT
        if node.kind != "start":
            continue
        if node.local in _CAN_SCRIPT:
            return Witness.SCRIPT
        for attribute in node.attributes:
            if attribute.local.startswith("on") and not attribute.prefix:
                return Witness.SCRIPT
        if node.local == "link" and node.space == XHTML:
            witness = Witness.TEXT
        elif node.local == "style" and witness < Witness.TEXT:
            witness = max(witness, _sees(content(document, index)))
    return witness


def _sees(sheet: Unescaped) -> Witness:
    """Say what a style sheet's selectors can see."""
    if not sheet.known or _ASKS_FOR_TEXT.search(sheet.chars):
        return Witness.TEXT
    return Witness.NOBODY if _BLIND.fullmatch(sheet.chars) else Witness.ELEMENTS


class _Cutter:
    """One walk over a document that collects what to change.

    Args:
        document: the document.
        witness: who sees it.
        unused: prefixes whose declarations go, too.
    """

    def __init__(self, document: Document, witness: Witness, unused: frozenset[str]) -> None:
        self._document = document
        self._chars = document.chars
        self._witness = witness
        self._unused = unused
        self._cuts: list[Cut] = []
        self._described = "aria-" in document.chars

    def cuts(self) -> list[Cut]:
        """Return the changes, in order."""
        nodes, cuts = self._document.nodes, self._cuts
        keeps = [_Keep.LITTLE]  # Of the document, and of each open element.
        parents = [""]
        opened = -1  # The start tag that nothing has followed yet.
        index = 0
        while index < len(nodes):
            node, keep = nodes[index], keeps[-1]
            if node.kind == "start":
                # A `<switch>` shows its first child that fits, whoever that may be to a browser.
                if keep < _Keep.TEXT and parents[-1] != "switch" and self._is_idle(index):
                    last = nodes[node.last]
                    cuts.append(Cut(node.start, last.end, ""))
                    index = node.last + 1
                    continue
                inside = max(keep, self._keep(node))
                if keep is not _Keep.ALL and node.space == SVG:
                    self._tag(node)
                opened = -1
                if node.last != index:
                    keeps.append(inside)
                    parents.append(node.local)
                    opened = index
            elif node.kind == "end":
                keeps.pop()
                parents.pop()
                if opened >= 0 and keep is not _Keep.ALL:
                    self._join(nodes[opened], node)
                elif keep is not _Keep.ALL and node.name_end < node.end - 1:
                    cuts.append(Cut(node.name_end, node.end - 1, ""))
                opened = -1
            elif self._goes(node, keep, inside=len(keeps) > 1):
                cuts.append(Cut(node.start, node.end, ""))
            else:
                opened = -1
            index += 1
        return cuts

    def _is_idle(self, index: int) -> bool:
        """Say whether an element only tells about the drawing, so that all of it may go."""
        nodes, node = self._document.nodes, self._document.nodes[index]
        is_metadata = node.space == SVG and node.local == "metadata"
        if self._witness is not Witness.NOBODY or not (
            is_metadata or node.space.startswith(EDITORS)
        ):
            return False
        if self._described and any(each.local == "id" for each in node.attributes):
            return False
        inside = nodes[index + 1 : node.last]
        return not any(each.space in {SVG, XHTML} for each in inside) and not _RIGHTS.search(
            self._chars, node.start, nodes[node.last].end
        )

    def _keep(self, node: Node) -> _Keep:
        """Say what stays inside an element."""
        if node.space != SVG or node.local == "foreignObject":
            return _Keep.ALL
        if node.local not in _STRUCTURE:
            return _Keep.TEXT
        for attribute in node.attributes:
            if attribute.space == XML and attribute.local == "space":
                return _Keep.SPACE
        return _Keep.LITTLE

    def _goes(self, node: Node, keep: _Keep, *, inside: bool) -> bool:
        """Say whether a node between tags goes."""
        text = self._chars[node.start : node.end]
        match node.kind:
            case "white":
                return keep is _Keep.LITTLE and (self._witness < Witness.TEXT or not inside)
            case "comment":
                return keep < _Keep.TEXT and not _LICENCE.search(text)
            case "pi":
                return keep < _Keep.TEXT and not STYLESHEET.match(text)
            case "declaration":
                return bool(_PLAIN_DECLARATION.fullmatch(text))
            case "doctype":
                return not node.subset
        return False

    def _tag(self, node: Node) -> None:
        """Shorten a start tag."""
        chars, cuts = self._chars, self._cuts
        at = node.name_end
        for each in node.attributes:
            if each.space and self._is_of_no_use(each):
                continue
            if each.start - at > 1 or chars[at] != " ":
                cuts.append(Cut(at, each.start, " "))
            if each.value - each.name_end > 2:
                cuts.append(Cut(each.name_end, each.value - 1, "="))
            if each.local in _LISTS and not each.prefix and self._witness is Witness.NOBODY:
                self._list(each)
            at = each.end
        end = node.end - (2 if chars[node.end - 2] == "/" else 1)
        if at < end:
            cuts.append(Cut(at, end, ""))

    def _is_of_no_use(self, attribute: Attribute) -> bool:
        """Say whether an attribute goes."""
        if self._witness is not Witness.NOBODY:
            return False
        if attribute.prefix == "xmlns":
            return attribute.local in self._unused
        return attribute.space.startswith(EDITORS)

    def _list(self, attribute: Attribute) -> None:
        """Shorten a value with a grammar of numbers."""
        start, end = attribute.value, attribute.end - 1
        text = self._chars[start:end]
        short = text if "&" in text else _RUN.sub(" ", text.strip(WHITE))
        if len(short) < len(text):
            self._cuts.append(Cut(start, end, short))

    def _join(self, opened: Node, end: Node) -> None:
        """Write an element in which nothing is left as an empty-element tag."""
        cuts = self._cuts
        while cuts and cuts[-1].start >= opened.end - 1:
            cuts.pop()
        cuts.append(Cut(opened.end - 1, end.end, "/>"))
