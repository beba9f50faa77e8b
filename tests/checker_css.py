"""What a stylesheet means, as tinycss2 reads it: canonical tokens, and the URLs in it.

The checker compares a stylesheet's source and output through this. White space counts exactly
where a browser lets it: as the descendant combinator of a selector, around ``+`` and ``-`` in a
value, and where a custom property holds nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import tinycss2

_URL_FUNCTIONS = {"url", "src"}
_IMAGE_SETS = {"image-set", "-webkit-image-set"}
_SOURCE_MAP = re.compile(r"[#@]\s*sourceMappingURL=(\S+)\s*")
_COMBINATORS = {",", ">", "+", "~"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One URL: how it is used, what it says, and its line."""

    role: str
    specifier: str
    line: int


@dataclass(slots=True)
class Sheet:
    """A stylesheet as canonical tokens, each with its line, and its URLs in order.

    The URLs themselves are left out of the tokens, as a build may rewrite them.
    """

    tokens: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def add(self, token: str, line: int) -> None:
        self.tokens.append(token)
        self.lines.append(line)


# tinycss2 has no types, so its nodes are Any here.


def read(data: bytes) -> Sheet:
    """Read a stylesheet from its bytes, with the encoding that they declare."""
    rules, _ = tinycss2.parse_stylesheet_bytes(data)
    sheet = Sheet()
    _rules(rules, sheet)
    sheet.references.extend(_references_of(rules))
    return sheet


def _rules(nodes: Iterable[Any], sheet: Sheet) -> None:
    """Add rules and declarations, which may be mixed since rules can be nested."""
    for node in nodes:
        line = node.source_line
        if node.type == "declaration":
            sheet.add(node.name if node.name.startswith("--") else node.lower_name, line)
            if node.name.startswith("--") and node.value and _is_blank(node.value):
                # `--on: ;` is a value, and `--on:;` was an error in browsers for years.
                sheet.add("blank", line)
            _values(node.value, sheet)
            sheet.add("!important;" if node.important else ";", line)
        elif node.type == "qualified-rule":
            _selectors(node.prelude, sheet)
            _block(node.content, sheet, line)
        elif node.type == "at-rule" and node.lower_at_keyword != "charset":
            # The encoding that @charset names is what the bytes were decoded with.
            sheet.add(f"@{node.lower_at_keyword}", line)
            imported, prelude = _imported(node)
            if imported:
                sheet.add("URL", line)
            (_selectors if node.lower_at_keyword == "scope" else _values)(prelude, sheet)
            _block(node.content, sheet, line)
        elif node.type == "error":
            sheet.add("error", line)


def _block(content: list[Any] | None, sheet: Sheet, line: int) -> None:
    if content is None:
        sheet.add(";", line)
        return
    sheet.add("{", line)
    _rules(tinycss2.parse_blocks_contents(content), sheet)
    sheet.add("}", line)


def _is_blank(nodes: Iterable[Any]) -> bool:
    return all(node.type in {"whitespace", "comment"} for node in nodes)


def _values(nodes: list[Any], sheet: Sheet) -> None:
    """Add a value: white space counts only beside ``+`` and ``-``, as in ``calc(1px + 2px)``."""
    nodes = _without_comments(nodes)
    for at, node in enumerate(nodes):
        if node.type == "whitespace":
            beside = {*_beside(nodes, at)}
            if beside & {"+", "-"} and "," not in beside:
                sheet.add(" ", node.source_line)
        else:
            _component(node, sheet, _values)


def _selectors(nodes: list[Any], sheet: Sheet) -> None:
    """Add selectors: white space counts but for both ends and around combinators."""
    nodes = _without_comments(nodes)
    for at, node in enumerate(nodes):
        if node.type != "whitespace":
            _component(node, sheet, _selectors)
        elif not any(beside in _COMBINATORS for beside in _beside(nodes, at)):
            sheet.add(" ", node.source_line)


def _without_comments(nodes: Iterable[Any]) -> list[Any]:
    """Leave out comments, and white space that follows white space once they are gone."""
    kept: list[Any] = []
    for node in nodes:
        repeats = node.type == "whitespace" and bool(kept) and kept[-1].type == "whitespace"
        if node.type != "comment" and not repeats:
            kept.append(node)
    return kept


def _beside(nodes: list[Any], at: int) -> Iterator[str]:
    """Yield the delimiters beside a node; an end of the list counts as a comma."""
    for neighbour in (at - 1, at + 1):
        if 0 <= neighbour < len(nodes):
            node = nodes[neighbour]
            if node.type == "literal":
                yield node.value
        else:
            yield ","


def _component(node: Any, sheet: Sheet, inside: Callable[[list[Any], Sheet], None]) -> None:
    """Add one component; ``inside`` adds what is in its parentheses: values or selectors."""
    line = node.source_line
    if _url_of(node) is not None:
        sheet.add("URL", line)
    elif node.type == "function":
        sheet.add(f"{node.lower_name}(", line)
        if node.lower_name.startswith("nth-"):
            # `2n + 1` is other tokens than `2n+1`, and the same selector (CSS Syntax 3, 6).
            formula = tinycss2.serialize(node.arguments).replace("/**/", "").strip()
            sheet.add(re.sub(r"\s*([+-])\s*", r"\1", formula), line)
        elif node.lower_name in _IMAGE_SETS:
            for argument in node.arguments:
                if argument.type == "string":
                    sheet.add("URL", line)
                elif argument.type not in {"whitespace", "comment"}:
                    _component(argument, sheet, _values)
        elif node.lower_name == "selector":
            _selectors(node.arguments, sheet)
        else:
            inside(node.arguments, sheet)
        sheet.add(")", line)
    elif node.type in {"() block", "[] block", "{} block"}:
        sheet.add(node.type[0], line)
        (_values if node.type == "{} block" else inside)(node.content, sheet)
        sheet.add(node.type[1], line)
    elif node.type == "error":
        sheet.add(f"error {node.kind}", line)
    else:
        sheet.add(node.serialize(), line)


def _url_of(node: Any) -> str | None:
    """Return what a ``url(…)``, quoted or not, or a ``src("…")`` says."""
    if node.type == "url":
        return str(node.value)
    if node.type == "function" and node.lower_name in _URL_FUNCTIONS:
        arguments = _without_comments(node.arguments)
        arguments = [argument for argument in arguments if argument.type != "whitespace"]
        if arguments and arguments[0].type == "string":
            return str(arguments[0].value)
    return None


def _references_of(rules: Iterable[Any]) -> Iterator[Reference]:
    """Yield every URL of a stylesheet, in values that no browser understands too."""
    source_map = None
    for rule in rules:
        if rule.type == "comment":
            found = _SOURCE_MAP.fullmatch(rule.value)
            source_map = found and Reference("sourcemap", found[1], rule.source_line)
        elif rule.type in {"at-rule", "qualified-rule"}:
            imported, prelude = _imported(rule)
            if imported:
                yield imported
            yield from _urls(prelude)
            yield from _urls(rule.content or ())
            source_map = None
    if source_map:
        yield source_map


def _imported(rule: Any) -> tuple[Reference | None, list[Any]]:
    """Return what ``@import "…"`` names, and the rest of the prelude."""
    if rule.type == "at-rule" and rule.lower_at_keyword == "import":
        for at, node in enumerate(rule.prelude):
            if node.type == "string":
                rest = rule.prelude[at + 1 :]
                return Reference("import", node.value, node.source_line), rest
            if node.type not in {"whitespace", "comment"}:
                break
    return None, rule.prelude


def _urls(nodes: Iterable[Any]) -> Iterator[Reference]:
    for node in nodes:
        url = _url_of(node)
        if url is not None:
            yield Reference("url", url, node.source_line)
        elif node.type == "function":
            if node.lower_name in _IMAGE_SETS:
                for argument in node.arguments:
                    if argument.type == "string":
                        yield Reference("url", argument.value, argument.source_line)
                    else:
                        yield from _urls([argument])
            else:
                yield from _urls(node.arguments)
        elif node.type in {"() block", "[] block", "{} block"}:
            yield from _urls(node.content)
