"""Many stylesheets as one that says the same.

The members' rules follow one another in order. What has to stand at the very top of a stylesheet,
``@import`` and the ``@layer`` statements before it, moves there; a warning says so where it passes
rules that another member has before it. ``@charset`` goes, as the texts are decoded: where a member
had one and the bundle is not ASCII, the bundle begins with one of its own.

Browsers close what is still open where a file ends; in a bundle it would swallow the members
behind, so it is refused. Section numbers are those of CSS Syntax 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from assetpipe.kinds.bundle import CannotBundleError, Joined, Member, Remark, Writer
from assetpipe.kinds.css.scan import scan
from assetpipe.kinds.css.tokens import (
    CLOSED_BY,
    COMMENT,
    ESCAPE,
    LINE_END,
    NAME_CHAR,
    NEXT_MARK,
    WHITE,
    WS,
    fold,
)
from assetpipe.kinds.patterns import compiled

_BOM = "\ufeff"

_MEND = "mend it, or leave it out of the bundle"

# What may stand between rules: also the marks of an HTML comment (5.4.1).
_BETWEEN = compiled(rf"(?:{WS}++|{COMMENT}|<!--|-->)*+")
_AT_NAME = compiled(rf"@((?:{NAME_CHAR}|{ESCAPE})++)")


def join(members: Sequence[Member]) -> Joined:
    """Make one stylesheet of many, in their order.

    Raises:
        CannotBundleError: one of them would not mean the same in the bundle.
    """
    sheets = [_Sheet(number, member) for number, member in enumerate(members)]
    _refuse_namespaces(sheets)
    layers, imports = _hoisted(sheets)
    writer = Writer(members, LINE_END)
    if any(sheet.has_charset for sheet in sheets) and not all(
        member.text.removeprefix(_BOM).isascii() for member in members
    ):
        writer.glue('@charset "utf-8";\n')
    for sheet in layers:
        sheet.hoist(writer, sheet.layers)
    for sheet in imports:
        sheet.hoist(writer, sheet.imports)
    for sheet in sheets:
        sheet.write(writer)
    notes = (note for sheet in sheets for note in sheet.notes)
    return writer.joined(
        [sheet.map for sheet in sheets],
        sorted(notes, key=lambda note: (note.member, note.position)),
    )


class _Rule(NamedTuple):
    """A rule or statement at the top of a stylesheet.

    Attributes:
        start: position of its first character.
        end: position behind its last: ``}``, ``;``, or the end of the file.
        name: of an at-rule, in lower case; else ``""``.
        mark: the last character, or ``""`` at the end of the file.
    """

    start: int
    end: int
    name: str
    mark: str


class _Sheet:
    """A member and its parts.

    Attributes:
        number: its index.
        map: the URL of its source map, or ``""``.
        layers: the ``@layer`` statements before all else.
        imports: the ``@import`` that follow them.
        rules: all other rules and statements.
        has_charset: it declares an encoding.
    """

    def __init__(self, number: int, member: Member) -> None:
        self.number = number
        self._text = text = member.text
        self.map = ""
        self._start = len(text) - len(text.removeprefix(_BOM))
        self._end = len(text)
        self._cut: list[tuple[int, int]] = []
        self._find_map()
        self.notes: list[Remark] = []
        self.layers: list[_Rule] = []
        self.imports: list[_Rule] = []
        self.rules: list[_Rule] = []
        self.has_charset = False
        self._open: tuple[int, int] | None = None  # a statement that ends with the file
        for rule in self._split():
            self._sort(rule)
            if not rule.mark:
                self._open = (rule.start, rule.end)

    def _find_map(self) -> None:
        """Cut the comment that names a source map."""
        comment = scan(self._text).source_map
        if comment:
            url = self._text[comment.start : comment.end].partition("sourceMappingURL=")[2]
            self.map = url.removesuffix("*/").strip(WHITE)
            self._end = comment.start  # only comments follow
            self._cut.append((comment.start, comment.end))

    def _split(self) -> Iterator[_Rule]:
        """Yield the rules of the sheet (5.4.1).

        Raises:
            CannotBundleError: one is broken, or never ends.
        """
        at = self._start
        while True:
            between = _BETWEEN.match(self._text, at, self._end)
            at = between.end() if between else at
            if at == self._end:
                return
            named = _AT_NAME.match(self._text, at, self._end)
            end, mark = self._rule_end(at, is_at_rule=named is not None)
            yield _Rule(at, end, fold(named[1]) if named else "", mark)
            at = end

    def _rule_end(self, start: int, *, is_at_rule: bool) -> tuple[int, str]:
        """Return where a rule ends, and its last character."""
        opened: list[tuple[str, int]] = []
        at = start
        while match := NEXT_MARK.match(self._text, at, self._end):
            mark, at = match["mark"], match.end()
            if mark is None:
                raise self.error("a comment, string or url() is broken or never closed", at)
            if not mark:
                break
            if mark in CLOSED_BY:
                opened.append((mark, at - 1))
            elif mark == ";":
                if is_at_rule and not opened:
                    return at, mark
            elif not opened or CLOSED_BY[opened[-1][0]] != mark:
                raise self.error(f"this {mark} closes nothing", at - 1)
            else:
                opened.pop()
                if mark == "}" and not opened:
                    return at, mark
        if opened:
            raise self.error(f"this {opened[-1][0]} is never closed", opened[-1][1])
        return at, ""

    def _sort(self, rule: _Rule) -> None:
        """Put a rule where it belongs."""
        is_statement = rule.name and rule.mark != "}"
        if is_statement and rule.name == "charset":
            self.has_charset = True
            self._cut.append((rule.start, rule.end))
        elif is_statement and rule.name == "layer" and not (self.imports or self.rules):
            self.layers.append(rule)
        elif is_statement and rule.name == "import" and not self.rules:
            self.imports.append(rule)
        elif rule.name or rule.mark:
            self.rules.append(rule)
            if is_statement and rule.name == "import":
                self.note(
                    "this @import stands behind other rules, where browsers ignore it",
                    rule,
                    "move it to the top of the file, or remove it",
                )
        else:
            self._cut.append((rule.start, rule.end))
            if self._text[rule.start : rule.end].strip(f"{WHITE};"):
                self.note("the end of the file is no rule: left out", rule, "remove it")

    def hoist(self, writer: Writer, rules: list[_Rule]) -> None:
        """Write statements that stand at the top of the bundle."""
        for rule in rules:
            self._cut.append((rule.start, rule.end))
            writer.take(self.number, rule.start, rule.end)
            writer.glue("\n" if rule.mark else ";\n")

    def write(self, writer: Writer) -> None:
        """Write all that was not cut out."""
        at = self._start
        for start, end in sorted(self._cut):
            writer.take(self.number, at, start)
            at = max(at, end)
        writer.take(self.number, at, len(self._text))
        if self._open and self._open not in self._cut:
            writer.glue(";")
        writer.end_line()

    def note(self, message: str, rule: _Rule, hint: str) -> None:
        """Append a warning."""
        self.notes.append(Remark(message, self.number, rule.start, hint))

    def note_moves(self, rules: list[_Rule]) -> None:
        """Append a warning for statements that pass what earlier members say."""
        for rule in rules:
            source = self._text[rule.start : rule.end].rstrip(f"{WHITE};")
            message = f"“{source}” moves to the top, before what stands in files before it"
            self.note(message, rule, "list its file first, or check which rules win")

    def error(self, message: str, position: int) -> CannotBundleError:
        """Return the error to raise at a position."""
        return CannotBundleError(message, self.number, position, _MEND)


def _refuse_namespaces(sheets: Sequence[_Sheet]) -> None:
    """Refuse ``@namespace``, which would apply to all members.

    Raises:
        CannotBundleError: a member has one, and it is not alone.
    """
    full = [sheet for sheet in sheets if sheet.layers or sheet.imports or sheet.rules]
    for sheet in full if len(full) > 1 else []:
        for rule in sheet.rules:
            if rule.name == "namespace":
                raise sheet.error("this @namespace would apply to the whole bundle", rule.start)


def _hoisted(sheets: Sequence[_Sheet]) -> tuple[list[_Sheet], list[_Sheet]]:
    """Return of which sheets the ``@layer`` statements move to the top, and the imports of which.

    An ``@import`` is ignored behind anything but others and, before all of them, ``@layer``
    statements (CSS Cascade 5, section 2). These move with the imports behind them; or else if
    nothing has come before, so that no import passes them.
    """
    imports = [sheet for sheet in sheets if sheet.imports]
    layers = []
    passed_imports = passed_rules = False
    for sheet in sheets[: imports[-1].number + 1] if imports else []:
        if sheet.imports or not (passed_imports or passed_rules):
            layers.append(sheet)
            if passed_imports or passed_rules:
                sheet.note_moves(sheet.layers)
        else:
            passed_rules = passed_rules or bool(sheet.layers)
        if passed_rules:
            sheet.note_moves(sheet.imports)
        passed_imports = passed_imports or bool(sheet.imports)
        passed_rules = passed_rules or bool(sheet.rules)
    return layers, imports
