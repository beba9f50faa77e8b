"""Read XML into a flat list of nodes with exact positions, and check that it is well-formed.

Sections are those of XML 1.0 (https://www.w3.org/TR/xml/) and of Namespaces in XML 1.0
(https://www.w3.org/TR/xml-names/). One regular expression takes each token at C speed; what
encloses what is kept on a list, so no depth of nesting is too deep. Entities are never expanded,
but in the names of namespaces.

Of names, only the ASCII characters are checked: whether ``²`` may stand in one decides nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from assetpipe.kinds.patterns import compiled

WHITE = " \t\r\n"
"""White space (2.3)."""

SVG = "http://www.w3.org/2000/svg"
XHTML = "http://www.w3.org/1999/xhtml"
XLINK = "http://www.w3.org/1999/xlink"
XML = "http://www.w3.org/XML/1998/namespace"
_XMLNS = "http://www.w3.org/2000/xmlns/"

_S = rf"[{WHITE}]"
_NCNAME = r"[^\x00-@\[-^`{-\x7f][^\x00-,/:-@\[-^`{-\x7f]*+"
_QNAME = rf"(?:({_NCNAME}):)?+({_NCNAME})"
_NAME = rf"{_NCNAME}(?::{_NCNAME})?+"
_VALUE = r"""(?:"[^<"]*+"|'[^<']*+')"""
_LITERAL = r"""(?:"[^"]*+"|'[^']*+')"""
_PUBLIC = r"""(?:"[-\w '()+,./:=?;!*#@$%\r\n]*+"|'[-\w ()+,./:=?;!*#@$%\r\n]*+')"""
_COMMENT = r"<!--[^-]*+(?:-(?!-)[^-]*+)*+-->"
_PI = r"<\?[^?]*+(?:\?(?!>)[^?]*+)*+\?>"
_ENTITY = rf"<!ENTITY{_S}++({_NCNAME}){_S}++({_LITERAL}){_S}*+>"

_TOKEN = compiled(
    rf"""
      (?P<white> {_S}++ (?=<|\Z) )
    | (?P<text> [^<]++ )
    | < (?: (?P<prefix> {_NCNAME} ) : )?+ (?P<local> {_NCNAME} )
      (?P<attributes> (?: {_S}++ {_NAME} {_S}*+ = {_S}*+ {_VALUE} )*+ ) {_S}*+ (?P<start> /?+ ) >
    | </ (?P<name> {_NAME} ) {_S}*+ (?P<end> > )
    | (?P<comment> {_COMMENT} )
    | (?P<cdata> <!\[CDATA\[ [^\]]*+ (?: \](?!\]>) [^\]]*+ )*+ \]\]> )
    | (?P<pi> {_PI} )
    | <!DOCTYPE {_S}++ {_NAME}
      (?: {_S}++ (?: SYSTEM | PUBLIC {_S}++ {_PUBLIC} ) {_S}++ {_LITERAL} )?+ {_S}*+
      (?: \[
        (?P<subset> (?: [^\]"'<]++ | {_LITERAL} | {_COMMENT} | {_PI} | <(?!!--|\?) )*+ ) \] {_S}*+
      )?+
      (?P<doctype> > )
    """,
    re.VERBOSE | re.ASCII,
)
_ATTRIBUTE = compiled(rf"{_QNAME}{_S}*+={_S}*+({_VALUE})")
_DECLARATION = compiled(
    rf"""<\?xml{_S}++version{_S}*+={_S}*+["'](1\.[0-9]++)["']
    (?:{_S}++encoding{_S}*+={_S}*+["'][A-Za-z][-A-Za-z0-9._]*+["'])?+
    (?:{_S}++standalone{_S}*+={_S}*+["'](?:yes|no)["'])?+{_S}*+\?>""",
    re.VERBOSE,
)
STYLESHEET = compiled(rf"<\?xml-stylesheet(?=[{WHITE}])")
"""The start of the instruction that names a document's style sheet."""
_TARGET = compiled(rf"<\?(?!(?ai:xml)[?{WHITE}]){_NCNAME}(?=[?{WHITE}])")
_ONLY_ENTITIES = compiled(rf"(?:{_S}|{_COMMENT}|{_ENTITY})*+")
_ENTITIES = compiled(rf"{_COMMENT}|{_ENTITY}")
_REFERENCE = compiled(rf"&(?:(?:#(?:([0-9]++)|x([0-9A-Fa-f]++))|({_NAME}));)?+")
_NO_CHARACTER = compiled("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_PREDEFINED = {"amp": "&", "apos": "'", "gt": ">", "lt": "<", "quot": '"'}
_LONGEST_NAMESPACE = 500
"""Entities longer than this name no namespace: nothing gets to grow by expanding them."""


class Attribute(NamedTuple):
    """One attribute of a tag; positions in characters.

    Attributes:
        start: position of its name.
        name_end: position behind its name.
        end: position behind the closing quote.
        value: position of the first character of its value, which ends at ``end - 1``.
        prefix: of the name, or nothing.
        local: the name without prefix.
        space: URI of its namespace; nothing for a name without prefix.
    """

    start: int
    name_end: int
    end: int
    value: int
    prefix: str
    local: str
    space: str


NodeKind = Literal[
    "start", "end", "text", "white", "cdata", "comment", "pi", "declaration", "doctype"
]


@dataclass(slots=True)
class Node:
    """One token; positions in characters.

    Attributes:
        kind: what it is; ``white`` is text of white space alone, ``declaration`` is ``<?xml …?>``.
        start: position of its first character.
        end: position behind its last character.
        name_end: of a tag, the position behind its name.
        local: of an element, its name without prefix.
        space: of an element, the URI of its namespace.
        attributes: of an element.
        last: of an element, the index of its end tag; its own index if it has none.
        subset: of a DOCTYPE, whether it has an internal subset.
    """

    kind: NodeKind
    start: int
    end: int
    name_end: int = 0
    local: str = ""
    space: str = ""
    attributes: tuple[Attribute, ...] = ()
    last: int = -1
    subset: bool = False


class NotWellFormedError(Exception):
    """No XML parser would read on.

    Attributes:
        message: what is wrong, one sentence without a final full stop.
        position: where, as a character offset.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(slots=True)
class Document:
    """What was read of a document.

    Attributes:
        chars: the text.
        nodes: the tokens, in order; up to the error, if there is one.
        error: why the document is not well-formed.
        opaque: some of what the document says is hidden in declarations or entities.
        entities: the declared entities, with their literal values.
    """

    chars: str
    nodes: list[Node] = field(default_factory=list)
    error: NotWellFormedError | None = None
    opaque: bool = False
    entities: dict[str, str] = field(default_factory=dict)


def parse(chars: str) -> Document:
    """Read a document; an error ends it, and is told."""
    document = Document(chars)
    try:
        _Parser(document).parse()
    except NotWellFormedError as error:
        document.error = error
    return document


class Unescaped:
    """What text of a document stands for, with a way back to where it stands.

    Attributes:
        chars: the characters, references resolved.
        known: ``False`` if there is a reference to an entity of the document's own in it.
    """

    def __init__(self, document: Document, spans: Iterable[tuple[int, int, bool]]) -> None:
        """Resolve the text of some spans; the third value tells of references in a span."""
        self._parts: list[str] = []
        self._length = 0
        self._runs: list[int] = []  # Where each run begins in `chars`,
        self._places: list[int] = []  # where in the document,
        self._widths: list[int] = []  # and how wide it is there, if it is one reference.
        self.known = True
        for start, end, escaped in spans:
            self._add(document.chars, start, end, escaped=escaped)
        self.chars = "".join(self._parts)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the document some of ``chars`` stands; not for no characters."""
        first, last = (bisect_right(self._runs, at) - 1 for at in (start, end - 1))
        width = self._widths[last] or end - self._runs[last]
        return self._places[first] + start - self._runs[first], self._places[last] + width

    def _add(self, chars: str, start: int, end: int, *, escaped: bool) -> None:
        at = start
        if escaped and chars.find("&", start, end) >= 0:
            for found in _REFERENCE.finditer(chars, start, end):
                decimal, hexadecimal, name = found.groups()
                self.known &= not name or name in _PREDEFINED
                character = _character(decimal, hexadecimal) or _PREDEFINED.get(name, "\ufffd")
                self._run(chars[at : found.start()], at, 0)
                self._run(character, found.start(), found.end() - found.start())
                at = found.end()
        self._run(chars[at:end], at, 0)

    def _run(self, text: str, place: int, width: int) -> None:
        if text:
            self._parts.append(text)
            self._runs.append(self._length)
            self._places.append(place)
            self._widths.append(width)
            self._length += len(text)


def value(document: Document, attribute: Attribute) -> Unescaped:
    """Return the value of an attribute."""
    return Unescaped(document, [(attribute.value, attribute.end - 1, True)])


def content(document: Document, index: int) -> Unescaped:
    """Return the text in the element whose start tag has an index; unknown with elements in it."""
    spans = []
    known = True
    for at in range(index + 1, document.nodes[index].last):
        node = document.nodes[at]
        if node.kind == "start":
            known = False
            break
        if node.kind == "cdata":
            spans.append((node.start + 9, node.end - 3, False))
        elif node.kind in {"text", "white"}:
            spans.append((node.start, node.end, True))
    text = Unescaped(document, spans)
    text.known &= known
    return text


def _character(decimal: str | None, hexadecimal: str | None) -> str | None:
    """Return the character of a numeric reference, if it is one that may occur (2.2, 4.1)."""
    digits = (decimal or hexadecimal or "").lstrip("0")
    code = int(digits, 10 if decimal else 16) if 0 < len(digits) < 8 else 0
    character = chr(code) if 0 < code <= 0x10FFFF else "\0"
    return None if _NO_CHARACTER.match(character) else character


class _Parser:
    """One reading of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._chars = document.chars
        self._nodes = document.nodes
        self._open: list[tuple[Node, str, list[str]]] = []
        self._spaces: dict[str, list[str]] = {"": [""], "xml": [XML]}
        self._references = "&" in self._chars
        self._root = False

    def parse(self) -> None:
        chars, nodes, at = self._chars, self._nodes, 0
        odd = _NO_CHARACTER.search(chars)
        while token := _TOKEN.match(chars, at):
            start, at = at, token.end()
            if odd and at > odd.start():
                break
            match token.lastgroup:
                case "white":
                    nodes.append(Node("white", start, at))
                case "start":
                    self._start(token)
                case "end":
                    self._end(token)
                case "text":
                    self._text(start, at)
                case "cdata":
                    self._inside(start)
                    nodes.append(Node("cdata", start, at))
                case "comment":
                    nodes.append(Node("comment", start, at))
                case "pi":
                    self._instruction(start, at)
                case _:
                    self._doctype(token)
        if odd:
            raise NotWellFormedError("a control character must not occur here", odd.start())
        if at < len(chars):
            raise NotWellFormedError(_oddity(chars, at), at)
        if self._open:
            node, name, _ = self._open[-1]
            raise NotWellFormedError(f"<{name}> is never closed", node.start)
        if not self._root:
            raise NotWellFormedError("there is no element", 0)

    def _start(self, token: re.Match[str]) -> None:
        if self._root and not self._open:
            raise NotWellFormedError("there is a second root element", token.start())
        self._root = True
        prefix, local, attributes, slash = token.group("prefix", "local", "attributes", "start")
        found, declared = self._attributes(*token.span("attributes")) if attributes else ((), [])
        space = self._space(prefix, token.start())
        node = Node("start", *token.span(), token.end("local"), local, space, found)
        self._nodes.append(node)
        if slash:
            node.last = len(self._nodes) - 1
            self._undeclare(declared)
        else:
            self._open.append((node, f"{prefix}:{local}" if prefix else local, declared))

    def _end(self, token: re.Match[str]) -> None:
        name = token["name"]
        if not self._open:
            raise NotWellFormedError(f"</{name}> closes nothing", token.start())
        node, opened, declared = self._open.pop()
        if name != opened:
            self._open.append((node, opened, declared))
            raise NotWellFormedError(f"</{name}> stands where </{opened}> must", token.start())
        node.last = len(self._nodes)
        self._nodes.append(Node("end", *token.span(), token.end("name")))
        self._undeclare(declared)

    def _attributes(self, start: int, end: int) -> tuple[tuple[Attribute, ...], list[str]]:
        """Return the attributes between two positions, and the prefixes that they declare."""
        found: list[Attribute] = []
        declared: list[str] = []
        has_prefix = False
        for match in _ATTRIBUTE.finditer(self._chars, start, end):
            prefix, local = match.group(1, 2)
            opening, closing = match.span(3)
            if self._references and self._chars.find("&", opening, closing) >= 0:
                self._check_references(opening, closing)
            has_prefix |= prefix is not None
            if prefix == "xmlns" or (local == "xmlns" and not prefix):
                declared.append(local if prefix else "")
                self._declare(declared[-1], match)
            name_end = match.end(2)
            found.append(
                Attribute(match.start(), name_end, closing, opening + 1, prefix or "", local, "")
            )
        if has_prefix:
            # Only now, as a prefix may be declared behind its use.
            found = [
                each._replace(space=self._space(each.prefix, each.start)) if each.prefix else each
                for each in found
            ]
        if len({(each.space, each.local) for each in found}) < len(found):
            seen = set()
            for each in found:
                if (each.space, each.local) in seen:
                    raise NotWellFormedError("the same attribute occurs twice", each.start)
                seen.add((each.space, each.local))
        return tuple(found), declared

    def _declare(self, prefix: str, attribute: re.Match[str]) -> None:
        uri = self._expanded(attribute[3][1:-1])
        if (prefix and not uri) or prefix == "xmlns" or (prefix == "xml") != (uri == XML):
            raise NotWellFormedError("this is no namespace for a prefix", attribute.start())
        self._spaces.setdefault(prefix, []).append(uri)

    def _expanded(self, raw: str) -> str:
        """Return a namespace's URI."""
        entities = self._document.entities

        def expand(reference: re.Match[str]) -> str:
            value = entities.get(reference[3] or "", reference[0])
            return value if len(value) < _LONGEST_NAMESPACE else reference[0]

        text = _REFERENCE.sub(expand, raw) if entities and "&" in raw else raw
        if "&" not in text:
            return text
        expanded = Unescaped(Document(text), [(0, len(text), True)])
        self._document.opaque |= not expanded.known
        return expanded.chars

    def _undeclare(self, prefixes: list[str]) -> None:
        for prefix in prefixes:
            self._spaces[prefix].pop()

    def _space(self, prefix: str | None, position: int) -> str:
        if prefix == "xmlns":
            return _XMLNS
        declared = self._spaces.get(prefix or "")
        if not declared:
            raise NotWellFormedError(f"nothing declares the prefix {prefix}", position)
        return declared[-1]

    def _text(self, start: int, end: int) -> None:
        self._inside(start)
        if self._references and self._chars.find("&", start, end) >= 0:
            self._check_references(start, end)
        marks = self._chars.find("]]>", start, end)
        if marks >= 0:
            raise NotWellFormedError("]]> must be written as ]]&gt; here", marks)
        self._nodes.append(Node("text", start, end))

    def _inside(self, start: int) -> None:
        if not self._open:
            raise NotWellFormedError("there is text outside of the root element", start)

    def _check_references(self, start: int, end: int) -> None:
        for found in _REFERENCE.finditer(self._chars, start, end):
            decimal, hexadecimal, name = found.groups()
            if name:
                document = self._document
                if not (name in _PREDEFINED or name in document.entities or document.opaque):
                    raise NotWellFormedError(f"nothing declares &{name};", found.start())
            elif not _character(decimal, hexadecimal):
                raise NotWellFormedError("& must be written as &amp; here", found.start())

    def _instruction(self, start: int, end: int) -> None:
        declaration = None if start else _DECLARATION.fullmatch(self._chars, start, end)
        if declaration:
            self._document.opaque |= declaration[1] != "1.0"
            self._nodes.append(Node("declaration", start, end))
        elif _TARGET.match(self._chars, start, end):
            self._nodes.append(Node("pi", start, end))
        else:
            raise NotWellFormedError("this is no processing instruction", start)

    def _doctype(self, token: re.Match[str]) -> None:
        if self._root or any(node.kind == "doctype" for node in self._nodes):
            raise NotWellFormedError("the DOCTYPE is not at the top", token.start())
        subset = token["subset"]
        document = self._document
        self._nodes.append(Node("doctype", *token.span(), subset=subset is not None))
        if subset is None:
            return
        for found in _ENTITIES.finditer(subset):
            if found[1]:
                value = found[2][1:-1]
                document.entities.setdefault(found[1], value)
                document.opaque |= any(mark in value for mark in "<&%")
        document.opaque |= not _ONLY_ENTITIES.fullmatch(subset)


def _oddity(chars: str, at: int) -> str:
    """Say what is wrong with what begins at a position, but is no token."""
    for mark, what in (
        ("<!--", "this comment is never closed, or holds --"),
        ("<![CDATA[", "this CDATA section is never closed"),
        ("<!", "this is no declaration that may stand here"),
        ("<?", "this processing instruction is never closed"),
    ):
        if chars.startswith(mark, at):
            return what
    return "this is no tag: look at its name, quotes and spaces, and write other < as &lt;"
