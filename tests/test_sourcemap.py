"""Source maps by themselves: reading, writing, composing and finding them."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from bisect import bisect_right
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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

JS_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")

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


def test_base64_of_maps_in_scripts_is_read() -> None:
    """A map in a comment of a real tool's output."""
    comment = b64encode(as_json(sources=["x.ts"])).decode()
    url = named_by(f"a()\n//# sourceMappingURL=data:application/json;base64,{comment}\n")
    assert url is not None
    assert parse(data_url(url) or b"").sources == ("x.ts",)
