"""What a script refers to: modules, scripts of a worker, files beside it, its source map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, TypeVar

from assetpipe.kinds.js import context as k
from assetpipe.kinds.js.lexical import COMMENT, GAP
from assetpipe.kinds.js.tokens import Tokens
from assetpipe.kinds.model import Role
from assetpipe.kinds.patterns import compiled
from assetpipe.kinds.urls import is_local

_T = TypeVar("_T", int, str)

# A URL counts only with `import.meta`, so it needs no trigger of its own. Both expressions begin
# with a literal, for which `re` looks an order of magnitude faster.
_IMPORT = compiled(r"import(?:Scripts)?(?![$\w])")
_EXPORT = compiled(r"export\s*+[*{/]")


def may_refer(text: str) -> bool:
    """Tell whether a script may refer to anything besides its source map."""
    return _IMPORT.search(text) is not None or _EXPORT.search(text) is not None


class Found(NamedTuple):
    """A string that names a file.

    Attributes:
        piece: the index of the string in the tokens' pieces.
        specifier: what the string stands for.
        role: how it is used.
    """

    piece: int
    specifier: str
    role: Role

    def is_local(self) -> bool:
        """Tell whether it names a file by a path, so that a release may rename it."""
        if self.role == "module":
            return self.specifier.startswith(("./", "../", "/")) and is_local(self.specifier)
        return is_local(self.specifier)


def find(tokens: Tokens, *, worker: bool) -> list[Found]:
    """Return all references of a script in order, without its source map.

    Args:
        tokens: the script.
        worker: it is known to run in a worker.
    """
    kinds = tokens.kinds
    found = [
        *(
            hit
            for kind in (k.IMPORT, k.EXPORT)
            for at in _all(kinds, kind)
            for hit in _clause(tokens, at)
        ),
        *(hit for at in _all(kinds, k.IMPORT_CALL) for hit in _import_call(tokens, at)),
        *(hit for at in _all(tokens.pieces, "URL") for hit in _url(tokens, at)),
        *_worker_scripts(tokens, worker=worker),
    ]
    return sorted(found)


def _all(items: list[_T], wanted: _T) -> Iterator[int]:
    """Yield every index of an item."""
    at = -1
    with suppress(ValueError):
        while True:
            at = items.index(wanted, at + 1)
            yield at


def _after(tokens: Tokens, index: int) -> Iterator[int]:
    """Yield the tokens behind a piece, without the gaps."""
    kinds = tokens.kinds
    return (at for at in range(index + 1, len(kinds)) if kinds[at] not in k.GAPS)


def _before(tokens: Tokens, index: int) -> int:
    """Return the token before a token."""
    return index - 2 if tokens.kinds[index - 1] in k.GAPS else index - 1


def _next(tokens: Tokens, index: int, *words: str) -> int | None:
    """Return the token behind a piece and these words, or ``None`` if others stand there."""
    following = _after(tokens, index)
    for word in words:
        if tokens.pieces[next(following, -1)] != word:
            return None
    return next(following, None)


def _clause(tokens: Tokens, index: int) -> Iterator[Found]:
    """Yield the specifier of ``import … from "x"``, ``import "x"`` or ``export … from "x"``.

    Sections 16.2.2 and 16.2.3. Nothing but such a declaration has a string right behind ``from``.
    """
    kinds, before = tokens.kinds, index
    for at in _after(tokens, index):
        kind = kinds[at]
        first = before == index
        if kind == k.LITERAL and (
            tokens.pieces[before] == "from" or (first and kinds[index] == k.IMPORT)
        ):
            yield from _string(tokens, at, "module")
            return
        if kind not in _IN_CLAUSE or (kinds[before] == k.CLAUSE and tokens.pieces[at] != "from"):
            return
        if first and kinds[index] == k.EXPORT and kind not in (k.OPERATOR, k.OPEN_BRACE):
            return
        before = at


def _import_call(tokens: Tokens, index: int) -> Iterator[Found]:
    """Yield the specifier of ``import("x")`` or ``import.meta.resolve("x")``."""
    for words in _CALLS:
        yield from _argument(tokens, _next(tokens, index, *words), "module")


def _argument(tokens: Tokens, index: int | None, role: Role) -> Iterator[Found]:
    """Yield a token if it is a string and all of an argument."""
    if index is not None and tokens.pieces[next(_after(tokens, index), -1)] in (",", ")"):
        yield from _string(tokens, index, role)


def _url(tokens: Tokens, index: int) -> Iterator[Found]:
    """Yield the URL of ``new URL("x", import.meta.url)``."""
    argument = _next(tokens, index, "(")
    if argument is None or not _is_constructed(tokens, index):
        return
    end = _next(tokens, argument, ",", "import", ".", "meta", ".", "url")
    if end is not None and tokens.pieces[end] in (",", ")"):
        yield from _string(tokens, argument, "url")


def _is_constructed(tokens: Tokens, index: int) -> bool:
    """Tell whether a name stands behind ``new``, or behind ``new globalThis.`` and the like."""
    before = _before(tokens, index)
    if tokens.kinds[before] == k.DOT and tokens.pieces[_before(tokens, before)] in _GLOBALS:
        before = _before(tokens, _before(tokens, before))
    return tokens.kinds[before] == k.OPERATOR_WORD and tokens.pieces[before] == "new"


def _worker_scripts(tokens: Tokens, *, worker: bool) -> Iterator[Found]:
    """Yield the strings that ``importScripts`` is called with.

    In a file that is not known to be a worker only calls at its top count, and only if nothing
    in it belongs to a page. A function of the same name is another one.
    """
    if not tokens.worker_calls or (not worker and _PAGE & set(tokens.pieces)):
        return
    for at in _all(tokens.pieces, "importScripts"):
        if tokens.kinds[_before(tokens, at)] in _DECLARING:
            return
    for call, outside in tokens.worker_calls:
        if outside or worker:
            yield from _arguments(tokens, call)


def _arguments(tokens: Tokens, call: int) -> Iterator[Found]:
    """Yield the arguments of a call that are strings."""
    depth, before = 0, ""
    for at in _after(tokens, call):
        piece = tokens.pieces[at]
        depth += (piece in _OPENERS) - (piece in _CLOSERS)
        if depth == 0 or depth > _DEEP:
            return
        if depth == 1 and before in ("(", ","):
            yield from _argument(tokens, at, "worker")
        before = piece


def _string(tokens: Tokens, index: int, role: Role) -> Iterator[Found]:
    """Yield a token as a reference if it is a string, or a template without holes."""
    piece, kind = tokens.pieces[index], tokens.kinds[index]
    quoted = kind == k.LITERAL and piece[0] in "\"'"
    if quoted or (kind == k.TEMPLATE and piece[0] == "`"):
        value = string_value(piece)
        if value is not None:
            yield Found(index, value, role)


_IN_CLAUSE = frozenset({k.NAME, k.ASYNC, k.OPERATOR, k.COMMA, k.OPEN_BRACE, k.CLAUSE, k.LITERAL})
_CALLS = (
    ("(",),
    (".", "defer", "("),
    (".", "source", "("),
    (".", "meta", ".", "resolve", "("),
)
_GLOBALS = ("globalThis", "self", "window")
_PAGE = {"document", "window"}
_DECLARING = (k.FUNCTION, k.FUNCTION_DECLARATION, k.DECLARE)
_DEEP = 100  # brackets in an argument, beyond which nobody looks for strings
_OPENERS = ("(", "[", "{")
_CLOSERS = (")", "]", "}")

_ESCAPE = compiled(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{0*+([0-9A-Fa-f]{1,6})\}"
    r"|(0)(?![0-9])|(\r\n|[\n\r\u2028\u2029])|([^0-9ux])|)"
)
_SINGLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def string_value(literal: str) -> str | None:
    """Return what a string or template stands for (section 12.9.4.2), ``None`` if nothing.

    Octal escapes count as nothing: modules and templates forbid them.
    """
    inside = literal[1:-1]
    if "\\" not in inside:
        return inside
    units = []
    at = 0
    for match in _ESCAPE.finditer(inside):
        if match.end() == match.start() + 1:
            return None
        units.append(inside[at : match.start()])
        units.append(_escaped(match))
        at = match.end()
    units.append(inside[at:])
    try:
        # Two escapes may spell one character: its surrogates.
        return "".join(units).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return None


def _escaped(match: re.Match[str]) -> str:
    """Return what one escape stands for."""
    two, four, braced, null, newline, other = match.groups()
    if digits := two or four or braced:
        code = int(digits, 16)
        return chr(code) if code <= 0x10FFFF else "\ud800"
    if null:
        return "\0"
    return "" if newline else _SINGLE.get(other, other)


# Source maps: ECMA-426, section 11.1 (how a tool finds the comment).


class SourceMap(NamedTuple):
    """A comment that names the source map, in characters: its place and its URL's."""

    start: int
    end: int
    url_start: int
    url: str


_COMMENT = compiled(COMMENT)
_MAP = compiled(r"/[/*][#@]\s*+sourceMappingURL=(\S+?)\s*(?:\*/)?")
_TAIL = compiled(rf"[^\n\r]*+(?:{GAP})?")


def last_comments(text: str) -> int | None:
    """Return where the comments at the end of a script begin if one may name a source map.

    Otherwise return its end; ``None`` if only its tokens can tell. A line that begins with ``//``
    is no comment inside a template, a string or a longer comment, but then their end follows.
    """
    named = text.rfind("sourceMappingURL=")
    if named < 0 or not _TAIL.fullmatch(text, named):
        return len(text)
    at = len(text)
    while at > 0:
        start = text.rfind("\n", 0, at) + 1
        line = text[start:at].strip()
        if line and not line.startswith("//"):
            break
        if any(mark in line for mark in ("`", "*/", '"', "'")):
            return None
        at = max(start - 1, 0)
    return at if at <= named else None


def source_maps(text: str, start: int) -> list[SourceMap]:
    """Return the comments that name source maps in the comments that begin at a position."""
    found = []
    for comment in _COMMENT.finditer(text, start):
        match = _MAP.fullmatch(text, *comment.span())
        if match:
            found.append(SourceMap(*comment.span(), match.start(1), match[1]))
    return found
