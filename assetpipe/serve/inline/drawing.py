"""Pictures inside a page: XML 1.0 as a part of HTML (WHATWG HTML, 13.2.6.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape

from assetpipe.serve.inline.source import Source, refusal
from assetpipe.serve.inline.style import moved_css
from assetpipe.serve.tags import written

# The document is known to be well-formed where these are used.
_NAME = r"""[^\s"'<>/=!?]++"""
_VALUE = r"""(?:"[^"]*+"|'[^']*+')"""
_ATTRIBUTE = re.compile(rf"(\s++)({_NAME})\s*+=\s*+({_VALUE})")
_ATTRIBUTES = rf"(?P<attributes>(?>(?:\s++{_NAME}\s*+=\s*+{_VALUE})*))\s*+"
_COMMENT = r"<!--[\s\S]*?-->"
_DOCTYPE = rf"""<!DOCTYPE(?>(?:[^"'>]|{_VALUE})*)>"""
_ROOT = re.compile(
    rf"\s*+(?:<\?xml\s[^>]*\?>)?(?>(?:\s|{_COMMENT}|{_DOCTYPE})*)<svg{_ATTRIBUTES}(?=/?>)"
)
_NODE = re.compile(
    rf"""
      (?P<comment> {_COMMENT} )
    | (?P<instruction> <\?[\s\S]*?\?> )
    | <!\[CDATA\[[\s\S]*?\]\]>
    | <(?P<name> (?P<inner> style | script )(?=[\s/>]) | {_NAME} ) {_ATTRIBUTES}
      (?P<end> /> | > (?(inner) (?P<content> [\s\S]*? ) (?=</(?P=inner)\s*+>) ) )
    | </(?P<closed> {_NAME} )\s*+>
    """,
    re.VERBOSE,
)
_CDATA = re.compile(r"<!\[CDATA\[([\s\S]*?)\]\]>")
_INNER = re.compile(r"<(?:style|script)(?=[\s/>])")
_ENDS_EARLY = re.compile(r"<!---?>|--!>")
_LOADED_BY = frozenset({"href", "src", "xlink:href"})
# Start tags that end an SVG element in HTML (13.2.6.5), or that HTML does not let be empty.
_HTML = frozenset({
    "b", "big", "blockquote", "body", "center", "code", "dd", "div", "dl", "dt", "em", "font",
    "h1", "h2", "h3", "h4", "h5", "h6", "head", "i", "li", "listing", "menu", "nobr", "ol", "p",
    "pre", "ruby", "s", "small", "span", "strike", "strong", "sub", "sup", "table", "tt", "u",
    "ul", "var",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG document that became an element.

    Attributes:
        attributes: of the root, as they stand there.
        rest: what follows them.
        texts: the texts of the styles and scripts in it, which a Content Security Policy asks
            about.
    """

    attributes: str
    rest: str
    texts: tuple[str, ...] = ()

    def html(self, attributes: Mapping[str, object]) -> str:
        """Return the element; the nonce goes to the styles and scripts in it."""
        given = dict(attributes)
        nonce = written({"nonce": given.pop("nonce", None)})
        own = _ATTRIBUTE.sub(lambda each: "" if each[2] in given else each[0], self.attributes)
        rest = _INNER.sub(lambda start: start[0] + nonce, self.rest) if self.texts else self.rest
        return f"<svg{own}{written(given)}{rest}"


def drawing(source: Source) -> Drawing:
    """Return an SVG document as an element of a page.

    Raises:
        InputError: it is not well-formed, or would not mean the same there.
    """
    _check_xml(source)
    root = _ROOT.match(source.text)
    if root is None:
        raise refusal(source.name, "it does not begin as an SVG document that HTML can hold")
    texts: list[str] = []
    foreign = 0  # how many elements are open in which HTML is at home

    def move(node: re.Match[str]) -> str:
        nonlocal foreign
        if node["instruction"]:
            return ""  # HTML knows none
        if node["comment"] and _ENDS_EARLY.search(node[0]):
            raise refusal(source.name, "HTML would end one of its comments early")
        name, is_empty = node["name"], node["end"] == "/>"
        if "foreignObject" in {name, node["closed"]} and not is_empty:
            foreign += 1 if name else -1
        if not name:
            return node[0]
        if name in _HTML and (is_empty or not foreign):
            raise refusal(source.name, f"HTML would read its <{name}> in another way")
        start = f"<{name}{_moved_attributes(source, name, node['attributes'])}"
        if node["content"] is None:
            return start + node["end"]
        texts.append(_text(node["content"]))
        is_style = name == "style"
        return f"{start}>{_moved_style(source, node['content']) if is_style else node['content']}"

    attributes = _moved_attributes(source, "svg", root["attributes"])
    rest = _NODE.sub(move, source.text[root.end() :].strip())
    return Drawing(attributes, rest, tuple(texts))


def _check_xml(source: Source) -> None:
    """Refuse what is not well-formed: an element that stays open would take in the page."""
    from xml.parsers import expat  # only for sites that have pictures inside their pages

    def refuse_subset(_name: str, _system: object, _public: object, has_subset: bool) -> None:
        if has_subset:
            raise refusal(source.name, "HTML does not know what its document type declares")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse_subset
    try:
        parser.Parse(source.text.encode(), True)
    except expat.ExpatError as error:
        raise refusal(source.name, f"it is not well-formed: {error}") from None


def _moved_attributes(source: Source, element: str, attributes: str) -> str:
    def move(attribute: re.Match[str]) -> str:
        space, name, value = attribute[1], attribute[2], unescape(attribute[3][1:-1])
        if name == "xml:base":
            raise refusal(source.name, "HTML does not know xml:base")
        # An <a> loads nothing: it leads to another page, which no build renames.
        if name in _LOADED_BY and element != "a":
            moved = source.moved(value, str)
        else:
            moved = moved_css(source, value) if "(" in value else value
        return attribute[0] if moved == value else f'{space}{name}="{escape(moved)}"'

    return _ATTRIBUTE.sub(move, attributes)


def _moved_style(source: Source, content: str) -> str:
    if "<![CDATA[" in content:
        return moved_css(source, content)
    sheet = unescape(content)
    moved = moved_css(source, sheet)
    return content if moved == sheet else escape(moved, quote=False)


def _text(content: str) -> str:
    """Return the text that an element's content stands for."""
    parts = _CDATA.split(re.sub(_COMMENT, "", content))
    return "".join(part if index % 2 else unescape(part) for index, part in enumerate(parts))
