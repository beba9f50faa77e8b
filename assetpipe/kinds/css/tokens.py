r"""The tokens of CSS as regular expressions, shared by all that reads it.

All follow CSS Syntax 3 (https://www.w3.org/TR/css-syntax-3/), section 4. They are possessive
(``*+``), so matching never goes back and stays linear. White space is spelled out everywhere:
Python's ``\s`` also takes characters that are letters to CSS.
"""

from __future__ import annotations

import re

from assetpipe.kinds.patterns import compiled

WHITE = " \t\n\r\f"
"""White space, section 4.2. ``\\r`` and ``\\f`` count because section 3.3 makes them newlines."""

WS = rf"[{WHITE}]"
NEWLINE = r"(?:\r\n|[\n\r\f])"
LINE_END = compiled(NEWLINE)
"""What lines are counted by (3.3)."""

NAME_CHAR = r"[^\x01-,./:-@\[-^`{-\x7f]"
"""A character that continues a name (4.2, ident code point): letters, digits, ``-``, ``_``, all
beyond ASCII, and NUL, which section 3.3 turns into U+FFFD. Spelled as what it is not, since ranges
beyond ASCII take the ``re`` module a hundred times as long to compile."""

COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
"""A closed comment (4.3.2)."""

ESCAPE = rf"\\(?:[0-9A-Fa-f]{{1,6}}+(?:\r\n|{WS})?+|[^0-9A-Fa-f\n\r\f])"
"""A valid escape (4.3.7); one white space behind a hexadecimal escape belongs to it."""

DOUBLE = r'[^"\\\n\r\f]*+(?:\\(?:\r\n|[\s\S])[^"\\\n\r\f]*+)*+'
SINGLE = r"[^'\\\n\r\f]*+(?:\\(?:\r\n|[\s\S])[^'\\\n\r\f]*+)*+"
STRING = rf"""(?:"{DOUBLE}"|'{SINGLE}')"""
"""A closed string (4.3.5). A newline that is not escaped makes it a bad string: no match."""

URL_TEXT = rf"""(?:[^"'()\\{WHITE}\x01-\x08\x0b\x0e-\x1f\x7f]++|{ESCAPE})*+"""
"""What may stand in ``url(…)`` without quotes (4.3.6)."""

NAMED_URL = rf"(?<=(?ai:url)\()(?<!(?:{NAME_CHAR}|[#@\\])(?ai:url)\()"
"""The position behind ``url(`` where ``url`` is a whole name (written without escapes)."""

URL = rf"\({NAMED_URL}{WS}*+{URL_TEXT}{WS}*+\)"
"""The brackets of ``url(…)`` without quotes, and what is between (4.3.6)."""

NEXT_MARK = compiled(
    rf"""
    (?: [^{{}}()\[\];"'/\\]++
      | {STRING} | {COMMENT} | /(?!\*)
      | {ESCAPE}(?!{NAME_CHAR}*+\() | {URL}
    )*+
    (?: (?P<mark> [{{}})\[\];] | \((?:(?!{NAMED_URL})|(?={WS}*+["'])) | \Z ) | (?P<broken>) )
    """,
    re.VERBOSE,
)
"""Up to the next bracket or semicolon, or the end. An escape in a name before a bracket may spell
``url(``, which is a token of its own kind: that is not understood."""

CLOSED_BY = {"(": ")", "[": "]", "{": "}"}

_ESCAPE = compiled(rf"\\(?:([0-9A-Fa-f]{{1,6}}+)(?:\r\n|{WS})?+|({NEWLINE})|([\s\S]))|\\\Z")


def unescape(text: str) -> str:
    """Return what a name, string or URL stands for: its escapes resolved (4.3.5, 4.3.7)."""
    text = text.replace("\0", "\ufffd")
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def fold(name: str) -> str:
    """Return a name to compare: escapes resolved, ASCII letters (and no others) in lower case."""
    return unescape(name).encode().lower().decode()


def _character(match: re.Match[str]) -> str:
    """Return the character of one escape; a line continuation stands for nothing."""
    digits, _newline, other = match.groups(default="")
    if not digits:
        return other
    code = int(digits, 16)
    if code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return "\ufffd"
    return chr(code)
