"""ECMAScript in tokens: exact, or not at all.

A slash begins a division or a regular expression, a brace ends a block or a template's hole: only
the context tells (ECMA-262, section 12). Everything between two such places does not depend on
any context, so one regular expression splits it in one go, which makes this fast.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, compress, count

from assetpipe.kinds.js import context
from assetpipe.kinds.js.context import Context, Unsure
from assetpipe.kinds.js.lexical import (
    CODE,
    CODE_IN_HOLE,
    HASHBANG,
    LINE_BREAK,
    REGEX,
    TEMPLATE,
    TOKEN,
    WHITE_SPACE,
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A program in pieces.

    Attributes:
        pieces: tokens and gaps; joined they are the text. Two tokens have at most one gap
            between them. The first piece is the hashbang ``#!…``, or empty.
        kinds: the kind of each piece: see ``context``.
        module: the text is certainly a module.
        worker_calls: the pieces that call ``importScripts``, and whether each is a statement
            outside any function.
    """

    pieces: list[str]
    kinds: list[int]
    module: bool
    worker_calls: list[tuple[int, bool]]

    def starts(self) -> list[int]:
        """Return the position of each piece in the text, and its end."""
        return list(accumulate(map(len, self.pieces), initial=0))

    def gaps(self) -> list[int]:
        """Return the index of each gap."""
        return list(compress(count(), map(context.GAPS.__contains__, self.kinds)))

    def last_gap(self) -> str:
        """Return what stands behind the last token."""
        return self.pieces[-1] if self.kinds[-1] in context.GAPS else ""


class _Kinds(dict[str, int]):
    """The kind of a piece by its text; each distinct text is looked at once."""

    def __missing__(self, piece: str) -> int:
        kind = self[piece] = _kind(piece)
        return kind


_FIXED = {**context.WORDS, **context.PUNCTUATORS, " ": context.SPACE, "\n": context.BREAK}


def _kind(piece: str) -> int:
    """Return the kind of a token that is neither word nor punctuator, or of a gap."""
    first = piece[0]
    if first in "\"'" and len(piece) > 1:
        return context.LITERAL
    if first in "0123456789.":
        return context.LITERAL
    if first == "#" and len(piece) > 1:
        return context.PRIVATE
    if first == "/" or WHITE_SPACE.match(first):
        return context.BREAK if LINE_BREAK.search(piece) else context.SPACE
    if first in "_$" or first.isalpha() or first > "\x7f" or len(piece) > 1:
        return context.NAME
    return context.UNKNOWN


def tokenize(text: str, *, module: bool = False) -> Tokens:
    """Split a program into tokens.

    Args:
        text: the program.
        module: the text is known to be a module.

    Raises:
        Unsure: it is no JavaScript, or not certainly the one that it seems to be.
    """
    hashbang = HASHBANG.match(text)
    walk = Context(hashbang[0] if hashbang else "", module=module)
    _walk(text, len(walk.pieces[0]), walk)
    walk.finish()
    tokens = Tokens(walk.pieces, walk.kinds, walk.module, walk.worker_calls)
    if not tokens.module:
        _refuse_html_comments(text, tokens)
    return tokens


def _walk(text: str, at: int, walk: Context) -> None:
    """Feed the walk, from one place where only the context helps to the next."""
    kind_of = _Kinds(_FIXED).__getitem__
    holes = 0
    while True:
        match = (CODE_IN_HOLE if holes else CODE).match(text, at)
        stop = match.end() if match else at
        pieces = TOKEN.findall(text, at, stop)
        walk.take(pieces, list(map(kind_of, pieces)))
        if stop == len(text):
            return
        first = text[stop]
        if first == "/" and not text.startswith("/*", stop):
            at = _slash(text, stop, walk)
        elif first == "`" or (first == "}" and walk.top.kind == "hole"):
            if first == "}":
                walk.close_hole()
                holes -= 1
            at = _template(text, stop, walk)
            if walk.kinds[-1] == context.TEMPLATE_OPEN:
                walk.open_hole()
                holes += 1
        elif first in "{}":
            walk.take([first], [kind_of(first)])
            at = stop + 1
        else:
            raise walk.unsure(
                len(walk.kinds), "a comment without end" if first == "/" else "a string without end"
            )


def _slash(text: str, at: int, walk: Context) -> int:
    """Append a division or a regex; return where it ends."""
    if not walk.slash_is_regex():
        piece = "/=" if text.startswith("/=", at) else "/"
        walk.add(piece, context.OPERATOR)
        return at + len(piece)
    regex = REGEX.match(text, at)
    if regex is None:
        raise walk.unsure(len(walk.kinds), "a regular expression without end")
    walk.add(regex[0], context.LITERAL)
    return regex.end()


def _template(text: str, at: int, walk: Context) -> int:
    """Append a template, or its part up to the next hole; return where it ends."""
    template = TEMPLATE.match(text, at)
    if template is None:
        raise walk.unsure(len(walk.kinds), "a template without end")
    opens = template[0].endswith("${")
    walk.add(template[0], context.TEMPLATE_OPEN if opens else context.TEMPLATE)
    return template.end()


def _refuse_html_comments(text: str, tokens: Tokens) -> None:
    """Refuse a script in which ``<!--`` or ``-->`` begins a comment (section B.1.1).

    Raises:
        Unsure: one stands outside strings, templates, regexes and comments.
    """
    starts = tokens.starts() if "<!--" in text or "-->" in text else []
    for mark, first in (("<!--", "<"), ("-->", "--")):
        at = text.find(mark)
        while at >= 0:
            index = bisect_right(starts, at) - 1
            is_token = starts[index] == at and tokens.pieces[index] == first
            if is_token and (first == "<" or _begins_line(tokens, index)):
                raise Unsure(at, f"“{mark}”, an HTML-like comment")
            at = text.find(mark, at + 1)


def _begins_line(tokens: Tokens, index: int) -> bool:
    """Tell whether nothing but white space and comments precedes a token in its line."""
    before = tokens.kinds[index - 1]
    first = before == context.START or (before == context.SPACE and index == 2)
    return first or before in (context.BREAK, context.BREAK_AT_MEMBER)
