"""What each bracket, word and colon means: the part of the grammar that the lexer depends on.

ECMAScript cannot be split into tokens without its context (ECMA-262, section 12: the goal
symbols). ``Context`` walks the pieces once with a stack of open brackets, and replaces the kind
that a piece's text gives it by the kind that its place gives it: a ``}`` that ends a block is
another token than a ``}`` that ends an object, and ``if`` behind a dot is just a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Final


class Unsure(Exception):  # noqa: N818 - it is no error: the file ships as it is
    """The text is no JavaScript, or not certainly the JavaScript that it seems to be.

    Attributes:
        position: where that shows, in characters.
        reason: what is found there.
    """

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


# Plain numbers: members of an enumeration would make the walk a good deal slower.
_next = count().__next__

# Kinds that a piece's text decides.
NAME: Final = _next()  # an identifier, or any word that has no meaning of its own here
LITERAL: Final = _next()  # a number, string or regex
PRIVATE: Final = _next()  # `#x`
OPERATOR: Final = _next()  # takes an operand on both sides, and nothing else
LESS: Final = _next()  # `<`, an operator too: what JSX begins with
SIGN: Final = _next()  # `+ -`: takes one on the right, perhaps one on the left
PREFIX_ONLY: Final = _next()  # `! ~ @`
QUESTION: Final = _next()
DOT: Final = _next()  # `. ?.`
COMMA: Final = _next()
SEMICOLON: Final = _next()
COLON: Final = _next()
EQUALS: Final = _next()  # `=`
ARROW: Final = _next()
SPREAD: Final = _next()
UPDATE: Final = _next()  # `++ --`
OPEN_PAREN: Final = _next()
CLOSE_PAREN: Final = _next()
OPEN_BRACKET: Final = _next()
CLOSE_BRACKET: Final = _next()
OPEN_BRACE: Final = _next()
CLOSE_BRACE: Final = _next()
TEMPLATE: Final = _next()  # without holes, or the part behind the last
TEMPLATE_OPEN: Final = _next()  # a part of one, up to the brace that opens a hole
UNKNOWN: Final = _next()  # a character that no token begins with

# Words, unless they are names here: behind a dot, or as the name of a property.
HEAD_WORD: Final = _next()  # `if while`: parentheses and a statement follow
FOR: Final = _next()
WITH: Final = _next()
SWITCH: Final = _next()
CATCH: Final = _next()
BODY_WORD: Final = _next()  # `else do try finally`: a statement or block follows
OPERATOR_WORD: Final = _next()  # `typeof in new …`: an operand follows
RETURN: Final = _next()  # `return throw`: an operand may follow in the same line
JUMP: Final = _next()  # `break continue`: a label may follow in the same line
DECLARE: Final = _next()  # `var let const`
DEFAULT: Final = _next()
DEBUGGER: Final = _next()
FUNCTION: Final = _next()
CLASS: Final = _next()
ASYNC: Final = _next()
AWAIT: Final = _next()
YIELD: Final = _next()
OF: Final = _next()
IMPORT: Final = _next()
EXPORT: Final = _next()
IMPORT_SCRIPTS: Final = _next()

# Gaps.
BREAK: Final = _next()  # with a line terminator
SPACE: Final = _next()  # without
BREAK_AT_MEMBER: Final = _next()  # a break directly in a class body, outside any initialiser

# Kinds that only the context decides.
START: Final = _next()  # before the first token
POSTFIX: Final = _next()
PREFIX: Final = _next()
COLON_LABEL: Final = _next()  # of a label or a case: a statement follows
FUNCTION_DECLARATION: Final = _next()
CLASS_DECLARATION: Final = _next()
IMPORT_CALL: Final = _next()  # `import` of `import(…)` and `import.meta`
EXPORT_DEFAULT: Final = _next()  # `default` of `export default`
CLAUSE: Final = _next()  # `}` behind the names or attributes of an import or export
CLOSE_HEAD: Final = _next()  # `)`: a statement follows
CLOSE_PARAMETERS: Final = _next()  # `)` of a function's parameters, of `switch` and `catch`
CLOSE_BLOCK: Final = _next()  # `}` of whatever stands as a statement
CLOSE_ARROW: Final = _next()  # `}` of an arrow function's body
CLOSE_MEMBER: Final = _next()  # `}` of a method, accessor or static block
OPEN_BLOCK: Final = _next()  # `{` with statements inside
OPEN_CLASS: Final = _next()
KINDS: Final = _next()

WORDS = {
    **dict.fromkeys(("if", "while"), HEAD_WORD),
    **dict.fromkeys(("else", "do", "try", "finally"), BODY_WORD),
    **dict.fromkeys(
        ("case", "delete", "extends", "in", "instanceof", "new", "typeof", "void"), OPERATOR_WORD
    ),
    **dict.fromkeys(("return", "throw"), RETURN),
    **dict.fromkeys(("break", "continue"), JUMP),
    **dict.fromkeys(("const", "let", "var"), DECLARE),
    "async": ASYNC,
    "await": AWAIT,
    "catch": CATCH,
    "class": CLASS,
    "debugger": DEBUGGER,
    "default": DEFAULT,
    "export": EXPORT,
    "for": FOR,
    "function": FUNCTION,
    "import": IMPORT,
    "importScripts": IMPORT_SCRIPTS,
    "of": OF,
    "switch": SWITCH,
    "with": WITH,
    "yield": YIELD,
}
PUNCTUATORS = {
    **dict.fromkeys(
        (
            *("*", "%", "**", ">", "<=", ">=", "==", "!=", "===", "!==", "<<", ">>", ">>>"),
            *("&", "|", "^", "&&", "||", "??", "+=", "-=", "*=", "%=", "**=", "<<=", ">>=", ">>>="),
            *("&=", "|=", "^=", "&&=", "||=", "??=", "/", "/="),
        ),
        OPERATOR,
    ),
    "<": LESS,
    **dict.fromkeys(("+", "-"), SIGN),
    **dict.fromkeys(("!", "~", "@"), PREFIX_ONLY),
    **dict.fromkeys(("++", "--"), UPDATE),
    **dict.fromkeys((".", "?."), DOT),
    "?": QUESTION,
    ",": COMMA,
    ";": SEMICOLON,
    ":": COLON,
    "=": EQUALS,
    "=>": ARROW,
    "...": SPREAD,
    "(": OPEN_PAREN,
    ")": CLOSE_PAREN,
    "[": OPEN_BRACKET,
    "]": CLOSE_BRACKET,
    "{": OPEN_BRACE,
    "}": CLOSE_BRACE,
}

GAPS = frozenset({BREAK, SPACE, BREAK_AT_MEMBER})

# After these a statement begins.
STATEMENT_NEXT = frozenset(
    {
        START, SEMICOLON, OPEN_BLOCK, CLOSE_BLOCK, CLOSE_HEAD, COLON_LABEL, BODY_WORD, EXPORT,
        EXPORT_DEFAULT,
    }
)  # fmt: skip

# After these an operand begins: a slash is a regex there, a brace an object.
OPERAND_NEXT = frozenset(
    {
        OPERATOR, LESS, SIGN, PREFIX_ONLY, PREFIX, QUESTION, COMMA, COLON, EQUALS, ARROW, SPREAD,
        OPEN_PAREN, OPEN_BRACKET, OPEN_BRACE, TEMPLATE_OPEN, OPERATOR_WORD, RETURN, EXPORT_DEFAULT,
    }
)  # fmt: skip

# These end an expression: a slash is a division there.
EXPRESSION_ENDS = frozenset(
    {NAME, LITERAL, PRIVATE, CLOSE_PAREN, CLOSE_BRACKET, CLOSE_BRACE, TEMPLATE, POSTFIX, ASYNC}
)

# These end a statement that needs no semicolon before a line break, but are no operand: an
# operator cannot follow, so a slash on the next line is a regex.
_STATEMENT_ENDS = frozenset({CLAUSE, CLOSE_ARROW, DEBUGGER, JUMP})

# After these one statement stands where no declaration may.
STATEMENT_ALONE = frozenset({CLOSE_HEAD, BODY_WORD, COLON_LABEL})

# What may begin a member of a class where it cannot continue an initialiser.
_MEMBER_STARTS = frozenset({NAME, LITERAL, PRIVATE, PREFIX_ONLY, *WORDS.values()})
_IN = ("in", "instanceof")

_DEEP = 100  # how many brackets to look through, so that no nesting makes this slow


class Frame:
    """An open bracket, or the file itself.

    Attributes:
        kind: ``file``, ``block`` (any braces with statements inside), ``object``, ``class``,
            ``class head`` (from ``class`` to its brace), ``clause`` (braces of an import, an
            export or import attributes), ``paren``, ``for`` (its parentheses), ``bracket`` or
            ``hole`` (of a template).
        closed: the kind that the closing bracket gets.
        start: of parentheses, their index.
        names: a word here is a name, whatever it is: of a property, of an import.
        ternaries: question marks that still wait for their colon.
        concise: an arrow function without braces began directly inside.
        decorated: decorators stand before a class that is yet to come: as a statement or not.
        parameters: of a function's parameters or body, the index where the parameters begin.
        body: of parameters, the kind that the closing brace of the body gets.
    """

    # Most frames never need more than their first fields: the rest costs nothing up here.
    names = False
    ternaries = 0
    concise = False
    decorated: bool | None = None
    parameters = -1
    body = CLOSE_BLOCK

    def __init__(self, kind: str, closed: int, start: int = 0) -> None:
        self.kind = kind
        self.closed = closed
        self.start = start


class Context:
    """The walk over the pieces.

    Attributes:
        pieces: tokens and gaps; two tokens have at most one gap between them.
        kinds: the kind of each.
        module: something was seen that only a module may hold.
        worker_calls: where ``importScripts`` is called, and whether as a statement outside any
            function.
    """

    def __init__(self, hashbang: str, *, module: bool) -> None:
        self.pieces = [hashbang]
        self.kinds = [START]
        self.module = module
        self.worker_calls: list[tuple[int, bool]] = []
        self.top = Frame("file", UNKNOWN)
        self._stack: list[Frame] = []
        self._last_closed = self.top
        self._head = -1  # the word whose parentheses come next: `if`, `function`, …

    def take(self, pieces: list[str], kinds: list[int]) -> None:
        """Walk on over these pieces."""
        first = len(self.kinds)
        self.pieces += pieces
        self.kinds += kinds
        for index, kind in enumerate(kinds, first):
            handler = _HANDLERS[kind]
            if handler is not None:
                handler(self, index)

    def add(self, piece: str, kind: int) -> None:
        """Append one piece that needs no further look."""
        self.pieces.append(piece)
        self.kinds.append(kind)

    def open_hole(self) -> None:
        """Enter a template's hole."""
        self._push(Frame("hole", UNKNOWN))

    def close_hole(self) -> None:
        """Leave a template's hole."""
        self._pop(len(self.kinds) - 1, ("hole",))

    def finish(self) -> None:
        """End the walk.

        Raises:
            Unsure: a bracket is still open.
        """
        if self._stack or self.top.ternaries:
            raise self.unsure(len(self.kinds), "the end of the file inside brackets")

    def slash_is_regex(self) -> bool:
        """Tell what a slash behind the last piece begins: a regex, or else a division.

        Raises:
            Unsure: it can be neither, or depends on what is not known.
        """
        index = len(self.kinds)
        before = self._before(index)
        kind = self.kinds[before]
        if kind in OPERAND_NEXT or kind in STATEMENT_NEXT or kind in _STATEMENT_ENDS:
            return True
        if kind in (AWAIT, YIELD):
            return self._is_operator(before)
        if kind not in EXPRESSION_ENDS:
            raise self.unsure(index, "a slash")
        return self._broken(index) and not self._is_operand(before)

    def unsure(self, index: int, reason: str) -> Unsure:
        """Return the exception to raise at a piece."""
        return Unsure(sum(map(len, self.pieces[:index])), reason)

    # The neighbourhood of a piece.

    def _before(self, index: int) -> int:
        """Return the token before a piece."""
        return index - 2 if self.kinds[index - 1] in GAPS else index - 1

    def _after(self, index: int) -> str:
        """Return the token behind a token, as far as it is known."""
        for piece, kind in zip(
            self.pieces[index + 1 : index + 3], self.kinds[index + 1 : index + 3], strict=True
        ):
            if kind not in GAPS:
                return piece
        return ""

    def _broken(self, index: int) -> bool:
        """Tell whether a line terminator stands before a token."""
        return self.kinds[index - 1] in (BREAK, BREAK_AT_MEMBER)

    def _starts_statement(self, index: int) -> bool:
        """Tell whether a word begins a statement or continues an expression."""
        kind = self.kinds[self._before(index)]
        if kind in STATEMENT_NEXT:
            return True
        if kind in (RETURN, YIELD):
            return self._broken(index)
        if kind in OPERAND_NEXT or kind == AWAIT:
            return False
        if self._broken(index) or self.top.decorated is not None:
            return True
        raise self.unsure(index, f"“{self.pieces[index]}” without an operator before it")

    def _is_operand(self, index: int) -> bool:
        """Tell whether the end of an expression is one, and not of a clause that looks like it.

        Behind ``var a``, ``break a`` and ``import "a"`` no operator can follow, so a slash in the
        next line begins a statement: a regex (section 12.10, automatic semicolon insertion).
        """
        if self.kinds[index] not in (NAME, LITERAL, ASYNC):
            return True
        before = self._before(index)
        kind = self.kinds[before]
        if kind == COMMA and self.top.kind in ("file", "block") and self.kinds[index] != LITERAL:
            raise self.unsure(len(self.kinds), "a slash that begins a line behind a comma")
        if self.kinds[index] == LITERAL:
            return kind != IMPORT and self.pieces[before] != "from"
        if kind == DECLARE:
            if self._broken(index) and self.kinds[self._before(before)] in STATEMENT_ALONE:
                raise self.unsure(len(self.kinds), "a slash behind “let”, perhaps as a name")
            return False
        return kind != JUMP or self._broken(index)

    def _is_operator(self, index: int) -> bool:
        """Tell whether ``await`` or ``yield`` is an operator here, or a name.

        Raises:
            Unsure: that depends on whether the file is a module, or on where an arrow function
                without braces ends.
        """
        is_await = self.kinds[index] == AWAIT
        if is_await and self.module:
            return True  # it is reserved: section 12.7.2
        for frame in self._frames():
            if frame.concise:
                break
            if frame.parameters >= 0:
                return ("async" if is_await else "*") in self._modifiers(frame)
            if frame.kind == "file" and not is_await:
                return False
        raise self.unsure(index, f"“{self.pieces[index]}”, perhaps as a name")

    def _modifiers(self, function: Frame) -> list[str]:
        """Return which of ``async`` and ``*`` stand before a function's name."""
        first = function.parameters  # the first token behind the place where `async` may stand
        at = self._before(first)
        if function.closed == CLOSE_ARROW:
            return ["async"] if self.kinds[at] == ASYNC and not self._broken(first) else []
        if self.kinds[at] not in (FUNCTION, FUNCTION_DECLARATION, OPERATOR):
            first = self._key_start(at)
            at = self._before(first)
        found = []
        if self.pieces[at] == "*":
            found.append("*")
            first = at
            at = self._before(at)
        if self.kinds[at] in (FUNCTION, FUNCTION_DECLARATION):
            first = at
            at = self._before(at)
        if self.pieces[at] == "async" and not self._broken(first):
            found.append("async")
        return found

    def _key_start(self, index: int) -> int:
        """Return where the name of a method begins that ends at a token."""
        depth = 0
        while True:
            depth += (self.kinds[index] == CLOSE_BRACKET) - (self.kinds[index] == OPEN_BRACKET)
            if depth <= 0:
                return index
            index -= 1

    # Brackets.

    def _frames(self) -> Iterator[Frame]:
        """Yield the open brackets from the inside out; of absurdly many only the innermost."""
        yield self.top
        yield from islice(reversed(self._stack), _DEEP)

    def _push(self, frame: Frame) -> None:
        self._stack.append(self.top)
        self.top = frame

    def _pop(self, index: int, kinds: tuple[str, ...]) -> None:
        frame = self.top
        if frame.kind not in kinds or frame.ternaries:
            raise self.unsure(index, f"“{self.pieces[index]}” without its partner")
        self._last_closed = frame
        self.top = self._stack.pop()

    def _open_paren(self, index: int) -> None:
        top = self.top
        self._stack.append(top)
        self.top = frame = Frame("paren", CLOSE_PAREN, index)
        if self._head >= 0:
            self._open_head(frame)
        elif top.names:
            frame.closed = CLOSE_PARAMETERS
            frame.parameters = index
            frame.body = CLOSE_MEMBER

    def _open_head(self, frame: Frame) -> None:
        """Make a frame the parentheses of the word before them."""
        word = self.kinds[self._head]
        self._head = -1
        if word in (FUNCTION, FUNCTION_DECLARATION):
            frame.closed = CLOSE_PARAMETERS
            frame.parameters = frame.start
            frame.body = CLOSE_BRACE if word == FUNCTION else CLOSE_BLOCK
        elif word in (SWITCH, CATCH):
            frame.closed = CLOSE_PARAMETERS
        else:
            frame.closed = CLOSE_HEAD
            frame.kind = "for" if word == FOR else "paren"

    def _close_paren(self, index: int) -> None:
        self._pop(index, ("paren", "for"))
        self.kinds[index] = self._last_closed.closed

    def _open_bracket(self, _index: int) -> None:
        self._push(Frame("bracket", CLOSE_BRACKET))

    def _close_bracket(self, index: int) -> None:
        self._pop(index, ("bracket",))

    def _open_brace(self, index: int) -> None:
        frame = self._braces(index)
        if frame.kind == "class":
            self.kinds[index] = OPEN_CLASS
            self._pop(index, ("class head",))
        elif frame.kind == "block":
            self.kinds[index] = OPEN_BLOCK
        frame.names = frame.kind in ("object", "class", "clause")
        self._head = -1
        self._push(frame)

    def _braces(self, index: int) -> Frame:
        """Return the frame that an opening brace opens."""
        before = self._before(index)
        kind = self.kinds[before]
        if kind == CLOSE_PARAMETERS:
            frame = Frame("block", self._last_closed.body)
            frame.parameters = self._last_closed.parameters
            return frame
        if kind == ARROW:
            frame = Frame("block", CLOSE_ARROW)
            end = self._before(before)
            frame.parameters = self._last_closed.start if self.kinds[end] == CLOSE_PAREN else end
            return frame
        if self.top.kind == "class head" and kind not in OPERAND_NEXT:
            return Frame("class", self.top.closed)
        if self.top.names:
            if self.top.kind == "class" and self.pieces[before] == "static":
                return Frame("block", CLOSE_MEMBER)
            raise self.unsure(index, "“{” in place of a name")
        if kind in (IMPORT, EXPORT, WITH) or (kind == COMMA and self._is_import(before)):
            return Frame("clause", CLAUSE)
        if kind == EXPORT_DEFAULT:
            return Frame("object", CLOSE_BRACE)
        if kind == CATCH or self._starts_block(index, before):
            return Frame("block", CLOSE_BLOCK)
        return Frame("object", CLOSE_BRACE)

    def _is_import(self, comma: int) -> bool:
        """Tell whether a comma stands behind the default name of an import."""
        return self.kinds[self._before(self._before(comma))] == IMPORT

    def _starts_block(self, index: int, before: int) -> bool:
        """Tell whether a brace opens a block or an object, by the token before it."""
        kind = self.kinds[before]
        if kind in STATEMENT_NEXT:
            return True
        if kind in (RETURN, YIELD):
            return self._broken(index)
        if kind == AWAIT:
            return self._broken(index) and not self._is_operator(before)
        if kind in OPERAND_NEXT:
            return False
        if kind == DECLARE and (
            not self._broken(index) or self.kinds[self._before(before)] not in STATEMENT_ALONE
        ):
            return False
        if self._broken(index):
            return True
        raise self.unsure(index, "“{”")

    def _close_brace(self, index: int) -> None:
        self._pop(index, ("block", "object", "class", "clause"))
        self.kinds[index] = self._last_closed.closed

    # Punctuators.

    def _unknown(self, index: int) -> None:
        raise self.unsure(index, f"“{self.pieces[index]}”")

    def _less(self, index: int) -> None:
        kind = self.kinds[self._before(index)]
        if kind in OPERAND_NEXT or kind in STATEMENT_NEXT:
            raise self.unsure(
                index, "“<” without an operand before it: JSX or an HTML-like comment?"
            )

    def _prefix_only(self, index: int) -> None:
        top = self.top
        if self.pieces[index] == "@" and not top.names and top.decorated is None:
            top.decorated = self._starts_statement(index)

    def _question(self, _index: int) -> None:
        self.top.ternaries += 1

    def _comma(self, _index: int) -> None:
        if self.top.kind == "object":
            self.top.names = True

    def _semicolon(self, index: int) -> None:
        top = self.top
        if top.kind == "class":
            top.names = True
        elif top.kind == "for":
            self.kinds[index] = COMMA  # it parts operands, not statements
        elif top.kind not in ("block", "file") or top.ternaries:
            raise self.unsure(index, "“;” inside brackets")

    def _colon(self, index: int) -> None:
        top = self.top
        if top.ternaries:
            top.ternaries -= 1
        elif top.kind in ("block", "file"):
            self.kinds[index] = COLON_LABEL
        elif top.kind in ("object", "clause") and top.names:
            top.names = top.kind == "clause"
        else:
            raise self.unsure(index, "“:”: TypeScript?")

    def _value(self, _index: int) -> None:
        if self.top.kind in ("object", "class"):
            self.top.names = False

    def _arrow(self, index: int) -> None:
        if self._after(index) != "{":
            self.top.concise = True

    def _update(self, index: int) -> None:
        before = self._before(index)
        kind = self.kinds[before]
        postfix = not self._broken(index) and (
            kind in EXPRESSION_ENDS
            or kind == DECLARE
            or (kind in (AWAIT, YIELD) and not self._is_operator(before))
        )
        self.kinds[index] = POSTFIX if postfix else PREFIX

    def _break(self, index: int) -> None:
        """Find where the line break ends a field's initialiser, and where it parts members."""
        top = self.top
        if top.kind != "class":
            return
        if top.names:
            self.kinds[index] = BREAK_AT_MEMBER
        elif index + 1 < len(self.kinds):
            before, after = self.kinds[index - 1], self.kinds[index + 1]
            if before == CLOSE_ARROW:
                top.names = after not in (CLOSE_BRACE, SEMICOLON)
            elif before in EXPRESSION_ENDS:
                top.names = after in _MEMBER_STARTS and self.pieces[index + 1] not in _IN

    # Words.

    def _word(self, index: int) -> bool:
        """Make a word a name where it is one: section 12.7, IdentifierName. Tell whether it is."""
        before = self._before(index)
        if (
            self.top.names
            or self.kinds[before] == DOT
            or (self.pieces[before] == "as" and self._names_all(before))
        ):
            self.kinds[index] = NAME
            return True
        return False

    def _names_all(self, index: int) -> bool:
        """Tell whether ``as`` stands behind ``export *`` or ``import *``."""
        star = self._before(index)
        return self.pieces[star] == "*" and self.kinds[self._before(star)] in (EXPORT, IMPORT)

    def _head_word(self, index: int) -> None:
        if not self._word(index):
            self._head = index

    def _with(self, index: int) -> None:
        if not self._word(index) and (
            self.kinds[self._before(index)] != LITERAL or self._after(index) == "("
        ):
            self._head = index

    def _default(self, index: int) -> None:
        if not self._word(index) and self.kinds[self._before(index)] == EXPORT:
            self.kinds[index] = EXPORT_DEFAULT

    def _function(self, index: int) -> None:
        if self._word(index):
            return
        before = self._before(index)
        is_async = self.kinds[before] == ASYNC and not self._broken(index)
        if self._starts_statement(before if is_async else index):
            self.kinds[index] = FUNCTION_DECLARATION
        self._head = index

    def _class(self, index: int) -> None:
        if self._word(index):
            return
        statement, self.top.decorated = self.top.decorated, None
        if statement is None:
            statement = self._starts_statement(index)
        if statement:
            self.kinds[index] = CLASS_DECLARATION
        self._push(Frame("class head", CLOSE_BLOCK if statement else CLOSE_BRACE))

    def _of(self, index: int) -> None:
        if self._word(index):
            return
        before = self.kinds[self._before(index)]
        if self.top.kind == "for" and before in (AWAIT, YIELD):
            raise self.unsure(index, "“of”, perhaps as a name")
        operator = self.top.kind == "for" and before in EXPRESSION_ENDS
        self.kinds[index] = OPERATOR_WORD if operator else NAME

    def _import(self, index: int) -> None:
        if self._word(index):
            return
        after = self._after(index)
        if after in ("(", "."):
            self.kinds[index] = IMPORT_CALL
            return
        self._declare_module(index)

    def _export(self, index: int) -> None:
        if not self._word(index):
            self._declare_module(index)

    def _declare_module(self, index: int) -> None:
        if self.top.kind != "file" or not self._starts_statement(index):
            raise self.unsure(index, f"“{self.pieces[index]}” inside a statement")
        self.module = True

    def _import_scripts(self, index: int) -> None:
        if self._word(index):
            return
        self.kinds[index] = NAME
        before = self.kinds[self._before(index)]
        if self._after(index) != "(" or before in (FUNCTION, FUNCTION_DECLARATION):
            return
        outside = len(self._stack) < _DEEP and all(frame.parameters < 0 for frame in self._frames())
        self.worker_calls.append((index, outside and self._starts_statement(index)))


def _handlers() -> list[Callable[[Context, int], object] | None]:
    """Return the method for each kind of piece that has a part in the context."""
    by_kind: dict[int, Callable[[Context, int], object]] = {
        UNKNOWN: Context._unknown,
        BREAK: Context._break,
        LESS: Context._less,
        PREFIX_ONLY: Context._prefix_only,
        QUESTION: Context._question,
        COMMA: Context._comma,
        SEMICOLON: Context._semicolon,
        COLON: Context._colon,
        EQUALS: Context._value,
        SPREAD: Context._value,
        ARROW: Context._arrow,
        UPDATE: Context._update,
        OPEN_PAREN: Context._open_paren,
        CLOSE_PAREN: Context._close_paren,
        OPEN_BRACKET: Context._open_bracket,
        CLOSE_BRACKET: Context._close_bracket,
        OPEN_BRACE: Context._open_brace,
        CLOSE_BRACE: Context._close_brace,
        **dict.fromkeys(
            (BODY_WORD, OPERATOR_WORD, RETURN, JUMP, DECLARE, DEBUGGER, ASYNC, AWAIT, YIELD),
            Context._word,
        ),
        **dict.fromkeys((HEAD_WORD, FOR, SWITCH, CATCH), Context._head_word),
        WITH: Context._with,
        DEFAULT: Context._default,
        FUNCTION: Context._function,
        CLASS: Context._class,
        OF: Context._of,
        IMPORT: Context._import,
        EXPORT: Context._export,
        IMPORT_SCRIPTS: Context._import_scripts,
    }
    return [by_kind.get(kind) for kind in range(KINDS)]


_HANDLERS = _handlers()
