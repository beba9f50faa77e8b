r"""Scripts between ``<script>`` and ``</script>``: what HTML would read as markup is spelt anew.

``</script`` ends the element wherever it stands, and ``<!--`` may keep its end tag from ending it
(WHATWG HTML, 4.12.1.3). In a string, a template and a comment both can be written so that HTML sees
neither and ECMAScript the same; anywhere else they cannot. Where a literal begins and ends is only
known if each slash before it is: one that may be a division or an expression leaves it unknown.
"""

from __future__ import annotations

import re

_MARKUP = re.compile(r"<!--|</script", re.IGNORECASE)
_SPELLINGS = {"<!": r"<\x21", "</": r"<\/"}

_IN_TEMPLATE = r"(?>(?:[^`\\$]++|\\[\s\S]|\$(?!\{))*)(?:`|\$\{)"
# ECMA-262, chapter 12, as far as it takes to see where literals and comments are.
_TOKEN = re.compile(
    rf"""
      (?P<gap> [\s\ufeff]++ )
    | (?P<comment> //[^\n\u2028\u2029]*+ | /\*[\s\S]*?\*/ )
    | (?P<string> "(?>(?:[^"\\\n]++|\\[\s\S])*)" | '(?>(?:[^'\\\n]++|\\[\s\S])*)' )
    | (?P<template> `{_IN_TEMPLATE} )
    | (?P<number> \.?[0-9][\w.]*+ )
    | (?P<word> (?>(?:[\w$\#\\]|[^\x00-\x7f\s\ufeff])+) )
    | (?P<mark> \+\+ | -- | \?\.(?![0-9]) | [^"'`] )
    """,
    re.VERBOSE,
)
_CONTINUED = re.compile(rf"\}}(?P<template>{_IN_TEMPLATE})")
_REGEX = re.compile(
    r"/(?P<regex>(?>(?:[^/\\\[\n\u2028\u2029]|\\[^\n]|\[(?>(?:[^\]\\\n\u2028\u2029]|\\[^\n])*)\])+))"
    r"/[\w$]*+"
)
_ARROW = re.compile(r"^\s*-->", re.MULTILINE)  # a comment in scripts, two operators in modules

# What a slash may mean behind a token: one that divides, one that opens a regular expression.
_DIVIDES, _OPENS, _UNKNOWN = "divides", "opens", "unknown"

_HEADS = frozenset({"for", "if", "while", "with"})
_AFTER_WORD = dict.fromkeys(
    ("case", "default", "delete", "do", "else", "extends", "in", "instanceof", "new", "return",
     "throw", "typeof", "void"),
    _OPENS,
) | dict.fromkeys(
    # Operators in some places and names in others, or the end of a statement at a line's end.
    ("await", "break", "continue", "debugger", "of", "yield"),
    _UNKNOWN,
)  # fmt: skip
_AFTER_MARK = {"]": _DIVIDES, "}": _UNKNOWN, "++": _UNKNOWN, "--": _UNKNOWN}


def without_markup(text: str) -> str | None:
    """Return a script that means the same and holds nothing that HTML reads as markup.

    Only what a function's ``toString`` gives may differ. ``None`` if no such script is known.
    """
    if not _MARKUP.search(text):
        return text
    if text.startswith("#!") or _ARROW.search(text):
        return None
    escaped = _Walk(text).escaped()
    return None if escaped is None or _MARKUP.search(escaped) else escaped


class _Walk:
    """One walk over the tokens of a script."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._slash = _OPENS  # what a slash would mean here
        self._last = ""  # the token before; nothing for a property's name
        self._closing: list[str] = []  # for each open `(`, what a slash means behind its `)`
        self._tagged: list[bool | None] = []  # for each open `{`: of a template, has it a tag?

    def escaped(self) -> str | None:
        """Return the script with its literals spelt anew; ``None`` if one is not certain."""
        parts = []
        at = 0
        while at < len(self._text):
            match = self._match(at)
            if match is None:
                return None
            may_change = self._pass(match)
            parts.append(_MARKUP.sub(_respelt, match[0]) if may_change else match[0])
            at = match.end()
        return "".join(parts)

    def _match(self, at: int) -> re.Match[str] | None:
        if self._text[at] == "}" and self._tagged and self._tagged[-1] is not None:
            return _CONTINUED.match(self._text, at)
        match = _TOKEN.match(self._text, at)
        if match is None or match[0] != "/" or self._slash == _DIVIDES:
            return match
        return _REGEX.match(self._text, at) if self._slash == _OPENS else None

    def _pass(self, match: re.Match[str]) -> bool:
        """Take note of a piece; say whether it means the same in another spelling."""
        piece, kind = match[0], match.lastgroup
        if kind in {"gap", "comment"}:
            return True
        if kind == "template":
            return self._pass_template(piece)
        if kind == "mark":
            self._pass_mark(piece)
        elif kind == "word" and self._last not in {".", "?."}:
            self._slash = _AFTER_WORD.get(piece, _DIVIDES)
        else:
            self._slash = _DIVIDES
            piece = "" if kind == "word" else piece
        self._last = piece
        return kind == "string"

    def _pass_template(self, piece: str) -> bool:
        # What a template is a tag's argument of sees how it is spelt.
        is_tagged = self._tagged.pop() if piece[0] == "}" else self._slash != _OPENS
        is_open = piece[-1] == "{"
        if is_open:
            self._tagged.append(is_tagged)
        self._slash = _OPENS if is_open else _DIVIDES
        self._last = piece
        return not is_tagged

    def _pass_mark(self, piece: str) -> None:
        after = _AFTER_MARK.get(piece, _OPENS)
        if piece == "(":
            is_head = self._last in _HEADS
            self._closing.append(
                _OPENS if is_head else _UNKNOWN if self._last in _AFTER_WORD else _DIVIDES
            )
        elif piece == ")":
            after = self._closing.pop() if self._closing else _UNKNOWN
        elif piece == "{":
            self._tagged.append(None)
        elif piece == "}" and self._tagged:
            self._tagged.pop()
        self._slash = after


def _respelt(match: re.Match[str]) -> str:
    return _SPELLINGS[match[0][:2]] + match[0][2:]
