"""The kinds, each with the independent reader that its files are held against."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from xml.parsers import expat

from assetpipe.kinds import css, html, js, sourcemap, svg, webmanifest
from assetpipe.kinds import json as json_kind
from assetpipe.kinds.css import bundle as css_bundle
from assetpipe.kinds.css.tokens import WHITE, unescape
from assetpipe.kinds.html.values import value
from assetpipe.kinds.js import bundle as js_bundle
from assetpipe.kinds.js import context
from assetpipe.kinds.js.context import Unsure
from assetpipe.kinds.js.minify import break_matters
from assetpipe.kinds.js.references import string_value
from assetpipe.kinds.js.tokens import tokenize
from assetpipe.kinds.model import Options, Reference
from assetpipe.kinds.svg.minify import EDITORS
from tests import checker_css
from tests.fuzz.bundles import check_bundle
from tests.fuzz.maps import check_map
from tests.fuzz.properties import Target, check

_BREAKS = (context.BREAK, context.BREAK_AT_MEMBER)
_HEADS = (context.HEAD_WORD, context.FOR, context.SWITCH, context.WITH, context.CATCH)
_ALSO_BEHIND = {context.FOR: "await", context.CATCH: "{"}


def _script(chars: str, options: Options) -> Any:
    """Return the tokens of a script, what they mean, and before which a line break counts."""
    try:
        tokens = tokenize(chars, module=options.module)
    except Unsure:
        return None
    texts: list[str] = []
    meanings: list[Any] = []
    for index, (piece, kind) in enumerate(zip(tokens.pieces, tokens.kinds, strict=True)):
        if kind not in context.GAPS:
            texts.append(piece)
            meanings.append(kind)
        elif kind in _BREAKS and index + 1 < len(tokens.pieces) and break_matters(tokens, index):
            meanings.append("\n")
    return (texts, meanings) if _may_be_valid(texts, meanings) else None


def _may_be_valid(texts: list[str], meanings: list[Any]) -> bool:
    """Tell whether what must follow some tokens follows them.

    Where it does not, no browser reads the script, and nothing is certain about its line breaks.
    """
    kinds = [meaning for meaning in meanings if meaning != "\n"]
    return all(
        _may_follow(kind, text, after)
        for kind, text, after in zip(kinds, [*texts[1:], ""], [*kinds[1:], -1], strict=True)
    )


def _may_follow(kind: int, text: str, after: int) -> bool:
    """Tell whether a token may stand behind one of a kind, where that is easily told."""
    if kind in _HEADS:
        return text == "(" or text == _ALSO_BEHIND.get(kind)
    if kind == context.DOT:
        return after in (context.NAME, context.PRIVATE) or text[:1] in ("(", "[", "`")
    if kind in (context.OPERATOR, context.PREFIX):
        return after not in (context.OPERATOR, -1)
    return True


def _in_script(text: str, reference: Reference) -> bool:
    said = text if reference.role == "sourcemap" else string_value(f"'{text}'")
    return said == reference.specifier


def _sheet(chars: str, _options: Options) -> Any:
    """Return the rules of a stylesheet and what they refer to."""
    try:
        sheet = checker_css.read(chars.encode())
    except RecursionError:
        return None
    found = [(link.role, link.specifier) for link in sheet.references if link.role != "sourcemap"]
    if not _BROKEN.isdisjoint(sheet.tokens):
        return None
    tokens = [
        token
        for token, before, behind in zip(
            sheet.tokens, ["", *sheet.tokens], [*sheet.tokens[1:], ""], strict=False
        )
        if not (token == " " and (before.endswith(_UNSPACED) or behind.startswith(_UNSPACED)))
        and not (token == ";" and (before == "{" or behind == "}"))
    ]
    return tokens, found


_BROKEN = frozenset(
    {"error bad-string", "error bad-url", "error eof-in-string", "error eof-in-url"}
)
"""Tokens that take in what follows them: comments are none there."""

_UNSPACED = (",", ";", ">", "~", "(", ")", "[", "]", "{", "}", "error")
"""White space beside these never counts, whatever stands on its other side."""


def _in_sheet(text: str, reference: Reference) -> bool:
    said = text if reference.role == "sourcemap" else unescape(text).strip(WHITE)
    # Characters of two bytes are not read.
    return said == reference.specifier or "\x80\x80" in reference.specifier


def _json(chars: str, _options: Options) -> Any:
    """Return a JSON text as lists and strings: the order of members counts, and every digit."""
    guard = re.match(r"\)\]\}'[^\n]*\n?", chars)
    try:
        return json.loads(
            chars[guard.end() :] if guard else chars,
            object_pairs_hook=list,
            parse_float=str,
            parse_int=str,
        )
    except (ValueError, RecursionError):
        return None


def _in_json(text: str, reference: Reference) -> bool:
    said: str = json.loads(f'"{text}"')
    return said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") == (
        reference.specifier
    )


def _document(chars: str, _options: Options) -> Any:
    return chars


def _in_document(text: str, reference: Reference) -> bool:
    """Tell whether a text spells a URL in an attribute, a style, a script or an import map."""
    resolved = value(text, 0).text
    spellings = [text, resolved, unescape(resolved), unescape(text).strip(WHITE)]
    with suppress(ValueError):
        spellings.append(json.loads(f'"{text}"'))
    return reference.specifier in (*spellings, string_value(f"'{text}'"))


_EXACT = frozenset(
    {
        "altGlyph",
        "desc",
        "foreignObject",
        "script",
        "style",
        "text",
        "textPath",
        "title",
        "tref",
        "tspan",
    }
)
_SVG = "http://www.w3.org/2000/svg"
_LISTS = frozenset({"d", "gradientTransform", "patternTransform", "points", "transform"})


class _Picture:
    """The elements of a picture as expat reads them, without what nobody sees."""

    def __init__(self, chars: str) -> None:
        self.seen: list[Any] = []
        self._exact = [False]
        self._hidden = 0
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._close
        parser.CharacterDataHandler = self._text
        parser.Parse(chars.encode(), True)

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if self._hidden or local == "metadata" or space.startswith(EDITORS):
            self._hidden += 1
            return
        kept = {
            key: " ".join(found.split()) if key in _LISTS else found
            for key, found in attributes.items()
            if not key.startswith(EDITORS)
        }
        self.seen.append((name, kept))
        self._exact.append(self._exact[-1] or space != _SVG or local in _EXACT)

    def _close(self, _name: str) -> None:
        if self._hidden:
            self._hidden -= 1
            return
        self.seen.append("end")
        self._exact.pop()

    def _text(self, chars: str) -> None:
        text = chars if self._exact[-1] else "".join(chars.split())
        if text and not self._hidden:
            if self.seen and isinstance(self.seen[-1], str) and self.seen[-1] != "end":
                text = self.seen.pop() + text
            self.seen.append(text)


def _picture(chars: str, _options: Options) -> Any:
    try:
        return _Picture(chars).seen
    except expat.ExpatError:
        return None


def _in_picture(text: str, reference: Reference) -> bool:
    resolved = value(text, 0).text
    spellings = (text, resolved, resolved.strip(), unescape(resolved).strip())
    # What an entity stands for that nobody declared is not known.
    return reference.specifier in spellings or "\ufffd" in reference.specifier


TARGETS = {
    "css": Target(css.KIND, _sheet, _in_sheet, r"\r\n|[\n\r\f]"),
    "html": Target(html.KIND, _document, _in_document),
    "js": Target(js.KIND, _script, _in_script, r"\r\n|[\n\r\u2028\u2029]"),
    "json": Target(json_kind.KIND, _json, _in_json),
    "sourcemap": Target(sourcemap.KIND, _json, _in_json),
    "svg": Target(svg.KIND, _picture, _in_picture),
    "webmanifest": Target(webmanifest.KIND, _json, _in_json),
}
"""By the name of the kind."""

CHECKS: dict[str, Callable[[bytes], None]] = {
    "bundle of css": partial(check_bundle, css_bundle.join),
    "bundle of js": partial(check_bundle, js_bundle.join),
    "compose": check_map,
    **{name: partial(check, target) for name, target in TARGETS.items()},
}
"""What to call with any bytes; it raises ``AssertionError`` where a property does not hold."""
