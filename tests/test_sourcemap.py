"""Source maps: the field ``mappings``, composing, and what the kinds tell of their bodies."""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetpipe.kinds import css, js
from assetpipe.kinds.css.positions import pair
from assetpipe.kinds.js.context import GAPS
from assetpipe.kinds.js.tokens import tokenize
from assetpipe.kinds.model import Kind, Mapped, Options, Transformed
from assetpipe.kinds.sourcemap.compose import (
    NotASourceMapError,
    SourceMap,
    compose,
    data_url,
    named_by,
    parse,
    render,
    without_machine_paths,
)
from assetpipe.kinds.sourcemap.mappings import Segment, between, decode, encode, places, shift
from assetpipe.kinds.text import decode as decode_text
from tests.corpus import require_tree
from tests.node import require_node, run_node

JS_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
CSS_BREAK = re.compile(r"\r\n|[\n\r\f]")
BREAKS = {"js": JS_BREAK, "css": CSS_BREAK}

Lines = list[list[Segment]]


# --- Mappings ----------------------------------------------------------------------------------

TEXTS = [
    pytest.param("", [[]], id="nothing"),
    pytest.param("AAAA", [[(0, 0, 0, 0)]], id="one segment"),
    pytest.param("AAAA,IAAIA", [[(0, 0, 0, 0), (4, 0, 0, 4, 0)]], id="a name"),
    pytest.param("AAAA;;ACDA,C", [[(0, 0, 1, 0)], [], [(0, 1, 0, 0), (1,)]], id="lines"),
    pytest.param("gB", [[(16,)]], id="two digits"),
    pytest.param("AAgggggBD", None, id="lengths are counted in numbers"),
    pytest.param("+/////D", [[(2**31 - 1,)]], id="the largest number"),
]


@pytest.mark.parametrize(
    ("text", "lines"), [case for case in TEXTS if case.values[1] is not None and case.id != "lines"]
)
def test_mappings_are_what_the_specification_says(text: str, lines: Lines) -> None:
    """Base64 VLQ, each number relative to the one before."""
    assert decode(text) == lines
    assert encode(lines) == text


def test_numbers_go_on_over_lines_but_for_columns() -> None:
    """Only the generated column begins again in each line."""
    assert decode("CAAC;CCCD,C") == [[(1, 0, 0, 1)], [(1, 1, 1, 0), (2,)]]


BROKEN = [
    pytest.param("AA", id="two numbers"),
    pytest.param("AAA", id="three numbers"),
    pytest.param("AAAAAA", id="six numbers"),
    pytest.param("AAA?", id="no digit"),
    pytest.param("AAAg", id="a number without end"),
    pytest.param("AAAg,A", id="a number without end before another segment"),
    pytest.param("AAAA,", id="an empty segment at the end"),
    pytest.param(",AAAA", id="an empty segment at the start"),
    pytest.param("AAAA,,AAAA", id="an empty segment"),
    pytest.param("D", id="a column below zero"),
    pytest.param("ADAA", id="a source below zero"),
    pytest.param("AADA", id="a line below zero"),
    pytest.param("AAAD", id="a source column below zero"),
    pytest.param("AAAAD", id="a name below zero"),
    pytest.param("ggggggggA", id="a number of too many digits"),
    pytest.param("ggggggE", id="a number of more than 32 bits"),
    pytest.param("A" + "g" * 100_000, id="an endless number"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_mappings_is_refused(text: str) -> None:
    """One error, with a message, for all of it."""
    with pytest.raises(NotASourceMapError) as caught:
        decode(text)
    assert caught.value.message


NUMBER = st.integers(0, 60) | st.integers(0, 2**31 - 1)
SEGMENT = st.one_of(
    st.tuples(NUMBER),
    st.tuples(NUMBER, NUMBER, NUMBER, NUMBER),
    st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER),
)


@settings(max_examples=50)
@given(st.lists(st.lists(SEGMENT), min_size=1))
def test_decoding_undoes_encoding(lines: Lines) -> None:
    """Nothing is lost, sorted or not."""
    assert decode(encode(lines)) == lines


SHIFTS = [
    pytest.param([(0, 0, 0, 0)], [], [(0, 0, 0, 0)], id="no edit"),
    pytest.param(
        [(0, 0, 0, 0), (4, 0, 0, 9), (9, 0, 1, 1, 0)],
        [(0, 4, 3)],
        [(0, 0, 0, 0), (7, 0, 0, 9), (12, 0, 1, 1, 0)],
        id="what begins at the end of an edit moves",
    ),
    pytest.param([(0,), (4,)], [(0, 5, 3)], [(0,), (4,)], id="what begins before it stays"),
    pytest.param(
        [(0,), (8,), (20,)], [(0, 4, 2), (0, 6, -1)], [(0,), (9,), (21,)], id="edits add up"
    ),
    pytest.param(
        [(0,), (8,), (20,)], [(0, 4, 2), (0, 20, 5)], [(0,), (10,), (27,)], id="one after another"
    ),
    pytest.param(
        [(5,), (18,), (20,)], [(0, 20, -12)], [(5,), (7,), (8,)], id="what begins inside stays so"
    ),
]


@pytest.mark.parametrize(("before", "edits", "after"), SHIFTS)
def test_an_edit_moves_what_is_behind(
    before: list[Segment], edits: list[tuple[int, int, int]], after: list[Segment]
) -> None:
    """In its line only, and nothing of the source."""
    assert decode(shift(encode([before, before]), edits)) == [after, before]
    below = [(line + 1, column, delta) for line, column, delta in edits]
    assert decode(shift(encode([before, before]), below)) == [before, after]


def naively_shifted(lines: Lines, edits: list[tuple[int, int, int]]) -> Lines:
    """Move each segment on its own."""
    found: Lines = []
    for number, segments in enumerate(lines):
        row: list[Segment] = []
        for segment in segments:
            moved = 0
            column = segment[0]
            for line, end, delta in edits:
                if line != number:
                    continue
                if segment[0] >= end:
                    moved += delta
                else:
                    new_end = end + delta + moved
                    if column + moved >= new_end:
                        column = max(new_end - 1, row[-1][0] if row else 0) - moved
                    break
            row.append((column + moved, *segment[1:]))
        found.append(row)
    return found


@given(st.data())
def test_shifting_is_decoding_moving_and_encoding(data: st.DataObject) -> None:
    """The patched text says what moving every segment says, and columns never descend."""
    column = st.integers(0, 60)
    small = st.integers(0, 5)
    segment = st.one_of(st.tuples(column), st.tuples(column, small, small, small))
    lines: Lines = [
        sorted(each) for each in data.draw(st.lists(st.lists(segment), min_size=1, max_size=3))
    ]
    edits = []
    for number in range(len(lines) + 1):
        bounds = sorted(set(data.draw(st.lists(column, max_size=6))))
        for start, end in zip(bounds[::2], bounds[1::2], strict=False):
            edits.append((number, end, data.draw(st.integers(start - end + 1, 9))))
    after = decode(shift(encode(lines), edits))
    assert after == naively_shifted(lines, edits)
    for row in after:
        assert [each[0] for each in row] == sorted(each[0] for each in row)


def place(text: str, position: int, breaks: re.Pattern[str]) -> tuple[int, int]:
    """Return line and column of a position, the slow way."""
    starts = [0, *(match.end() for match in breaks.finditer(text))]
    line = bisect_right(starts, position) - 1
    return line, len(text[starts[line] : position].encode("utf-16-le", "surrogatepass")) // 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", " ", "\n", "\r\n", "\f\r", "\u2028", "é ", "😀"]),
            st.sampled_from(["a", "é", "😀b", "`\n😀`", ";"]),
            st.sampled_from(["", "\n", "😀"]),
        )
    )
)
def test_tokens_are_mapped_wherever_they_stand(parts: list[tuple[str, str, str]]) -> None:
    """With any line ends in either text, in columns of UTF-16."""
    texts, starts = ["", ""], ([], [])  # type: tuple[list[str], tuple[list[int], list[int]]]
    for gap, token, other in parts:
        for index, before in enumerate((gap, other)):
            texts[index] += before
            starts[index].append(len(texts[index]))
            texts[index] += token
    source, body = texts
    found = decode(between(source, starts[0], body, starts[1], JS_BREAK))
    expected = [
        (*place(body, there, JS_BREAK), 0, *place(source, here, JS_BREAK))
        for here, there in zip(*starts, strict=True)
    ]
    assert [(line, *each) for line, row in enumerate(found) for each in row] == expected
    assert places(body, starts[1], JS_BREAK) == tuple(each[:2] for each in expected)


# --- Maps --------------------------------------------------------------------------------------


def as_json(**fields: Any) -> bytes:
    return json.dumps({"version": 3, "sources": ["a"], "mappings": "AAAA"} | fields).encode()


ONE = SourceMap("AAAA", ("a",), (None,))
READ = [
    pytest.param(as_json(), ONE, id="the least"),
    pytest.param(b"\xef\xbb\xbf" + as_json(), ONE, id="a byte order mark"),
    pytest.param(b")]}'\n" + as_json(), ONE, id="a guard"),
    pytest.param(b")]}'anything\r\n" + as_json(), ONE, id="a guard with a tail"),
    pytest.param(as_json(file="x", x_other=[1]), ONE, id="fields that do not matter"),
    pytest.param(as_json(sourcesContent=["x", "y"]), SourceMap("AAAA", ("a",), ("x",)), id="text"),
    pytest.param(as_json(sourcesContent=[None]), ONE, id="no text"),
    pytest.param(as_json(sourcesContent=None, names=None, sourceRoot=None), ONE, id="nulls"),
    pytest.param(as_json(sources=[None]), SourceMap("AAAA", (None,), (None,)), id="a null source"),
    pytest.param(as_json(names=["n"]), SourceMap("AAAA", ("a",), (None,), ("n",)), id="names"),
    pytest.param(as_json(sourceRoot="r"), SourceMap("AAAA", ("r/a",), (None,)), id="a root"),
    pytest.param(as_json(sourceRoot="r/"), SourceMap("AAAA", ("r/a",), (None,)), id="root/"),
    pytest.param(
        as_json(sourceRoot="r", sources=["https://h/a"]),
        SourceMap("AAAA", ("https://h/a",), (None,)),
        id="a root does not matter to URLs",
    ),
    pytest.param(
        as_json(ignoreList=[0, 7]), SourceMap("AAAA", ("a",), (None,), (), (0,)), id="ignored"
    ),
    pytest.param(
        as_json(x_google_ignoreList=[0]),
        SourceMap("AAAA", ("a",), (None,), (), (0,)),
        id="ignored by its old name",
    ),
    pytest.param(
        json.dumps(
            {
                "version": 3,
                "sections": [
                    {
                        "offset": {"line": 0, "column": 0},
                        "map": json.loads(as_json(mappings="AAAA,KAAA;A", names=["m"])),
                    },
                    {
                        "offset": {"line": 0, "column": 4},
                        "map": json.loads(
                            as_json(
                                mappings="CAACA;CAAC", sources=["b"], names=["n"], ignoreList=[0]
                            )
                        ),
                    },
                ],
            }
        ).encode(),
        SourceMap(
            encode([[(0, 0, 0, 0), (5, 1, 0, 1, 1)], [(1, 1, 0, 2)]]),
            ("a", "b"),
            (None, None),
            ("m", "n"),
            (1,),
        ),
        id="sections",
    ),
]


@pytest.mark.parametrize(("data", "expected"), READ)
def test_maps_are_read(data: bytes, expected: SourceMap) -> None:
    """All forms of ECMA-426 come to the same values."""
    assert parse(data) == expected


def section(line: Any = 0, column: Any = 0, **fields: Any) -> bytes:
    offset = {"line": line, "column": column}
    inside = {"offset": offset, "map": json.loads(as_json())} | fields
    return json.dumps({"version": 3, "sections": [inside]}).encode()


NO_MAPS = [
    pytest.param(b"", 1, 1, id="nothing"),
    pytest.param(b"{\n  x", 2, 3, id="no JSON"),
    pytest.param(b")]}'\n{\n x", 3, 2, id="no JSON behind a guard"),
    pytest.param(b'{"version": NaN}', 0, 0, id="a constant that JSON does not have"),
    pytest.param(b"\xff", 0, 0, id="no UTF-8"),
    pytest.param(b"[" * 100_000, 0, 0, id="nested too deep"),
    pytest.param(b'{"version":' + b"9" * 10_000 + b"}", 0, 0, id="an endless number"),
    pytest.param(b"[]", 0, 0, id="a list"),
    pytest.param(as_json(version=2), 0, 0, id="another version"),
    pytest.param(as_json(version=True), 0, 0, id="a boolean"),
    pytest.param(as_json(mappings=None), 0, 0, id="no mappings"),
    pytest.param(as_json(sources="a"), 0, 0, id="sources that are a string"),
    pytest.param(as_json(sources=[1]), 0, 0, id="a source that is a number"),
    pytest.param(as_json(sourcesContent=[1]), 0, 0, id="a text that is a number"),
    pytest.param(as_json(names=[None]), 0, 0, id="a name that is null"),
    pytest.param(as_json(sourceRoot=1), 0, 0, id="a root that is a number"),
    pytest.param(as_json(ignoreList=[True]), 0, 0, id="an index that is a boolean"),
    pytest.param(section(-1), 0, 0, id="a section above the first line"),
    pytest.param(section(10**12), 0, 0, id="a section far below"),
    pytest.param(section(0, 2**40), 0, 0, id="a section far to the right"),
    pytest.param(section("0"), 0, 0, id="an offset that is a string"),
    pytest.param(section(map=None), 0, 0, id="a section without a map"),
    pytest.param(section(map={"sections": []}), 0, 0, id="sections in a section"),
    pytest.param(section(map=json.loads(as_json(mappings="A?"))), 0, 0, id="broken mappings"),
    pytest.param(
        json.dumps(
            {
                "version": 3,
                "sections": [json.loads(section(line))["sections"][0] for line in (2, 1)],
            }
        ).encode(),
        0,
        0,
        id="sections out of order",
    ),
]


@pytest.mark.parametrize(("data", "line", "column"), NO_MAPS)
def test_what_is_no_map_is_refused(data: bytes, line: int, column: int) -> None:
    """One error that says what is wrong, and where if that is known."""
    with pytest.raises(NotASourceMapError) as caught:
        parse(data)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.message


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inside: (
            st.lists(inside)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "sources", "mappings", "sections", "offset", "map", "names"]
                ),
                inside,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    """They are a map, or the one error."""
    with suppress(NotASourceMapError):
        assert isinstance(parse(data), SourceMap)


@given(
    st.builds(
        lambda rows, names, ignored: SourceMap(
            "AAAA",
            tuple(url for url, _ in rows),
            tuple(text for _, text in rows),
            tuple(names),
            tuple(sorted({index % len(rows) for index in ignored if rows})),
        ),
        st.lists(st.tuples(st.none() | st.text(), st.none() | st.text())),
        st.lists(st.text()),
        st.lists(st.integers(0, 9)),
    )
)
def test_reading_undoes_writing(found: SourceMap) -> None:
    """Whatever stands in the strings, lone surrogates of other programs included."""
    data = render(found)
    data.decode()
    assert parse(data) == found


def test_maps_are_written_compactly() -> None:
    """In one fixed order, nothing that says nothing, surrogates escaped."""
    assert render(ONE) == b'{"version":3,"sources":["a"],"names":[],"mappings":"AAAA"}'
    full = SourceMap("A", ("é", None), ("\ud800", None), ("n",), (1,))
    assert render(full).decode() == (
        '{"version":3,"sources":["é",null],"sourcesContent":["\\ud800",null],'
        '"names":["n"],"mappings":"A","ignoreList":[1]}'
    )


# --- Composing ---------------------------------------------------------------------------------


def trace(found: SourceMap, line: int, column: int) -> tuple[Any, ...] | None:
    """Return what a place stems from: source, content, line, column and name."""
    lines = decode(found.mappings)
    row = sorted(lines[line], key=lambda each: each[0]) if line < len(lines) else []
    before = [each for each in row if each[0] <= column]
    if not before or len(before[-1]) == 1 or before[-1][1] >= len(found.sources):
        return None
    last = before[-1]
    name = found.names[last[4]] if len(last) == 5 and last[4] < len(found.names) else None
    return (found.sources[last[1]], found.contents[last[1]], last[2], last[3], name, last[1])


def naively(outer: SourceMap, inner: dict[int, SourceMap], line: int, column: int) -> Any:
    """Trace one place through two maps."""
    first = trace(outer, line, column)
    if first is None or first[5] not in inner:
        return first and first[:5]
    second = trace(inner[first[5]], first[2], first[3])
    return second and (*second[:4], first[4] if second[4] is None else second[4])


@st.composite
def source_maps(draw: st.DrawFn) -> SourceMap:
    small = st.integers(0, 3)
    column = st.integers(0, 9)
    segment = st.one_of(
        st.tuples(column),
        st.tuples(column, small, small, column),
        st.tuples(column, small, small, column, small),
    )
    lines: Lines = draw(st.lists(st.lists(segment, max_size=6), max_size=4))
    rows = draw(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, "x"]))))
    return SourceMap(
        encode(lines),
        tuple(url for url, _ in rows),
        tuple(text for _, text in rows),
        tuple(draw(st.lists(st.sampled_from("mn")))),
        tuple(range(0, len(rows), 2)),
    )


@settings(max_examples=60)
@given(source_maps(), st.dictionaries(st.integers(0, 3), source_maps()))
def test_composing_is_tracing_twice(outer: SourceMap, inner: dict[int, SourceMap]) -> None:
    """Every column of every line leads to the same place, and only what is used is kept."""
    found = compose(outer, inner)
    for line in range(5):
        for column in range(11):
            traced = trace(found, line, column)
            assert (traced and traced[:5]) == naively(outer, inner, line, column)
    used = [each[1] for row in decode(found.mappings) for each in row if len(each) > 1]
    assert list(dict.fromkeys(used)) == list(range(len(found.sources)))
    assert len(set(zip(found.sources, found.contents, strict=True))) == len(found.sources)
    assert len(set(found.names)) == len(found.names)


COARSE = [
    pytest.param("let a = b;", "let a = b;", 8, (0, 8), id="the same text"),
    pytest.param("let a = b;", "\n  let a = b;", 8, (1, 10), id="the same text elsewhere"),
    pytest.param("let a = b;", "const a = b;", 8, (0, 0), id="another text"),
    pytest.param("let a = b;", "let a = c;", 8, (0, 0), id="the same text but for the token"),
    pytest.param("let a = b;", None, 8, (0, 0), id="an unknown text"),
    pytest.param("'😀' + b", "'😀' + b", 7, (0, 0), id="columns that are not characters"),
]


@pytest.mark.parametrize(("text", "origin", "column", "place"), COARSE)
def test_a_coarse_map_is_refined_where_texts_are_the_same(
    text: str, origin: str | None, column: int, place: tuple[int, int]
) -> None:
    """Tools that keep a statement as it is tell only where it begins."""
    start = (1, 2) if origin and origin.startswith("\n") else (0, 0)
    outer = SourceMap(encode([[(5, 0, 0, column)]]), ("made.js",), (text,))
    inner = SourceMap(encode([[(0, 0, *start)]]), ("a.ts",), (origin,))
    assert decode(compose(outer, {0: inner}).mappings) == [[(5, 0, *place)]]


def test_ignored_sources_stay_ignored() -> None:
    """By either map, under their new numbers."""
    outer = SourceMap(encode([[(0, 1, 0, 0), (1, 0, 0, 0)]]), ("a", "b"), (None, None), (), (1,))
    inner = SourceMap("AAAA", ("c", "d"), (None, None), (), (0,))
    assert compose(outer, {}).ignored == (0,)
    assert compose(outer, {0: inner}) == SourceMap(
        encode([[(0, 0, 0, 0), (1, 1, 0, 0)]]), ("b", "c"), (None, None), (), (0, 1)
    )


def test_segments_that_say_nothing_new_are_dropped() -> None:
    """As are the lines behind the last one that says anything."""
    outer = SourceMap(encode([[(0,), (1, 0, 0, 5), (2, 0, 0, 6), (3,), (4,)], []]), ("a",), ("",))
    inner = SourceMap(encode([[(2, 0, 7, 7)]]), ("b",), (None,))
    assert decode(compose(outer, {0: inner}).mappings) == [[(1, 0, 7, 7), (3,)]]


# --- Finding -----------------------------------------------------------------------------------

DATA_URLS = [
    pytest.param("data:application/json;base64,e30=", b"{}", id="base64"),
    pytest.param("data:application/json;base64,e30", b"{}", id="base64 without padding"),
    pytest.param("data:application/json;base64,e%330%3D", b"{}", id="percent-encoded base64"),
    pytest.param("data:;base64,e3 0\n=", b"{}", id="base64 with white space"),
    pytest.param("DATA:text/plain;charset=UTF-8;BASE64,e30=", b"{}", id="upper case"),
    pytest.param("data:application/json; base64,e30=", b"{}", id="a space before base64"),
    pytest.param("data:application/json,%7B%7d", b"{}", id="percent-encoded"),
    pytest.param("data:,{}", b"{}", id="as it is"),
    pytest.param("data:,é", "é".encode(), id="beyond ASCII"),
    pytest.param("data:,a,b#c", b"a,b", id="a fragment"),
    pytest.param("data:;base64,e30=e", None, id="padding in the middle"),
    pytest.param("data:;base64,e", None, id="one digit too few"),
    pytest.param("data:;base64,e3-_", None, id="digits of another alphabet"),
    pytest.param("data:application/json", None, id="no comma"),
    pytest.param("a.map", None, id="another URL"),
]


@pytest.mark.parametrize(("url", "data"), DATA_URLS)
def test_data_urls_are_decoded(url: str, data: bytes | None) -> None:
    """As browsers do."""
    assert data_url(url) == data


NAMING = [
    pytest.param("a\n//# sourceMappingURL=x.map", "x.map", id="a line"),
    pytest.param("a\n//@ sourceMappingURL=x.map\r\n\n ", "x.map", id="the old sign, blanks"),
    pytest.param("a{}/*# sourceMappingURL=x.map */\n", "x.map", id="a block"),
    pytest.param("a{}/*# sourceMappingURL=x.map*/", "x.map", id="a block without a space"),
    pytest.param("//# sourceMappingURL=x.map\n// end\n/* * */", "x.map", id="comments behind"),
    pytest.param("//# sourceMappingURL=x\n//# sourceMappingURL=y", "y", id="the last of two"),
    pytest.param("//# sourceMappingURL=//h/x.map", "//h/x.map", id="a URL with slashes"),
    pytest.param("//# sourceMappingURL=data:a/b;base64,QQ//", "data:a/b;base64,QQ//", id="data"),
    pytest.param("//# sourceMappingURL=x\na()", None, id="code behind"),
    pytest.param("`\n//# sourceMappingURL=x`", None, id="a string"),
    pytest.param("//# sourceMappingURL=x y", None, id="two words"),
    pytest.param("//# sourceMappingURL=", None, id="no URL"),
    pytest.param("sourceMappingURL=x", None, id="no comment"),
    pytest.param("/* sourceMappingURL=x */", None, id="no sign"),
    pytest.param("/*# sourceMappingURL=x", None, id="an open comment"),
    pytest.param("", None, id="nothing"),
]


@pytest.mark.parametrize(("text", "url"), NAMING)
def test_the_last_comment_names_the_map(text: str, url: str | None) -> None:
    """In either form of comment, with nothing but comments behind."""
    assert named_by(text) == url


MACHINES = [
    pytest.param(["/home/me/p/src/a.ts"], ["a.ts"], id="alone"),
    pytest.param(["/home/me/p/a.ts", "/home/me/p/b/c.ts"], ["a.ts", "b/c.ts"], id="two"),
    pytest.param(["/home/me/p/./b/../a.ts", "/home/me/p/c"], ["a.ts", "c"], id="dots inside"),
    pytest.param(["/app/a.ts"], ["a.ts"], id="any root"),
    pytest.param(["/home/me/a.ts", "/usr/lib/b.ts"], ["a.ts", "b.ts"], id="two roots"),
    pytest.param(["C:\\Users\\me\\a.ts"], ["a.ts"], id="a drive"),
    pytest.param(["C:/p/a.ts", "c:\\p\\b\\c.ts"], ["a.ts", "b/c.ts"], id="a drive in two ways"),
    pytest.param(["file:///home/me/a.ts", "/home/me/b.ts"], ["a.ts", "b.ts"], id="file URLs"),
    pytest.param(["FILE:///C%3A/p/a.ts", "file:///c:/p/b"], ["a.ts", "b"], id="of a drive"),
    pytest.param(["\\\\server\\share\\a.ts"], ["a.ts"], id="a share"),
    pytest.param(["file://server/share/a.ts"], ["a.ts"], id="a share as a URL"),
    pytest.param(["../../../../home/me/x.ts"], ["x.ts"], id="climbing"),
    pytest.param(["..\\..\\Users\\me\\x.ts"], ["x.ts"], id="climbing backwards"),
    pytest.param(["../src/../../tmp/x.ts"], ["x.ts"], id="climbing in between"),
    pytest.param(["../../C:/p/x.ts"], ["x.ts"], id="climbing to a drive"),
    *(
        pytest.param([f"../{folder}/a/x.ts"], ["x.ts"], id=f"climbing to {folder}")
        for folder in (
            "home", "Users", "root", "tmp", "private", "var", "mnt", "opt", "srv", "usr",
            "builds", "workspace", "github",
        )
    ),
    pytest.param(["webpack:///home/me/p/c.ts"], ["c.ts"], id="behind a scheme"),
    pytest.param(["webpack:////app/p/c.ts"], ["c.ts"], id="absolute behind a scheme"),
    pytest.param(["webpack://app//srv/p/c.ts"], ["c.ts"], id="behind a name"),
    pytest.param(["webpack:///../../home/me/c.ts"], ["c.ts"], id="climbing behind a scheme"),
    pytest.param(["webpack-internal:///C:/p/d.ts"], ["d.ts"], id="a drive behind a scheme"),
    pytest.param(["webpack://C:/p/d.ts"], ["d.ts"], id="a drive as a host"),
    pytest.param(["webpack:///file:///home/me/a.ts"], ["a.ts"], id="a file URL behind a scheme"),
    pytest.param(["webpack:///./l.js!/home/me/x.css"], ["x.css"], id="behind a loader"),
    pytest.param(["a.ts", "/home/a.ts", "file:///home/a.ts"], ["a.ts", "2/a.ts", "3/a.ts"], id="="),
    pytest.param(["/home/C:/x", "/home/D:/y"], ["C_/x", "D_/y"], id="folders like drives"),
    pytest.param(["/"], ["source"], id="nothing but a root"),
    *(
        pytest.param([kept], [kept], id=f"kept: {kept}")
        for kept in (
            None, "", "a.ts", "./a.ts", "src/home/a.ts", "home/a.ts", "../../scss/_root.scss",
            "../node_modules/x/y.js", "webpack://app/./src/a.ts", "webpack:///./src/b.ts",
            "webpack:///src/b.ts?1a2b", "turbopack:///[project]/a.ts", "https://h/home/y.js",
            "http://h/C:/y.js", "webpack:./a.ts", "webpack:src/b.ts", "webpack://app/../node_modules/x.js",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sources", "kept"), MACHINES)
def test_no_path_of_a_machine_stays(sources: list[str | None], kept: list[str | None]) -> None:
    """They lose the folder that they share; everything else is kept."""
    assert without_machine_paths(sources) == tuple(kept)


PATH = st.lists(
    st.sampled_from(
        ["/", "\\", "..", ".", "home", "Users", "C:", "c%3A", "file:", "//", "webpack:", "a", "!"]
    ),
    max_size=9,
).map("".join)


@given(st.lists(PATH))
def test_paths_are_reduced_once_and_for_all(sources: list[str]) -> None:
    """What is left is no path of a machine, and different sources stay different."""
    reduced = without_machine_paths(sources)
    assert without_machine_paths(reduced) == reduced
    assert len(set(reduced)) == len(set(sources))


# --- What the kinds tell -----------------------------------------------------------------------

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
    expected = place(text, text.rindex("=") + 1, BREAKS[kind.name])
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


def test_base64_of_maps_in_scripts_is_read() -> None:
    """A map in a comment of a real tool's output."""
    comment = b64encode(as_json(sources=["x.ts"])).decode()
    url = named_by(f"a()\n//# sourceMappingURL=data:application/json;base64,{comment}\n")
    assert url is not None
    assert parse(data_url(url) or b"").sources == ("x.ts",)
