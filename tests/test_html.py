"""HTML documents: markup is read as browsers read it, and what it refers to is found."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assetpipe.build.link import Edit, splice
from assetpipe.kinds.html import KIND
from assetpipe.kinds.html.markup import attributes, tags
from assetpipe.kinds.html.values import value
from assetpipe.kinds.model import Options, Transformed
from tests.site import Site, assets, integrity, settle


def transform(source: str) -> Transformed:
    return KIND.transform(source.encode(), Options())


def named(source: str) -> list[tuple[str, str]]:
    """Return the references of a document, after a check that nothing was noted."""
    result = transform(source)
    assert result.notes == ()
    return [(reference.specifier, reference.role) for reference in result.references]


def urls(source: str) -> list[str]:
    """Return the references of a document, all of which are URLs."""
    found = named(source)
    assert {role for _, role in found} <= {"url"}
    return [specifier for specifier, _ in found]


def spliced(source: str, new: str = "NEW") -> str:
    """Return a document with another name in the place of every reference, as linking does."""
    result = transform(source)
    edits = [Edit(reference.start, reference.end, new) for reference in result.references]
    return splice(result.body, edits, result.encoding).decode()


# --- Markup, with a second opinion ---------------------------------------------------------------

Tags = list[tuple[str, dict[str, str]]]


class Parser(html5lib.HTMLParser):  # type: ignore[misc]
    """An HTML parser that writes down the start tags that its tokenizer sees."""

    def mainLoop(self) -> None:
        self.seen: Tags = []
        emit = self.tokenizer.emitCurrentToken

        def emit_and_see() -> None:
            token = self.tokenizer.currentToken
            emit()
            if token["type"] == html5lib.constants.tokenTypes["StartTag"]:
                self.seen.append((token["name"], dict(token["data"])))

        self.tokenizer.emitCurrentToken = emit_and_see
        super().mainLoop()


def theirs(source: str) -> Tags:
    """Return the start tags of a document as html5lib sees them."""
    parser: Any = Parser()
    parser.parse(source)
    found: Tags = parser.seen
    return found


def ours(source: str) -> Tags:
    """Return the start tags of a document as we see them."""
    # Both are done to the input or the output of a tokenizer, and to no effect on references.
    chars = source.replace("\r\n", "\n").replace("\r", "\n")
    return [
        (
            tag.name.replace("\0", "\ufffd"),
            {
                name.replace("\0", "\ufffd"): value.text.replace("\0", "\ufffd")
                for name, value in attributes(chars, tag.start, tag.end).items()
            },
        )
        for tag in tags(chars)
    ]


IMG = '<img src="a.png">'

MARKUP = [
    # Attributes
    pytest.param("<a b=c d='e' f=\"g\" h>", id="values with all quotes and none"),
    pytest.param("<a b = c d\n=\t'e'>", id="white space around equals signs"),
    pytest.param("<A B=C b=d B=e>", id="letter case and duplicates"),
    pytest.param("<a/b/c=d/>", id="slashes between attributes"),
    pytest.param("<a b=c/>", id="a slash in a value"),
    pytest.param("<a b='c'd=e\"f\">", id="no space behind a value"),
    pytest.param("<a =b ==c d=>", id="equals signs that begin names"),
    pytest.param("<a b==c d=e=f g='h'='i'>", id="equals signs in values"),
    pytest.param("<a b=c'd\"e`f<g>", id="quotes in a value without any"),
    pytest.param("<a b='c>d' e=\"f>g\">", id="brackets in values"),
    pytest.param("<a \"b'c <d>", id="quotes and brackets in names"),
    pytest.param("<a b='' c=\"\" d= >", id="empty values"),
    pytest.param("<a\fb\x0bc=d\xa0e>", id="other white space"),
    pytest.param("<a\0b\0=c\0>", id="null characters"),
    pytest.param("<aÉ É=É \u212a=1 İ>", id="other alphabets"),
    pytest.param("<a b='c\r\nd\re'>", id="line breaks in values"),
    pytest.param(f"<a b='c {IMG}", id="a quote open at the end"),
    pytest.param(f"{IMG}<a b=c", id="a tag open at the end"),
    pytest.param(f"{IMG}<a b=", id="a value missing at the end"),
    # Character references
    pytest.param("<a b='&amp;&lt;&AMP;&Amp;&amp'>", id="names"),
    pytest.param("<a b='?c=1&copy=2&copy;3&copy4&copy&reg'>", id="names without a semicolon"),
    pytest.param("<a b='&notit;&notin;&not it'>", id="names that begin others"),
    pytest.param("<a b=&amp;c=d&copy=e&ltf>", id="without quotes"),
    pytest.param("<a b='&#65;&#x42;&#X43;&#68&#x45F'>", id="numbers"),
    pytest.param("<a b='&#0;&#xD800;&#x110000;&#99999999999999999999;'>", id="no characters"),
    pytest.param("<a b='&#128;&#x99;&#x81;&#13;&#xFDD0;'>", id="odd characters"),
    pytest.param("<a b='&;&#;&#x;&#xg;& &unknown;'>", id="no references"),
    pytest.param("<a b='&NotEqualTilde;&acE;'>", id="names of two characters"),
    # What is no tag
    pytest.param(f"< a>{IMG}<1><é><", id="a bracket alone"),
    pytest.param(f"</ a>{IMG}</>{IMG}</1 {IMG}", id="end tags that are comments"),
    pytest.param(f"</a b='{IMG}'>{IMG}", id="an end tag with attributes"),
    pytest.param(f"<?php '>' {IMG}{IMG}", id="a processing instruction"),
    pytest.param(f"<!x '>' {IMG}{IMG}", id="a declaration"),
    pytest.param(f"<!DOCTYPE html PUBLIC 'a>b'>{IMG}", id="a bracket in a doctype"),
    pytest.param(f"<!doctype>{IMG}<!doctype {IMG}", id="doctypes"),
    # Comments
    pytest.param(f"<!-- {IMG} -->{IMG}", id="a comment"),
    pytest.param(f"<!-->{IMG}<!--->{IMG}<!---->{IMG}", id="empty comments"),
    pytest.param(f"<!----!>{IMG}<!-- --!>{IMG}", id="comments that end with a mark"),
    pytest.param(f"<!---!>{IMG}-->{IMG}", id="no end with a mark"),
    pytest.param(f"<!-- <!-->{IMG}<!--<!-- -->{IMG}", id="comments in comments"),
    pytest.param(f"<!-- --->{IMG}<!-- -- >{IMG}-->{IMG}", id="dashes"),
    pytest.param(f"<!-- --!-->{IMG}<!-- --!- {IMG}", id="marks that end nothing"),
    pytest.param(f"{IMG}<!-- {IMG}", id="a comment open at the end"),
    # Raw text
    pytest.param(f"<script>'{IMG}'</script>{IMG}", id="a script"),
    pytest.param(f"<script>{IMG}</scripts>{IMG}</SCRIPT\n>{IMG}", id="the end of a script"),
    pytest.param(f"<script></script a='>{IMG}'>{IMG}", id="attributes at the end of a script"),
    pytest.param(f"<script/>{IMG}</script>{IMG}", id="a script that seems to close itself"),
    pytest.param(f"<script><!-- </script>{IMG}", id="a script in a comment"),
    pytest.param(f"<script><!-- <script> </script>{IMG}--></script>{IMG}", id="a script inside"),
    pytest.param(f"<script><!-- <script></script></script>{IMG}", id="a script inside, closed"),
    pytest.param(f"<script><!--><script></script>{IMG}</script>", id="a short comment inside"),
    pytest.param(f"<script><!---><script></script>{IMG}</script>", id="another short one"),
    pytest.param(f"<script><!-- <scripts> </script>{IMG}", id="another name inside"),
    pytest.param(f"<script><!--<script/></script>-->{IMG}</script>{IMG}", id="a slash inside"),
    pytest.param(f"<script><!--<script {IMG}", id="a script open at the end"),
    pytest.param(f"<style>{IMG}<!--</style>{IMG}", id="a style"),
    pytest.param(f"<textarea>{IMG}<!--</textarea>{IMG}", id="a text area"),
    pytest.param(f"<title>{IMG}<!--</title>{IMG}", id="a title"),
    pytest.param(f"<xmp>{IMG}</xmp>{IMG}<iframe>{IMG}</iframe>{IMG}", id="obsolete raw text"),
    pytest.param(f"<noembed>{IMG}</noembed><noframes>{IMG}</noframes>{IMG}", id="alternatives"),
    pytest.param(f"<noscript>{IMG}</noscript>{IMG}", id="without scripts"),
    pytest.param(f"<plaintext>{IMG}</plaintext>{IMG}", id="plain text"),
    pytest.param(f"<style>{IMG}</style", id="an end tag open at the end"),
    # SVG and MathML
    pytest.param(f"<svg><![CDATA[{IMG}]]>{IMG}</svg><![CDATA[{IMG}]]>{IMG}", id="CDATA"),
    pytest.param(f"<svg><![CDATA[{IMG}", id="CDATA open at the end"),
    pytest.param(f"<![CDATA[>{IMG}]]>{IMG}", id="no CDATA in HTML"),
    pytest.param(f"<svg><style>{IMG}</style></svg><style>{IMG}</style>", id="a style in SVG"),
    pytest.param("<svg><script><a></script></svg><script><a></script>", id="a script in SVG"),
    pytest.param("<svg><title><style><a></style></title><style><a>", id="HTML in SVG"),
    pytest.param("<svg><foreignObject><title><a></title>", id="more HTML in SVG"),
    pytest.param("<svg><desc><div></svg><style><a></style>", id="no end tag through HTML"),
    pytest.param("<svg><desc></svg><style><a></style>", id="an end tag through SVG"),
    pytest.param("<div><svg></div><style><a></style>", id="an end tag of the HTML around"),
    pytest.param("<svg></div><style><a></style>", id="an end tag of nothing"),
    pytest.param("<svg><p></p><style><a></style>", id="a paragraph ends SVG"),
    pytest.param("<svg><g><br><style><a></style>", id="a line break ends SVG"),
    pytest.param("<svg><g><b><style><a></style>", id="bold text ends SVG"),
    pytest.param("<svg><font><style><a></style></svg>", id="a font of SVG"),
    pytest.param("<svg><font size=1><style><a></style></svg>", id="a font of HTML ends SVG"),
    pytest.param("<svg/><style><a></style>", id="SVG that closes itself"),
    pytest.param("<svg a=b/><style><a></style>", id="SVG that only seems to close itself"),
    pytest.param("<svg><g/></g><style/><a><![CDATA[<b>]]>", id="elements that close themselves"),
    pytest.param("<svg><svg></svg><style><a></style></svg>", id="SVG in SVG"),
    pytest.param("<math><mi><style><a></style></mi><style><a>", id="text in MathML"),
    pytest.param("<math><mi><mglyph><style><a>", id="a glyph in MathML"),
    pytest.param("<math><annotation-xml><style><a>", id="an annotation"),
    pytest.param("<math><annotation-xml encoding=Text/HTML><style><a>", id="one of HTML"),
    pytest.param("<math><annotation-xml><svg><title><style><a>", id="one of SVG"),
    pytest.param("<svg><annotation-xml encoding=text/html><style><a>", id="none in SVG"),
    pytest.param("<math><title><style><a>", id="no title in MathML"),
    pytest.param("<body><svg></body><style><a></style>", id="the body's end in SVG"),
]


@pytest.mark.parametrize("source", MARKUP)
def test_start_tags_are_those_that_a_browser_sees(source: str) -> None:
    """Names and attributes, by an independent parser that follows the standard."""
    assert ours(source) == theirs(source)


@pytest.mark.parametrize("source", ["</p>", "</br>"])
def test_some_end_tags_end_svg(source: str) -> None:
    """The standard says so since 2021 (13.2.6.5), which is after html5lib."""
    assert [name for name, _ in ours(f"<svg><g>{source}<style><a></style>")] == [
        "svg",
        "g",
        "style",
    ]


WORDS = """
< </ > /> = ' " ` a b=c x='1' y="2" <!-- --> --! ! <! <? <![CDATA[ ]]> <!doctype & &amp; &copy
&copy= &#x41; &#0; &#128; &notin; &notit <p> <div> </div> <ul> </ul> <span> </span> <br> <img/>
<svg> <svg </svg> <math> </math> <mi> </mi> <title> </title> <desc> </desc> <foreignObject>
</foreignObject> <g> <g/> </g> <font> <annotation-xml> </annotation-xml> <script> </script> <ScRiPt
</script <style> </style> <textarea> </textarea> <xmp> </xmp> <noscript> </noscript> é
"""
PIECES = [*WORDS.split(), " ", "\n", "<font size=1>", "<annotation-xml encoding=text/html>"]


# The same soup each time: once in 50,000 it is the tree's repairs that matter, which are not ours.
@settings(derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("<a b='c' =d/>")
def test_any_soup_is_read_as_a_browser_reads_it(source: str) -> None:
    """Made of what changes the tokenizer's state."""
    assert ours(source) == theirs(source)


DOCUMENTS = sorted(
    path
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")}
    for path in Path(folder).rglob("*.html")
    if path.stat().st_size < 100_000
)[:20]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.name))
def test_real_documents_are_read_as_a_browser_reads_them(path: Path) -> None:
    """Those that come with Python and with what is installed."""
    source = path.read_text("utf-8", "replace")
    assert ours(source) == theirs(source)


@given(st.text(alphabet="a&#x;copynt1=é", max_size=20))
@example("&#x;&copy;é&ampa")
@example("&NotEqualTilde;x")
def test_every_character_of_a_value_has_its_place(raw: str) -> None:
    """Cut anywhere, the two parts say what the whole says."""
    found = value(raw, 10)
    assert found.at(0) == 10
    assert found.at(len(found.text)) == 10 + len(raw)
    if "&" not in raw:
        assert (found.text, found.places) == (raw, None)
        return
    for index, char in enumerate(found.text):
        piece = raw[found.at(index) - 10 : found.at(index + 1) - 10]
        assert piece in {"", char} or piece.startswith("&")


# --- References in attributes --------------------------------------------------------------------

ATTRIBUTES = [
    pytest.param("<img src=a.png>", ["a.png"], id="an image"),
    pytest.param("<image src=a.png>", ["a.png"], id="an image by its other name"),
    pytest.param('<IMG SRC="a b.png">', ["a b.png"], id="upper case, a space"),
    pytest.param('<img src=" a.png\n">', ["a.png"], id="white space around"),
    pytest.param("<script src=a.js></script>", ["a.js"], id="a script"),
    pytest.param("<script src=a.js>import('./b.js')</script>", ["a.js"], id="text of no effect"),
    pytest.param("<iframe src=a.html srcdoc='<img src=b>'></iframe>", ["a.html"], id="a frame"),
    pytest.param("<video src=a poster=b><source src=c><track src=d></video>", [*"abcd"], id="film"),
    pytest.param("<video poster=b src=a>", ["b", "a"], id="in the order of the text"),
    pytest.param("<audio src=a></audio><embed src=b><object data=c>", [*"abc"], id="media"),
    pytest.param("<input type=IMAGE src=a><input type=text src=b>", ["a"], id="a button"),
    pytest.param("<body background=a><table background=b><td background=c>", [*"abc"], id="mail"),
    pytest.param("<a href=a><area href=b><form action=c><base href=''>", [], id="other documents"),
    pytest.param("<blockquote cite=a><img alt=b data-src=c>", [], id="other attributes"),
    pytest.param("<div src=a><p href=b>", [], id="other elements"),
    pytest.param("<img src><img src=''><img src=' '>", [], id="nothing"),
    pytest.param("<img src=#a><img src=?b>", [], id="the document itself"),
    pytest.param(
        r"<img src=//h/a><img src=\\h\a><img src=http://h/a><img src=DATA:,>", [], id="elsewhere"
    ),
    pytest.param("<iframe src=/><link rel=prefetch href=a/?b><iframe src=..>", [], id="folders"),
    pytest.param("<img src=/a><img src=./b><img src=../c>", ["/a", "./b", "../c"], id="paths"),
    pytest.param("<img src=a.svg?b#c>", ["a.svg"], id="a query and a fragment"),
    pytest.param("<img src='a&amp;b.png?c&amp;d'>", ["a&b.png"], id="character references"),
    pytest.param("<img src='a&#63;b&#x23;c'>", ["a"], id="a query behind a reference"),
    pytest.param(
        "<img src='{{ a }}'><img src='{% a %}'><img src='<%= a %>'><img src='${a}'>"
        "<img src='a/{# b #}'><img src='<?= a ?>'>",
        [],
        id="templates",
    ),
    pytest.param("<!-- <img src=a> --><!--[if IE]><img src=b><![endif]-->", [], id="comments"),
    pytest.param("<noscript><img src=a></noscript>", ["a"], id="without scripts"),
    pytest.param("<template><img src=a></template>", ["a"], id="a template"),
    # link
    pytest.param("<link rel=stylesheet href=a>", ["a"], id="a stylesheet"),
    pytest.param("<link rel='SHORTCUT\nIcon' href=a>", ["a"], id="an icon of old"),
    pytest.param("<link rel='alternate stylesheet' href=a>", ["a"], id="another stylesheet"),
    pytest.param(
        "".join(
            f"<link rel={rel} href={rel}>"
            for rel in ["apple-touch-icon", "mask-icon", "manifest", "modulepreload", "prefetch"]
        ),
        ["apple-touch-icon", "mask-icon", "manifest", "modulepreload", "prefetch"],
        id="resources",
    ),
    pytest.param(
        "<link rel=canonical href=a><link rel=alternate href=b><link rel=next href=c>"
        "<link rel=preconnect href=d><link href=e>",
        [],
        id="other links",
    ),
    pytest.param(
        "<link rel=preload as=image href=a imagesrcset='b 1x, c 2x'>", [*"abc"], id="a preload"
    ),
    # srcset
    pytest.param("<img srcset='a 1x, b 2x'>", ["a", "b"], id="a srcset"),
    pytest.param("<source srcset=a.png,b.png>", ["a.png,b.png"], id="a comma in a URL"),
    pytest.param("<img srcset='a, b,, c'>", [*"abc"], id="no descriptors"),
    pytest.param("<img srcset=',, a 1x ,b 2x,'>", ["a", "b"], id="commas everywhere"),
    pytest.param("<img srcset='data:x,y 1x, a 2x'>", ["a"], id="data in a srcset"),
    pytest.param("<img srcset='a f(1, 2) 1x, b'>", ["a", "b"], id="brackets in descriptors"),
    pytest.param("<img srcset='a 1x (, b'>", ["a"], id="an open bracket"),
    pytest.param("<img srcset='a?x=1,2 1x,\n\tb#c 2x'>", ["a", "b"], id="queries in a srcset"),
    pytest.param("<img srcset='a&#44; b&#32;1x'>", ["a", "b"], id="references in a srcset"),
    pytest.param("<img srcset='{{ a }}, b 1x'>", [], id="a template in a srcset"),
    # SVG
    pytest.param(
        "<svg><use href=a.svg#b /><image xlink:href=c /><feImage href=d /><script href=e />",
        ["a.svg", "c", "d", "e"],
        id="SVG",
    ),
    pytest.param("<svg><use href=#a /><a href=b></a></svg><use href=c>", [], id="no files of SVG"),
    # style
    pytest.param("<p style='background: url(a.png)'>", ["a.png"], id="a style attribute"),
    pytest.param('<p style="a:url(&quot;b.png&quot;)">', ["b.png"], id="quotes in it"),
    pytest.param("<svg><g style='fill:url(a.svg#b)' />", ["a.svg"], id="one in SVG"),
    pytest.param("<p STYLE=a:url(b?c&amp;d)>", ["b"], id="a query in it"),
    pytest.param(r"<p style='a:url(b\?c)'>", ["b"], id="an escape in it"),
    pytest.param("<p style='@import \"a\"; b: url({{ c }})'>", [], id="nothing in it"),
    pytest.param("<p title='style' class=style>", [], id="no style"),
]


@pytest.mark.parametrize(("source", "expected"), ATTRIBUTES)
def test_attributes_name_files(source: str, expected: list[str]) -> None:
    """Those that a browser loads; documents to go to are not among them."""
    assert urls(source) == expected


# --- Styles, scripts and maps --------------------------------------------------------------------

INLINE = [
    pytest.param(
        "<style>@import 'a.css';b{c:url(d.png)}</style>",
        [("a.css", "import"), ("d.png", "url")],
        id="a style",
    ),
    pytest.param("<style type=TEXT/css>a{b:url(c)}</style>", [("c", "url")], id="its type"),
    pytest.param("<style type=text/less>a{b:url(c)}</style>", [], id="another type"),
    pytest.param("<style>a{b:url(c)}", [("c", "url")], id="a style open at the end"),
    pytest.param("<style>/*<p>*/a{b:url(&amp;)}</style>", [("&amp;", "url")], id="raw text"),
    pytest.param("<svg><style>a{b:url(c)}</style>", [("c", "url")], id="a style in SVG"),
    pytest.param("<svg><style> <![CDATA[ a[b]{c:url(d)} ]]> </style>", [("d", "url")], id="CDATA"),
    pytest.param("<svg><style/>url(a)</svg>", [], id="a style that closes itself"),
    pytest.param(
        "<script type=module>import './a.js';import b from 'b';import('./c.js');"
        "new URL('d.png', import.meta.url)</script>",
        [("./a.js", "module"), ("./c.js", "module"), ("d.png", "url")],
        id="a module",
    ),
    pytest.param("<script>import('./a.js')</script>", [("./a.js", "module")], id="a script"),
    pytest.param(
        "<script type='text/JavaScript'>import('./a.js')</script>", [("./a.js", "module")], id="JS"
    ),
    pytest.param("<script>importScripts('a.js')</script>", [], id="no worker"),
    pytest.param(
        "<script type=text/template><img src=a></script><script type=application/json>"
        "{'a':import('./b.js')}</script><script type=speculationrules>{}</script>",
        [],
        id="other scripts",
    ),
    pytest.param(
        """<script type=importmap>{"imports": {"a": "./a.js", "./b.js": "/b.js", "c": "c",
        "d/": "./d/", "./d/": "./d/", "e": "https://h/e.js", "f": null},
        "scopes": {"./g/": {"h": "../h.js"}, "./i.js": {"./j.js": "./k.js"}},
        "integrity": {"./a.js": "sha384-x", "https://h/e.js": "sha384-y"}, "x": {"y": "./z"}}
        </script>""",
        [
            ("./a.js", "module"),
            ("./b.js", "module"),
            ("/b.js", "module"),
            ("../h.js", "module"),
            ("./i.js", "module"),
            ("./j.js", "module"),
            ("./k.js", "module"),
            ("./a.js", "module"),
            ("./a.js", "integrity"),
        ],
        id="an import map",
    ),
    pytest.param(
        "<script src=a.js?v=1 integrity=sha384-x></script>",
        [("a.js", "url"), ("a.js", "integrity")],
        id="the integrity of a script",
    ),
    pytest.param(
        "<link integrity='sha384-x sha512-y' rel=stylesheet href=a.css>",
        [("a.css", "integrity"), ("a.css", "url")],
        id="that of a stylesheet",
    ),
    pytest.param(
        "<script src=a integrity=''></script><script src=b integrity='{{ c }}'></script>"
        "<img src=d integrity=e srcset='f 1x'>",
        [("a", "url"), ("b", "url"), ("d", "url"), ("f", "url")],
        id="none",
    ),
    pytest.param(
        "<script src=https://h/a.js integrity=b></script><link rel=next href=c integrity=d>",
        [],
        id="that of others",
    ),
]


@pytest.mark.parametrize(("source", "expected"), INLINE)
def test_what_a_document_holds_names_files(source: str, expected: list[tuple[str, str]]) -> None:
    """Styles, scripts and import maps, each with the roles of its own format."""
    assert named(source) == expected


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        pytest.param(
            "<script>\nimport('./a.js'); '\n</script>",
            (2, 19),
            "not followed, for it is not certain what this means",
            id="a script",
        ),
        pytest.param(
            "<p>\n<script type=importmap>{a}</script>",
            (2, 25),
            "the import map is not valid JSON",
            id="an import map",
        ),
        pytest.param(
            "<base target=x><img src=/a><base\nhref='/b/'><img src=c>",
            (2, 7),
            "the document's URLs are not followed",
            id="a base",
        ),
    ],
)
def test_what_is_not_followed_is_told(source: str, place: tuple[int, int], message: str) -> None:
    """With its place."""
    [note] = transform(source).notes
    assert note.message.startswith(message)
    assert (note.line, note.column) == place


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        pytest.param("<base href='/b/'>", [], id="a folder"),
        pytest.param("<base href=b>", [], id="a path"),
        pytest.param("<base href=https://h/>", [], id="a host"),
        pytest.param("<base href='{{ b }}'>", [], id="a template"),
        pytest.param("<base href=./>", ["a.png", "/c"], id="here"),
        pytest.param("<base href='#b'>", ["a.png", "/c"], id="a fragment"),
        pytest.param("<base target=b>", ["a.png", "/c"], id="none"),
        pytest.param("<base href=./><base href=b>", ["a.png", "/c"], id="the first counts"),
        pytest.param("<svg><base href=b></svg>", ["a.png", "/c"], id="none of HTML"),
    ],
)
def test_a_base_leads_relative_urls_elsewhere(base: str, expected: list[str]) -> None:
    """So they are not followed."""
    result = transform(f"<img src=a.png><img src=/c>{base}")
    assert [each.specifier for each in result.references] == expected
    assert len(result.notes) == (len(expected) < 2)


# --- What linking makes of it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("<img src=a.png>", "<img src=NEW>", id="no quotes"),
        pytest.param("<img src=a.png?b=1#c/>", "<img src=NEW?b=1#c/>", id="a tail"),
        pytest.param("<img src='a?b=1&amp;lt;c'>", "<img src='NEW?b=1&amp;lt;c'>", id="escapes"),
        pytest.param("<img src='&#97;&#63;b'>", "<img src='NEW&#63;b'>", id="more escapes"),
        pytest.param("<img src='\n a '>", "<img src='\n NEW '>", id="white space"),
        pytest.param(
            "<img srcset='é 1x,b?&amp; 2x'>", "<img srcset='NEW 1x,NEW?&amp; 2x'>", id="set"
        ),
        pytest.param("<p style='a:url(b#c&amp;)'>", "<p style='a:url(NEW#c&amp;)'>", id="a style"),
        pytest.param(
            "<p style='a:url( &quot;b&quot; )'>", "<p style='a:url( &quot;NEW&quot; )'>", id="CSS"
        ),
        pytest.param("é<style>é{a:url(é)}</style>", "é<style>é{a:url(NEW)}</style>", id="a sheet"),
        pytest.param("<script>import('./é')</script>", "<script>import('NEW')</script>", id="JS"),
        pytest.param(
            '<script type=importmap>{"imports":{"é":".\\/a"}}</script>',
            '<script type=importmap>{"imports":{"é":"NEW"}}</script>',
            id="an import map",
        ),
        pytest.param(
            "<script src=a integrity=' b '></script>",
            "<script src=NEW integrity='NEW'></script>",
            id="integrity",
        ),
    ],
)
def test_only_the_url_is_replaced(source: str, expected: str) -> None:
    """What is around it, its query and fragment stay byte for byte."""
    assert spliced(source) == expected


@pytest.mark.parametrize("source", [case.values[0] for case in ATTRIBUTES])
def test_a_new_url_is_read_where_it_was_written(source: str) -> None:
    """The document with other names has those names in the same places, and the same markup."""
    count = len(transform(source).references)
    new = "../x/a-b_~c.0123.png"
    again = spliced(source, new)
    assert [found.partition("?")[0] for found in urls(again)] == [new] * count
    assert [name for name, _ in ours(again)] == [name for name, _ in theirs(source)]


def test_a_built_document_leads_to_what_was_built(tmp_path: Path) -> None:
    """Names are new, integrities are those of the new files, and all else stays."""
    source = """<!DOCTYPE html>
    <link rel=stylesheet href="css/a.css?x&amp;lt;" integrity="sha384-old">
    <script type=importmap>
        {"imports": {"x": ".\\/x.js"}, "integrity": {"./x.js": "sha384-old"}}
    </script>
    <script type=module>import "./x.js"</script>
    <img src=/static/a.svg srcset='a.svg?1 1x,&#97;.svg#é 2x'> <a href=index.html>
    <p style='background: url( "a.svg" )'>"""
    expected = """<!DOCTYPE html>
    <link rel=stylesheet href="css/[css/a.css]?x&amp;lt;" integrity="SRI of css/a.css">
    <script type=importmap>
        {"imports": {"x": "./[x.js]"}, "integrity": {"./[x.js]": "SRI of x.js"}}
    </script>
    <script type=module>import "./[x.js]"</script>
    <img src=[a.svg] srcset='[a.svg]?1 1x,[a.svg]#é 2x'> <a href=index.html>
    <p style='background: url( "[a.svg]" )'>"""
    tree = {"css/a.css": "a{b:url(../a.svg)}", "x.js": "export default 1", "a.svg": "<svg/>"}
    site = Site(tmp_path, {"index.html": source, **tree}, html=("*.html",))
    assert site.build().warnings == ()
    for name, file in site.files().items():
        expected = expected.replace(f"[{name}]", file.rpartition("/")[2])
        expected = expected.replace(f"SRI of {name}", integrity((site.out / file).read_bytes()))
    assert site.text("index.html") == expected


def test_lines_and_columns_are_those_of_the_document() -> None:
    """From 1, in characters."""
    result = transform("<p>\né<img src='a'>\n<style>\nb{c:url(d)}</style>")
    assert [(each.line, each.column) for each in result.references] == [(2, 12), (4, 9)]


# --- Encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "encoding", "found", "notes"),
    [
        pytest.param("é<img src=a>".encode(), "utf-8", ["a"], 0, id="UTF-8"),
        pytest.param(b"\xef\xbb\xbf<img src=a>", "utf-8", ["a"], 0, id="a byte order mark"),
        pytest.param("\ufeff<img src=a>".encode("utf-16-le"), "utf-16-le", [], 1, id="UTF-16"),
        pytest.param(b"\xe9<img src=a>", "latin-1", ["a"], 0, id="Latin-1"),
        pytest.param(b"<meta charset=UTF8><img src=a>", "utf-8", ["a"], 0, id="declared UTF-8"),
        pytest.param(b"<meta charset=gbk><img src=a>", "latin-1", ["a"], 0, id="declared GBK"),
        pytest.param(
            b"<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>"
            b'<p title="\x83\x5c"><img src=a>',
            "latin-1",
            ["a"],
            0,
            id="declared Shift_JIS",
        ),
        pytest.param(
            b"<meta charset=iso-2022-jp>\x1b$B<img src=a>\x1b(B", "latin-1", [], 1, id="ISO-2022-JP"
        ),
    ],
)
def test_documents_of_other_encodings(
    data: bytes, encoding: str, found: list[str], notes: int
) -> None:
    """Only UTF-8 is announced as such; what cannot be read byte by byte is not followed."""
    result = KIND.transform(data, Options())
    assert (result.body, result.encoding) == (data, encoding)
    assert [each.specifier for each in result.references] == found
    assert len(result.notes) == notes


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("<" * 200_000, id="brackets"),
        pytest.param("<a " * 100_000, id="open tags"),
        pytest.param("<a b='" * 50_000, id="open values"),
        pytest.param("<a" + " b" * 100_000, id="attributes"),
        pytest.param("<a" + " " * 200_000, id="white space"),
        pytest.param("<!--" * 100_000, id="open comments"),
        pytest.param("<script><!--<script>" * 20_000, id="scripts in scripts"),
        pytest.param("<svg>" + "<g>" * 50_000 + "</x>" * 50_000, id="nested elements of SVG"),
        pytest.param("<svg><desc><b></g>" * 20_000 + "</svg>" * 20_000, id="SVG in HTML in SVG"),
        pytest.param("<p title='" + "&amp" * 50_000 + "'>", id="character references"),
        pytest.param("<img src='" + "&amp;" * 50_000 + "'>", id="the same in a URL"),
        pytest.param("<img srcset='" + "a, " * 50_000 + "'>", id="a long srcset"),
        pytest.param("<img srcset='" + "a (" * 50_000 + "'>", id="open brackets in a srcset"),
        pytest.param("<img src=a>" * 20_000, id="images"),
        pytest.param("<style>a{</style>" * 10_000, id="styles"),
        pytest.param("<meta http-equiv=content-type content='" + "charset " * 20_000, id="meta"),
    ],
)
def test_long_and_deep_documents_take_linear_time(source: str) -> None:
    """Anything quadratic would take minutes here."""
    transform(source)


@given(st.text(alphabet=st.sampled_from("<>/='\" \n!-&;aimgsrctyle.{}é"), max_size=60))
def test_any_text_is_taken(source: str) -> None:
    """Nothing raises, the bytes stay, and places lie in order without overlap."""
    result = transform(source)
    ends = [place for each in result.references for place in (each.start, each.end)]
    assert result.body == source.encode()
    assert ends == sorted(ends)


@pytest.mark.parametrize("name", ["a&copy.png", "a&lt;b.png", ",a,.png", "a,b.png", "a=`b.png"])
def test_a_file_of_any_name_is_reached_from_any_attribute(tmp_path: Path, name: str) -> None:
    """What is written means the new file, with quotes or none, alone or in a set."""
    url = quote(name)
    source = f"<img src={url} srcset='{url} 1x,{url} 2x' style='a:url({url})'>"
    site = Site(tmp_path, {"a.html": source, name: "an image"}, html=("*.html",))
    site.build()
    [(_, values)] = theirs(site.text("a.html"))
    again = [
        each.specifier
        for each in KIND.transform(site.text("a.html").encode(), Options()).references
    ]
    assert [unquote(each) for each in again] == [site.file(name)] * 4
    assert unquote(values["src"]) == site.file(name)


def test_the_integrity_is_that_of_what_ships(tmp_path: Path) -> None:
    """Else browsers refuse the script; a plain script keeps its name when its bytes change."""
    tree = {
        "page.html": "<script src=a.js integrity=sha384-old></script>"
        "<script src='b.js?v=1' integrity='sha384-old'></script>",
        "a.js": "var  a  =  1;\n",
        "b.js": "var  b  =  1;\n",
    }
    site = Site(tmp_path, tree, html=["*.html"], plain=["page.html", "b.js"])
    for content in (None, "var  b  =  2;\n"):
        if content:
            settle()
            site.build()
            site.write("b.js", content)
        site.build()
        hashes = {name: asset["integrity"] for name, asset in assets(site.out).items()}
        assert site.text("page.html") == (
            f"<script src={site.file('a.js')} integrity={hashes['a.js']}></script>"
            f"<script src='b.js?v=1' integrity='{hashes['b.js']}'></script>"
        )


def test_files_that_hold_each_others_integrity_have_none(tmp_path: Path) -> None:
    """No hash can be part of what it is the hash of; an empty attribute checks nothing."""
    tree = {
        "a.html": "<link rel=preload href=b.html integrity=sha384-x>",
        "b.html": "<link rel=preload href=a.html integrity=sha384-x>",
    }
    site = Site(tmp_path, tree, html=["*.html"])
    site.build()
    assert "integrity=>" in site.text("a.html") + site.text("b.html")
