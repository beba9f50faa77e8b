"""Stylesheets: what refers to what is found, and minifying changes nothing but the size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import tinycss2
from hypothesis import given
from hypothesis import strategies as st

from assetpipe.kinds.css import KIND
from assetpipe.kinds.model import Options, Transformed
from tests.corpus import require_tree

AS_IT_IS = Options(minify=False)
MINIFIED = Options(minify=True)


def transform(source: str, options: Options = AS_IT_IS) -> Transformed:
    return KIND.transform(source.encode(), options)


def spliced(result: Transformed, new: str = "NEW") -> bytes:
    """Return the body with another name in the place of every reference, as linking does."""
    parts, at = [], 0
    for reference in result.references:
        parts += [result.body[at : reference.start], new.encode(result.encoding)]
        at = reference.end
    return b"".join([*parts, result.body[at:]])


def named(result: Transformed) -> list[tuple[str, str]]:
    return [(reference.specifier, reference.role) for reference in result.references]


def loading(result: Transformed) -> list[tuple[str, str]]:
    return [link for link in named(result) if link[1] != "sourcemap"]


# --- Scanning ----------------------------------------------------------------------------------

REFERENCES = [
    pytest.param("a{b:url(a.png)}", [("a.png", "url")], id="a URL without quotes"),
    pytest.param('a{b:url("a.png")}', [("a.png", "url")], id="a URL in double quotes"),
    pytest.param("a{b:url('a.png')}", [("a.png", "url")], id="a URL in single quotes"),
    pytest.param("a{b:url( \t\n a.png \n)}", [("a.png", "url")], id="white space in the brackets"),
    pytest.param('a{b:url(\n"a.png" )}', [("a.png", "url")], id="white space around the quotes"),
    pytest.param('a{b:url("a b.png")}', [("a b.png", "url")], id="a space in quotes"),
    pytest.param('a{b:url(" a.png ")}', [("a.png", "url")], id="spaces that URLs do not have"),
    pytest.param("a{b:URL(a.png)}", [("a.png", "url")], id="an upper-case name"),
    pytest.param(r"a{b:u\72l(a.png)}", [("a.png", "url")], id="an escape in the name"),
    pytest.param(r"a{b:\75 r\6c (a.png)}", [("a.png", "url")], id="a name of escapes with spaces"),
    pytest.param(r"a{b:\url(a.png)}", [("a.png", "url")], id="a name that starts with an escape"),
    pytest.param(r"a{b:url(a\).png)}", [("a).png", "url")], id="an escaped bracket"),
    pytest.param(r"a{b:url(a\ b.png)}", [("a b.png", "url")], id="an escaped space"),
    pytest.param(r"a{b:url(a\ )}", [("a", "url")], id="an escaped space at the end"),
    pytest.param(r"a{b:url(\66 oo\2epng)}", [("foo.png", "url")], id="hexadecimal escapes"),
    pytest.param(r"a{b:url(\0\d800\110000)}", [("\ufffd" * 3, "url")], id="escapes of nothing"),
    pytest.param('a{b:url("a\\\nb\\"c")}', [('ab"c', "url")], id="a line continued in a string"),
    pytest.param('a{b:url("a\\\r\nb")}', [("ab", "url")], id="a line continued in DOS text"),
    pytest.param("a{--b:url(a.png)}", [("a.png", "url")], id="a custom property"),
    pytest.param("a{b:url()}c{d:url('')}", [], id="empty URLs"),
    pytest.param("a{b:url(a)url(b)}", [("a", "url"), ("b", "url")], id="no gap between two URLs"),
    pytest.param('a{b:url("a" x("b"))}', [("a", "url")], id="a URL with a modifier"),
    pytest.param('a{b:src("a") src(c) src( /**/ "d")}', [("a", "url"), ("d", "url")], id="src()"),
    pytest.param("a{b:myurl(a) -url(b) xurl('c')}", [], id="other functions"),
    pytest.param("a{b:1url(a) #url(b) ürl(c) _url(d)}", [], id="other tokens that end in url("),
    pytest.param(r"a{b:#u\72l(c) my\75rl(d) \31 url(e)}", [], id="the same with escapes"),
    pytest.param("a{b:ſrc('a')}", [], id="a letter that is only like s in other alphabets"),
    pytest.param("a{b:url (a)}", [], id="a space before the bracket"),
    pytest.param("a{b:\"url(a)\" 'url(b)'}", [], id="in strings"),
    pytest.param('a{b:"\\"url(a)" }', [], id="in a string with an escaped quote"),
    pytest.param("a{/* url(a) */}", [], id="in a comment"),
    pytest.param("/* it's */a{b:url(c)}", [("c", "url")], id="a quote in a comment"),
    pytest.param('a{b:"/*"}c{d:url(e)}', [("e", "url")], id="a comment in a string"),
    pytest.param("a{b:url(/**/'c')}", [], id="no comment in a URL token"),
    pytest.param("a{b:url(c'd.png) url(e)}", [("e", "url")], id="a quote breaks a URL"),
    pytest.param(r"a{b:url(c d\)) url(e)}", [("e", "url")], id="a space breaks a URL"),
    pytest.param("a{b:url(c\x01d) url(e)}", [("e", "url")], id="a control character breaks one"),
    pytest.param("a{b:'c\nd:url(e)}", [("e", "url")], id="a string ends with its line"),
    pytest.param("a{b:url(c", [("c", "url")], id="a URL open at the end"),
    pytest.param("a{b:url('c", [("c", "url")], id="a string open at the end"),
    pytest.param("a{b:url(c)/*", [("c", "url")], id="a comment open at the end"),
    pytest.param("a{b:url(c)\\", [("c", "url")], id="a backslash at the end"),
    pytest.param("a{b:url(DATA:x,y) url('data:z')}", [], id="data URLs"),
    pytest.param(
        "a{b:url(//h/x) url(HTTPS://h) url(#i) url(/r?q#f)}",
        [("//h/x", "url"), ("HTTPS://h", "url"), ("#i", "url"), ("/r?q#f", "url")],
        id="all other URLs are told",
    ),
    pytest.param(
        "@font-face{src:local('a'),url(b.woff2) format('woff2') tech(variations)}",
        [("b.woff2", "url")],
        id="a font",
    ),
    pytest.param(
        "a{behavior:url(b.htc);filter:progid:X.Y(src='c.png')}", [("b.htc", "url")], id="old IE"
    ),
    pytest.param(".sm\\:not\\(x\\):not(url(a)){}", [("a", "url")], id="escapes in selectors"),
    # @import
    pytest.param('@import "a.css";', [("a.css", "import")], id="import a string"),
    pytest.param("@import url(a.css);", [("a.css", "import")], id="import a URL"),
    pytest.param("@import src('a.css');", [("a.css", "import")], id="import by src()"),
    pytest.param("@IMPORT\n'a.css'screen;", [("a.css", "import")], id="import in upper case"),
    pytest.param('@import/**/"a.css"', [("a.css", "import")], id="import after a comment"),
    pytest.param(r'@\69mpor\74  "a.css"', [("a.css", "import")], id="import with escapes"),
    pytest.param(r"@import u\72l(a.css)", [("a.css", "import")], id="import a URL with escapes"),
    pytest.param(
        '@import "a" layer(x) supports(b:url(c)) screen;@import url("d") layer;',
        [("a", "import"), ("d", "import")],
        id="a condition of an import loads nothing",
    ),
    pytest.param("@import;@import foo;@imports 'a';@import other('a');", [], id="no import"),
    # Other at-rules
    pytest.param("@charset 'a';@namespace url(b);@namespace c 'd';", [], id="names are no files"),
    pytest.param(
        "@document url(a),url-prefix('b'){c{d:url(e)}}", [("e", "url")], id="patterns are no files"
    ),
    pytest.param(
        "@supports (a:url(b;c)) and (d:'e{'){f{g:url(h)}}",
        [("h", "url")],
        id="a test loads nothing",
    ),
    # image-set()
    pytest.param(
        "a{b:image-set('c' 1x,'d' type('image/png') 2x,url(e) 3x,url('f') 4x),'g'}",
        [("c", "url"), ("d", "url"), ("e", "url"), ("f", "url")],
        id="strings of image-set()",
    ),
    pytest.param("a{b:-WebKit-Image-Set('c' 1x)}", [("c", "url")], id="prefixed image-set()"),
    pytest.param(r"a{b:image-\73 et('c' 1x)}", [("c", "url")], id="image-set() with an escape"),
    pytest.param("a{b:x-image-set('c') -image-set('d')}", [], id="other sets"),
    pytest.param("a{b:image-set(/*'c'*/linear-gradient(x('d')))}", [], id="strings further inside"),
    pytest.param(
        "a{b:image-set('c' 1x;d:'e'}f{g:'h'}", [("c", "url")], id="image-set() is not closed"
    ),
]


@pytest.mark.parametrize(("source", "expected"), REFERENCES)
def test_references_are_found(source: str, expected: list[tuple[str, str]]) -> None:
    assert named(transform(source)) == expected


@pytest.mark.parametrize(("source", "expected"), REFERENCES)
def test_references_are_the_same_in_the_minified_text(
    source: str, expected: list[tuple[str, str]]
) -> None:
    assert named(transform(f"x  {{  }}\n{source}", MINIFIED)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("a{b:url(c)}", "a{b:url(NEW)}", id="no quotes"),
        pytest.param("a{b:url( c\n)}", "a{b:url( NEW\n)}", id="white space stays"),
        pytest.param('a{b:url( "c d" )}', 'a{b:url( "NEW" )}', id="quotes stay"),
        pytest.param(r"a{b:url(c\))d}", "a{b:url(NEW)d}", id="escapes go"),
        pytest.param(r"a{b:url(\63 )d}", "a{b:url(NEW)d}", id="a space that ends an escape goes"),
        pytest.param("a{b:url(c)url(d)e}", "a{b:url(NEW)url(NEW)e}", id="no gaps"),
        pytest.param('@import"c"d;', '@import"NEW"d;', id="import a string"),
        pytest.param("a{b:image-set('c' 1x,'d'2x)}", "a{b:image-set('NEW' 1x,'NEW'2x)}", id="set"),
        pytest.param("a{b:url(c", "a{b:url(NEW", id="open at the end"),
        pytest.param(
            "é{b:url(é)}/*é*/ü{d:url('ü€𝄞')}", "é{b:url(NEW)}/*é*/ü{d:url('NEW')}", id="é"
        ),
    ],
)
def test_another_name_fits_in_the_place_of_the_old_one(source: str, expected: str) -> None:
    assert spliced(transform(source)).decode() == expected


@pytest.mark.parametrize("options", [AS_IT_IS, MINIFIED], ids=["as it is", "minified"])
@pytest.mark.parametrize(
    ("source", "places"),
    [
        pytest.param("a { b : url(c) }", [(1, 13)], id="one line"),
        pytest.param("a {\n  b: url(c),\n   url('d')\n}", [(2, 10), (3, 9)], id="three lines"),
        pytest.param("a {\r\n  b: url(c)\r\n}", [(2, 10)], id="DOS lines"),
        pytest.param("/* é𝄞 */ a { é: url(c) }", [(1, 21)], id="characters, not bytes"),
        pytest.param("/*\n\n*/\n@import  'c' ;", [(4, 11)], id="after a comment"),
    ],
)
def test_places_are_those_of_the_source(
    source: str, places: list[tuple[int, int]], options: Options
) -> None:
    result = transform(source, options)
    assert [(reference.line, reference.column) for reference in result.references] == places


# --- Source map comments -----------------------------------------------------------------------

MAP = "/*# sourceMappingURL=a.css.map */"


@pytest.mark.parametrize(
    ("source", "body", "specifiers"),
    [
        pytest.param(f"a{{}}{MAP}", None, ["a.css.map"], id="at the end"),
        pytest.param(f"a{{}}{MAP}\n/* b */ \n", None, ["a.css.map"], id="before other comments"),
        pytest.param("a{}/*@ sourceMappingURL=m*/", None, ["m"], id="the old form"),
        pytest.param(f"a{{}}{MAP}{MAP}", None, ["a.css.map"], id="twice: the last one counts"),
        pytest.param(f"{MAP}a{{}}", None, [], id="before a rule"),
        pytest.param(f'"{MAP}', None, [], id="in a string"),
        pytest.param(f"/* {MAP}", None, [], id="in a comment"),
        pytest.param("a{}/*# sourceMappingURL=data:x,y */", None, [], id="a map in the comment"),
        pytest.param(f"a{{b:url(//h)}}{MAP}", None, ["//h", "a.css.map"], id="beside another host"),
        pytest.param(
            f"a{{b:url(#c) url(data:,)}}{MAP}", None, ["#c", "a.css.map"], id="beside a fragment"
        ),
        pytest.param(f"a{{b:url(c)}}{MAP}\n", "a{b:url(c)}\n", ["c"], id="beside a file"),
        pytest.param(f"a{{b:url(/c)}}é{MAP}", "a{b:url(/c)}é", ["/c"], id="beside a rooted path"),
        pytest.param(
            "a{b:url(c)}/*# sourceMappingURL=data:,*/", "a{b:url(c)}", ["c"], id="a map goes too"
        ),
    ],
)
def test_a_source_map_comment_stays_where_nothing_else_changes(
    source: str, body: str | None, specifiers: list[str]
) -> None:
    result = transform(source)
    assert result.body.decode() == (source if body is None else body)
    assert [reference.specifier for reference in result.references] == specifiers


def test_a_minified_sheet_has_no_source_map() -> None:
    result = transform(f"a {{ b : c }}\n{MAP}\n", MINIFIED)
    assert (result.body, result.references) == (b"a{b:c}", ())


def test_a_sheet_that_was_minified_before_keeps_its_source_map() -> None:
    source = f"{'a{b:c}' * 1000}\n{MAP}\n"
    result = transform(source, MINIFIED)
    assert result.body.decode() == source
    assert named(result) == [("a.css.map", "sourcemap")]


# --- Encodings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        pytest.param(b"a{b:url(c)}", "utf-8", b"a{b:url(NEW)}", id="ASCII"),
        pytest.param(
            b"\xef\xbb\xbf\xc3\xa9{b:url(c)}",
            "utf-8",
            b"\xef\xbb\xbf\xc3\xa9{b:url(NEW)}",
            id="BOM",
        ),
        pytest.param(
            b"\xef\xbb\xbfa{b:url(c)}", "utf-8", b"\xef\xbb\xbfa{b:url(NEW)}", id="BOM and ASCII"
        ),
        pytest.param(b"\xe9{b:url(\xe9)}", "latin-1", b"\xe9{b:url(NEW)}", id="Latin 1"),
        pytest.param(
            b'@charset "shift_jis";a{b:"\x83\x5c";c:url(d)}',
            "latin-1",
            b'@charset "shift_jis";a{b:"\x83\x5c";c:url(NEW)}',
            id="Shift JIS",
        ),
        pytest.param(
            b'@charset "Big5";a{b:"\xa5\x5c";c:url(d)}',
            "latin-1",
            b'@charset "Big5";a{b:"\xa5\x5c";c:url(NEW)}',
            id="Big5",
        ),
        pytest.param(
            b"\xff\xfe" + "é{b:url(c)}".encode("utf-16-le"),
            "utf-16-le",
            b"\xff\xfe" + "é{b:url(NEW)}".encode("utf-16-le"),
            id="UTF-16, little end first",
        ),
        pytest.param(
            b"\xff\xfe" + "a{b:url(c)}".encode("utf-16-le"),
            "utf-16-le",
            b"\xff\xfe" + "a{b:url(NEW)}".encode("utf-16-le"),
            id="UTF-16 of ASCII characters",
        ),
        pytest.param(
            b"\xfe\xff" + "𝄞{b:url(c)}".encode("utf-16-be"),
            "utf-16-be",
            b"\xfe\xff" + "𝄞{b:url(NEW)}".encode("utf-16-be"),
            id="UTF-16, big end first",
        ),
    ],
)
def test_names_are_written_in_the_encoding_of_the_file(
    data: bytes, encoding: str, expected: bytes
) -> None:
    result = KIND.transform(data, AS_IT_IS)
    assert (result.encoding, spliced(result)) == (encoding, expected)


@pytest.mark.parametrize(
    ("data", "encoding", "body"),
    [
        pytest.param(b"\xef\xbb\xbfa { }", "utf-8", b"\xef\xbb\xbfa{}", id="a BOM stays"),
        pytest.param(
            b'@charset "UTF-8";\na { }', "utf-8", b'@charset "UTF-8";a{}', id="declared UTF-8"
        ),
        pytest.param(
            b'@charset "iso-8859-1";\na { }',
            "latin-1",
            b'@charset "iso-8859-1";a{}',
            id="only ASCII, in whatever encoding",
        ),
        pytest.param(
            b'@charset "iso-2022-jp";\na { b: "\x1b$B8\x1b(B" }',
            "latin-1",
            None,
            id="only ASCII that stands for other characters",
        ),
        pytest.param(
            '@charset "iso-8859-1";\n.é { }'.encode(), "latin-1", None, id="UTF-8 by accident"
        ),
        pytest.param(b"\xe9 { }", "latin-1", None, id="not UTF-8"),
        pytest.param(
            b'/**//* */@charset "x";a { }', "utf-8", b'/**/@charset "x";a{}', id="too late"
        ),
        pytest.param(
            b'\n@charset "x";a { }', "utf-8", b' @charset "x";a{}', id="too late, and stays so"
        ),
        pytest.param(
            b'@charset  "x";  a  {  }', "utf-8", b' @charset "x";a{}', id="never declared so"
        ),
    ],
)
def test_minifying_does_not_change_the_encoding(
    data: bytes, encoding: str, body: bytes | None
) -> None:
    result = KIND.transform(data, MINIFIED)
    assert (result.encoding, result.body) == (encoding, data if body is None else body)


def test_utf_16_is_noted() -> None:
    (note,) = KIND.transform("\ufeffa { }".encode("utf-16-le"), MINIFIED).notes
    assert note.message == "the file is UTF-16: shipped unminified"
    assert note.hint == "save it as UTF-8"


# --- Minifying ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # Between statements
        pytest.param("a {\n  b: c;\n  d : e ;\n}\n", "a{b:c;d:e}", id="a rule"),
        pytest.param("/* x */ a /* y */ { /* z */ b : c /**/ }", "a{b:c /**/}", id="comments"),
        pytest.param("a { b: c;; d: e;; }", "a{b:c;d:e}", id="empty declarations"),
        pytest.param("a{;}", "a{}", id="only a semicolon"),
        pytest.param("a {} ; b {}", "a{};b{}", id="a stray semicolon drops the rule behind it"),
        pytest.param("x :  y ; a { }", "x :  y ;a{}", id="no declaration outside of a block"),
        pytest.param("x; a > b {}", "x;a>b{}", id="text before a semicolon drops it as well"),
        pytest.param("/*! x */ a { /*! y */ b: c }", "/*! x */a{/*! y */b:c}", id="licences"),
        pytest.param("a /*! x */ b{}", None, id="a licence in a selector"),
        pytest.param("<!-- a { } -->", "<!-- a{}-->", id="marks of old HTML"),
        pytest.param("<!-- @supports (a:calc(1px + (2px))){}", None, id="an at-rule behind a mark"),
        pytest.param("--> a > b { }", "--> a > b{}", id="the other mark"),
        # Selectors
        pytest.param("a , b  c{}", "a,b c{}", id="a list and a descendant"),
        pytest.param("a > b ~ c + d{}", "a>b~c+d{}", id="combinators"),
        pytest.param("& > a { }", "&>a{}", id="a nested selector"),
        pytest.param("x{> a{} + b{} & c{}}", "x{>a{}+b{}& c{}}", id="nested combinators"),
        pytest.param("a :b{}", None, id="a descendant with a pseudo-class"),
        pytest.param("x{a :b{c:d}}", None, id="the same, nested"),
        pytest.param("@layer x{a :b{c:d}}", None, id="the same, in a layer"),
        pytest.param("x { a: b { } }", "x{a: b{}}", id="not a pseudo-class, and no declaration"),
        pytest.param("a * b, a *{}", "a * b,a *{}", id="any element"),
        pytest.param("#a .b [c] [d]{}", None, id="descendants"),
        pytest.param("[ a = 'b' i ]{}", "[a = 'b' i]{}", id="an attribute"),
        pytest.param("[a~ ='b']{}", None, id="not an attribute's operator"),
        pytest.param(":is( [type=url] , [a] ) b{}", ":is([type=url],[a]) b{}", id="in brackets"),
        pytest.param(":not(a) :is(b){}", None, id="between brackets"),
        pytest.param("a:nth-child( 2n + 1 ){}", "a:nth-child(2n + 1){}", id="a formula"),
        pytest.param("u + a{}", "u +a{}", id="no unicode range"),
        pytest.param("u+ a{}", None, id="no unicode range either"),
        pytest.param("-- > a{}", "-- >a{}", id="no end of an HTML comment"),
        pytest.param(r".a\, .b\( .c\> .d{}", None, id="escaped marks are letters"),
        pytest.param(r".\31  a .\66 b{}", None, id="white space that ends an escape"),
        pytest.param("a/* x */b{}", "a/**/b{}", id="a comment between two names"),
        pytest.param("a/* x */ b{}", "a b{}", id="a comment beside a gap"),
        pytest.param("html>/**/body{}", None, id="a hack for IE 7"),
        pytest.param("a:first-line , b{}", "a:first-line,b{}", id="a pseudo-element"),
        pytest.param("0% , 50.5%{}", "0%,50.5%{}", id="key frames"),
        # Values
        pytest.param("a{b:c  d , e}", "a{b:c d,e}", id="a list"),
        pytest.param("a{b:c( 1px + 2px )}", "a{b:c(1px + 2px)}", id="a sum"),
        pytest.param("a{b:c (d) (e)f -1 - 1}", None, id="gaps that count"),
        pytest.param("a{b:c ! important ;}", "a{b:c!important}", id="important"),
        pytest.param("a{b:c !ie}", None, id="a hack for IE"),
        pytest.param("a{b:1px/* x */2px}", "a{b:1px/**/2px}", id="a comment between two numbers"),
        pytest.param("a{b:\"c  d\" 'e , f'}", None, id="strings"),
        pytest.param('a{b:url("c  d")}', None, id="a URL in quotes"),
        pytest.param("a{b:url(data:x;y,z)}", None, id="a semicolon in a URL"),
        pytest.param("a { b: 'c\\\nd' }", "a{b:'c\\\nd'}", id="a continued string"),
        pytest.param("a{unicode-range:U+26 , U+0-7F}", "a{unicode-range:U+26,U+0-7F}", id="range"),
        pytest.param("a{*b: c;_d: e\\9}", "a{*b:c;_d:e\\9}", id="hacks"),
        pytest.param("a{b/**/: c}", None, id="a hack that hides a declaration"),
        pytest.param(
            "a{filter: progid:X.Y(a='b', c='d')}", "a{filter:progid:X.Y(a='b',c='d')}", id="filter"
        ),
        pytest.param(r"a{b/*\*/:c;} d { }", None, id="a hack for IE on the Mac"),
        pytest.param("a{b:c\u00a0 \u2003d}", None, id="spaces that are letters to CSS"),
        # Custom properties
        pytest.param("a{--b:  c , d ;}", "a{--b:c , d}", id="only the ends of its value"),
        pytest.param("a{--b: ;--c:;--d: !important }", None, id="an empty value"),
        pytest.param("a{--b: /**/ ;--c:/*!*/ /*!*/}", None, id="a space and a comment"),
        pytest.param(r"a{--b: \63 ; }", r"a{--b:\63 }", id="an escape at its end"),
        pytest.param("a { --b: { c : d ; } ; e : f }", "a{--b: { c : d ; } ;e:f}", id="a block"),
        pytest.param("a { --b: { c } } d { }", "a{--b: { c } }d{}", id="a block at the end"),
        pytest.param("a{--b:hover { c : d } e { }}", None, id="what is not a nested rule"),
        pytest.param("--a:b > c { d : e } f { }", "--a:b>c{d:e}f{}", id="what is no property"),
        # At-rules
        pytest.param(
            "@media screen and ( min-width : 1px ) , print { a { } }",
            "@media screen and (min-width:1px),print{a{}}",
            id="media features",
        ),
        pytest.param(
            "@media (1px < width <= 2px){}", "@media (1px<width<=2px){}", id="a media range"
        ),
        pytest.param("@media (width > = 1px){}", "@media (width> =1px){}", id="no media range"),
        pytest.param("@media (a) <!-- (b){}", None, id="the mark of a comment in a condition"),
        pytest.param("@media (a) --> (b){}", None, id="the mark of its end"),
        pytest.param("@media(a)and (b){}", None, id="a bracket that makes a function"),
        pytest.param("@container style(--a: b > c){}", None, id="a style query"),
        pytest.param("@supports (a: b) or selector(c :d){}", "@supports (a:b) or selector(c :d){}",
                     id="a selector in a condition"),
        pytest.param("@scope (a: b){}", None, id="no media feature"),
        pytest.param("@supports (--a: ){}", "@supports (--a:){}", id="an empty feature"),
        pytest.param("@import  'a'  screen ;", "@import 'a' screen;", id="import"),
        pytest.param("a{b:c} @import 'd';", "a{b:c}@import 'd';", id="import, too late"),
        pytest.param("@layer a , b ;", "@layer a,b;", id="layers"),
        # Lines and odd characters
        pytest.param("a\r{\rb:c\r}\r", "a{b:c}", id="lines of the old Mac"),
        pytest.param("a\f{\fb:c\f}\f", "a{b:c}", id="form feeds"),
        pytest.param("a\0{ b:\0 }", "a\0{b:\0}", id="NUL"),
        pytest.param("", None, id="nothing"),
        pytest.param("@import 'a'", None, id="an import that ends with the file"),
    ],
)  # fmt: skip
def test_minifying(source: str, expected: str | None) -> None:
    result = transform(source, MINIFIED)
    assert result.body.decode() == (source if expected is None else expected)
    assert result.notes == ()


@pytest.mark.parametrize(
    ("source", "message", "place"),
    [
        pytest.param("a { b: c", "this block is never closed", (1, 3), id="a block"),
        pytest.param("a { }\n} b { }", "this } closes nothing", (2, 1), id="a brace"),
        pytest.param(
            "a { }\n/* b",
            "a comment, string or url() is broken or never closed",
            (2, 1),
            id="a comment",
        ),
        pytest.param(
            "a { b: 'c\n' }",
            "a comment, string or url() is broken or never closed",
            (1, 8),
            id="a string",
        ),
        pytest.param(
            "a { b: url(c d) }",
            "a comment, string or url() is broken or never closed",
            (1, 11),
            id="a URL",
        ),
        pytest.param("a { b: (c; }", "a ) is missing", (1, 10), id="a bracket"),
        pytest.param("[a { b: c }", "a ] is missing", (1, 4), id="a bracket of a selector"),
        pytest.param("a { --b: ({;}; }", "a ) is missing", (1, 11), id="in a custom property"),
    ],
)
def test_broken_sheets_ship_as_they_are_and_are_noted(
    source: str, message: str, place: tuple[int, int]
) -> None:
    result = transform(source, MINIFIED)
    assert result.body.decode() == source
    (note,) = result.notes
    assert note.message == f"{message}: shipped unminified"
    assert (note.line, note.column) == place


def test_what_hardly_shrinks_ships_as_it_is() -> None:
    source = f"{'a{b:c}' * 100}\n"
    assert transform(source, MINIFIED).body.decode() == source


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("(" * 50_000, id="open brackets"),
        pytest.param("a{" * 50_000, id="open blocks"),
        pytest.param("[" * 50_000 + "]" * 50_000, id="nested brackets"),
        pytest.param("image-set(" * 50_000, id="nested sets"),
        pytest.param("url('" * 50_000, id="open strings"),
        pytest.param("/*# sourceMappingURL=" * 50_000, id="open comments"),
        pytest.param("\\66 " * 50_000 + "(", id="escapes"),
        pytest.param("a" * 50_000 + "\\66(" * 50_000, id="escapes in long names"),
        pytest.param("a{b:" + "c/**/ " * 50_000 + "}", id="gaps"),
        pytest.param("a" + " + " * 50_000 + "{}", id="combinators"),
        pytest.param("a{" + "--b:{" * 50_000, id="nested custom properties"),
        pytest.param("@import " * 50_000, id="imports"),
        pytest.param("a {b : url( c )} " * 50_000, id="one long line"),
    ],
)
def test_long_and_deep_sheets_take_linear_time(source: str) -> None:
    """Anything quadratic would take minutes here."""
    transform(source, MINIFIED)


# --- The independent judge ---------------------------------------------------------------------

# tinycss2 has no types, so its nodes are Any here.


def meaning(nodes: Iterable[Any]) -> list[Any]:
    """Return rules and declarations without the white space that CSS does not see."""
    found: list[Any] = []
    for node in nodes:
        if node.type == "declaration":
            custom = node.name.startswith("--")
            value = exact(node.value) if custom else tokens(node.value, ",")
            found.append((node.name, value, node.important))
        elif node.type == "error":
            found.append(node.kind)
        else:
            seen = ",:<>=" if node.type == "at-rule" else ",>~+"
            name = node.lower_at_keyword if node.type == "at-rule" else "rule"
            content = None if node.content is None else meaning(contents(node.content))
            found.append((name, tokens(node.prelude, seen), content))
    return found


def contents(nodes: list[Any]) -> list[Any]:
    return tinycss2.parse_blocks_contents(nodes, skip_comments=True, skip_whitespace=True)  # type: ignore[no-any-return]


def exact(nodes: list[Any]) -> str:
    text = str(tinycss2.serialize(nodes))
    return text.strip(" \t\n\r\f") or text[:1]


def tokens(nodes: Iterable[Any], marks: str) -> list[Any]:
    """Return component values, with one space for each gap that is not beside a mark."""
    found: list[Any] = [" "]
    for node in nodes:
        if node.type == "comment":
            continue
        if node.type == "whitespace":
            if found[-1] != " " and not is_mark(found[-1], marks):
                found.append(" ")
            continue
        # tinycss2 calls a bracket that closes nothing an error.
        if found[-1] == " " and (is_mark(node, marks) or node.type == "error"):
            found.pop()
            if not found:
                found.append("")
        if node.type == "function":
            found.append((node.name, tokens(node.arguments, marks)))
        elif node.type in {"() block", "[] block", "{} block"}:
            found.append((node.type, tokens(node.content, marks)))
        else:
            found.append(node.value if node.type == "literal" else node.serialize())
    if found[-1] == " ":
        found.pop()
    return found


def is_mark(token: Any, marks: str) -> bool:
    return any(token == mark for mark in marks)


def judged(css: str) -> list[Any]:
    return meaning(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True))


def urls(nodes: Iterable[Any]) -> Iterator[str]:
    """Yield the URLs of a sheet that are loaded, as tinycss2 sees its tokens."""
    rule = None  # The at-rule whose condition is being read.
    named = False
    for node in nodes:
        if node.type == "at-keyword":
            rule, named = node.lower_value, False
        elif node.type == "{} block" or node == ";":
            rule = None
        url = url_of(node)
        if (
            rule == "import"
            and not named
            and node.type not in {"at-keyword", "whitespace", "comment"}
        ):
            named = True
            if url or node.type == "string":
                yield url or node.value
        elif rule is None and url is not None:
            yield url
        if rule is None:
            yield from urls(
                getattr(node, "content", None) or getattr(node, "arguments", None) or ()
            )


def url_of(node: Any) -> str | None:
    if node.type == "url":
        return str(node.value)
    if node.type == "function" and node.lower_name in {"url", "src"}:
        return next((str(part.value) for part in node.arguments if part.type == "string"), None)
    return None


def loaded(css: str) -> list[str]:
    found = [url.strip() for url in urls(tinycss2.parse_component_value_list(css))]
    return [url for url in found if url and not url.lower().startswith("data:")]


def test_real_sheets_keep_their_meaning() -> None:
    """Every stylesheet of the tree has the same rules before and after, as tinycss2 reads them."""
    sheets = {path.read_bytes(): path for path in sorted(require_tree("medium").rglob("*.css"))}
    assert sheets
    for source, path in sheets.items():
        result = KIND.transform(source, MINIFIED)
        text = source.decode()
        assert [specifier for specifier, _ in loading(result)] == loaded(text), path
        assert result.notes == (), path
        if result.body != source:
            assert judged(result.body.decode()) == judged(text), path


FRAGMENTS = st.sampled_from([
    *" \n\t;:,(){}[]>~+*=!-.#@\"'\\/&|<%é", "a", "b", "u", "url(", "x.png", "--c", "--c:", "1px",
    "2n", "/* c */", "/**/", "/*! k */", "'s'", '"t"', "@media ", "@import ", "@layer ",
    "image-set(", "@supports ", "(width >= 1px)", "a{b:c}", "a :b{", "a: b;",
    "\\66 ", "\\,", MAP, "a{", "}", "calc(1px + 2px)", " and ", "<!--", "-->", "U+26", "\\9",
    "*zoom: 1;", "var(--c, )", "b:c !important;",
])  # fmt: skip
FRAGMENTED = st.lists(FRAGMENTS, max_size=40).map("".join)
GAPS = st.sampled_from(["", " ", "\n  ", "/* x */", " /**/ "])


@st.composite
def sheets(draw: st.DrawFn) -> str:
    """Draw a stylesheet that is mostly valid, with gaps wherever they may be."""

    def spread(*parts: str) -> str:
        return "".join(part + draw(GAPS) for part in parts)

    def rule(depth: int) -> str:
        selector = spread(*draw(st.lists(SELECTOR_PARTS, min_size=1, max_size=5)))
        inside = [declaration() for _ in range(draw(st.integers(0, 3)))]
        if depth:
            inside += [rule(depth - 1) for _ in range(draw(st.integers(0, 2)))]
        return spread(selector, "{", *inside, "}")

    def declaration() -> str:
        name = draw(st.sampled_from(["color", "--x", "*zoom", "src", "a/**/", "--"]))
        value = spread(*draw(st.lists(VALUE_PARTS, max_size=5)))
        important = draw(st.sampled_from(["", "!important", " ! IMPORTANT"]))
        return spread(name, ":", value, important, ";")

    return spread(*[rule(draw(st.integers(0, 2))) for _ in range(draw(st.integers(1, 3)))])


SELECTOR_PARTS = st.sampled_from([
    "a", " b", ".c", "#d", ":e", " :e", ">", "~", "+", ",", "*", "&", "[f]", "[f='g']", ":is(a,b)",
    ":is( a b )", ":nth-child(2n + 1)", ":has(> a)", "\\,", "\\66 ", "|", "--x", "u",
    "@media (a:b)",
])  # fmt: skip
VALUE_PARTS = st.sampled_from([
    "red", "1px", " 2px", ",", "+", "-", "/", "*", "url(a.png)", "url('b c')", "'s'", '"t"', "(x)",
    "f(", ")", "calc( 1px + 2px )", "! x", "\\9", "\\66 ", "#fff", "50%", "[l]",
    "var(--y, )",
])  # fmt: skip


@given(st.text() | FRAGMENTED)
def test_no_text_is_too_odd(source: str) -> None:
    data = source.encode("utf-8", "surrogatepass")
    result = KIND.transform(data, AS_IT_IS)
    assert result.body == data or MAP in source
    for reference in result.references:
        assert 0 <= reference.start < reference.end <= len(result.body)
    assert KIND.transform(data, MINIFIED).encoding in {"utf-8", "latin-1"}


@given(st.binary())
def test_no_bytes_are_too_odd(data: bytes) -> None:
    assert KIND.transform(data, AS_IT_IS).body == data
    KIND.transform(data, MINIFIED)


@given(sheets() | FRAGMENTED)
def test_minifying_keeps_the_meaning(source: str) -> None:
    result = transform(source, MINIFIED)
    assert judged(result.body.decode()) == judged(source)
    assert loading(result) == loading(transform(source))


@given(sheets())
def test_minifying_twice_changes_nothing_more(source: str) -> None:
    once = transform(source, MINIFIED).body
    assert KIND.transform(once, MINIFIED).body == once
