"""Pictures in SVG: no pixel and no node that counts changes, and every file named is found."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetpipe.kinds.model import Note, Options, Reference, Transformed
from assetpipe.kinds.svg import KIND
from tests.corpus import require_tree
from tests.site import Site

XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
INKSCAPE = 'xmlns:i="http://www.inkscape.org/namespaces/inkscape"'
AS_IT_IS = Options(minify=False)
MINIFY = Options()


def svg(inside: str, attributes: str = "") -> str:
    return f"<svg {XMLNS}{' ' if attributes else ''}{attributes}>{inside}</svg>"


def transform(source: str | bytes, options: Options = MINIFY) -> Transformed:
    return KIND.transform(source if isinstance(source, bytes) else source.encode(), options)


def minified(source: str) -> str:
    return transform(source).body.decode()


def named(result: Transformed) -> list[str]:
    return [reference.specifier for reference in result.references]


def spliced(result: Transformed, new: str = "NEW") -> bytes:
    """Return the body with another name in the place of every reference, as linking does."""
    parts, at = [], 0
    for reference in result.references:
        parts += [result.body[at : reference.start], new.encode(result.encoding)]
        at = reference.end
    return b"".join([*parts, result.body[at:]])


# --- What refers to what -----------------------------------------------------------------------

REFERENCES = [
    pytest.param('<image href="a.png"/>', ["a.png"], id="href"),
    pytest.param("<image href='a.png'/>", ["a.png"], id="single quotes"),
    pytest.param('<image href = "a.png" />', ["a.png"], id="spaces around the equals sign"),
    pytest.param(f'<image {XLINK} xlink:href="a.png"/>', ["a.png"], id="xlink:href"),
    pytest.param(
        '<image xmlns:q="http://www.w3.org/1999/xlink" q:href="a.png"/>',
        ["a.png"],
        id="XLink under another prefix",
    ),
    pytest.param('<image xmlns:q="urn:q" q:href="a.png"/>', [], id="a href that is not XLink's"),
    pytest.param('<use href="a.svg#b"/>', ["a.svg"], id="the fragment is left alone"),
    pytest.param('<image href="a.png?b#c"/>', ["a.png"], id="and so is the query"),
    pytest.param('<use href="#b"/><image href=""/>', [], id="this document"),
    pytest.param('<image href="data:,x"/><image href=" DATA:,x"/>', [], id="data URLs"),
    pytest.param(
        '<image href="//h/a"/><image href="\thttps://h/a"/>', [], id="other hosts and schemes"
    ),
    pytest.param('<a href="b.html"/>', [], id="a link to another page"),
    pytest.param('<image href=" a.png\n"/>', ["a.png"], id="spaces that URLs do not have"),
    pytest.param('<image href="a&amp;b&#x2e;&#112;ng"/>', ["a&b.png"], id="escaped characters"),
    pytest.param('<image href="a&amp;"/>', ["a&"], id="an escaped last character"),
    pytest.param('<image href="a.png?b&amp;c"/>', ["a.png"], id="an escape in the query"),
    pytest.param('<image href="a&#35;b"/>', ["a"], id="an escaped number sign begins a fragment"),
    pytest.param('<image href="ü.png"/>', ["ü.png"], id="beyond ASCII"),
    pytest.param(
        '<script href="a.js"/><feImage href="b"/><mpath href="c"/><linearGradient href="d#x"/>',
        ["a.js", "b", "c", "d"],
        id="all kinds of elements",
    ),
    pytest.param('<image xmlns="urn:x" href="a.png"/>', [], id="an element of something else"),
    pytest.param('<s:image xmlns:s="http://www.w3.org/2000/svg" href="a"/>', ["a"], id="a prefix"),
    pytest.param(
        '<path fill="url(a.svg#b)" stroke="url( \'c.svg#d\' ) red"/>',
        ["a.svg", "c.svg"],
        id="presentation attributes",
    ),
    pytest.param(
        '<path mask="url(#m)" filter="none" fill="red"/>', [], id="attributes that name no file"
    ),
    pytest.param('<path d="url(a)" id="url(b)"/>', [], id="attributes that are not CSS"),
    pytest.param(
        '<path style="a:url(b.png);c:url(&quot;d.png?e&amp;f&quot;)"/>',
        ["b.png", "d.png"],
        id="a style with escaped quotes",
    ),
    pytest.param(
        '<path style="a:url(&#x27;b&#x27;)url(c)"/>', ["b", "c"], id="escapes of one character"
    ),
    pytest.param(
        "<path style=\"a:url('b\nc.png')\"/>", ["b c.png"], id="XML makes a line break a space"
    ),
    pytest.param(r'<path style="a:url(b\#c\.png?d)"/>', ["b"], id="escapes of CSS"),
    pytest.param(r'<path style="a:url(b\.png?d)"/>', ["b.png"], id="an escaped full stop"),
    pytest.param("<style>@import 'a.css';b{c:url(d.png#e)}</style>", ["a.css", "d.png"], id="CSS"),
    pytest.param("<style><![CDATA[a{b:url(c.png)}]]></style>", ["c.png"], id="CSS in CDATA"),
    pytest.param(
        "<style>a>b{c:url(d)} a&gt;b{c:url(&quot;e&quot;)}<![CDATA[a>b&amp;{c:url(f)}]]></style>",
        ["d", "e", "f"],
        id="CSS in both",
    ),
    pytest.param("<style>a{b:url(c<![CDATA[d)}]]></style>", [], id="across the border of CDATA"),
    pytest.param('<style type="text/less">a{b:url(c)}</style>', [], id="another language"),
    pytest.param('<style type=" TEXT/css ">a{b:url(c)}</style>', ["c"], id="CSS by its type"),
    pytest.param("<!-- <image href='a'/> --><desc>url(b)</desc>", [], id="comments and text"),
    pytest.param(
        '<image><set attributeName="href" to="a.png"/>'
        '<animate attributeName="xlink:href" values="b.png;c.png#d; e.png"/></image>',
        ["a.png", "b.png", "c.png", "e.png"],
        id="animated images",
    ),
    pytest.param(
        '<path><set attributeName="fill" to="url(a.svg#b)"/></path>', ["a.svg"], id="animated paint"
    ),
    pytest.param('<set attributeName="x" to="1"/>', [], id="animated numbers"),
    pytest.param(
        '<g xml:base="x/"><image href="a"/></g><image href="b"/>', ["b"], id="not below xml:base"
    ),
    pytest.param(
        '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml" style="a:url(b)"/></foreignObject>',
        ["b"],
        id="a style in HTML",
    ),
]


@pytest.mark.parametrize(("inside", "expected"), REFERENCES)
def test_references_are_found(inside: str, expected: list[str]) -> None:
    assert named(transform(svg(inside), AS_IT_IS)) == expected


@pytest.mark.parametrize(("inside", "expected"), REFERENCES)
def test_references_are_the_same_in_what_ships(inside: str, expected: list[str]) -> None:
    """The positions are those of the minified body: another name there names another file."""
    source = svg(f"\n  <g  >{inside}\n  ü </g>\n <!-- {'x' * 500} -->\n")
    result = transform(source)
    assert len(result.body) < len(source) or "<script" in inside
    assert named(result) == expected
    again = transform(spliced(result), AS_IT_IS)
    assert named(again) == ["NEW"] * len(expected)
    assert not again.notes or "xml:base" in inside


def test_a_stylesheet_of_the_whole_document_is_a_reference() -> None:
    source = f'<?xml-stylesheet type="text/css" href="a.css?b&amp;c"?>{svg("<g/>")}'
    result = transform(source)
    assert named(result) == ["a.css"]
    assert spliced(result) == source.replace("a.css", "NEW").encode()


def test_tells_where_a_reference_stands_in_the_source() -> None:
    source = svg('\n\n  <!-- ü -->  ü<image href="a.png"/>\n')
    assert transform(source).references == (Reference(57, 62, "a.png", "url", 3, 29),)


def test_says_what_is_not_followed() -> None:
    base = transform(svg('<g xml:base="x/"><image href="a"/></g>'))
    assert base.notes == (Note("references below xml:base are not followed", 1, 44, "remove it"),)
    source = f'<!DOCTYPE svg [<!ENTITY e "x">]>{svg(""" <image href="&e;.png"/> """)}'
    message = "a reference through an entity is not followed"
    assert [note.message for note in transform(source).notes] == [message]


def test_linking_keeps_a_document_well_formed(tmp_path: Path) -> None:
    """The author's own query and fragment stay as they are written, with all their escapes."""
    site = Site(
        tmp_path,
        {
            "icons/a.svg": svg(
                '<image href="../img/b.png?c=1&amp;d=2#e"/>'
                '<path style="fill:url(&quot;b.svg?x&amp;y#z&quot;)"/><use href="/icons/b.svg#i"/>'
            ),
            "icons/b.svg": svg('<path id="i"/>'),
            "img/b.png": b"png",
        },
        public_url="/",
    )
    site.build()
    files = site.files()
    picture, other = files["img/b.png"], files["icons/b.svg"].removeprefix("icons/")
    assert site.text("icons/a.svg") == svg(
        f'<image href="../{picture}?c=1&amp;d=2#e"/>'
        f'<path style="fill:url(&quot;{other}?x&amp;y#z&quot;)"/><use href="{other}#i"/>'
    )


# --- What goes, and what stays -----------------------------------------------------------------

MINIFIED = [
    pytest.param("\n <g>\n <path/> </g>\n", "<g><path/></g>", id="space between elements"),
    pytest.param("<!-- a - b --><g/>", "<g/>", id="a comment"),
    pytest.param("<?php x ?><g/>", "<g/>", id="a processing instruction"),
    pytest.param("<g></g><path > </path >", "<g/><path/>", id="empty elements"),
    pytest.param(
        "<g\n  id='a'\tx = \"b\"\n/><g id = 'c' ><path/></g\n>",
        "<g id='a' x=\"b\"/><g id='c'><path/></g>",
        id="space in tags",
    ),
    pytest.param(
        '<path d=" M0 0\n\t L1  1 "/><g transform="\nscale(2)\n"/><polygon points="0,0  1,1"/>',
        '<path d="M0 0 L1 1"/><g transform="scale(2)"/><polygon points="0,0 1,1"/>',
        id="space in lists of numbers",
    ),
    pytest.param("<metadata><x xmlns='urn:x'>y</x></metadata><g/>", "<g/>", id="metadata"),
    pytest.param(
        f'<g {INKSCAPE} i:label="a" id="b"><i:grid><i:x/></i:grid><path i:c=""/></g>',
        '<g id="b"><path/></g>',
        id="what Inkscape left",
    ),
    pytest.param(
        '<g xmlns:inkscape="urn:x" inkscape:a=""/>', None, id="Inkscape's prefix is not Inkscape's"
    ),
    pytest.param(
        '<g xmlns:a="http://ns.adobe.com/AdobeIllustrator/10.0/"><g a:b="c"/> <a:pgf>x</a:pgf></g>',
        "<g><g/></g>",
        id="what Illustrator left",
    ),
    pytest.param(f"<g {XLINK}/>", "<g/>", id="a prefix that nothing uses"),
    pytest.param(f'<g {XLINK}><set attributeName="xlink:href"/></g>', None, id="one in a value"),
    pytest.param(f'<g {XLINK}><set xlink:href="#a"/></g>', None, id="one in a name"),
    pytest.param(
        f"<g {INKSCAPE}><i:a><path id='b'/></i:a></g>", None, id="SVG inside of something else"
    ),
    pytest.param(
        f"<switch {INKSCAPE}><i:a/><path/></switch>", None, id="a switch shows its first child"
    ),
    # Licences
    pytest.param("<!--! a --><g/>", None, id="a comment to keep"),
    pytest.param("<!-- LICENSE: MIT --><!--(c) b--><!-- © c -->", None, id="licences in comments"),
    pytest.param(
        "<metadata><x xmlns='urn:x'><y:rights xmlns:y='urn:y'/></x></metadata>",
        None,
        id="rights in metadata",
    ),
    # Text
    pytest.param("<text> a  <tspan> b </tspan> <!-- c --> </text>", None, id="text"),
    pytest.param("<text  x='0' > a </text >", "<text x='0'> a </text>", id="tags of text"),
    pytest.param("<title> a </title><desc> </desc>", None, id="a title and a description"),
    pytest.param("<text> <a> <tspan/> </a> </text>", None, id="a link in text"),
    pytest.param("<a> <path/> </a>", "<a><path/></a>", id="a link around shapes"),
    pytest.param("<g> a <path/> </g>", "<g> a <path/></g>", id="text outside of text"),
    pytest.param('<g xml:space="preserve"> <g> </g> </g>', None, id="xml:space"),
    pytest.param("<unknown> <path/> </unknown>", None, id="an element that may come to SVG"),
    pytest.param("<g>&#32;<path/></g>", None, id="an escaped space"),
    pytest.param(
        f'<foreignObject><p  xmlns="http://www.w3.org/1999/xhtml" ><b {INKSCAPE} i:c=""></b> '
        "<!-- x --></p ></foreignObject>",
        None,
        id="HTML",
    ),
    # Ids, classes and the like
    pytest.param(
        '<defs><symbol id="a" class="b" role="img" aria-label="c" data-d="e"/></defs><g style=""/>',
        None,
        id="what a page may ask for",
    ),
    pytest.param(
        '<metadata id="a"/><g aria-describedby="a"/>', None, id="metadata that may describe"
    ),
    # Numbers and colours
    pytest.param('<path d="M0.0 00,1e0" fill="#ff0000" x="+1.00"/>', None, id="numbers"),
    pytest.param('<path d=" &#32; M0 0"/>', None, id="a list with an escape"),
]


@pytest.mark.parametrize(("inside", "expected"), MINIFIED)
def test_minifies(inside: str, expected: str | None) -> None:
    assert minified(svg(inside)) == svg(inside if expected is None else expected)


STYLED = [
    pytest.param("a{fill:white;white-space:pre}", False, id="a declaration of white space"),
    pytest.param("a{b:c}.d,#e f>g *{h:'i;j'}/*[*/", False, id="names, classes and ids"),
    pytest.param(":hover{}", True, id="a pseudo-class"),
    pytest.param("a+b{}", True, id="neighbours"),
    pytest.param("[a]{}", True, id="an attribute"),
    pytest.param("@media print{a{}}", True, id="an at-rule"),
]


@pytest.mark.parametrize(("sheet", "seen"), STYLED)
def test_removes_no_element_or_attribute_that_a_style_sheet_may_see(
    sheet: str, *, seen: bool
) -> None:
    rest = f"<g {INKSCAPE} i:label='b' id='a'/><metadata/><path d=' M0'/>"
    style = f"<style>{sheet}</style>"
    expected = rest if seen else "<g id='a'/><path d='M0'/>"
    assert minified(svg(f"{style}<!-- --> {rest}")) == svg(style + expected)


@pytest.mark.parametrize(
    "sheet", [":empty{}", ":-moz-last-node{}", "@import 'a'", r":e\6dpty{}", "<g/>"]
)
def test_removes_no_space_that_a_style_sheet_may_see(sheet: str) -> None:
    rest = f"<style>{sheet}</style> <g> </g>"
    assert minified(svg(f"<!-- x -->{rest}")) == svg(rest)


def test_a_style_sheet_from_outside_may_see_everything_but_comments() -> None:
    head = '<?xml-stylesheet href="a.css" type="text/css"?>'
    rest = "<g> </g><metadata/>"
    assert minified(f"{head}\n{svg(f'<!-- x -->{rest}')}\n") == head + svg(rest)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(svg("<script/> <!-- a -->"), id="a script"),
        pytest.param(svg("<g onclick='a'/> <!-- a -->"), id="an event"),
        pytest.param(svg("<a href='JavaScript:a'/> <!-- a -->"), id="a script in a link"),
        pytest.param(f"<?xml-stylesheet href='a.xsl'?> {svg(' ')}", id="XSLT"),
        pytest.param(svg("<metadata/> ").replace("2000/svg", "x"), id="not SVG"),
        pytest.param("<svg> <!-- a --> </svg>", id="no namespace"),
        pytest.param(f'<!DOCTYPE svg [<!ENTITY a "<g/>">]> {svg(" ")}', id="hidden elements"),
        pytest.param(f"<!DOCTYPE svg [<!ATTLIST svg a CDATA 'b'>]> {svg(' ')}", id="defaults"),
        pytest.param(f"<?xml version='1.1'?> {svg(' ')}", id="XML 1.1"),
        pytest.param(f"{svg('<g/>' * 200)}\n", id="hardly anything to gain"),
    ],
)
def test_ships_as_it_is(source: str) -> None:
    """Scripts see every node, and what is hidden can be anything."""
    result = transform(source)
    assert result.body == source.encode()
    assert not result.notes


PROLOGS = [
    pytest.param('<?xml version="1.0"?>\n', "", id="a declaration"),
    pytest.param("<?xml version='1.0' encoding='utf-8' standalone='no' ?>", "", id="a longer one"),
    pytest.param('<?xml version="1.0" encoding="latin1"?>', None, id="one that says something"),
    pytest.param('<!DOCTYPE svg PUBLIC "-//W3C" "http://x">', "", id="a DOCTYPE"),
    pytest.param('<!DOCTYPE svg SYSTEM "x" []>', None, id="a DOCTYPE with a subset"),
    pytest.param("<!-- a --><?a?> ", "", id="comments"),
    pytest.param("<!--! a -->\n", "<!--! a -->", id="a licence"),
    pytest.param("\ufeff\n", "\ufeff", id="a byte order mark"),
]


@pytest.mark.parametrize(("prolog", "expected"), PROLOGS)
def test_shortens_what_stands_before_the_picture(prolog: str, expected: str | None) -> None:
    rest = svg(" " * 20)
    assert minified(prolog + rest) == (prolog if expected is None else expected) + svg("").replace(
        "></svg>", "/>"
    )


def test_namespaces_are_known_through_entities() -> None:
    """Illustrator declares its namespaces as entities."""
    doctype = '<!DOCTYPE svg [<!ENTITY a "http://ns.adobe.com/x/"><!ENTITY s "http://www.w3.org">]>'
    source = '<svg xmlns="&s;/2000/svg" xmlns:a="&a;" a:b=""><a:c/> <path/></svg>'
    assert minified(doctype + source) == f'{doctype}<svg xmlns="&s;/2000/svg"><path/></svg>'


# --- What is not well-formed -------------------------------------------------------------------

BROKEN = [
    pytest.param("<svg>", "<svg> is never closed", 1, 1, id="never closed"),
    pytest.param("<svg><g></svg>", "</svg> stands where </g> must", 1, 9, id="wrong end tag"),
    pytest.param("<svg/></svg>", "</svg> closes nothing", 1, 7, id="an end tag alone"),
    pytest.param("<svg/>\n<svg/>", "there is a second root element", 2, 1, id="two roots"),
    pytest.param("<svg/>a", "there is text outside of the root element", 1, 7, id="text outside"),
    pytest.param("", "there is no element", 1, 1, id="nothing"),
    pytest.param('<svg a="" a=""/>', "the same attribute occurs twice", 1, 11, id="two attributes"),
    pytest.param("<svg a:b=''/>", "nothing declares the prefix a", 1, 6, id="a prefix"),
    pytest.param("<svg>&nbsp;</svg>", "nothing declares &nbsp;", 1, 6, id="an entity"),
    pytest.param("<svg>&</svg>", "& must be written as &amp; here", 1, 6, id="an ampersand"),
    pytest.param("<svg a='&#0;'/>", "& must be written as &amp; here", 1, 9, id="no character"),
    pytest.param("<svg>]]></svg>", "]]> must be written as ]]&gt; here", 1, 6, id="end of CDATA"),
    pytest.param("<svg>\x01</svg>", "a control character must not occur here", 1, 6, id="control"),
    pytest.param(
        "<svg><!-- -- --></svg>", "this comment is never closed, or holds --", 1, 6, id="c"
    ),
    pytest.param("<svg><![CDATA[</svg>", "this CDATA section is never closed", 1, 6, id="cdata"),
    pytest.param("<svg><?a</svg>", "this processing instruction is never closed", 1, 6, id="pi"),
    pytest.param(" <?xml version='1.0'?><svg/>", "this is no processing instruction", 1, 2, id="x"),
    pytest.param("<svg/><!DOCTYPE a>", "the DOCTYPE is not at the top", 1, 7, id="late DOCTYPE"),
    pytest.param("<svg a='b'c='d'/>", "this is no tag", 1, 1, id="no space between attributes"),
    pytest.param("<svg a='<'/>", "this is no tag", 1, 1, id="a < in a value"),
    pytest.param("<svg> a < b</svg>", "this is no tag", 1, 9, id="a < in text"),
    pytest.param("<svg xmlns:a=''/>", "this is no namespace for a prefix", 1, 6, id="a namespace"),
]


@pytest.mark.parametrize(("source", "message", "line", "column"), BROKEN)
def test_what_is_not_well_formed_ships_with_a_note(
    source: str, message: str, line: int, column: int
) -> None:
    result = transform(source)
    assert result.body == source.encode()
    (note,) = result.notes
    assert note.message.startswith(message)
    assert (note.line, note.column) == (line, column)
    assert not is_well_formed(source.encode())


def test_references_in_front_of_an_error_are_followed() -> None:
    source = svg("<image href='a.png'/><style>b{c:url(d)}</style><g><style>e{f:url(g)}")
    result = transform(source)
    assert named(result) == ["a.png", "d"]
    assert result.body == source.encode()


# --- Encodings ---------------------------------------------------------------------------------


def test_utf_16_ships_as_it_is_with_its_references() -> None:
    source = "<?xml version='1.0' encoding='UTF-16'?> " + svg("ü<image href='ä.png'/> ")
    result = transform(source.encode("utf-16"))
    assert result.body == source.encode("utf-16")
    assert [note.message for note in result.notes] == ["the file is UTF-16: shipped unminified"]
    assert spliced(result).decode("utf-16") == source.replace("ä.png", "NEW")
    assert result.encoding == "utf-16-le"


def test_other_encodings_ship_as_they_are_with_their_references() -> None:
    source = "<?xml version='1.0' encoding='ISO-8859-2'?> " + svg("č<image href='č.png'/> ")
    result = transform(source.encode("iso-8859-2"))
    assert result.body == source.encode("iso-8859-2")
    assert not result.notes
    assert named(result) == ["č.png"]
    assert spliced(result).decode("iso-8859-2") == source.replace("č.png", "NEW")
    assert result.encoding == "latin-1"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"<svg>\xff</svg>", "this is not UTF-8", id="not UTF-8"),
        pytest.param(
            b"<?xml version='1.0' encoding='UTF-8'?><svg>\xff</svg>",
            "this is not UTF-8",
            id="not what it says",
        ),
        pytest.param(
            b"<?xml version='1.0' encoding='Shift_JIS'?><svg/>",
            "the encoding shift_jis is not read",
            id="two bytes a character",
        ),
        pytest.param(
            b"\xef\xbb\xbf<?xml version='1.0' encoding='latin1'?><svg/>",
            "the encoding latin1 is not read",
            id="two encodings at once",
        ),
    ],
)
def test_what_cannot_be_read_ships_with_a_note(data: bytes, message: str) -> None:
    result = transform(data)
    assert result.body == data
    assert result.notes[0].message.startswith(message)
    assert result.encoding == "latin-1"


# --- No input is too much ----------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(20))
HUGE = [
    pytest.param(f"<!DOCTYPE svg [{LAUGHS}]>" + svg("&a20;", "xmlns:b='&a20;'"), id="laughs"),
    pytest.param(svg("<g>" * 50_000 + "</g>" * 50_000), id="nested elements"),
    pytest.param(svg("<style>" * 20_000 + "</style>" * 20_000), id="nested style sheets"),
    pytest.param(
        svg("".join(f'<g xmlns:a{n}="urn:a">' for n in range(20_000)) + "</g>" * 20_000),
        id="nested namespaces",
    ),
    pytest.param(
        svg(f"<metadata>{f'<i:a {INKSCAPE}>' * 9999}{'</i:a>' * 9999}</metadata>"), id="m"
    ),
    pytest.param(svg(f'<image href="{"&amp;" * 200_000}"/>'), id="escapes"),
    pytest.param(svg(f'<path d="{"A" * 2_000_000}" {XLINK}/>'), id="one long word"),
    pytest.param(svg(f'<path d="{"  1" * 500_000}"/>'), id="spaces"),
    pytest.param("<" * 500_000, id="tags that never begin"),
    pytest.param("<a " + "b='' " * 100_000, id="a tag that never ends"),
    pytest.param("<!--" * 300_000, id="comments that never end"),
    pytest.param("<!DOCTYPE a [" + "<!--" * 300_000, id="a subset that never ends"),
    pytest.param("<?a" * 300_000, id="instructions that never end"),
    pytest.param(svg(f"<style>{'a{' * 300_000}</style>"), id="rules that never end"),
    pytest.param("<?xml-stylesheet " + " href='" * 100_000 + "?><svg/>", id="half hrefs"),
]


@pytest.mark.parametrize("source", HUGE)
def test_takes_linear_time(source: str) -> None:
    start = time.process_time()
    transform(source)
    assert time.process_time() - start < 5


# --- Held against other readers ----------------------------------------------------------------


class Seen(NamedTuple):
    """What another parser sees: tags by namespace and name, attributes, and text."""

    kind: str
    name: str
    attributes: tuple[tuple[str, str], ...] = ()


def is_well_formed(data: bytes) -> bool:
    try:
        events(data)
    except (expat.ExpatError, LookupError):
        return False
    return True


def events(data: bytes) -> list[Seen]:
    """Read a document with Expat."""
    found: list[Seen] = []
    text: list[str] = []

    def flush() -> None:
        if text:
            found.append(Seen("text", "".join(text)))
            text.clear()

    def start(name: str, attributes: dict[str, str]) -> None:
        flush()
        found.append(Seen("start", name, tuple(sorted(attributes.items()))))

    def end(name: str) -> None:
        flush()
        found.append(Seen("end", name))

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.Parse(data, True)
    return found


EDITORS = re.compile(
    r"http://(?:(?:www\.inkscape\.org|sodipodi\.sourceforge\.net|ns\.adobe\.com|www\.corel\.com"
    r"|www\.bohemiancoding\.com|www\.serif\.com|www\.openswatchbook\.org)/)"
)
WITH_TEXT = {"text", "title", "desc", "style", "script", "foreignObject", "metadata", "flowRoot"}
LISTS = {"d", "points", "transform", "gradientTransform", "patternTransform"}


def essence(seen: list[Seen]) -> Iterator[Seen]:
    """Leave out all that may go from a picture without a style sheet that looks at it."""
    skipped = kept = 0  # How deep in what goes, and in what has text.
    for each in seen:
        space, _, local = each.name.rpartition(" ")
        goes = EDITORS.match(space) or local == "metadata"
        if each.kind == "start":
            if skipped or goes:
                skipped += 1
                continue
            kept += bool(kept or local in WITH_TEXT)
            attributes = tuple(
                (name, " ".join(value.split()) if name in LISTS else value)
                for name, value in each.attributes
                if not EDITORS.match(name)
            )
            yield each._replace(attributes=attributes)
        elif each.kind == "end":
            if skipped:
                skipped -= 1
                continue
            kept -= bool(kept)
            yield each
        elif not skipped and (kept or each.name.strip()):
            yield each if kept else each._replace(name="".join(each.name.split()))


def joined(seen: Iterator[Seen]) -> list[Seen]:
    """Join texts that only had something between them that is gone."""
    found: list[Seen] = []
    for each in seen:
        if each.kind == "text" and found and found[-1].kind == "text":
            found[-1] = Seen("text", found[-1].name + each.name)
        else:
            found.append(each)
    return found


PIECES = st.sampled_from([
    "<svg>", "</svg>", "<g>", "</g>", "<g/>", "<text>", "</text>", "<x:y>", "<style>", "</style>",
    "]]>", "<!-- a -->", "<!-- x", "-->", "<![CDATA[", "&amp;", "&#32;", "&#x1F600;", "&#xD800;",
    "&e;", "&", "<", ">", "<?a?>", "<?xml?>", "<!DOCTYPE svg>", "ü", "a", " ", "\r\n", "a{b:c}",
    '<g a="1">', '<g a="1"b="2">', '<g x:a="1"/>', '<g a="<"/>', '<g a="1" a="1"/>', "<g\n>",
    '<g xmlns:x="urn:x">', '<g xmlns:x=""/>', "<g<g>", "</>", "</g\t>", "<metadata>",
    "</metadata>", '<path d=" 1 " />', '<g xmlns="" >',
])  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(" ".join), st.booleans())
def test_reads_what_another_parser_reads(inside: str, whole: bool) -> None:
    """A note says that a document is broken if and only if Expat finds it broken."""
    source = (svg(inside) if whole else inside).encode()
    result = transform(source)
    assert bool(result.notes) != is_well_formed(source)
    if not result.notes:
        assert joined(essence(events(result.body))) == joined(essence(events(source)))
        assert transform(result.body).body == result.body or len(result.body) == len(source)


def pictures() -> list[Path]:
    """Return some 400 pictures, the same ones every time, of every folder of the tree."""
    tree = require_tree("pictures")
    found = []
    for folder in sorted({path.parent for path in tree.rglob("*.svg")}):
        files = sorted(folder.glob("*.svg"))
        found += files[:: max(1, len(files) // 60)]
    return found


def render(source: bytes, size: int = 64) -> bytes:
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=source.decode(), width=size, height=size))


def test_no_pixel_of_a_real_picture_changes() -> None:
    """And another parser sees the same elements, attributes and text."""
    files = pictures()
    assert len(files) > 300
    changed = 0
    for path in files:
        source = path.read_bytes()
        body = transform(source).body
        if body != source:
            changed += 1
            assert joined(essence(events(body))) == joined(essence(events(source))), path
            assert render(body) == render(source), path
    assert changed > 150


def test_no_pixel_of_a_symbol_in_a_sheet_changes() -> None:
    for path in sorted((require_tree("pictures") / "sprites").glob("*.svg")):
        source = path.read_bytes()
        body = transform(re.sub(rb">\s*<", b"> <!-- a -->\n  <", source)).body
        assert len(body) <= len(source)
        assert body.count(b"<symbol") == source.count(b"<symbol")
        for name in re.findall(rb'<symbol[^>]* id="([^"]+)"', source)[::100]:
            before, after = drawn(source, name), drawn(body, name)
            assert before == after != render(svg("").encode())


def drawn(sheet: bytes, name: bytes) -> bytes:
    """Render one symbol of a sheet."""
    symbol = re.search(rb'<symbol[^>]* id="%s".*?</symbol>' % re.escape(name), sheet, re.DOTALL)
    assert symbol
    return render(svg(f'{symbol[0].decode()}<use href="#{name.decode()}"/>').encode())


@pytest.mark.parametrize("package", ["qdarkstyle", "orange"])
def test_what_drawing_programs_leave_goes(package: str) -> None:
    files = sorted((require_tree("pictures") / package).rglob("*.svg"))
    sources = [path.read_bytes() for path in files]
    bodies = [transform(source).body for source in sources]
    assert sum(map(len, bodies)) < 0.85 * sum(map(len, sources))
    for body in bodies:
        assert b"sodipodi" not in body
        assert b"Generator: " not in body


def test_a_picture_that_would_take_all_memory_ships_as_it_is() -> None:
    """Nobody ships such a file on purpose."""
    data = b"<svg>" + b"<g/>\n" * (2 << 20) + b"</svg>"
    result = KIND.transform(data, Options())
    assert result.body == data
    assert "8 MiB" in result.notes[0].message
