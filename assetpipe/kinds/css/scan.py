"""Find the places in a stylesheet that name other files.

One regular expression walks over the text at C speed and stops only where a file may be named.
It knows comments, strings and escapes, so nothing inside them is taken for a reference, and it
never goes back, so any text is walked in linear time. Section numbers are those of CSS Syntax 3.

What counts: ``url()`` and ``src()``, the strings of ``image-set()``, ``@import``, and a source
map comment at the very end. The other at-rules name no file before their block: ``@namespace``
has a name, ``@document`` a pattern, and what ``@supports`` tests is not loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assetpipe.kinds.patterns import compiled

from ..model import Role
from .tokens import (
    COMMENT,
    DOUBLE,
    ESCAPE,
    NAME_CHAR,
    NAMED_URL,
    SINGLE,
    URL_TEXT,
    WHITE,
    WS,
    fold,
    unescape,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A place that names a file, in characters.

    Attributes:
        start: position of the first character of the name, inside the quotes.
        end: position behind its last character.
        specifier: the name, escapes resolved.
        role: how it is used.
    """

    start: int
    end: int
    specifier: str
    role: Role


@dataclass(frozen=True, slots=True)
class SourceMap:
    """A source map comment that a browser would follow.

    Attributes:
        start: position of the comment.
        end: position behind the comment.
        link: the map that it names; ``None`` for a map inside the comment (``data:``).
        overruled: start and end of such comments right before it, which would count without it.
    """

    start: int
    end: int
    link: Found | None
    overruled: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """All that a stylesheet refers to, in the order of the text."""

    found: tuple[Found, ...] = ()
    source_map: SourceMap | None = None


# Broken text is scanned on: an open string ends with its line (4.3.5), an open comment with the
# file (4.3.2).
_OPEN_COMMENT = rf"{COMMENT}|/\*[\s\S]*+"
_OPEN_STRING = rf"""(?:"{DOUBLE}"?+|'{SINGLE}'?+)"""
_TRIVIA = rf"(?:{WS}++|{_OPEN_COMMENT})*+"

_NAME = rf"(?:{NAME_CHAR}|{ESCAPE})++"
_BEFORE = rf"(?:{NAME_CHAR}|[#@\\])"  # What in front of a name makes it another token.
_CALLS_SET = rf"""
    \((?<=(?ai:image-set)\()(?:
        (?<!{_BEFORE}(?ai:image-set)\()
      | (?<=(?ai:-webkit-image-set)\()(?<!{_BEFORE}(?ai:-webkit-image-set)\()
    )"""

_PASSED = rf"""
      (?!/\*[#@])(?:{_OPEN_COMMENT}) | /(?!\*)
    | (?: {ESCAPE} {NAME_CHAR}*+ )++ (?!\() | \\(?![^\n\r\f])
    | @(?!{_NAME})
"""
_STOPS = rf"""
      \( {NAMED_URL} (?P<url>)
    | \( (?<=(?ai:src)\() (?<!{_BEFORE}(?ai:src)\() (?P<src>)
    | (?P<set> {_CALLS_SET} )
    | (?P<escaped> (?: {ESCAPE} {NAME_CHAR}*+ )++ ) \(
    | @(?P<rule> {_NAME} )
    | (?P<other> \( )
    | (?P<comment> {_OPEN_COMMENT} )
"""

# Each pattern passes over all that names no file and matches up to the next stop; it fails only
# at the end of the text.
_NEXT = compiled(
    rf"""
    (?: [^"'/\\(@]++ | {_OPEN_STRING} | \((?<!(?ai:url|src|set)\() | {_PASSED} )*+
    (?: {_STOPS} )
    """,
    re.VERBOSE,
)
_NEXT_IN_SET = compiled(
    rf"""
    (?: [^"'/\\()@;{{}}]++ | {_PASSED} )*+
    (?: (?P<string> {_OPEN_STRING} ) | (?P<close> [);{{}}] ) | {_STOPS} )
    """,
    re.VERBOSE,
)

_STRING = compiled(rf"""{_TRIVIA}(?:"({DOUBLE})(?:"|\Z)|'({SINGLE})(?:'|\Z))""")
_UNQUOTED = compiled(rf"{WS}*+({URL_TEXT}){WS}*+(?:\)|\Z)")
_QUOTE_FOLLOWS = compiled(rf"""{WS}*+["']""")
_BAD_URL = compiled(rf"(?:[^)\\]++|{ESCAPE}|\\)*+\)?")
_CALL = compiled(rf"{_TRIVIA}({_NAME})\(")
_ANY_URL = rf"""\({NAMED_URL}(?!{WS}*+["'])(?:[^)\\]++|{ESCAPE}|\\)*+\)?"""
_PRELUDE = compiled(
    rf"""(?:[^{{}};"'/\\(]++|{_OPEN_STRING}|{_OPEN_COMMENT}|/|{ESCAPE}|\\|{_ANY_URL}|\()*+"""
)
_SOURCE_MAP = compiled(rf"/\*[#@]{WS}*+sourceMappingURL={WS}*+((?:[^{WHITE}*]|\*(?!/))++){WS}*+\*/")
_TRIVIA_ONLY = compiled(_TRIVIA)
_NAME_CHAR = compiled(NAME_CHAR)

_CALLS = {"url": "url", "src": "src", "image-set": "set", "-webkit-image-set": "set"}


def scan(chars: str) -> Scan:
    """Find all references of a stylesheet; any text at all is scanned without an error."""
    return _Scanner(chars).scan()


class _Scanner:
    """One walk over one text."""

    def __init__(self, chars: str) -> None:
        self._chars = chars
        self._found: list[Found] = []
        self._depth = 0  # How many brackets are open since `image-set(`; 0 outside of it.

    def scan(self) -> Scan:
        """Walk over the whole text."""
        position = 0
        maps: list[re.Match[str]] = []
        while stop := (_NEXT_IN_SET if self._depth else _NEXT).match(self._chars, position):
            position = self._follow(stop)
            if stop.lastgroup == "comment":
                named = _SOURCE_MAP.fullmatch(self._chars, *stop.span("comment"))
                if named and maps and not self._is_trivia(maps[-1].end(), named.start()):
                    maps.clear()
                if named:
                    maps.append(named)
        return Scan(tuple(self._found), self._source_map(maps))

    def _follow(self, stop: re.Match[str]) -> int:
        """Look at one stop; return the position to go on from."""
        position = stop.end()
        match stop.lastgroup:
            case "rule":
                return self._rule(stop["rule"], position)
            case "url" | "src" | "set" | "other" as call:
                return self._call(call, position)
            case "escaped":
                return self._call(self._called(stop.start("escaped"), position - 1), position)
            case "string" if self._depth == 1:
                self._string(stop.start("string"), "url")
            case "close":
                self._depth = self._depth - 1 if stop["close"] == ")" else 0
        return position

    def _call(self, call: str, position: int) -> int:
        """Look at what is behind a ``(``; return the position to go on from."""
        if call == "url":
            position = self._url(position, "url")
        elif call == "src":
            position = self._string(position, "url")
        if (self._depth or call == "set") and self._chars[position - 1] != ")":
            self._depth += 1
        return position

    def _called(self, escape: int, end: int) -> str:
        """Return which call a name with an escape at ``escape`` makes."""
        start = escape
        while start and _NAME_CHAR.match(self._chars, start - 1):
            start -= 1
        if start and self._chars[start - 1] in "#@":
            return "other"
        return _CALLS.get(fold(self._chars[start:end]), "other")

    def _rule(self, name: str, position: int) -> int:
        """Pass over an at-rule up to its block or end; of ``@import``, find what is imported."""
        if fold(name) == "import":
            position = self._imported(position)
        prelude = _PRELUDE.match(self._chars, position)
        return prelude.end() if prelude else position

    def _imported(self, position: int) -> int:
        """Take what an ``@import`` names; return the position behind it."""
        call = _CALL.match(self._chars, position)
        if call is None:
            return self._string(position, "import")
        called = _CALLS.get(fold(call[1]))
        if called == "url":
            return self._url(call.end(), "import")
        return self._string(call.end(), "import") if called == "src" else position

    def _url(self, position: int, role: Role) -> int:
        """Take the URL behind ``url(``; return the position behind it (4.3.4, 4.3.6)."""
        if _QUOTE_FOLLOWS.match(self._chars, position):
            return self._string(position, role)
        if unquoted := _UNQUOTED.match(self._chars, position):
            self._add(*unquoted.span(1), role)
            return unquoted.end()
        broken = _BAD_URL.match(self._chars, position)
        return broken.end() if broken else position

    def _string(self, position: int, role: Role) -> int:
        """Take the string that follows, if one does; return the position behind it."""
        string = _STRING.match(self._chars, position)
        if string is None:
            return position
        self._add(*string.span(string.lastindex or 0), role)
        return string.end()

    def _add(self, start: int, end: int, role: Role) -> None:
        """Note a reference, unless it is empty or holds its data itself."""
        if self._chars[start : start + 5].lower() == "data:":
            return  # Without a copy of what can be megabytes.
        specifier = unescape(self._chars[start:end]).strip(WHITE)
        if specifier and specifier[:5].lower() != "data:":
            self._found.append(Found(start, end, specifier, role))

    def _source_map(self, comments: list[re.Match[str]]) -> SourceMap | None:
        """Return the source map of the last comment if nothing but comments follows it."""
        if not comments or not self._is_trivia(comments[-1].end(), len(self._chars)):
            return None
        *overruled, last = comments
        link = Found(*last.span(1), last[1], "sourcemap")
        is_data = link.specifier[:5].lower() == "data:"
        spans = tuple(each.span() for each in overruled)
        return SourceMap(*last.span(), None if is_data else link, spans)

    def _is_trivia(self, start: int, end: int) -> bool:
        return _TRIVIA_ONLY.fullmatch(self._chars, start, end) is not None
