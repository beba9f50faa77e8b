"""Source maps: what the kinds of scripts and stylesheets tell of their bodies."""

from __future__ import annotations

import json
import random
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetpipe.kinds import css, js
from assetpipe.kinds.css.positions import pair
from assetpipe.kinds.js.context import GAPS
from assetpipe.kinds.js.tokens import tokenize
from assetpipe.kinds.model import Kind, Mapped, Options, Transformed
from assetpipe.kinds.sourcemap.compose import (
    SourceMap,
    compose,
    parse,
    render,
)
from assetpipe.kinds.sourcemap.mappings import decode, places
from assetpipe.kinds.text import decode as decode_text
from tests.corpus import require_tree
from tests.node import require_node, run_node

JS_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
CSS_BREAK = re.compile(r"\r\n|[\n\r\f]")
BREAKS = {"js": JS_BREAK, "css": CSS_BREAK}

LINKED = Options(source_maps="linked")
HIDDEN = Options(source_maps="hidden")
SCRIPT = "// one\nvar  a = '😀' + b ;\n\nf( a )\n"
SHEET = "/* one */\na {\n  color : red ;\n  b: url( x.png );\n}\n"


def mapped(result: Transformed) -> Mapped:
    assert result.mapped is not None
    return result.mapped


def roles(result: Transformed) -> list[str]:
    return [each.role for each in result.references]


def filled(result: Transformed, name: str = "X") -> bytes:
    """Return the body with a name in the place of the map's."""
    last = result.references[-1]
    assert (last.specifier, last.role, last.line, last.column) == ("", "map", 0, 0)
    assert last.start == last.end
    return result.body[: last.start] + name.encode(result.encoding) + result.body[last.end :]


def pairs(result: Transformed, source: str, breaks: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield what follows in the body, and in the source, where a segment says it does."""
    body = result.body.decode(result.encoding)
    starts = [[0, *(match.end() for match in breaks.finditer(text))] for text in (body, source)]
    for number, row in enumerate(decode(mapped(result).mappings)):
        for segment in row:
            assert len(segment) == 4
            yield (
                at(body, starts[0][number], segment[0]),
                at(source, starts[1][segment[2]], segment[3]),
            )


def at(text: str, start: int, column: int) -> str:
    return text[start:].encode("utf-16-le")[2 * column :].decode("utf-16-le", "replace")


def test_every_token_of_a_script_is_mapped() -> None:
    """At its start, in columns of UTF-16."""
    result = js.KIND.transform(SCRIPT.encode(), HIDDEN)
    assert result.body.decode() == "var a='😀'+b;f(a)"
    tokens = ["var", "a", "=", "'😀'", "+", "b", ";", "f", "(", "a", ")"]
    found = list(pairs(result, SCRIPT, JS_BREAK))
    assert len(found) == len(tokens)
    for (there, here), token in zip(found, tokens, strict=True):
        assert there.startswith(token)
        assert here.startswith(token)


def test_every_token_of_a_stylesheet_is_mapped() -> None:
    """Through dropped semicolons, too."""
    result = css.KIND.transform(SHEET.encode(), HIDDEN)
    assert result.body.decode() == "a{color:red;b:url( x.png )}"
    found = list(pairs(result, SHEET, CSS_BREAK))
    tokens = ["a", "{", "color", ":", "red", ";", "b", ":", "url", "( x.png )", "}"]
    assert len(found) == len(tokens)
    for (there, here), token in zip(found, tokens, strict=True):
        assert there.startswith(token)
        assert here.startswith(token)


LINE_ENDS = [
    pytest.param(js.KIND, ["\n", "\r", "\r\n", "\u2028", "\u2029"], id="js"),
    pytest.param(css.KIND, ["\n", "\r", "\r\n", "\f"], id="css"),
]


@pytest.mark.parametrize(("kind", "ends"), LINE_ENDS)
def test_lines_end_where_the_language_says(kind: Kind, ends: list[str]) -> None:
    """Each of its line ends counts once, in the source and in the body."""
    first, last = ("a {}", "b {}") if kind is css.KIND else ("a ( )", "b ( )")
    for end in ends:
        source = f"{first}{end}{end}  {last}"
        rows = decode(mapped(kind.transform(source.encode(), MADE)).mappings)
        assert [row[:1] for row in rows] == [[(0, 0, 0, 0)], [], [(2, 0, 2, 2)]]


MADE = Options(minify=False, source_maps="hidden", made=True)


FRAMES: list[Any] = [
    pytest.param(js.KIND, "a ( )", "a()\n//# sourceMappingURL=X\n", id="script"),
    pytest.param(
        js.KIND, "a ( )\n//# sourceMappingURL=o\n", "a()\n//# sourceMappingURL=X\n", id="own map"
    ),
    pytest.param(
        js.KIND,
        "import'./a'\n\n//# sourceMappingURL=o\n\n",
        "import'./a'\n//# sourceMappingURL=X\n",
        id="script that is not minified",
    ),
    pytest.param(js.KIND, "import'./a'", "import'./a'\n//# sourceMappingURL=X\n", id="no line end"),
    pytest.param(css.KIND, "a { }", "a{}\n/*# sourceMappingURL=X */\n", id="stylesheet"),
    pytest.param(
        css.KIND,
        "a {}/*# sourceMappingURL=o */",
        "a{}\n/*# sourceMappingURL=X */\n",
        id="stylesheet with an own map",
    ),
    pytest.param(
        css.KIND,
        "a{b:url(c)}\n/*# sourceMappingURL=o */\n",
        "a{b:url(c)}\n/*# sourceMappingURL=X */\n",
        id="stylesheet that is not minified",
    ),
]


@pytest.mark.parametrize(("kind", "source", "body"), FRAMES)
def test_a_linked_map_has_its_place_at_the_end(kind: Kind, source: str, body: str) -> None:
    """One comment behind one line end; where the place stands is told as well."""
    minify = "minified" not in body and not source.startswith(("import", "a{b"))
    options = Options(minify=minify, source_maps="linked")
    result = kind.transform(source.encode(), options)
    assert filled(result) == body.encode()
    text = body.replace("X", "")
    [expected] = places(text, [text.rindex("=") + 1], BREAKS[kind.name])
    assert mapped(result).places[-1] == expected
    assert len(mapped(result).places) == len(result.references)
    hidden = kind.transform(source.encode(), Options(minify=minify, source_maps="hidden"))
    assert b"sourceMappingURL" not in hidden.body
    assert mapped(hidden).mappings == mapped(result).mappings
    assert mapped(hidden).places == mapped(result).places[:-1]
    assert roles(hidden) == roles(result)[:-1]
    assert (mapped(result).url == "o") == ("=o" in source)


def test_the_own_map_of_a_source_is_told_with_its_place() -> None:
    """A ``data:`` URL as well; lines and columns from 1."""
    for kind, source in (
        (js.KIND, "a ( )\n//# sourceMappingURL=data:,{}"),
        (css.KIND, "a { }\n/*#  sourceMappingURL=data:,{} */"),
    ):
        found = mapped(kind.transform(source.encode(), HIDDEN))
        assert found.url == "data:,{}"
        assert (found.line, found.column) == (2, source.index("data") - source.index("\n"))


UNTOUCHED = [
    pytest.param(js.KIND, b"a()//# sourceMappingURL=o", b"a()", ["sourcemap"], id="script"),
    pytest.param(
        js.KIND, b"a(`\n`)\n//# sourceMappingURL='o", b"a(`\n`)\n", ["sourcemap"], id="odd script"
    ),
    pytest.param(
        css.KIND, b"a{}/*# sourceMappingURL=o */\n", b"a{}\n", ["sourcemap"], id="stylesheet"
    ),
    pytest.param(css.KIND, b"a{}/*# sourceMappingURL=data:,x */", b"a{}", [], id="data"),
]


@pytest.mark.parametrize(("kind", "data", "hidden", "references"), UNTOUCHED)
def test_what_ships_untouched_keeps_its_map_unless_it_is_to_be_hidden(
    kind: Kind, data: bytes, hidden: bytes, references: list[str]
) -> None:
    """There is no way back to tell, for nothing has changed."""
    linked = kind.transform(data, Options(minify=False, source_maps="linked"))
    assert (linked.body, roles(linked), linked.mapped) == (data, references, None)
    result = kind.transform(data, Options(minify=False, source_maps="hidden"))
    assert (result.body, roles(result), result.mapped) == (hidden, [], None)


@pytest.mark.parametrize("kind", [js.KIND, css.KIND], ids=["js", "css"])
def test_what_the_build_made_is_mapped_even_if_it_ships_as_it_is(kind: Kind) -> None:
    """There is something behind it to lead back to."""
    source = b"a()\n" if kind is js.KIND else b"a{}\n"
    result = kind.transform(source, MADE)
    assert result.body == source
    assert [there for there, _ in pairs_of(result)] == [0, 1, 2]
    assert kind.transform(source, Options(minify=False, made=True)) == Transformed(source)


OPEN = [
    pytest.param("a{b:url(c)}d{e:url(f", id="a URL"),
    pytest.param("a{b:url(c)}d{e:'f", id="a string"),
    pytest.param("a{b:url(c)}/* d", id="a comment"),
    pytest.param("a{b:url(c)}d{e:f\\", id="an escape"),
    pytest.param(r"a{b:url(c)}d{e:u\72l(f", id="a URL in disguise"),
]


@pytest.mark.parametrize("source", OPEN)
def test_nothing_is_appended_to_what_is_open(source: str) -> None:
    """A comment would become part of it; so there is no map."""
    result = css.KIND.transform(source.encode(), LINKED)
    assert result.body == source.encode()
    assert result.mapped is None
    assert "map" not in roles(result)


def test_what_cannot_be_aligned_ships_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a wrong map: rather no minification, and the source's own tokens."""
    monkeypatch.setattr(css, "_shortest", lambda chars: "a{}")
    result = css.KIND.transform(b"a { b : c }", LINKED)
    assert (result.body, result.mapped, result.notes) == (b"a { b : c }", None, ())


ALIGNED = [
    pytest.param("a ; ; b", "a;b", [0, 2, 6], id="a semicolon that is not needed"),
    pytest.param("a { b ; }", "a{b}", [0, 2, 4, 8], id="the last of a block"),
    pytest.param("a;;", "a", [0], id="at the end"),
    pytest.param("a b", "a c", None, id="another token"),
    pytest.param("a b", "a", None, id="a lost token"),
    pytest.param("a", "a b", None, id="a new token"),
    pytest.param("a", "a;", None, id="a new semicolon"),
    pytest.param("a'", "a'", None, id="a broken string"),
    pytest.param("url( a )/**/ 1.5em", "url( a )1.5em", [0, 3, 13], id="URLs and numbers"),
]


@pytest.mark.parametrize(("source", "body", "starts"), ALIGNED)
def test_tokens_are_aligned_or_not_at_all(source: str, body: str, starts: list[int] | None) -> None:
    """Nothing but a semicolon may be missing."""
    found = pair(source, body)
    assert (found and found[0]) == starts


ENCODINGS = [
    pytest.param(b"\xff\xfe", "utf-16-le", id="UTF-16 LE"),
    pytest.param(b"\xfe\xff", "utf-16-be", id="UTF-16 BE"),
    pytest.param(b"\xef\xbb\xbf", "utf-8", id="UTF-8 with a mark"),
    pytest.param(b"", "latin-1", id="another encoding"),
]


@pytest.mark.parametrize(("mark", "encoding"), ENCODINGS)
def test_columns_are_those_of_the_text(mark: bytes, encoding: str) -> None:
    """In whatever encoding it is, and the comment is in it, too."""
    for kind, source, comment in (
        (js.KIND, "import'./é.js';import'./b.js'", "\n//# sourceMappingURL=X\n"),
        (css.KIND, "a{b:url(é.png);c:url(d.png)}", "\n/*# sourceMappingURL=X */\n"),
    ):
        data = mark + source.encode(encoding)
        result = kind.transform(data, Options(minify=False, source_maps="linked"))
        assert result.encoding == encoding
        assert filled(result) == data + comment.encode(encoding)
        for reference, (line, column) in zip(
            result.references[:-1], mapped(result).places, strict=False
        ):
            before = result.body[len(mark) : reference.end].decode(encoding)
            assert (line, column) == (0, len(before))
        for there, here in pairs_of(result):
            assert there == here


def pairs_of(result: Transformed) -> Iterator[tuple[int, int]]:
    for row in decode(mapped(result).mappings):
        yield from ((each[0], each[3]) for each in row if len(each) == 4)


def test_a_declared_encoding_counts_in_bytes() -> None:
    """What the build splices in, it counts in the same units."""
    source = '@charset "windows-1252";a{b:url(é.png);c:url(d.png)}'.encode()
    result = css.KIND.transform(source, Options(minify=False, source_maps="hidden"))
    assert result.encoding == "latin-1"
    assert mapped(result).places == tuple((0, each.end) for each in result.references)
    assert decode(mapped(result).mappings)[0][-1][0] == len(source) - 1


@pytest.mark.parametrize("kind", [js.KIND, css.KIND], ids=["js", "css"])
@given(data=st.data())
def test_any_text_is_mapped_or_not_at_all(kind: Kind, data: st.DataObject) -> None:
    """Every segment leads from a character to the same one."""
    words = ["a", "b", "{", "}", ";", ":", "(", ")", "'x'", '"', " ", "\n", "\r\n", "/**/", "\\",
             "url(", "url(x)", "😀", "é", "//", "`", "1.5", "+", "@import", "import'./x'", "!",
             "/*! k */", "\f", "//# sourceMappingURL=m", "/*# sourceMappingURL=m */"]  # fmt: skip
    source = "".join(data.draw(st.lists(st.sampled_from(words), max_size=30)))
    off = kind.transform(source.encode(), Options())
    hidden = kind.transform(source.encode(), HIDDEN)
    linked = kind.transform(source.encode(), LINKED)
    assert off.mapped is None
    if hidden.mapped is None:
        assert linked.mapped is None
        assert "map" not in roles(linked)
        return
    assert hidden.body == off.body
    for there, here in pairs(hidden, source, BREAKS[kind.name]):
        assert there[:1] == here[:1]
    assert filled(linked, "").startswith(off.body.rstrip(b" \t\n\r"))


# --- Second opinions ---------------------------------------------------------------------------


def token_places(result: Transformed, kind: Kind) -> list[tuple[int, int, str]]:
    """Return line, column and text of tokens of a body, some thousands at most."""
    body = decode_text(result.body).chars
    if kind is js.KIND:
        tokens = tokenize(body)
        every = zip(tokens.starts(), tokens.pieces, tokens.kinds, strict=False)
        found = [(start, text) for start, text, kind in every if text and kind not in GAPS]
    else:
        code = NO_WORDS.sub(lambda match: " " * len(match[0]), body)
        found = [(match.start(), match[0]) for match in WORD.finditer(code)]
    chosen = sorted(random.Random(0).sample(found, min(2_000, len(found))))
    where = places(body, [start for start, _ in chosen], BREAKS[kind.name])
    return [(*spot, text) for spot, (_, text) in zip(where, chosen, strict=True)]


NO_WORDS = re.compile(r"""/\*[\s\S]*?\*/|"(?:\\.|[^"])*"|'(?:\\.|[^'])*'|\\.|\([^)]*[/\\][^)]*\)""")
WORD = re.compile(r"(?<![\w.#@%-])[A-Za-z][\w-]*+")


def as_map(found: Mapped) -> dict[str, Any]:
    return {"version": 3, "sources": ["source"], "names": [], "mappings": found.mappings}


def real_files() -> list[Path]:
    tree = require_tree("small")
    files = [path for path in tree.rglob("*") if path.suffix in (".css", ".js")]
    return sorted(path for path in files if ".min." not in path.name)


def test_trace_mapping_finds_every_token_of_real_files() -> None:
    """What stands at a token's place in the source is that token."""
    require_node()
    requests, expected = [], []
    for path in real_files():
        kind = {".js": js.KIND, ".css": css.KIND}[path.suffix]
        data = path.read_bytes()
        result = kind.transform(data, LINKED)
        if result.mapped is None:
            continue
        found = token_places(result, kind)
        request = {"outer": as_map(result.mapped), "inner": None}
        requests.append(json.dumps(request | {"places": [spot[:2] for spot in found]}))
        expected.append((path, BREAKS[kind.name].split(decode_text(data).chars), found))
    answers = run_node("trace.mjs", text="\n".join(requests)).splitlines()
    assert len(expected) > 10
    for (path, lines, found), answer in zip(expected, answers, strict=True):
        for (_, _, text), origin in zip(found, json.loads(answer), strict=True):
            assert origin is not None, path
            first = JS_BREAK.split(text)[0]
            here = lines[origin[1]].encode("utf-16-le")[2 * origin[2] :].decode("utf-16-le")
            assert here.startswith(first), (path, text, origin)


def test_remapping_leads_to_the_same_places() -> None:
    """Through the maps that real files came with."""
    require_node()
    tree = require_tree("small")
    requests, expected = [], []
    for name in ("css/bootstrap.css", "js/bootstrap.bundle.js", "js/bootstrap.esm.js"):
        data = (tree / name).read_bytes()
        kind = css.KIND if name.endswith("css") else js.KIND
        result = kind.transform(data, LINKED)
        inner = parse((tree / f"{name}.map").read_bytes())
        outer = SourceMap(mapped(result).mappings, ("source",), (None,))
        found = compose(outer, {0: inner})
        spots = [spot[:2] for spot in token_places(result, kind)]
        request = {
            "outer": as_map(mapped(result)),
            "inner": json.loads(render(inner)),
            "places": spots,
        }
        requests.append(json.dumps(request))
        rows = decode(found.mappings)
        ours = []
        for line, column in spots:
            index = bisect_right(rows[line], column, key=lambda each: each[0]) - 1
            segment = rows[line][index] if index >= 0 else (0,)
            ours.append([found.sources[segment[1]], *segment[2:4]] if len(segment) > 1 else None)
        expected.append(ours)
    for ours, answer in zip(
        expected, run_node("trace.mjs", text="\n".join(requests)).splitlines(), strict=True
    ):
        theirs = json.loads(answer)
        # What leads nowhere in the inner map, remapping counts to what precedes it.
        assert [one for one in ours if one] == [
            other for one, other in zip(ours, theirs, strict=True) if one
        ]
        assert sum(one is not None for one in ours) > len(ours) * 0.9


def test_every_stylesheet_of_a_real_tree_is_aligned() -> None:
    """Whatever is minified without a map is minified with one."""
    for path in sorted(require_tree("medium").rglob("*.css")):
        data = path.read_bytes()
        if css.KIND.transform(data, HIDDEN).mapped is None:
            assert css.KIND.transform(data, Options()).body == data, path
