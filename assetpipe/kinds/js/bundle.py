"""Many classic scripts as one that does the same.

The members run one after the other, as if each had a ``<script>`` of its own. What is known to
differ in one script is refused; these differences are what bundling means, and stay: an error
that one member throws, or a syntax error in it, also ends the members behind it; no event of the
page comes between two members; a ``var`` of a later one is there from the start, undefined.

One script declares before it runs: functions of a later member are there from the start, its
``let``, ``const`` and ``class`` hide what had the name before, but cannot be used yet (ECMA-262,
16.1.7). So these names are looked for in earlier members.

Strict mode neither leaks nor gets lost. Where only some members are strict, each of these becomes a
function, or, if it declares names for others, each of its functions becomes strict by itself. Then
only its statements outside of functions are sloppy, which differs where strict mode would throw.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from assetpipe.kinds.bundle import CannotBundleError, Joined, Member, Remark, Writer
from assetpipe.kinds.js import context as k
from assetpipe.kinds.js.context import Unsure
from assetpipe.kinds.js.lexical import LINE_END
from assetpipe.kinds.js.references import source_maps
from assetpipe.kinds.js.tokens import Tokens, tokenize
from assetpipe.kinds.patterns import compiled

_BOM = "\ufeff"

_LEAVE_OUT = "leave it out of the bundle, and give it a <script> of its own"
_AS_MODULE = 'leave it out of the bundle, and load it with <script type="module">'
_APART = "list the strict files in one bundle, and the others in another"
_RENAME = "rename one of them, or leave one of the files out of the bundle"


def join(members: Sequence[Member]) -> Joined:
    """Make one classic script of many, in their order.

    Raises:
        CannotBundleError: one of them would not mean the same in the bundle.
    """
    scripts = [_Script(number, member) for number, member in enumerate(members)]
    for script in scripts:
        script.check()
    full = [script for script in scripts if not script.is_empty]
    mixed = len({script.strict for script in full}) > 1
    for script in full:
        if mixed and script.strict:
            script.confine()
    _refuse_redeclarations(full)
    notes = [note for script in full for note in script.notes()]
    notes += _used_too_early(full)
    writer = Writer(members, LINE_END)
    for script in scripts:
        if mixed and script is full[0]:
            writer.glue(";")  # what follows is no directive of the bundle
        script.write(writer)
    return writer.joined(
        [script.map for script in scripts],
        sorted(notes, key=lambda note: (note.member, note.position)),
    )


# What the last token of a script cannot be: something has to follow.
_OPEN_ENDS = (
    k.OPERAND_NEXT
    | k.STATEMENT_ALONE
    | {k.DOT, k.HEAD_WORD, k.FOR, k.SWITCH, k.CATCH, k.WITH, k.DECLARE, k.FUNCTION, k.CLASS}
    | {k.FUNCTION_DECLARATION, k.CLASS_DECLARATION, k.CLOSE_PARAMETERS}
)

# What continues an operand, also from the line before (12.10.1).
_CONTINUES = frozenset(
    {
        k.OPERATOR, k.LESS, k.SIGN, k.QUESTION, k.DOT, k.COMMA, k.COLON, k.EQUALS, k.ARROW,
        k.OPEN_PAREN, k.OPEN_BRACKET, k.TEMPLATE, k.TEMPLATE_OPEN,
    }
)  # fmt: skip
_CONTINUING_WORDS = ("in", "instanceof")
_OPERAND_ENDS = k.EXPRESSION_ENDS | {k.CLOSE_ARROW}

# What no script begins with: it would continue the one before.
_BEGIN_NEVER = _CONTINUES - {k.SIGN, k.OPEN_PAREN, k.OPEN_BRACKET, k.TEMPLATE, k.TEMPLATE_OPEN}
_WORDS_BEGIN_NEVER = ("case", "catch", "default", "else", "extends", "finally", *_CONTINUING_WORDS)

_OPENS = frozenset(
    {k.OPEN_PAREN, k.OPEN_BRACKET, k.OPEN_BRACE, k.OPEN_BLOCK, k.OPEN_CLASS, k.TEMPLATE_OPEN}
)
_CLOSES = frozenset(
    {
        k.CLOSE_PAREN, k.CLOSE_HEAD, k.CLOSE_PARAMETERS, k.CLOSE_BRACKET, k.CLOSE_BRACE,
        k.CLOSE_BLOCK, k.CLOSE_ARROW, k.CLOSE_MEMBER, k.CLAUSE,
    }
)  # fmt: skip

_NAMES = frozenset({k.NAME, k.ASYNC, k.AWAIT, k.YIELD})
_NAMED_BY = (k.FUNCTION, k.FUNCTION_DECLARATION, k.CLASS, k.CLASS_DECLARATION)
_GLOBALS = ("globalThis", "self", "this", "window")
_NAME_ESCAPE = compiled(r"\\u(?:\{0*+([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{4}))")


class _Ranges:
    """Ranges of tokens; of those inside others only the outermost.

    Attributes:
        starts: where each begins, in order.
    """

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self.starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(ranges):
            if not self._ends or start >= self._ends[-1]:
                self.starts.append(start)
                self._ends.append(end)

    def __contains__(self, index: int) -> bool:
        at = bisect_right(self.starts, index) - 1
        return at >= 0 and index < self._ends[at]


class _Code:
    """The tokens of a script without the gaps.

    Attributes:
        pieces: the tokens; behind the last, and so at index -1, stands an empty one.
        kinds: what they are: see ``context``.
        breaks: whether a line terminator stands before each.
        positions: where they begin, in characters.
        closes: of each opening bracket or template the index of what closes it.
        opens: the other way round.
        functions: the functions, parameters included.
        plain: those that are no arrow functions: they have ``arguments`` of their own.
        classes: the bodies of classes.
        blocks: the other braces with statements inside, and the parentheses.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.pieces: list[str] = []
        self.kinds: list[int] = []
        self.breaks: list[bool] = []
        self.positions: list[int] = []
        broken = False
        for piece, kind, position in zip(
            tokens.pieces[1:], tokens.kinds[1:], tokens.starts()[1:], strict=False
        ):
            if kind in k.GAPS:
                broken = kind != k.SPACE
                continue
            self.pieces.append(piece)
            self.kinds.append(kind)
            self.breaks.append(broken)
            self.positions.append(position)
            broken = False
        self.count = len(self.kinds)
        self.pieces.append("")
        self.kinds.append(k.START)
        self.breaks.append(True)
        self.positions.append(sum(map(len, tokens.pieces)))
        self.closes: dict[int, int] = {}
        self.opens: dict[int, int] = {}
        self._match_brackets()

    def all(self, *kinds: int) -> Iterator[int]:
        """Return every token of some kinds."""
        return (index for index in range(self.count) if self.kinds[index] in kinds)

    def name(self, index: int) -> str:
        """Return the name that a token spells, its escapes resolved."""
        piece = self.pieces[index]
        return _NAME_ESCAPE.sub(_escaped, piece) if "\\" in piece else piece

    def continues(self, index: int) -> bool:
        """Tell whether a token continues an operand that stands before it."""
        return self.kinds[index] in _CONTINUES or self.is_word(index, *_CONTINUING_WORDS)

    def is_word(self, index: int, *words: str) -> bool:
        """Tell whether a token is one of some keywords, and not just a name."""
        return self.pieces[index] in words and self.kinds[index] != k.NAME

    def expression_end(self, index: int) -> int:
        """Return what stands behind the expression that begins at a token.

        A comma ends it: this is for initialisers and for the bodies of arrow functions.
        """
        at = index
        while self.kinds[at] not in (k.START, k.SEMICOLON, k.COMMA) and not self._is_close(at):
            ended = at > index and self.kinds[at - 1] in _OPERAND_ENDS and self.breaks[at]
            if ended and not self.continues(at):
                break
            at = self.closes.get(at, at) + 1
        return at

    def bindings(self, declare: int) -> Iterator[int]:
        """Yield the names that ``var``, ``let`` or ``const`` declares; rather more than fewer."""
        at = declare
        while at == declare or (self.kinds[at] == k.COMMA and self.pieces[at] == ","):
            at += 1
            if self.kinds[at] in _NAMES:
                yield at
                at += 1
            elif self.kinds[at] in (k.OPEN_BRACKET, k.OPEN_BRACE):
                yield from self._pattern(at)
                at = self.closes[at] + 1
            if self.kinds[at] == k.EQUALS:
                at = self.expression_end(at + 1)

    def _pattern(self, index: int) -> Iterator[int]:
        """Yield the names that a pattern binds, nested ones included (14.3.3)."""
        at, end = index, self.closes[index]
        while at < end:
            at = self.closes[at] if self.kinds[at] == k.OPEN_PAREN else at + 1
            if (
                self.kinds[at] in _NAMES
                and self.kinds[at - 1] in _BEFORE_BINDING
                and self.kinds[at + 1] in _BEHIND_BINDING
            ):
                yield at

    def _is_close(self, index: int) -> bool:
        kind = self.kinds[index]
        if kind in (k.TEMPLATE, k.TEMPLATE_OPEN):
            return self.pieces[index][0] == "}"
        return kind in _CLOSES

    def _match_brackets(self) -> None:
        """Find which brackets belong together, and what they hold."""
        stack: list[int] = []
        functions: list[tuple[int, int]] = []
        plain: list[tuple[int, int]] = []
        classes: list[tuple[int, int]] = []
        blocks: list[tuple[int, int]] = []
        heads: dict[int, int] = {}  # of each function's brace, where its parameters begin
        for at, kind in enumerate(self.kinds):
            if self._is_close(at):
                if kind == k.TEMPLATE_OPEN:
                    continue  # between two holes
                start = stack.pop()
                self.closes[start] = at
                self.opens[at] = start
                if start in heads:
                    functions.append((heads[start], at))
                    if self.kinds[start - 1] != k.ARROW:
                        plain.append((heads[start], at))
                elif self.kinds[start] == k.OPEN_CLASS:
                    classes.append((start, at))
                elif self.kinds[start] in (k.OPEN_BLOCK, k.OPEN_PAREN):
                    blocks.append((start, at))
            elif kind in _OPENS:
                if kind == k.OPEN_BLOCK:
                    in_class = bool(stack) and self.kinds[stack[-1]] == k.OPEN_CLASS
                    head = self._head(at, in_class=in_class)
                    if head is not None:
                        heads[at] = head
                stack.append(at)
        braced = _Ranges(functions)
        end = 0
        for at in self.all(k.ARROW):
            if at >= end and at not in braced and self.kinds[at + 1] != k.OPEN_BLOCK:
                end = self.expression_end(at + 1)
                functions.append((self._parameters(at), end))
        self.functions = _Ranges(functions)
        self.plain = _Ranges(plain)
        self.classes = _Ranges(classes)
        self.blocks = _Ranges(blocks)

    def _head(self, brace: int, *, in_class: bool) -> int | None:
        """Return where the function begins whose body a brace opens, ``None`` if it is none."""
        before = self.kinds[brace - 1]
        if before == k.ARROW:
            return self._parameters(brace - 1)
        if before == k.CLOSE_PARAMETERS:
            start = self.opens[brace - 1]
            return None if self.kinds[start - 1] in (k.SWITCH, k.CATCH) else start
        return brace if in_class else None

    def _parameters(self, arrow: int) -> int:
        """Return where the parameters of an arrow function begin."""
        return self.opens.get(arrow - 1, arrow - 1)


_BEFORE_BINDING = (k.OPEN_BRACE, k.OPEN_BRACKET, k.COMMA, k.COLON, k.SPREAD)
_BEHIND_BINDING = (k.COMMA, k.EQUALS, k.CLOSE_BRACE, k.CLOSE_BRACKET)


def _escaped(match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return chr(code) if code <= sys.maxunicode else match[0]


class _Script:
    """A member and what the bundle has to know of it.

    Attributes:
        number: its index.
        name: its logical name.
        map: the URL of its source map, or ``""``.
        is_empty: it holds no token.
        strict: its directives say ``"use strict"``.
        wrapped: it becomes a function, so that it alone is strict.
        lexical: its names by ``let``, ``const`` and ``class``, and where they stand.
        functions: the functions that it declares at its top.
        variables: its names by ``var``, and by functions in blocks of sloppy code (B.3.3.2).
    """

    def __init__(self, number: int, member: Member) -> None:
        self.number = number
        self.name = member.name
        self._bom = len(member.text) - len(member.text.removeprefix(_BOM))
        if member.name.endswith(".mjs"):
            raise self.error("the file is a module, as its name says", 0, _AS_MODULE)
        text = member.text.removeprefix(_BOM)
        try:
            tokens = tokenize(text)
        except Unsure as unsure:
            message = f"it is not certain what this means: {unsure.reason}"
            raise self.error(message, unsure.position, _LEAVE_OUT) from None
        if tokens.module:
            at = next(at for at, kind in enumerate(tokens.kinds) if kind in (k.IMPORT, k.EXPORT))
            raise self._module(tokens.pieces[at], tokens.starts()[at])
        self._code = _Code(tokens)
        self._start = len(tokens.pieces[0])
        self._end = len(text)
        self._tail = len(text) - len(tokens.last_gap())
        self._maps = source_maps(text, self._tail)
        self.map = self._maps[-1].url if self._maps else ""
        self.is_empty = not self._code.count
        self.strict = self._is_strict()
        self.wrapped = False
        self._strict_bodies: list[int] = []
        self.lexical: dict[str, int] = {}
        self.functions: dict[str, int] = {}
        self.variables: dict[str, int] = {}
        self._local: dict[str, int] = {}
        self._declare()

    # What it declares.

    def _is_strict(self) -> bool:
        """Tell whether the directive prologue says ``"use strict"`` (11.2.1)."""
        code, at = self._code, 0
        while code.kinds[at] == k.LITERAL and code.pieces[at][0] in "\"'":
            after = at + 1
            if code.kinds[after] != k.SEMICOLON and (
                not code.breaks[after] or code.continues(after)
            ):
                return False
            if code.pieces[at][1:-1] == "use strict":
                return True
            at = after + (code.kinds[after] == k.SEMICOLON)
        return False

    def _declare(self) -> None:
        """Find the names that are declared outside of functions."""
        code = self._code
        for at in code.all(k.DECLARE, k.CATCH, *_DECLARATIONS):
            if at in code.functions:
                continue
            kind = code.kinds[at]
            if kind in _DECLARATIONS:
                names = [at + 1 + (code.pieces[at + 1] == "*")]
            else:
                is_catch = kind == k.CATCH
                if is_catch and code.kinds[at + 1] != k.OPEN_PAREN:
                    continue  # `catch {`
                names = [*code.bindings(at + is_catch)]
            scope = self._scope(at)
            for name in names:
                scope.setdefault(code.name(name), code.positions[name])

    def _scope(self, at: int) -> dict[str, int]:
        """Return where the names of a declaration belong."""
        code = self._code
        kind = code.kinds[at]
        inside = at in code.blocks or at in code.classes
        if code.pieces[at] == "var":
            return self.variables
        if kind == k.FUNCTION_DECLARATION:
            if not inside and code.kinds[at - 1] not in (k.CLOSE_HEAD, k.BODY_WORD):
                return self.functions
            return self._local if self.strict else self.variables
        return self._local if inside or kind == k.CATCH else self.lexical

    # What keeps it out of a bundle.

    def check(self) -> None:
        """Refuse what is no complete classic script.

        Raises:
            CannotBundleError: it is a module, or not all of a script.
        """
        code = self._code
        for at in code.all(k.IMPORT_CALL):
            if code.pieces[at + 1 : at + 3] == [".", "meta"]:
                raise self._module("import.meta", code.positions[at])
        for at in code.all(k.AWAIT):
            if at not in code.functions:
                raise self._module("await outside of a function", code.positions[at])
        for at in code.all(k.RETURN):
            if code.pieces[at] == "return" and at not in code.functions:
                raise self._broken(at, "“return” outside of a function")
        for at in code.all(k.OPERATOR_WORD):
            if code.pieces[at : at + 2] == ["new", "."] and at not in code.plain:
                raise self._broken(at, "“new.target” outside of a function")
        if self.is_empty:
            return
        if code.kinds[0] in _BEGIN_NEVER or code.is_word(0, *_WORDS_BEGIN_NEVER):
            raise self._broken(0, f"no script begins with “{code.pieces[0]}”")
        self._check_end()

    def _check_end(self) -> None:
        """Refuse a script that ends within a statement."""
        code, last = self._code, self._code.count - 1
        loops: list[int] = []  # each `do` that waits for its `while`
        finished = -1  # the `)` that ends such a loop
        at = 0
        while at < code.count:
            if code.is_word(at, "do"):
                loops.append(at)
            elif code.is_word(at, "while") and loops:
                before = code.kinds[at - 1]
                if before not in k.STATEMENT_ALONE or at - 1 == finished:
                    loops.pop()
                    finished = code.closes.get(at + 1, at)
            at = code.closes.get(at, at) + 1
        if loops:
            raise self._broken(loops[-1], "a “do” without “while”")
        if code.kinds[last] in _OPEN_ENDS and last != finished:
            raise self._broken(last, f"the script ends with “{code.pieces[last]}”")
        if code.kinds[last] == k.CLOSE_BLOCK and code.is_word(code.opens[last] - 1, "try"):
            raise self._broken(last, "a “try” without “catch” or “finally”")

    def confine(self) -> None:
        """Keep its strict mode to itself.

        Raises:
            CannotBundleError: it would mean something else.
        """
        code = self._code
        for at in code.all(k.NAME):
            if code.name(at) == "arguments" and at not in code.plain and not self._is_key(at):
                message = "“arguments” outside of a function in strict mode"
                raise self.error(message, code.positions[at], _APART)
        if not (self.lexical or self.functions or self.variables):
            self.wrapped = True
            return
        for at in code.all(k.FUNCTION_DECLARATION):
            if at in code.blocks and at not in code.functions:
                # In sloppy mode others would see it (B.3.3.2).
                raise self._half_strict("a function in a block", code.positions[at])
        for start in code.plain.starts:
            if start in code.classes:
                continue  # classes are strict anyway
            end = code.closes[start]
            if not all(kind in _NAMES or kind == k.COMMA for kind in code.kinds[start + 1 : end]):
                # Such a function cannot have a directive of its own (15.2.1).
                message = "a function with parameters that are not just names"
                raise self._half_strict(message, code.positions[start])
            self._strict_bodies.append(code.positions[end + 1] + 1)

    def _half_strict(self, what: str, position: int) -> CannotBundleError:
        message = (
            f"the file is in strict mode, declares names for all scripts, and holds {what}; but"
            " not all files of the bundle are in strict mode"
        )
        return self.error(message, position, _APART)

    def _is_key(self, at: int) -> bool:
        """Tell whether a name is one of a property or a label."""
        code = self._code
        before, after = code.kinds[at - 1], code.kinds[at + 1]
        if before == k.DOT or after == k.COLON_LABEL:
            return True
        if before not in (k.OPEN_BRACE, k.COMMA):
            return False
        return after == k.COLON or (
            after == k.OPEN_PAREN and code.kinds[code.closes[at + 1]] == k.CLOSE_PARAMETERS
        )

    # What it does before others have run.

    def notes(self) -> Iterator[Remark]:
        """Yield warnings about what the script does by itself."""
        code = self._code
        for at in code.all(k.NAME):
            if code.pieces[at] == "currentScript" and code.kinds[at - 1] == k.DOT:
                message = "“currentScript” names the bundle here, not this file"
                yield Remark(message, self.number, self._position(at), _LEAVE_OUT)
                return

    def uses(self, later: Mapping[str, _Script]) -> Iterator[Remark]:
        """Yield warnings where it uses names that later members declare.

        Args:
            later: the names, and the scripts that declare them.

        Raises:
            CannotBundleError: it would do something else in the bundle.
        """
        code = self._code
        inner = {code.name(at + 1) for at in code.all(k.DECLARE, *_NAMED_BY)}
        for at in code.all(k.NAME) if later else ():
            name = code.name(at)
            if name not in later or code.kinds[at - 1] in _NAMED_BY:
                continue
            script = later[name]
            of_global = code.kinds[at - 1] == k.DOT and code.pieces[at - 2] in _GLOBALS
            if self._is_key(at) and not (of_global and name in script.functions):
                continue
            asks = of_global or code.is_word(at - 1, "typeof")
            if at in code.functions or at in code.classes:
                sets = self._sets(at) and code.kinds[at - 1] in k.STATEMENT_NEXT
                if (asks or sets) and name not in inner:
                    yield self._early(name, at, script)
            elif name not in self._local:
                if asks or self._sets(at) or name in script.lexical:
                    message = (
                        f"“{name}” is used here before {script.name} declares it: in one script"
                        " it is declared from the start"
                    )
                    raise self.error(message, code.positions[at], _RENAME)
                yield self._early(name, at, script)

    def _sets(self, at: int) -> bool:
        """Tell whether a name is set, which no name has to exist for in sloppy code."""
        code = self._code
        updated = code.kinds[at - 1] == k.PREFIX or code.kinds[at + 1] == k.POSTFIX
        return updated or code.pieces[at + 1] in _ASSIGNMENTS

    def _early(self, name: str, at: int, script: _Script) -> Remark:
        message = (
            f"“{name}” is used here before {script.name} declares it: in the bundle it is"
            " declared from the start"
        )
        return Remark(message, self.number, self._position(at), _RENAME)

    # Writing.

    def write(self, writer: Writer) -> None:
        """Append the script to a bundle."""
        if self.wrapped:
            writer.glue("(function () {\n")
        at = self._bom + self._start
        for body in self._strict_bodies:
            writer.take(self.number, at, self._bom + body)
            writer.glue('"use strict";')
            at = self._bom + body
        writer.take(self.number, at, self._bom + self._tail)
        last = self._code.kinds[self._code.count - 1]
        if not (self.is_empty or self.wrapped or last in (k.SEMICOLON, k.CLOSE_BLOCK)):
            writer.glue(";")
        at = self._bom + self._tail
        for found in self._maps:
            writer.take(self.number, at, self._bom + found.start)
            at = self._bom + found.end
        writer.take(self.number, at, self._bom + self._end)
        writer.end_line()
        if self.wrapped:
            writer.glue("}).call(this);\n")

    # Errors.

    def _position(self, token: int) -> int:
        """Return where a token stands in the member's text."""
        return self._bom + self._code.positions[token]

    def error(self, message: str, position: int, hint: str) -> CannotBundleError:
        """Return the error to raise at a position behind the byte order mark."""
        return CannotBundleError(message, self.number, self._bom + position, hint)

    def _broken(self, token: int, reason: str) -> CannotBundleError:
        message = f"this is no complete script: {reason}"
        return self.error(message, self._code.positions[token], "mend it, or leave it out")

    def _module(self, what: str, position: int) -> CannotBundleError:
        message = f"the file is a module, as “{what}” shows: only scripts can be bundled"
        return self.error(message, position, _AS_MODULE)


_DECLARATIONS = (k.FUNCTION_DECLARATION, k.CLASS_DECLARATION)
_ASSIGNMENTS = frozenset(
    {
        *("=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", ">>>="),
        *("&=", "|=", "^=", "&&=", "||=", "??="),
    }
)


# Several scripts together.


def _refuse_redeclarations(scripts: Sequence[_Script]) -> None:
    """Refuse names that two members declare so that it matters.

    ``let``, ``const`` and ``class`` tolerate no other declaration of the name: it would be a syntax
    error of the whole bundle. A function replaces what has its name before the first member runs.

    Raises:
        CannotBundleError: there is such a name.
    """
    known: dict[str, _Script] = {}
    for script in scripts:
        for name, position in {**script.variables, **script.functions, **script.lexical}.items():
            other = known.get(name)
            moves = name in script.functions or name in script.lexical
            if other and (moves or name in other.lexical):
                message = f"“{name}” is declared here and in {other.name}, which is one too many"
                raise script.error(message, position, _RENAME)
        for name in (*script.variables, *script.functions, *script.lexical):
            known.setdefault(name, script)


def _used_too_early(scripts: Sequence[_Script]) -> list[Remark]:
    """Return warnings where members use names that later members declare.

    Raises:
        CannotBundleError: one of them would do something else in the bundle.
    """
    later: dict[str, _Script] = {}
    found: list[Remark] = []
    for script in reversed(scripts):
        found += script.uses(later)
        later |= dict.fromkeys((*script.functions, *script.lexical), script)
    return found
