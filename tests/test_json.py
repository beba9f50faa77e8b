"""JSON, source maps and web app manifests: smaller, never different, and icons followed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assetpipe import kinds
from assetpipe.kinds import sourcemap, webmanifest
from assetpipe.kinds.json import KIND, flaw, strings
from assetpipe.kinds.model import Options, Transformed
from tests.corpus import require_tree
from tests.site import Site

MINIFIED = Options()
AS_IT_IS = Options(minify=False)


def minified(source: str) -> str:
    """Return what ships of a text, after a check that nothing was noted."""
    result = KIND.transform(source.encode(), MINIFIED)
    assert result.notes == ()
    return result.body.decode()


# --- What goes, and what stays -------------------------------------------------------------------

HUGE = "9" * 5000
STRIPPED = [
    pytest.param('{ "a" : [ 1 , 2 ] }', '{"a":[1,2]}', id="spaces between all tokens"),
    pytest.param('\t{\r\n"a"\t:\r1\n}\n', '{"a":1}', id="all four sorts of white space"),
    pytest.param('[ " a  b " ]', '[" a  b "]', id="spaces in strings"),
    pytest.param('{ " : " : " , " }', '{" : ":" , "}', id="tokens in strings"),
    pytest.param(r'[ "\" ", "\\" , "\\\" " ]', r'["\" ","\\","\\\" "]', id="escaped quotes"),
    pytest.param("[ 1.0, 1e5, 1E+05, -0, 0.10 ]", "[1.0,1e5,1E+05,-0,0.10]", id="numbers"),
    pytest.param(f"[ {HUGE}{' ' * 99}]", f"[{HUGE}]", id="a number that Python does not take"),
    pytest.param('{ "a": 1, "a": 2 }', '{"a":1,"a":2}', id="duplicate names"),
    pytest.param('{ "b": 1, "a": 2 }', '{"b":1,"a":2}', id="the order of members"),
    pytest.param(r'[ "\/\u00e9\ud83d" ]', r'["\/\u00e9\ud83d"]', id="escapes that nobody needs"),
    pytest.param('[ "é\u2028\x7f" ]', '["é\u2028\x7f"]', id="characters that need no escape"),
    pytest.param('\ufeff{ "a": 1 }', '\ufeff{"a":1}', id="a byte order mark"),
    pytest.param(" true ", "true", id="a value alone"),
    pytest.param("[ ]", "[]", id="an empty array"),
    pytest.param('[ { }, [ [ ] ], { "a": { } } ]', '[{},[[]],{"a":{}}]', id="empty ones inside"),
]


@pytest.mark.parametrize(("source", "expected"), STRIPPED)
def test_white_space_between_tokens_goes_and_nothing_else(source: str, expected: str) -> None:
    """Numbers, order, duplicates and escapes are what the author wrote."""
    assert minified(source) == expected


def test_a_text_with_little_to_gain_ships_as_it_is() -> None:
    """Less than 1 % is not worth another file."""
    text = json.dumps(["x" * 200], separators=(",", ":"))
    assert minified(f"{text}\n") == f"{text}\n"
    assert minified(f"{text}\n\n\n\n") == text


def test_a_text_that_is_to_stay_stays() -> None:
    """``*.min.json`` and ``minify = false``."""
    assert KIND.transform(b"[ 1, 2 ]", AS_IT_IS) == Transformed(b"[ 1, 2 ]")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES, st.sampled_from([None, 1, "\t", "\r\n "]), st.booleans())
def test_any_value_is_the_same_without_white_space(value: Any, indent: Any, ascii_: bool) -> None:
    """However it was printed."""
    printed = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_)
    shipped = KIND.transform(printed.encode("utf-8", "surrogatepass"), MINIFIED).body
    assert len(shipped) * 0.99 <= len(compact.encode("utf-8", "surrogatepass"))
    assert shipped.decode("utf-8", "surrogatepass") in {printed, compact}


# --- What is not JSON ----------------------------------------------------------------------------

BROKEN = [
    pytest.param("", (1, 1), "the file is empty", id="empty"),
    pytest.param(" \n ", (2, 2), "the file is empty", id="nothing but white space"),
    pytest.param('{"a":1', (1, 7), "the file ends too early", id="an open object"),
    pytest.param('["a', (1, 4), "the file ends in a string", id="an open string"),
    pytest.param("[1,\n 2,\n]", (3, 1), "a comma that nothing follows", id="a trailing comma"),
    pytest.param('{"a":1,}', (1, 8), "a comma that nothing follows", id="one in an object"),
    pytest.param("[,1]", (1, 2), '"," where a value belongs', id="a leading comma"),
    pytest.param("[1 2]", (1, 4), '"2" where a comma or "]" belongs', id="no comma"),
    pytest.param("[1}", (1, 3), '"}" where a comma or "]" belongs', id="the wrong bracket"),
    pytest.param("{a:1}", (1, 2), '"a" where a name in double quotes belongs', id="a bare name"),
    pytest.param("{'a':1}", (1, 2), '"\'" where a name in double quotes', id="single quotes"),
    pytest.param('{"a" 1}', (1, 6), '"1" where a colon belongs', id="no colon"),
    pytest.param('{"a":}', (1, 6), '"}" where a value belongs', id="no value"),
    pytest.param("[NaN]", (1, 2), '"NaN" where a value belongs', id="NaN"),
    pytest.param("[-Infinity]", (1, 2), '"-Infinity" where a value', id="Infinity"),
    pytest.param("[undefined]", (1, 2), '"undefined" where a value', id="undefined"),
    pytest.param("[True]", (1, 2), '"True" where a value belongs', id="a word of Python"),
    pytest.param("[01]", (1, 3), '"1" where a comma or "]" belongs', id="a leading zero"),
    pytest.param("[+1]", (1, 2), '"+1" where a value belongs', id="a plus sign"),
    pytest.param("[.5]", (1, 2), '".5" where a value belongs', id="no digit before the point"),
    pytest.param("[1.]", (1, 3), '"." where a comma or "]" belongs', id="no digit behind it"),
    pytest.param("[1e]", (1, 3), '"e" where a comma or "]" belongs', id="no exponent"),
    pytest.param("[0x10]", (1, 3), '"x10" where a comma or "]" belongs', id="hexadecimal"),
    pytest.param("[١]", (1, 2), '"١" where a value belongs', id="other digits"),
    pytest.param('["\\x41"]', (1, 3), "an escape that JSON does not know", id="an escape"),
    pytest.param('["\\u12"]', (1, 3), "an escape that JSON does not know", id="half an escape"),
    pytest.param('["a\tb"]', (1, 4), "a control character in a string (U+0009)", id="a tab"),
    pytest.param('["a\nb"]', (1, 4), "a control character in a string (U+000A)", id="a break"),
    pytest.param("[1]\n// x", (2, 1), "it has a comment", id="a comment behind"),
    pytest.param("{ // x\n}", (1, 3), "it has a comment", id="a comment inside"),
    pytest.param('{"a": /* x */ 1}', (1, 7), "it has a comment", id="a block comment"),
    pytest.param('{"a":1}{"b":2}', (1, 8), '"{" behind its end', id="two texts"),
    pytest.param("[1]]", (1, 4), '"]" behind its end', id="a bracket too many"),
    pytest.param("[1]\x0c", (1, 4), '"\x0c" behind its end', id="white space of other formats"),
    pytest.param("[\xa01]", (1, 2), '"\xa0" where a value belongs', id="a hard space"),
    pytest.param("[1]\0", (1, 4), '"\0" behind its end', id="a null character"),
    pytest.param("\ufeff\ufeff[1]", (1, 1), '"\ufeff" where a value', id="two byte order marks"),
]


@pytest.mark.parametrize(("source", "place", "reason"), BROKEN)
def test_what_is_not_json_ships_as_it_is(source: str, place: tuple[int, int], reason: str) -> None:
    """With one note that tells the line, the column and what is wrong."""
    result = KIND.transform(source.encode(), MINIFIED)
    [note] = result.notes
    assert result.body == source.encode()
    assert note.message.startswith(f"not valid JSON, {reason}")
    assert (note.line, note.column) == place


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        pytest.param(
            "\ufeff[ 1 ]".encode("utf-16-le"), "utf-16-le", "the file is UTF-16", id="UTF-16"
        ),
        pytest.param(b'[ "\xe9" ]', "latin-1", "it is not UTF-8", id="Latin-1"),
        pytest.param(b'[ "\xed\xa0\x80" ]', "latin-1", "it is not UTF-8", id="a surrogate"),
    ],
)
def test_other_encodings_ship_as_they_are(data: bytes, encoding: str, message: str) -> None:
    """JSON is UTF-8 (RFC 8259, 8.1)."""
    result = KIND.transform(data, MINIFIED)
    assert (result.body, result.encoding) == (data, encoding)
    [note] = result.notes
    assert message in note.message


def accepts(text: str) -> bool:
    """Say whether the standard library takes a text for JSON, less what it adds to the RFC."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


SOUP = st.lists(
    st.sampled_from(
        [*'[]{}:,"\\/', '"a"', '"a":', "1", "-", "0", ".5", "e1", "true", "nul", " ", "\n", "u00e9"]
    ),
    max_size=12,
).map("".join)


@given(SOUP)
@example('{"a":1,"b"}')
@example('[{},"a" ]')
def test_what_counts_as_json_is_what_another_parser_takes(text: str) -> None:
    """The standard library, strict."""
    assert (flaw(text) is None) == accepts(text)


@given(VALUES, st.data())
def test_a_broken_text_is_noticed(value: Any, data: st.DataObject) -> None:
    """One character of a valid text missing or doubled: the other parser agrees."""
    text = json.dumps(value, ensure_ascii=False, indent=data.draw(st.sampled_from([None, 1])))
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + text[at] * data.draw(st.sampled_from([0, 2])) + text[at + 1 :]
    assert (flaw(changed) is None) == accepts(changed)


def test_any_depth_is_fine() -> None:
    """Nothing recurses: 100,000 brackets in each other."""
    deep = "[ " * 100_000 + "] " * 100_000
    assert minified(deep) == "[" * 100_000 + "]" * 100_000
    objects = '{"a": ' * 100_000 + "1" + "}" * 100_000
    assert minified(objects) == objects.replace(" ", "")
    assert flaw("[" * 100_000) is not None


@pytest.mark.parametrize(
    "text",
    [
        '"' + "a" * 300_000,
        "[" + '"a",' * 100_000,
        '{"a":[1,' * 50_000,
        " " * 300_000,
        "1" * 300_000,
    ],
    ids=["a string", "a row", "a nest", "white space", "a number"],
)
def test_a_long_broken_text_takes_linear_time(text: str) -> None:
    """Some hundred thousand characters are a fraction of a second; quadratic would be minutes."""
    start = time.process_time()
    assert flaw(text) is not None or text[0] == "1"
    assert time.process_time() - start < 5


def test_the_files_of_a_real_tree_mean_what_they_meant() -> None:
    """By the standard library."""
    files = [
        path
        for path in require_tree("medium").rglob("*")
        if path.suffix in {".json", ".map"} and path.stat().st_size < 300_000
    ]
    assert len(files) > 10
    for path in files:
        data = path.read_bytes()
        result = kinds.load(kinds.module_for(path.name) or "").transform(data, MINIFIED)
        assert result.notes == ()
        assert json.loads(result.body) == json.loads(data)


# --- Strings and where they lie ------------------------------------------------------------------


def test_strings_are_told_with_the_names_that_they_lie_under() -> None:
    """``None`` stands for an element of an array; half a surrogate pair for no character."""
    text = r'{"a":["b",{"c":"\/d"}],"\u0065" : {"f":{"g":"h"}},"i":"\ud800"}'
    assert [(each.path, each.is_name, each.value) for each in strings(text, 3)] == [
        (("a",), True, "a"),
        (("a", None), False, "b"),
        (("a", None, "c"), True, "c"),
        (("a", None, "c"), False, "/d"),
        (("e",), True, "e"),
        (("e", "f"), True, "f"),
        (("e", "f", "g"), True, "g"),
        (("e", "f", "g"), False, "h"),
        (("i",), True, "i"),
        (("i",), False, "\ufffd"),
    ]
    assert [each.value for each in strings(text, 1)] == ["a", "e", "i", "\ufffd"]


# --- Source maps ---------------------------------------------------------------------------------

MAP = '{ "version": 3, "sources": [ "a.js" ], "mappings": "AAAA" }'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(MAP, '{"version":3,"sources":["a.js"],"mappings":"AAAA"}', id="a map"),
        pytest.param(")]}'\n[ 1 ]", ")]}'\n[1]", id="behind a guard"),
        pytest.param(")]}', really\r\n[ 1 ]", ")]}', really\r\n[1]", id="a longer guard"),
        pytest.param("# Doom, 1 : 1", None, id="a map of a game"),
        pytest.param("[ 1, 2 ]", None, id="JSON, but no object"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_map_is_minified_where_it_is_one(source: str, expected: str | None) -> None:
    """Other programs have files named ``.map``, too: nobody hears of these."""
    result = sourcemap.KIND.transform(source.encode(), MINIFIED)
    assert result == Transformed((source if expected is None else expected).encode())


@pytest.mark.parametrize(
    ("source", "place"),
    [
        pytest.param('{"version": 3,}', (1, 15), id="a comma too many"),
        pytest.param(")]}'\n{a", (2, 2), id="behind a guard"),
        pytest.param(")[ 1 ]", (1, 1), id="half a guard"),
    ],
)
def test_a_broken_map_is_noted(source: str, place: tuple[int, int]) -> None:
    """It looks like JSON, so somebody takes it for a source map."""
    result = sourcemap.KIND.transform(source.encode(), MINIFIED)
    [note] = result.notes
    assert result.body == source.encode()
    assert (note.line, note.column) == place


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(MAP.encode(), True, id="a map"),
        pytest.param(b'{"version":3,"sections":[]}', True, id="an index map"),
        pytest.param(b'{"mappings":""}', False, id="no version"),
        pytest.param(b'{"version":3}', False, id="no mappings"),
        pytest.param(b"# Doom", False, id="another map"),
    ],
)
def test_a_source_map_is_known_by_its_members(data: bytes, expected: bool) -> None:
    """Cheaply: nothing is parsed."""
    assert sourcemap.is_source_map(data) is expected


# --- Web app manifests ---------------------------------------------------------------------------

ICON = '[{"src":"i.png"}]'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(f'{{"icons":{ICON}}}', ["i.png"], id="icons"),
        pytest.param(f'{{"screenshots":{ICON}}}', ["i.png"], id="screenshots"),
        pytest.param(f'{{"shortcuts":[{{"icons":{ICON}}}]}}', ["i.png"], id="shortcuts"),
        pytest.param(f'{{"file_handlers":[{{"icons":{ICON}}}]}}', ["i.png"], id="file handlers"),
        pytest.param(r'{"icons":[{"src":"\/i.p\u006eg"}]}', ["/i.png"], id="escapes"),
        pytest.param(r'{"\u0069cons":[{"src":"i"}]}', ["i"], id="escapes in a name"),
        pytest.param(
            '{"icons":[{"src":""},{"src":" "},{"src":"data:x"},{"src":1}]}', [], id="no files"
        ),
        pytest.param('{"start_url":"a","scope":"b","id":"c"}', [], id="pages"),
        pytest.param('{"share_target":{"action":"a"},"src":"b"}', [], id="other members"),
        pytest.param('{"icons":{"16":"i.png"}}', [], id="the manifest of a browser extension"),
        pytest.param(f"[{ICON}]", [], id="a list"),
        pytest.param('{"icons":[[{"src":"a"}]],"x":{"icons":[{"src":"b"}]}}', [], id="elsewhere"),
    ],
)
def test_a_manifest_refers_to_its_images(source: str, expected: list[str]) -> None:
    """``icons``, ``screenshots`` and those of ``shortcuts`` and ``file_handlers``; no pages."""
    result = webmanifest.KIND.transform(source.encode(), MINIFIED)
    assert [(each.specifier, each.role) for each in result.references] == [
        (url, "url") for url in expected
    ]


def test_references_are_placed_in_the_body_and_in_the_source() -> None:
    """Byte offsets in what ships; lines and columns in what the author wrote."""
    source = '\ufeff{ "name": "é",\n  "icons": [ { "src": "a.png" },\n { "src": "b.png" } ] }'
    result = webmanifest.KIND.transform(source.encode(), MINIFIED)
    assert [result.body[each.start : each.end] for each in result.references] == [
        b"a.png",
        b"b.png",
    ]
    assert [(each.line, each.column) for each in result.references] == [(2, 24), (3, 12)]


def test_a_broken_manifest_ships_as_it_is() -> None:
    """Nothing in it is followed."""
    source = b'{"icons":[{"src":"a.png"}],}'
    result = webmanifest.KIND.transform(source, MINIFIED)
    assert (result.body, result.references, len(result.notes)) == (source, (), 1)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("manifest.json", "assetpipe.kinds.webmanifest"),
        ("a/Manifest.JSON", "assetpipe.kinds.webmanifest"),
        ("a/app.webmanifest", "assetpipe.kinds.webmanifest"),
        ("app-manifest.json", "assetpipe.kinds.json"),
        ("manifest.json/a.json", "assetpipe.kinds.json"),
        ("a.geojson", "assetpipe.kinds.json"),
        ("a.topojson", "assetpipe.kinds.json"),
        ("a.jsonld", "assetpipe.kinds.json"),
        ("a.js.map", "assetpipe.kinds.sourcemap"),
        (".json", None),
        ("a.json5", None),
    ],
)
def test_a_file_is_known_by_its_name(name: str, module: str | None) -> None:
    """The exact base name first, then the suffix."""
    assert kinds.module_for(name) == module


# --- Through a build -----------------------------------------------------------------------------

ICONS = {
    "img/a.png": b"\x89PNG a",
    "img/ü&b.png": b"\x89PNG b",
    "img/plain.png": b"\x89PNG c",
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("img/a.png", "img/<img/a.png>", id="relative"),
        pytest.param(r"\/static\/img\/a.png", "img/<img/a.png>", id="escaped slashes"),
        pytest.param(r"img\/\u0061.png", "img/<img/a.png>", id="escaped letters"),
        pytest.param("img/a.png?v=1#x", "img/<img/a.png>?v=1#x", id="a query and a fragment"),
        pytest.param(r"img/a.png?a=\/b", "img/<img/a.png>?a=/b", id="an escape in the query"),
        pytest.param(r"img/a.png?a=\"b\"", "img/<img/a.png>?a=%22b%22", id="quotes in the query"),
        pytest.param(r"img/a.png#\\", "img/<img/a.png>#%5C", id="a backslash in the fragment"),
        pytest.param("img/a.png?é(1)", "img/<img/a.png>?é(1)", id="no ASCII in the query"),
        pytest.param(r"img/a.png?\u00e9", "img/<img/a.png>?%C3%A9", id="escaped, no ASCII"),
        pytest.param(r"img\/ü&b.png", None, id="no ASCII in the name"),
        pytest.param("https://x.test/a.png", "https://x.test/a.png", id="elsewhere"),
        pytest.param(r"\/other\/a.png", "/other/a.png", id="outside"),
    ],
)
def test_a_built_manifest_is_valid_and_leads_to_its_icons(
    tmp_path: Path, written: str, expected: str | None
) -> None:
    """Whatever was escaped."""
    source = f'{{\n  "start_url": "/",\n  "icons": [ {{ "src": "{written}" }} ]\n}}'
    site = Site(tmp_path, {**ICONS, "app.webmanifest": source, "manifest.json": source})
    site.build()
    for name in ("app.webmanifest", "manifest.json"):
        shipped = json.loads(site.text(name))
        if expected is None:
            [folder, base] = shipped["icons"][0]["src"].split("/")
            assert (folder, base[:6]) == ("img", "%C3%BC")
        else:
            assert shipped == {"start_url": "/", "icons": [{"src": site.fill(expected)}]}


def test_json_ships_minified_and_its_flaws_are_told(tmp_path: Path) -> None:
    """A broken file is a warning, not an error."""
    site = Site(
        tmp_path,
        {"a.json": '{ "a": 1 }', "b.min.json": '{ "a": 1 }', "c.json": "{ // c\n}", "d.map": MAP},
    )
    release = site.build()
    assert site.text("a.json") == '{"a":1}'
    assert site.text("b.min.json") == '{ "a": 1 }'
    assert site.text("c.json") == "{ // c\n}"
    assert " " not in site.text("d.map")
    [problem] = release.warnings
    assert (Path(problem.file).name, problem.line, problem.column) == ("c.json", 1, 3)
    assert problem.severity == "warning"
