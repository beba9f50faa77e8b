"""Which elements are open, as far as it decides how the markup that follows is read.

In SVG and MathML, scripts, styles and titles hold markup instead of raw text, and CDATA sections
exist (WHATWG HTML, 13.2.6 "tree construction dispatcher" and 13.2.6.5 "foreign content"). What
only decides where elements end up in the tree is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from assetpipe.kinds.html.values import Value


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_VOID = _names(
    "area base basefont bgsound br col embed frame hr image img input keygen link meta param "
    "source track wbr"
)
_NOT_CLOSED = frozenset({"html", "head", "body"})

RAW = frozenset({"iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"})
"""HTML elements that hold text up to their own end tag.

``noscript`` is read as a browser without scripts reads it, so that its images are found.
"""

ASKS = frozenset({"annotation-xml", "font"})
"""Elements whose attributes decide how the markup in and behind them is read."""

# Elements of HTML that are open for no other one.
_LEAVES = RAW | _VOID | _NOT_CLOSED

_BREAKOUT = _names(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img "
    "li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul "
    "var"
)
_HTML_IN_SVG = frozenset({"foreignobject", "desc", "title"})
_TEXT_IN_MATHML = frozenset({"mi", "mo", "mn", "ms", "mtext"})
_STAY_MATHML = frozenset({"mglyph", "malignmark"})


class _Element(NamedTuple):
    """An open element of SVG or MathML: its name, whose it is, and what may lie in it."""

    name: str
    is_svg: bool
    takes_html: bool
    takes_text: bool

    @property
    def is_gate(self) -> bool:
        return self.takes_html or self.takes_text or self.name == "annotation-xml"


@dataclass(slots=True)
class _Run:
    """Open elements that are all HTML, or all SVG and MathML, each in the one before it."""

    is_foreign: bool
    names: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    elements: list[_Element] = field(default_factory=list)
    gates: int = 0

    def push(self, name: str, element: _Element | None = None) -> None:
        self.names.append(name)
        self.counts[name] = self.counts.get(name, 0) + 1
        if element is not None:
            self.elements.append(element)
            self.gates += element.is_gate

    def pop(self) -> str:
        name = self.names.pop()
        self.counts[name] -= 1
        if self.is_foreign:
            self.gates -= self.elements.pop().is_gate
        return name


class Tree:
    """The open elements. Any number of tags takes time in proportion."""

    def __init__(self) -> None:
        self._runs = [_Run(is_foreign=False)]

    @property
    def is_foreign(self) -> bool:
        """Whether the innermost open element is one of SVG or MathML."""
        return self._runs[-1].is_foreign

    def open(self, name: str, attributes: Mapping[str, Value], *, self_closing: bool) -> bool:
        """Take a start tag; return whether it makes an element of SVG or MathML.

        ``attributes`` are needed of those in ``ASKS`` only.
        """
        top = self._runs[-1]
        if top.is_foreign and not self._is_html(name):
            if not _breaks_out(name, attributes):
                if not self_closing:
                    self._push_foreign(name, attributes, is_svg=top.elements[-1].is_svg)
                return True
            self._break_out()
        if name in {"svg", "math"}:
            if not self_closing:
                self._push_foreign(name, attributes, is_svg=name == "svg")
            return True
        if name not in _LEAVES:
            if self._runs[-1].is_foreign:
                self._runs.append(_Run(is_foreign=False))
            self._runs[-1].push(name)
        return False

    def close(self, name: str) -> None:
        """Take an end tag."""
        if self.is_foreign and name in {"br", "p"}:
            self._break_out()
        top = self._runs[-1]
        if top.is_foreign and not top.counts.get(name) and not top.gates:
            # The HTML around it is closed, and all that is open in it.
            if self._runs[-2].counts.get(name):
                self._runs.pop()
                self._close(name)
        elif top.counts.get(name):
            self._close(name)

    def _close(self, name: str) -> None:
        top = self._runs[-1]
        while top.pop() != name:
            pass
        if not top.names and len(self._runs) > 1:
            self._runs.pop()

    def _is_html(self, name: str) -> bool:
        """Tell whether a start tag makes an HTML element though it lies in a foreign one."""
        around = self._runs[-1].elements[-1]
        if around.takes_text:
            return name not in _STAY_MATHML
        return around.takes_html or (around.name == "annotation-xml" and name == "svg")

    def _push_foreign(self, name: str, attributes: Mapping[str, Value], *, is_svg: bool) -> None:
        encoding = attributes["encoding"].text.lower() if "encoding" in attributes else ""
        element = _Element(
            name,
            is_svg,
            takes_html=name in _HTML_IN_SVG
            if is_svg
            else name == "annotation-xml" and encoding in {"text/html", "application/xhtml+xml"},
            takes_text=not is_svg and name in _TEXT_IN_MATHML,
        )
        if not self._runs[-1].is_foreign:
            self._runs.append(_Run(is_foreign=True))
        self._runs[-1].push(name, element)

    def _break_out(self) -> None:
        """Close what is foreign up to an element that HTML may lie in."""
        top = self._runs[-1]
        while top.names and not (top.elements[-1].takes_html or top.elements[-1].takes_text):
            top.pop()
        if not top.names:
            self._runs.pop()


def _breaks_out(name: str, attributes: Mapping[str, Value]) -> bool:
    """Tell whether a start tag ends all foreign elements around it."""
    return name in _BREAKOUT or (
        name == "font" and not attributes.keys().isdisjoint({"color", "face", "size"})
    )
