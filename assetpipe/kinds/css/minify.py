"""Write a stylesheet smaller without changing a token that means something.

The text is cut into *statements*: what stands before ``{``, ``;`` or ``}``. White space and
comments beside those marks never matter (CSS Syntax 3, section 5), and most of the gain comes from
there. Inside a statement they go only where the grammar of that statement cannot see them;
everywhere else white space becomes one space, and a comment that alone keeps two tokens apart
becomes ``/**/``. What this file does not understand is an error: the caller ships the original.
"""

from __future__ import annotations

import re
from functools import cache

from assetpipe.kinds.patterns import compiled

from .tokens import COMMENT, ESCAPE, NAME_CHAR, NAMED_URL, STRING, URL, WHITE, WS

# --- Cutting into statements -------------------------------------------------------------------

# Any bracket but that of `url(…)` without quotes, which is one token.
_BRACKET = rf"""\((?:(?!{NAMED_URL})|(?={WS}*+["']))"""

# A name with an escape may spell `url(` too: such a call is not understood.
_ESCAPE = rf"{ESCAPE}(?!{NAME_CHAR}*+\()"

# What leads in, the statement, the mark that ends it: `{`, `}`, `;`, nothing at the end of the
# file, or all the rest where a token is broken.
_STATEMENT = compiled(
    rf"""
    ( (?: {WS}++ | {COMMENT} )*+ )
    ( (?: [^{{}};"'/\\(]++
        | {STRING} | {COMMENT} | {_ESCAPE} | /(?!\*)
        | {URL} | {_BRACKET}
      )*+ )
    ( [{{}};] | \Z | [\s\S]++ )
    """,
    re.VERBOSE,
)

# --- Inside a statement ------------------------------------------------------------------------

# Comments that someone reads: licences, and the empty one, which is only ever written as a hack
# for old browsers (`html>/**/body`).
_KEPT_COMMENT = r"/\*(?:![^*]*+(?:\*(?!/)[^*]*+)*+\*|\*)/"
_VERBATIM = rf"{STRING} | {ESCAPE} | {URL} | {_KEPT_COMMENT}"
_GAP = rf"(?:{WS}|(?!{_KEPT_COMMENT}){COMMENT})++"
_GAP_OR_NOT = rf"(?:{WS}|(?!{_KEPT_COMMENT}){COMMENT})*+"


def _gaps(unseen: str) -> re.Pattern[str]:
    """Compile a pattern of what to copy (group 1), gaps to drop, and gaps to keep (group 2)."""
    # The first line only makes the search fast: it passes over all other characters. The guards
    # against a backslash: in `.a\, .b` the comma is part of a name.
    return compiled(
        rf"""(?=[{WHITE}/"'\\(])(?:
               ({_VERBATIM})
             | (?<=(?<!\\)[,(\[]){_GAP} | {_GAP}(?=[,)\]]|\Z)
             {unseen}
             | ({_GAP})
             )""",
        re.VERBOSE,
    )


_AT_RULE = _gaps("")

# Beside the mark of `!important`.
_IMPORTANT = rf"(?ai:important){_GAP_OR_NOT}\Z"
_VALUE = _gaps(rf"| (?<=(?<!\\)!){_GAP}(?={_IMPORTANT}) | {_GAP}(?=!{_GAP_OR_NOT}{_IMPORTANT})")

# Beside combinators. Not where `~ =` would become `~=`, where `--` and `>` would meet as `-->`,
# where `+` belongs to `2n + 1`, or where `u +a` would become a unicode range to CSS 2 browsers.
_SELECTOR = _gaps(
    rf"""
    | (?<=(?<![\\-])[>~]){_GAP}(?!=) | (?<!--){_GAP}(?=[>~])
    | (?<=(?<![\\Uu])\+){_GAP}(?!\.?[0-9]) | (?<![Uu]){_GAP}(?=\+{_GAP_OR_NOT}(?!\.?[0-9]))
    """
)

_DECLARATION = compiled(
    rf"""( [^:"'\\/()\[\]!@{WHITE}]++ ) {_GAP_OR_NOT} : {_GAP_OR_NOT} ( [\s\S]*+ )""", re.VERBOSE
)
_CUSTOM_PROPERTY = compiled(rf"(--{NAME_CHAR}*+){WS}*+:([\s\S]*+)")
_NO_VALUE = compiled(rf"(?:{WS}|{COMMENT})*+(?:!|\Z)")

# Media features and ranges: `(min-width: 1px)`, `(width >= 1px)`. Not in rules with strings,
# escapes, comments or `style()`, where the same characters can mean something else.
_CONDITION = compiled(r"""@(media|container|supports)(?![-\w])(?!.*(?:["'\\]|/\*|style\())""")
_FEATURE = compiled(rf"(?<!{NAME_CHAR})(\([-A-Za-z0-9]++) ?: ?(?=[^ )])")
_COMPARISON = compiled(r"(?<![-<>=~|^$*]) ?(?!<!)([<>]=?|=) ?(?![<>=])")

_COMMENT = compiled(COMMENT)
_KEPT = compiled(_KEPT_COMMENT)
_HEXADECIMAL = compiled(r"\\[0-9A-Fa-f]{1,6}\Z")

# Only at the very start these tell an encoding (3.2): there they must not get.
_AT_START = ('@charset "', "\ufeff")
_BRACKETS = compiled(
    rf"""(?=["'\\/()\[\]])(?: {_VERBATIM} | {COMMENT} | ([()\[\]]) )""", re.VERBOSE
)
_CLOSED_BY = {"(": ")", "[": "]"}


class NotUnderstoodError(Exception):
    """The stylesheet is broken, or uses something that this file does not know.

    Attributes:
        message: what is odd, one sentence without a final full stop.
        position: where, as a character offset.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class _OddError(Exception):
    """Something odd in the statement at hand."""


def minify(chars: str) -> str:
    r"""Return the same stylesheet in fewer characters.

    A sheet with the ``/*\*/`` hack, which hides rules between two comments, is left as it is.

    Raises:
        NotUnderstoodError: nothing is certain about what the text means.
    """
    if r"\*/" in chars:
        return chars
    short = _print(_STATEMENT.findall(chars))
    if short.startswith(_AT_START) and not chars.startswith(_AT_START):
        return f" {short}"
    return short


def _print(statements: list[tuple[str, str, str]]) -> str:
    """Print statements, each as short as it may be."""
    prelude, line = cache(_prelude), cache(_line)  # Stylesheets repeat themselves.
    out: list[str] = []
    blocks: list[int] = []  # The statements whose `{` is still open.
    copying: int | None = None  # How many blocks stand around the `--name: {…}` being copied.
    index = 0
    try:
        for index, (lead, text, mark) in enumerate(statements):
            if copying is not None:
                out.append(lead + _closed(text))
            else:
                if "/*" in lead:
                    out += _kept_comments(lead)
                if mark == "{" and blocks and text.startswith("--"):
                    copying = len(blocks)
                    out.append(_closed(text))
                elif mark == "{":
                    out.append(prelude(text))
                elif text:
                    # Outside of blocks, a semicolon belongs to the selector of the next rule.
                    out.append(line(text) if blocks or text[0] == "@" else _closed(text))
                elif blocks and out[-1] == ";":
                    out.pop()
            out.append(mark)
            if mark == "{":
                blocks.append(index)
            elif mark == "}":
                if not blocks:
                    raise _OddError("this } closes nothing")
                blocks.pop()
            elif mark not in {"", ";"}:
                raise _OddError("a comment, string or url() is broken or never closed")
            if copying is not None and len(blocks) < copying + (mark == ";"):
                copying = None
        if blocks:
            index = blocks[-1]
            raise _OddError("this block is never closed")
    except _OddError as odd:
        raise NotUnderstoodError(str(odd), _end(statements, index)) from None
    return "".join(out)


def _end(statements: list[tuple[str, str, str]], index: int) -> int:
    """Return the position of the mark of a statement."""
    return sum(len(part) for parts in statements[: index + 1] for part in parts) - len(
        statements[index][2]
    )


def _kept_comments(lead: str) -> list[str]:
    """Return the comments to keep of those between two statements."""
    return [comment for comment in _COMMENT.findall(lead) if _KEPT.fullmatch(comment)]


def _prelude(text: str) -> str:
    """Shorten what stands before a block: a selector, or an at-rule's condition."""
    _closed(text)
    if text.startswith("@"):
        return _at_rule(text)
    # Behind the marks of an HTML comment, there may be an at-rule (5.4.1).
    return (_AT_RULE if text.startswith(("<!--", "-->")) else _SELECTOR).sub(_gap, text)


def _line(text: str) -> str:
    """Shorten what ends with a semicolon or with its block: a declaration or an at-rule."""
    _closed(text)
    if text[0] == "@":
        return _at_rule(text)
    return _custom_property(text) if text.startswith("--") else _declaration(text)


def _closed(text: str) -> str:
    """Return a text whose brackets are all closed: else it would not end at its mark (5.4.8)."""
    if "(" in text or "[" in text:
        expected = []
        for bracket in _BRACKETS.findall(text):
            if bracket in _CLOSED_BY:
                expected.append(_CLOSED_BY[bracket])
            elif expected and bracket == expected[-1]:
                expected.pop()
        if expected:
            raise _OddError(f"a {expected[-1]} is missing")
    return text


def _at_rule(text: str) -> str:
    """Shorten an at-rule up to its block or semicolon."""
    short = _AT_RULE.sub(_gap, text)
    condition = _CONDITION.match(short)
    if condition is None:
        return short
    short = _FEATURE.sub(r"\1:", short)
    return short if condition[1] == "supports" else _COMPARISON.sub(r"\1", short)


def _custom_property(text: str) -> str:
    """Shorten ``--name: value``: scripts can read the value, so only its ends are trimmed.

    A value of white space keeps it: ``--name:;`` is an error to older browsers.
    """
    match = _CUSTOM_PROPERTY.fullmatch(text)
    if match is None:
        return text
    name, value = match.groups()
    if not _NO_VALUE.match(value):
        # White space at the end may belong to an escape.
        value = value.lstrip(WHITE) if "\\" in value else value.strip(WHITE)
    return f"{name}:{value}"


def _declaration(text: str) -> str:
    """Shorten ``name: value``; what does not look like one is an error to browsers, and stays."""
    match = _DECLARATION.fullmatch(text)
    if match is None:
        return text
    name, value = match.groups()
    return f"{name}:{_VALUE.sub(_gap, value)}"


def _gap(match: re.Match[str]) -> str:
    """Return what replaces a match: itself (group 1), a separator (group 2), or nothing."""
    verbatim, gap = match.groups()
    if gap is None:
        return verbatim or ""
    if not _COMMENT.sub("", gap):
        return "/**/"
    # White space right behind a hexadecimal escape belongs to the escape (4.3.7).
    start = match.start()
    escaped = gap[0] == "/" and _HEXADECIMAL.search(match.string, max(start - 7, 0), start)
    return "/**/ " if escaped else " "
