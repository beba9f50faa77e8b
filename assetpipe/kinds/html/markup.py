"""Start tags, as a browser's tokenizer sees them.

Source: WHATWG HTML, 13.2.5 ("tokenization"). Comments, declarations, scripts and other raw text
are passed over whole, and a tag that the file's end cuts off is no tag. Any text is walked in
linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from assetpipe.kinds.html.tree import ASKS, RAW, Tree
from assetpipe.kinds.html.values import Value, value
from assetpipe.kinds.patterns import compiled

WHITE = r"\t\n\f\r "

_NAME = rf"[^{WHITE}/>][^{WHITE}/>=]*+"
_BARE = rf"[^{WHITE}>\"'][^{WHITE}>]*+"
_EQUALS = rf"[{WHITE}]*+=[{WHITE}]*+"
_TAG = compiled(
    rf"<(/?+)([A-Za-z][^{WHITE}/>]*+)"
    rf"(?:[{WHITE}/]++"
    rf"|{_NAME}(?:{_EQUALS}(?:\"[^\"]*+\"|'[^']*+'|{_BARE}|(?=>))|(?!{_EQUALS})))*+>"
)
_ATTRIBUTE = compiled(rf"({_NAME})(?:{_EQUALS}(?:\"([^\"]*+)\"|'([^']*+)'|({_BARE})|(?=>)))?+")
_FOREIGN_BEGINS = compiled("(?ai)<(?:svg|math)")
_COMMENT = compiled(r"<!--(?:-?>|[\s\S]*?--!?>)")
_CDATA = compiled(r"<!\[CDATA\[[\s\S]*?\]\]>")
_BOGUS = compiled(r"<[!?/][^>]*+>")
_TO_THE_END = compiled(r"<(?:[!?]|/?[A-Za-z]|/.)", re.DOTALL)

_RAW_ENDS = {name: compiled(rf"(?ai)</{name}(?=[{WHITE}/>])") for name in RAW}

# In a script, `<!--` begins a comment in which another script may begin and end.
_IN_SCRIPT = compiled(rf"(?ai)<!--|</script(?=[{WHITE}/>])")
_IN_COMMENT = compiled(rf"(?ai)-->|<(/?)script(?=[{WHITE}/>])")

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Tag(NamedTuple):
    """A start tag.

    Attributes:
        name: in lower case.
        is_foreign: the element is one of SVG or MathML.
        start: position behind its name.
        end: position behind the tag.
        content: position behind the raw text that it holds; ``end`` if it holds markup.
    """

    name: str
    is_foreign: bool
    start: int
    end: int
    content: int


def tags(chars: str) -> Iterator[Tag]:
    """Yield the start tags of a document in order."""
    tree = Tree() if _FOREIGN_BEGINS.search(chars) else None
    at = 0
    while (at := chars.find("<", at)) >= 0:
        match = _TAG.match(chars, at)
        if match is None:
            at = _pass(chars, at, in_foreign=tree is not None and tree.is_foreign)
            continue
        slash, name = match.groups()
        name = fold(name)
        start, at = match.end(2), match.end()
        if slash:
            if tree:
                tree.close(name)
            continue
        end = content = at
        is_foreign = tree is not None and _open(tree, name, chars, start, end)
        if name in RAW and not is_foreign:
            content = _raw_end(chars, name, end)
            end_tag = _TAG.match(chars, content)
            at = end_tag.end() if end_tag else len(chars)
        elif name == "plaintext" and not is_foreign:
            at = len(chars)
        yield Tag(name, is_foreign, start, end, content)


def attributes(chars: str, start: int, end: int) -> dict[str, Value]:
    """Return the attributes of a tag by their names in lower case; of two the first counts."""
    found: dict[str, Value] = {}
    for match in _ATTRIBUTE.finditer(chars, start, end):
        name, group = fold(match[1]), match.lastindex or 1
        if name not in found:
            raw, place = (match[group], match.start(group)) if group > 1 else ("", match.end())
            found[name] = value(raw, place)
    return found


def _open(tree: Tree, name: str, chars: str, start: int, end: int) -> bool:
    """Tell the tree of a start tag; return whether it makes an element of SVG or MathML."""
    asked = attributes(chars, start, end) if name in ASKS else {}
    self_closing = chars[end - 2] == "/"
    if self_closing:
        *_, last = [start, *(match.end() for match in _ATTRIBUTE.finditer(chars, start, end))]
        self_closing = last < end - 1  # Else the slash is part of a value.
    return tree.open(name, asked, self_closing=self_closing)


def fold(name: str) -> str:
    """Return a name in lower case, which only ASCII letters have."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


def _pass(chars: str, at: int, *, in_foreign: bool) -> int:
    """Return the position behind a ``<`` that begins no tag, and all that belongs to it."""
    if chars.startswith("<!--", at):
        passed = _COMMENT.match(chars, at)
    elif in_foreign and chars.startswith("<![CDATA[", at):
        passed = _CDATA.match(chars, at)
    else:
        passed = _BOGUS.match(chars, at)
    if passed:
        return passed.end()
    return len(chars) if _TO_THE_END.match(chars, at) else at + 1


def _raw_end(chars: str, name: str, at: int) -> int:
    """Return the position of the end tag of an element that holds raw text."""
    if name == "script":
        return _script_end(chars, at)
    end = _RAW_ENDS[name].search(chars, at)
    return end.start() if end else len(chars)


def _script_end(chars: str, at: int) -> int:
    """Return the position of a script's end tag (13.2.5.15 to 13.2.5.31)."""
    while stop := _IN_SCRIPT.search(chars, at):
        if stop[0] != "<!--":
            return stop.start()
        at = stop.start() + 2  # Its dashes may be those of `-->`.
        in_inner = False
        while stop := _IN_COMMENT.search(chars, at):
            at = stop.end()
            if stop[0] == "-->":
                break
            if stop[1] and not in_inner:
                return stop.start()
            in_inner = not stop[1]
        else:
            break
    return len(chars)
