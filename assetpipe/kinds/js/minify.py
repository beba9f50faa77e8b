"""The smallest program of the same tokens, in which no line break is lost that matters."""

from __future__ import annotations

from assetpipe.kinds.js import context as k
from assetpipe.kinds.js.lexical import COMMENT, LINE_BREAK, NAME_PART, TOKEN
from assetpipe.kinds.js.tokens import Tokens
from assetpipe.kinds.patterns import compiled

_COMMENT = compiled(COMMENT)
_NAME_PART = compiled(NAME_PART)

# Line breaks. A line break matters where the grammar forbids one, and where it stands for a
# semicolon: before a token that the grammar does not allow there (section 12.10). So it may go
# where what precedes cannot end a statement, or what follows continues it.

_OPEN_AFTER = frozenset(
    {
        *k.OPERAND_NEXT, *k.STATEMENT_NEXT,
        k.DOT, k.HEAD_WORD, k.FOR, k.SWITCH, k.CATCH, k.WITH, k.IMPORT,
        k.CLOSE_PARAMETERS, k.CLOSE_MEMBER, k.OPEN_CLASS,
    }
) - {k.RETURN, k.EXPORT, k.EXPORT_DEFAULT}  # fmt: skip
"""After these a line break is free: nothing ends here, or a statement has just ended."""

_CLOSES = frozenset(
    {
        k.CLOSE_PAREN, k.CLOSE_HEAD, k.CLOSE_PARAMETERS, k.CLOSE_BRACKET, k.CLOSE_BRACE,
        k.CLOSE_BLOCK, k.CLOSE_ARROW, k.CLOSE_MEMBER, k.CLAUSE, k.SEMICOLON, k.COMMA, k.COLON,
        k.COLON_LABEL,
    }
)  # fmt: skip
"""Before these a line break is free even where none may stand before an operand."""

_CONTINUES = _CLOSES | {k.DOT, k.QUESTION, k.EQUALS, k.OPERATOR, k.LESS, k.OPEN_CLASS}
"""Before these a line break is free: no statement can begin with them."""

_MAY_CONTINUE = frozenset({k.OPEN_PAREN, k.OPEN_BRACKET, k.SIGN, k.TEMPLATE, k.TEMPLATE_OPEN})
"""These continue an expression, but begin a statement where what precedes is none."""

_RESTRICTED = frozenset(
    {
        k.RETURN, k.JUMP, k.YIELD, k.AWAIT, k.ASYNC, k.DEBUGGER, k.CLOSE_ARROW, k.CLAUSE,
    }
)  # fmt: skip
"""After these a line break ends the statement, or would if the word is a name."""

# What ends an operand for certain, and what an operand stands behind for certain.
_CERTAIN_OPERAND = frozenset({k.CLOSE_PAREN, k.CLOSE_BRACKET, k.CLOSE_BRACE, k.TEMPLATE})
_OPERAND_BEHIND = k.OPERAND_NEXT | {k.DOT}

# In a class body, outside an initialiser, any two names may be two fields or one accessor: there a
# line break is free only behind the first of these, or before the second.
_MEMBER_BEGINS_AFTER = frozenset(
    {k.OPEN_CLASS, k.SEMICOLON, k.CLOSE_MEMBER, k.OPERATOR, k.PREFIX_ONLY}
)
_MEMBER_CONTINUES = frozenset(
    {k.SEMICOLON, k.CLOSE_BRACE, k.CLOSE_BLOCK, k.EQUALS, k.OPEN_PAREN, k.OPEN_BLOCK}
)


def break_matters(tokens: Tokens, gap: int) -> bool:
    """Tell whether the line break in a gap between two tokens may change the program's meaning.

    It says so too where it does not know.
    """
    kinds = tokens.kinds
    before, after = kinds[gap - 1], kinds[gap + 1]
    if kinds[gap] == k.BREAK_AT_MEMBER:
        return before not in _MEMBER_BEGINS_AFTER and after not in _MEMBER_CONTINUES
    if before in _OPEN_AFTER:
        return False
    if before in _RESTRICTED:
        return after not in _CLOSES and not _closes_hole(tokens, gap + 1)
    if after in _CONTINUES or _closes_hole(tokens, gap + 1):
        return False
    return after not in _MAY_CONTINUE or not _is_operand(tokens, gap - 1)


def _closes_hole(tokens: Tokens, index: int) -> bool:
    """Tell whether a token is the part of a template behind a hole."""
    return tokens.pieces[index][0] == "}" and tokens.kinds[index] in (k.TEMPLATE, k.TEMPLATE_OPEN)


def _is_operand(tokens: Tokens, index: int) -> bool:
    """Tell whether a token certainly ends an operand.

    Names and strings may also end what is none: ``var a``, ``break a``, ``import "a"``.
    """
    kind = tokens.kinds[index]
    if kind in _CERTAIN_OPERAND:
        return True
    if kind not in (k.NAME, k.LITERAL, k.PRIVATE):
        return False
    before = tokens.kinds[index - 1]
    if before in k.GAPS:
        before = tokens.kinds[index - 2]
    return before in _OPERAND_BEHIND and (before != k.COMMA or kind == k.LITERAL)


# Separators.


class _Pairs(dict[str, bool | None]):
    """Whether tokens must stay apart, by the last character of one and the first of the next.

    ``None``: these two do not tell.
    """

    def __missing__(self, pair: str) -> bool | None:
        first, second = pair[0], pair[1]
        starts_name = _NAME_PART.fullmatch(second) or second == "\\"
        if starts_name and first in "/.}":
            apart: bool | None = None
        elif first in _NEVER_MERGE or second in _NEVER_MERGE:
            apart = False
        elif starts_name:
            apart = bool(_NAME_PART.fullmatch(first))
        elif _NAME_PART.fullmatch(first):
            apart = None if second == "." else False
        else:
            apart = None
        self[pair] = apart
        return apart


_NEVER_MERGE = frozenset("()[]{},;:~@\"'`")
_PAIRS = _Pairs()


def _would_merge(first: str, second: str) -> bool:
    """Tell whether two tokens without a gap would be others, where `_PAIRS` does not tell."""
    if first[-1] == "/":  # a division, or a regex without flags
        return second[0] in "/*=" or len(first) > 1
    if second[0] == "/":
        return False
    if first[-1] == "}":  # a brace, or a name that ends with `\u{61}`
        return len(first) > 1
    if first[-1] == "." and first[0] in "0123456789":  # no name may begin right behind a number
        return _NAME_PART.match(second) is not None
    if first[-1] + second[0] in ("<!", "!-"):  # together they might make `<!--`
        return True
    token = TOKEN.match(first + second)
    return token is None or token[0] != first


# Printing.


def print_tokens(tokens: Tokens) -> list[str]:
    """Return the pieces with as little between the tokens as their meaning allows."""
    pieces = tokens.pieces.copy()
    for index in tokens.gaps():
        comments = kept_comments(pieces[index]) if "/*!" in pieces[index] else []
        if index == 1 or index == len(pieces) - 1:
            pieces[index] = "".join(comments)
        elif comments:
            pieces[index] = _with_comments(tokens, index, comments)
        elif tokens.kinds[index] != k.SPACE and break_matters(tokens, index):
            pieces[index] = "\n"
        else:
            first, second = pieces[index - 1], pieces[index + 1]
            apart = _PAIRS[first[-1] + second[0]]
            if apart is None:
                apart = _would_merge(first, second)
            pieces[index] = " " if apart else ""
    if pieces[0]:
        pieces[0] += "\n"
    return pieces


def kept_comments(gap: str) -> list[str]:
    """Return the comments ``/*! … */`` of a gap."""
    return [comment for comment in _COMMENT.findall(gap) if comment.startswith("/*!")]


def _with_comments(tokens: Tokens, index: int, comments: list[str]) -> str:
    """Return what stands for a gap with comments to keep."""
    text = "".join(comments)
    if tokens.pieces[index - 1].endswith("/"):
        text = f" {text}"  # else the slashes would begin another comment
    breaks = tokens.kinds[index] != k.SPACE and break_matters(tokens, index)
    return f"{text}\n" if breaks and not LINE_BREAK.search(text) else text
