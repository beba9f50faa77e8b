"""What templates call: tags, assets inside the page, hashes for its policy, and its Link header."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any

import html5lib
import pytest
from jinja2 import Environment
from markupsafe import Markup, escape

from assetpipe import manifest
from assetpipe.errors import AssetpipeError, ConfigError, InputError, UnknownAssetError
from assetpipe.manifest import Asset, Manifest
from assetpipe.serve.helpers import Helpers
from assetpipe.serve.inline.markup import without_markup
from assetpipe.serve.links import Preload, link_header
from assetpipe.serve.resolver import ManifestResolver
from assetpipe.serve.tags import SafeString
from tests import node
from tests.release import output_name, write_release
from tests.site import Site, contents

CDN = "https://cdn.example.com/site/"


@dataclass
class Release:
    """The helpers' view of a release, below some URL; it remembers what pages used."""

    out: Path
    base: str = "/static/"
    used: list[Preload] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.manifest: Manifest = manifest.load(self.out / manifest.FILE_NAME)
        self.resolver = ManifestResolver(self.manifest, self.base)

    def url(self, name: str) -> str:
        return self.resolver.url(name)

    def asset(self, name: str) -> Asset | None:
        return self.manifest.assets.get(name)

    def names(self, name: str) -> list[str]:
        return [name]

    def read(self, name: str) -> bytes:
        return (self.out / self.resolver.file(name)).read_bytes()

    def note_use(self, preload: Preload) -> None:
        self.used.append(preload)


@dataclass
class Sources:
    """The helpers' view of sources, in which one bundle is its members."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    bundles: Mapping[str, list[str]] = field(default_factory=dict)
    used: list[Preload] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"/static/{name}"

    def asset(self, name: str) -> Asset | None:
        return None

    def names(self, name: str) -> list[str]:
        return self.bundles.get(name, [name])

    def read(self, name: str) -> bytes:
        return self.files[name]

    def note_use(self, preload: Preload) -> None:
        self.used.append(preload)


FILES = {
    "css/app.css": b"a{}",
    "data/a.json": b"[1]",
    "font/a.woff2": b"font",
    "img/a.png": b"picture",
    "js/app.js": b"app()",
    "js/app.mjs": b"import.meta",
    "plain.css": b"b{}",
    "video/a.vtt": b"WEBVTT",
}


@pytest.fixture(name="out", scope="module")
def _out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a release; in it, one stylesheet keeps its name."""
    out = tmp_path_factory.mktemp("release")
    write_release(out, FILES, plain=["plain.css"], compressed=[])
    return out


def call(helpers: Helpers[Any], expression: str) -> str:
    """Return what a template shows of an expression, its own escaping being on."""
    environment = Environment(autoescape=True)
    environment.globals.update(helpers.table())
    return environment.from_string("{{ " + expression + " }}").render()


def filled(template: str) -> str:
    """Replace each ``<name>`` of a file by its URL's path, each ``<!name>`` by its integrity."""

    def fill(match: re.Match[str]) -> str:
        body = FILES[match[2]]
        if match[1]:
            return "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()
        return output_name(match[2], body)

    return re.sub(r"<(!?)([a-z]+/[^<> ]+)>", fill, template)


CHECKED: dict[str, Any] = {"integrity": True}
FAR: dict[str, Any] = {"integrity": True, "is_cross_origin": True}
TAGS: list[tuple[str, dict[str, Any], str, str]] = [
    # URLs and integrity
    ("a URL", {}, "asset_url('css/app.css')", "/static/<css/app.css>"),
    ("an integrity", {}, "asset_integrity('css/app.css')", "<!css/app.css>"),
    ("no integrity of a name that stays", {}, "asset_integrity('plain.css')", ""),
    ("no integrity of an unknown name", {}, "asset_integrity('none.css')", ""),
    # Style sheets
    ("a stylesheet", {}, "stylesheet_tag('css/app.css')",
     '<link rel="stylesheet" href="/static/<css/app.css>">'),
    ("a stylesheet with attributes", {}, "stylesheet_tag('css/app.css', media='print', data_x=1)",
     '<link rel="stylesheet" href="/static/<css/app.css>" media="print" data-x="1">'),
    ("another rel", {}, "stylesheet_tag('css/app.css', rel='alternate stylesheet', title='b')",
     '<link rel="alternate stylesheet" href="/static/<css/app.css>" title="b">'),
    ("a checked stylesheet", CHECKED, "stylesheet_tag('css/app.css')",
     '<link rel="stylesheet" href="/static/<css/app.css>" integrity="<!css/app.css>">'),
    ("a name that stays is not checked", CHECKED, "stylesheet_tag('plain.css')",
     '<link rel="stylesheet" href="/static/plain.css">'),
    ("a name that stays cannot be checked", {}, "stylesheet_tag('plain.css', integrity=True)",
     '<link rel="stylesheet" href="/static/plain.css">'),
    ("a check on request", {}, "stylesheet_tag('css/app.css', integrity=True)",
     '<link rel="stylesheet" href="/static/<css/app.css>" integrity="<!css/app.css>">'),
    ("no check on request", FAR, "stylesheet_tag('css/app.css', integrity=False)",
     '<link rel="stylesheet" href="/static/<css/app.css>">'),
    ("another check on request", {}, "stylesheet_tag('css/app.css', integrity='sha256-x')",
     '<link rel="stylesheet" href="/static/<css/app.css>" integrity="sha256-x">'),
    ("a check on another origin needs CORS", FAR, "stylesheet_tag('css/app.css')",
     ('<link rel="stylesheet" href="/static/<css/app.css>" integrity="<!css/app.css>"'
     ' crossorigin="anonymous">')),
    ("no CORS on request", FAR, "stylesheet_tag('css/app.css', crossorigin=None)",
     '<link rel="stylesheet" href="/static/<css/app.css>" integrity="<!css/app.css>">'),
    ("configured CORS", {"crossorigin": "use-credentials"}, "stylesheet_tag('css/app.css')",
     '<link rel="stylesheet" href="/static/<css/app.css>" crossorigin="use-credentials">'),
    # Scripts
    ("a script", {}, "script_tag('js/app.js')", '<script src="/static/<js/app.js>"></script>'),
    ("a deferred script", {}, "script_tag('js/app.js', defer=True, async=False)",
     '<script src="/static/<js/app.js>" defer></script>'),
    ("a script at any time", {}, "script_tag('js/app.js', async=True, nonce='n', id=None)",
     '<script src="/static/<js/app.js>" async nonce="n"></script>'),
    ("keywords with an underscore", {}, "script_tag('js/app.js', async_=True, class_='b c')",
     '<script src="/static/<js/app.js>" async class="b c"></script>'),
    ("a module", {}, "script_tag('js/app.js', module=True)",
     '<script src="/static/<js/app.js>" type="module"></script>'),
    ("a module by its name", {}, "script_tag('js/app.mjs')",
     '<script src="/static/<js/app.mjs>" type="module"></script>'),
    ("a module's name for something else", {}, "script_tag('js/app.mjs', type='text/plain')",
     '<script src="/static/<js/app.mjs>" type="text/plain"></script>'),
    ("a checked module", FAR, "script_tag('js/app.mjs', nonce='n')",
     ('<script src="/static/<js/app.mjs>" type="module" nonce="n" integrity="<!js/app.mjs>"'
     ' crossorigin="anonymous"></script>')),
    # Preloads
    ("a stylesheet ahead", CHECKED, "preload_tag('css/app.css')",
     ('<link rel="preload" href="/static/<css/app.css>" as="style" type="text/css"'
     ' integrity="<!css/app.css>">')),
    ("a script ahead", {}, "preload_tag('js/app.js')",
     '<link rel="preload" href="/static/<js/app.js>" as="script" type="text/javascript">'),
    ("a module ahead", {}, "preload_tag('js/app.js', module=True, nonce='n')",
     '<link rel="modulepreload" href="/static/<js/app.js>" nonce="n">'),
    ("a module ahead by its name", FAR, "preload_tag('js/app.mjs')",
     ('<link rel="modulepreload" href="/static/<js/app.mjs>" integrity="<!js/app.mjs>"'
     ' crossorigin="anonymous">')),
    ("a font ahead, as browsers ask for fonts", CHECKED, "preload_tag('font/a.woff2')",
     ('<link rel="preload" href="/static/<font/a.woff2>" as="font" type="font/woff2"'
     ' crossorigin="anonymous">')),
    ("data ahead, as fetch() asks for it", {}, "preload_tag('data/a.json')",
     ('<link rel="preload" href="/static/<data/a.json>" as="fetch" type="application/json"'
     ' crossorigin="anonymous">')),
    ("a picture ahead", {"crossorigin": "anonymous"},
     "preload_tag('img/a.png', fetchpriority='high', media='print', crossorigin=None)",
     ('<link rel="preload" href="/static/<img/a.png>" as="image" type="image/png"'
     ' fetchpriority="high" media="print">')),
    ("subtitles ahead", {}, "preload_tag('video/a.vtt')",
     '<link rel="preload" href="/static/<video/a.vtt>" as="track" type="text/vtt">'),
    ("a use of one's own", {}, "preload_tag('js/app.js', as_='worker')",
     '<link rel="preload" href="/static/<js/app.js>" as="worker" type="text/javascript">'),
    # Inside the page
    ("a stylesheet inside", FAR, "inline_asset('css/app.css', nonce='n', media='print')",
     '<style nonce="n" media="print">a{}</style>'),
    ("a script inside", {}, "inline_asset('js/app.js', nonce=None)", "<script>app()</script>"),
    ("a module inside", {}, "inline_asset('js/app.mjs')",
     '<script type="module">import.meta</script>'),
    ("data inside", {}, "inline_asset('data/a.json', id='d')",
     '<script type="application/json" id="d">[1]</script>'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expression", "expected"),
    [pytest.param(*rest, id=sentence) for sentence, *rest in TAGS],
)
def test_in_a_template(out: Path, options: dict[str, Any], expression: str, expected: str) -> None:
    """What a template shows, which escapes what is not marked as safe."""
    for markup in (SafeString, Markup):
        assert call(Helpers(Release(out), markup, **options), expression) == filled(expected)


HOSTILE = ["\"'<>&`", "</script><!--", "x\ny", "é\u2028"]


@pytest.mark.parametrize("tag", ["stylesheet_tag", "script_tag", "preload_tag", "inline_asset"])
@pytest.mark.parametrize("value", HOSTILE)
def test_values_stay_in_their_attribute(out: Path, tag: str, value: str) -> None:
    """An independent parser reads back what was given."""
    made = Helpers(Release(out), Markup).table()[tag]("js/app.js", data_x=value, title=value)
    element = html5lib.parseFragment(str(made), namespaceHTMLElements=False)[0]
    assert {name: element.get(name) for name in ("data-x", "title")} == {
        "data-x": value,
        "title": value,
    }


@pytest.mark.parametrize(
    "name", ["", "_", "a b", "a>b", "a=b", "a/b", 'a"b', "a'b", "a<b", "a\nb", "a\0b", "a\x9fb"]
)
def test_a_name_that_is_none_is_refused(out: Path, name: str) -> None:
    """It would end the tag, or begin another attribute."""
    with pytest.raises(ConfigError, match="not the name of an attribute"):
        Helpers(Release(out), Markup).script_tag("js/app.js", **dict[str, Any]({name: "x"}))


def test_an_unknown_name_is_the_sites_to_judge(out: Path) -> None:
    """This one is strict."""
    helpers = Helpers(Release(out), Markup)
    for name, helper in helpers.table().items():
        if name != "asset_integrity":
            with pytest.raises(UnknownAssetError):
                helper("css/none.css")


def test_a_url_is_escaped_once(tmp_path: Path) -> None:
    """An ampersand in a name is one in the attribute's value."""
    sources = Sources(bundles={"all.js": ["js/a&b.js", "js/c.js"]})
    assert Helpers(sources, Markup, **FAR).script_tag("all.js") == (
        '<script src="/static/js/a&amp;b.js"></script>\n<script src="/static/js/c.js"></script>'
    )


def test_safe_text_stays_safe() -> None:
    """Template engines ask for ``__html__``."""
    assert str(escape(SafeString("<b>"))) == "<b>"
    assert str(escape(SafeString("<b>") + "<")) == "&lt;b&gt;&lt;"


# Inside the page.

INLINE: list[tuple[str, str, str, str]] = [
    # name, source, what stands in the page
    ("URLs in a stylesheet", "css/a.css",
     "@import 'x.css';@import/**/\"y.css\";@import url(z.css);a{b:url(i.png),url( \"../j.png\" )}",
     ("@import '/static/css/x.css';@import/**/\"/static/css/y.css\";@import url(/static/css/z.css);"
     'a{b:url(/static/css/i.png),url( "/static/j.png" )}')),
    ("sets of images", "a.css",
     "a{b:image-set('a.png' 1x,url(b.png) 2x type('image/png'),\"c.png\");c:'d.png';d:src('e')}",
     ("a{b:image-set('/static/a.png' 1x,url(/static/b.png) 2x type('image/png'),"
     "\"/static/c.png\");c:'d.png';d:src('/static/e')}")),
    ("what is no URL in a stylesheet", "a.css",
     "/*url(a.png)*/.x\\:url(a.png){b:'url(a.png)';content:\"c\\\"url(d.png)\";x:my-url(e.png)}",
     "/*url(a.png)*/.x\\:url(a.png){b:'url(a.png)';content:\"c\\\"url(d.png)\";x:my-url(e.png)}"),
    ("URLs that are not relative", "a.css",
     "a{b:url(/a.png) url(#b) url(data:,c) url(//d/e) url('') url(?f) url('x:<y z>')}",
     "a{b:url(/a.png) url(#b) url(data:,c) url(//d/e) url('') url(?f) url('x:<y z>')}"),
    ("escapes in URLs", "a.css", "a{b:url(a\\ b.png?\\ c#\\ d) url('\\65 f.png') url(.\\5c g)}",
     "a{b:url(/static/a%20b.png?\\ c#\\ d) url('/static/ef.png') url(/static/g)}"),
    ("a stylesheet that says style", "a.css", "a{content:'</style></STYLE>'}/*</style*/",
     "a{content:'<\\/style><\\/STYLE>'}/*<\\/style*/"),
    ("a stylesheet's source map", "a.css", "a{}\n/*# sourceMappingURL=a.css.map */\n", "a{}"),
    ("line ends and a byte order mark", "a.css", "\ufeffa{}\r\nb{}\rc{}", "a{}\nb{}\nc{}"),
    ("specifiers", "js/a.mjs",
     ("import'./a.js';import b,{c as d}from\n'../b.js';export*from\"./c.js\";import('./d.js');"
     "import.meta.resolve(`./e.js`);import/**/(/* f */'./f.js?g',{with:{}});import.defer('./h')"),
     ("import'/static/js/a.js';import b,{c as d}from\n'/static/b.js';"
      "export*from\"/static/js/c.js\";import('/static/js/d.js');"
     "import.meta.resolve(`/static/js/e.js`);"
     "import/**/(/* f */'/static/js/f.js?g',{with:{}});import.defer('/static/js/h')")),
    ("what is no specifier", "a.mjs",
     "import'vue';import'/x.js';f('./a.js');Array.from('./b');from('./b');x={from:'./c'};$import('./d')",
     "import'vue';import'/x.js';f('./a.js');Array.from('./b');from('./b');x={from:'./c'};$import('./d')"),
    ("files beside a module", "js/a.mjs",
     "new URL('a.png',import.meta.url);new URL ( \"../b#c\" , import . meta . url ).href",
     ("new URL('/static/js/a.png',import.meta.url);"
     'new URL ( "/static/b#c" , import . meta . url ).href')),
    ("a script's source map", "a.js", "a()\n//# sourceMappingURL=a.js.map\n", "a()"),
    ("a script that says script", "a.js", "a='</script>'+\"<!--\";b=`</SCRIPT`//</script",
     "a='<\\/script>'+\"<\\x21--\";b=`<\\/SCRIPT`//<\\/script"),
    ("data that says script", "a.json", '{"a":"</script><!--<script>"} ',
     '{"a":"\\u003c/script>\\u003c!--\\u003cscript>"}'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [pytest.param(*rest, id=sentence) for sentence, *rest in INLINE],
)
def test_inside_a_page(name: str, source: str, expected: str) -> None:
    """The text between the tags, which is what the policy's hash is of."""
    helpers = Helpers(Sources({name: source.encode()}), Markup)
    made = str(helpers.inline_asset(name))
    tag = re.fullmatch(r"<(\w+)[^>]*>([\s\S]*)</\1>", made)
    assert tag is not None
    assert tag[2] == expected
    element = html5lib.parseFragment(f"{made}<p>", namespaceHTMLElements=False)
    assert [each.tag for each in element] == [tag[1], "p"]
    assert element[0].text == expected
    digest = base64.b64encode(hashlib.sha256(expected.encode()).digest()).decode()
    assert helpers.csp_hash(name, name) == f"'sha256-{digest}'"


PICTURES: list[tuple[str, str, dict[str, Any], str]] = [
    ("what comes before and after",
     '\ufeff<?xml version="1.0"?>\n<!-- a --><!DOCTYPE svg PUBLIC "b" \'c>\'>\n<svg/>\n', {},
     "<svg/>"),
    ("attributes", "<svg class='a' id=\"b\"\nwidth='1'><g class='c'/></svg>",
     {"class_": "d", "id": None, "aria_hidden": "true"},
     "<svg\nwidth='1' class=\"d\" aria-hidden=\"true\"><g class='c'/></svg>"),
    ("references",
     ('<svg><use href="a.svg?x&amp;y#b"/><image xlink:href=\'../c&amp;d.png\'/><a href="e"/>'
     '<g fill="url(#f)" style="mask:url(&quot;g.svg&quot;)"/></svg>'), {},
     ('<svg><use href="/static/img/a.svg?x&amp;y#b"/><image xlink:href="/static/c&amp;d.png"/>'
     '<a href="e"/><g fill="url(#f)" style="mask:url(&quot;/static/img/g.svg&quot;)"/></svg>')),
    ("a nonce", "<svg><style>a{}</style><script>b</script><g/></svg>", {"nonce": "n"},
     '<svg><style nonce="n">a{}</style><script nonce="n">b</script><g/></svg>'),
    ("a nonce for nothing", "<svg><g/></svg>", {"nonce": "n"}, "<svg><g/></svg>"),
    ("styles", ("<svg><style>a>b{c:url(d.png)}</style><style><![CDATA[a>b{c:url('d')}]]></style>"
     "</svg>"), {}, ("<svg><style>a&gt;b{c:url(/static/img/d.png)}</style>"
     "<style><![CDATA[a>b{c:url('/static/img/d')}]]></style></svg>")),
    ("instructions", "<svg><?a > b?><g/></svg>", {}, "<svg><g/></svg>"),
    ("HTML where it is at home", "<svg><foreignObject><p>a<br/></p></foreignObject></svg>", {},
     "<svg><foreignObject><p>a<br/></p></foreignObject></svg>"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "attributes", "expected"),
    [pytest.param(*rest, id=sentence) for sentence, *rest in PICTURES],
)
def test_a_picture_inside_a_page(source: str, attributes: dict[str, Any], expected: str) -> None:
    """It is the element itself; what follows it is not in it."""
    helpers = Helpers(Sources({"img/a.svg": source.encode()}), Markup)
    made = str(helpers.inline_asset("img/a.svg", **attributes))
    assert made == expected
    parsed = html5lib.parseFragment(f"{made}<p>", namespaceHTMLElements=False)
    assert [each.tag.rpartition("}")[2] for each in parsed] == ["svg", "p"]


def test_a_pictures_policy_names_the_styles_in_it() -> None:
    """Their text, with entities resolved."""
    source = b"<svg><style>a&gt;b{}<!-- c --></style><style>&lt;<![CDATA[&lt;]]></style></svg>"
    hashes = Helpers(Sources({"a.svg": source}), Markup).csp_hash("a.svg").split()
    expected = [hashlib.sha256(text).digest() for text in (b"a>b{}", b"<&lt;")]
    assert hashes == [f"'sha256-{base64.b64encode(each).decode()}'" for each in expected]


REFUSED: list[tuple[str, str, bytes, str]] = [
    ("a picture of pixels", "a.png", b"", "nothing that can stand inside"),
    ("another encoding", "a.css", b"\xff", "not UTF-8"),
    ("a NUL", "a.js", b"'\0'", "NUL"),
    ("a script that asks where it is", "a.mjs", b"new URL(`./${a}`,import.meta.url)", "own URL"),
    ("a script that says script in a regular expression", "a.js", b"/[</script]/", "</script"),
    ("a picture that is cut off", "a.svg", b"<svg><g>", "well-formed"),
    ("a picture with entities", "a.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
     "document type"),
    ("a picture with a prefix", "a.svg", b'<s:svg xmlns:s="http://www.w3.org/2000/svg"/>',
     "does not begin"),
    ("a picture with a stylesheet beside it", "a.svg", b'<?xml-stylesheet href="a.css"?><svg/>',
     "does not begin"),
    ("a picture with a base", "a.svg", b'<svg><g xml:base="b/"/></svg>', "xml:base"),
    ("a comment that HTML ends early", "a.svg", b"<svg><!--> <b> --></svg>", "comments early"),
    ("an element that ends a picture", "a.svg", b"<svg><p></p></svg>", "<p>"),
    ("an element that HTML leaves open", "a.svg",
     b"<svg><foreignObject><div/></foreignObject></svg>", "<div>"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [pytest.param(*rest, id=sentence) for sentence, *rest in REFUSED],
)
def test_refused_inside_a_page(name: str, data: bytes, reason: str) -> None:
    """What would not mean the same there; the error says why, and of what."""
    helpers = Helpers(Sources({name: data}), Markup)
    for helper in (helpers.inline_asset, helpers.csp_hash):
        with pytest.raises(InputError, match=reason) as raised:
            helper(name)
        assert raised.value.where == name
        assert raised.value.hint


def test_a_bundle_inside_a_page_is_its_members_in_source_mode() -> None:
    """Each has URLs of its own."""
    files = {"css/a.css": b"a{b:url(c)}", "b.css": b"a{b:url(c)}"}
    helpers = Helpers(Sources(files, {"all.css": list(files)}), Markup)
    assert helpers.inline_asset("all.css") == (
        "<style>a{b:url(/static/css/c)}</style>\n<style>a{b:url(/static/c)}</style>"
    )
    assert len(helpers.csp_hash("all.css").split()) == 2


# Scripts that name their own end.

PIECES = [
    "</script>", "<!--", "'</script>'", '"<!--"', "'\\</script'", "`</script`", "`${", "}`", "`",
    "/</script>/", "/[</script]/", "/'/", "/`/", "//<!--\n", "/*</script*/", "/", "\n-->", "\n",
    "a", "b ", "1", ".5", "(", ")", "[", "]", "{", "}", "=", ";", "++", "if(a)", "x=>", "return ",
    "a.return", "typeof ", "of ", "await ", "String.raw", "class A{", "function f(){}", "?.", "é",
]  # fmt: skip
# Says of pairs of scripts whether the first is one, and whether the second has the same tree.
COMPARE = """
const { acorn } = await import(`file://${process.argv[1]}`);
const options = { ecmaVersion: "latest", allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true };
const spelling = new Set(["start", "end", "directive"]);
function parse(text, sourceType) {
  const tagged = new Set();
  try {
    return JSON.stringify(acorn.parse(text, { ...options, sourceType }), function (key, value) {
      if (spelling.has(key)) return undefined;
      if (this.type === "TaggedTemplateExpression" && key === "quasi")
        for (const each of value.quasis) tagged.add(each.value);
      if (key === "raw" && !this.regex && !tagged.has(this)) return undefined;
      return value;
    });
  } catch { return null; }
}
const text = await new Response(process.stdin).text();
console.log(JSON.stringify(JSON.parse(text).map(([source, output]) => ["script", "module"].map(
  (type) => [parse(source, type), parse(output, type)]))));
"""


def test_a_script_that_names_its_end_means_the_same() -> None:
    """Or it is refused: acorn sees the same tree, HTML one element with the same text."""
    node.require_node()
    chance = random.Random(7)
    texts = ["".join(parts) for parts in product(PIECES, repeat=2)]
    texts += ["".join(chance.choices(PIECES, k=chance.randint(3, 6))) for _ in range(20_000)]
    made = [(text, without_markup(text)) for text in dict.fromkeys(texts)]
    pairs = [(text, new) for text, new in made if new is not None and new != text]
    done = subprocess.run(
        ["node", "--input-type=module", "-e", COMPARE, str(node.SCRIPTS / "packages.mjs")],
        input=json.dumps(pairs),
        env=os.environ | {node.MODULES_VARIABLE: str(node.node_modules())},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    programs = 0
    for (text, new), trees in zip(pairs, json.loads(done.stdout), strict=True):
        assert not re.search("<!--|</script", new, re.IGNORECASE)
        for before, after in trees:
            if before is not None:
                programs += 1
                assert before == after, (text, new)
    assert programs > 500


CERTAIN = [
    "a=b/c;d='</script>'", "f(a)/2;'</script>'", "if(a)/'/.test(b);'</script>'", "a=[1]/2+'<!--'",
    "a=/[/'\"]/g;'</script>'", "a.return/2;'</script>'", "`${`</script`}<!--${{a:1}}`",
    "x=>/`/;'<!--'", "/* ' */'</script>'", "return`</script`", "'\\</script\\<!--'",
]  # fmt: skip
UNCERTAIN = [
    "{}/a/;'</script>'", "a</script/.b", "a<!--b", "String.raw`</script`", "/[</script]/",
    "a++/b;'</script>'", "'</script", "a\n--> '\n;'</script>'", "f`${a}</script`",
    "await (a)/b;'</script>'",
]  # fmt: skip


@pytest.mark.parametrize("text", CERTAIN)
def test_a_script_that_may_be_spelt_anew(text: str) -> None:
    """What a slash means is known up to where the script names its end."""
    assert without_markup(text) == text.replace("</", r"<\/").replace("<!", r"<\x21")


@pytest.mark.parametrize("text", UNCERTAIN)
def test_a_script_that_is_refused(text: str) -> None:
    """No other spelling is known to mean the same, or nobody knows where its literals are."""
    assert without_markup(text) is None


# What a page used.

USES: list[tuple[str, dict[str, Any], str, list[str]]] = [
    # what was called, the links of the header
    ("a stylesheet", FAR, "stylesheet_tag('css/app.css')",
     [('</static/<css/app.css>>; rel=preload; as=style; crossorigin=anonymous;'
      ' integrity="<!css/app.css>"')]),
    ("a stylesheet that may not be needed", {}, "stylesheet_tag('css/app.css', media='print')", []),
    ("a script", {}, "script_tag('js/app.js', nonce='a+b=')",
     ['</static/<js/app.js>>; rel=preload; as=script; nonce="a+b="']),
    ("a module", {}, "script_tag('js/app.js', type='module', crossorigin='')",
     ["</static/<js/app.js>>; rel=modulepreload; crossorigin=anonymous"]),
    ("a script that modern browsers pass by", {}, "script_tag('js/app.js', nomodule=True)", []),
    ("what is no script", {}, "script_tag('js/app.js', type='text/template')", []),
    ("a font", {}, "preload_tag('font/a.woff2', crossorigin=True)",
     ['</static/<font/a.woff2>>; rel=preload; as=font; type="font/woff2"; crossorigin=anonymous']),
    ("a module ahead", {}, "preload_tag('js/app.mjs')",
     ["</static/<js/app.mjs>>; rel=modulepreload"]),
    ("a picture that depends", {}, "preload_tag('img/a.png', imagesrcset='a 2x')", []),
    ("what is inside the page", {}, "inline_asset('css/app.css')", []),
    ("several, one of them twice", {}, ("preload_tag('img/a.png') ~ stylesheet_tag('css/app.css')"
     " ~ stylesheet_tag('css/app.css') ~ asset_url('js/app.js')"),
     ['</static/<img/a.png>>; rel=preload; as=image; type="image/png"',
      "</static/<css/app.css>>; rel=preload; as=style"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expression", "links"),
    [pytest.param(*rest, id=sentence) for sentence, *rest in USES],
)
def test_what_a_page_used(
    out: Path, options: dict[str, Any], expression: str, links: list[str]
) -> None:
    """Its response may say so ahead of the page, in the order of use."""
    site = Release(out)
    call(Helpers(site, Markup, **options), expression)
    # Not by `filled` as a whole: a link's own angle brackets are not a name's.
    expected = [
        re.sub(r"<!?[a-z]+/[^/<> ]+>", lambda name: filled(name[0]), link) for link in links
    ]
    assert link_header(site.used) == ", ".join(expected)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("/a?b=c&d#e%20'(f)", "/a?b=c&d#e%20'(f)", id="what a URL may hold"),
        pytest.param('/a> b"\r\nX: y', "/a%3E%20b%22%0D%0AX:%20y", id="what would end it"),
        pytest.param("/é\u2028<", "/%C3%A9%E2%80%A8%3C", id="what a header cannot hold"),
    ],
)
def test_a_link_holds_its_url(url: str, expected: str) -> None:
    """No header field begins in a URL, and no other link."""
    assert link_header([Preload(url, "style")]) == f"<{expected}>; rel=preload; as=style"


def test_a_link_holds_its_values() -> None:
    """They are quoted; what no header field can carry is left out."""
    odd = Preload("/a", "style", nonce='a"b\\c')
    assert link_header([odd]) == '</a>; rel=preload; as=style; nonce="a\\"b\\\\c"'
    assert link_header([odd, odd, Preload("/b", "font")], longest=76).endswith(
        ", </b>; rel=preload; as=font"
    )
    for bad in ("a\r\nSet-Cookie: b", "é", "a\0"):
        lines = [Preload("/a", "style", nonce=bad), Preload("/b", bad), Preload("/c", "style")]
        assert link_header(lines) == "</c>; rel=preload; as=style"


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        pytest.param({}, 20, id="by default"),
        pytest.param({"most": 3}, 3, id="by number"),
        pytest.param({"most": 0}, 0, id="none"),
        pytest.param({"longest": 2 * 28 + 2}, 2, id="by bytes that just suffice"),
        pytest.param({"longest": 2 * 28 + 1}, 1, id="by bytes that do not"),
        pytest.param({"longest": 27}, 0, id="by bytes for none"),
    ],
)
def test_a_header_has_its_limits(limits: dict[str, int], count: int) -> None:
    """What comes first counts most."""
    links = [f"</{index:02}>; rel=preload; as=style" for index in range(50)]
    header = link_header((Preload(f"/{i:02}", "style") for i in range(50)), **limits)
    assert header == ", ".join(links[:count])


# A built release in a real browser.

TREE: dict[str, str | bytes] = {
    "css/critical.css": '@import "more.css";body{background:url(../img/a.png)}/*</style>*/'
    ".plain{background:url( '../plain/b c.png' )}",
    "css/more.css": "#more{color:rgb(1,2,3)}",
    "data/site.json": '{"end": "</script><!--"}',
    "img/a.png": b"picture",
    "img/icon.svg": '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" class="a">'
    "<style>#path{fill:rgb(4,5,6)}</style><image href='a.png'/>"
    '<path id="path" d="M0 0"/></svg>',
    "js/app.mjs": "import {dep} from './lib/dep.mjs';const end='</script><!--';"
    "const {late} = await import('../plain/late.mjs');"
    "const there = (await fetch(new URL('../img/a.png', import.meta.url))).status;"
    "show('module', [dep, late, end, there]);",
    "js/classic.js": "var shown = {};function show(key, value) {shown[key] = value}"
    "show('classic', '</script>'.length);",
    "js/lib/dep.mjs": "export const dep = 'dep';",
    "plain/b c.png": b"picture",
    "plain/late.mjs": "export const late = 'late';",
}
LAST = """
while (!shown.module) await new Promise((done) => setTimeout(done, 5));
const color = (id, name) => getComputedStyle(document.getElementById(id))[name];
show('more', color('more', 'color'));
show('path', color('path', 'fill'));
show('json', JSON.parse(document.getElementById('data').textContent).end);
document.getElementById('shown').textContent = JSON.stringify(shown);
"""


@contextmanager
def served(pages: Mapping[str, tuple[bytes, dict[str, str]]]) -> Iterator[tuple[str, list[str]]]:
    """Serve pages by path; give the server's URL, and the paths that were not found."""
    missed: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, headers = pages.get(self.path, (b"", {}))
            if self.path not in pages:
                missed.append(self.path)
            self.send_response(200 if self.path in pages else 404)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", missed
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def browser() -> str:
    """Return the Chromium there is; skip the test without one (fail it in CI)."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return next(found, None) or node.unavailable("needs chromium on PATH")


def seen(url: str, profile: Path) -> str:
    """Return the document that Chromium has once a page is loaded."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    done = subprocess.run(
        [browser(), *flags, "--virtual-time-budget=5000", "--dump-dom", url],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    return done.stdout


def test_a_page_with_everything_inside(tmp_path: Path) -> None:
    """Under a strict policy, far from the files: all that it loads is there, all that is allowed
    runs, and nothing else does."""
    browser()
    site = Site(tmp_path, TREE, plain=("plain/**",))
    site.build()
    release = Release(site.out)
    helpers = Helpers(release, Markup)
    policy = (
        "default-src 'none'; connect-src 'self'; img-src 'self';"
        f" style-src 'self' {helpers.csp_hash('css/critical.css', 'img/icon.svg')};"
        f" script-src 'self' 'nonce-n0nce' {helpers.csp_hash('js/classic.js')}"
    )
    page = (
        "<!DOCTYPE html><meta charset=utf-8>"
        f"{helpers.inline_asset('css/critical.css')}{helpers.inline_asset('js/classic.js')}"
        f"<body><p id=more class=plain>{helpers.inline_asset('img/icon.svg', class_='b')}"
        f"{helpers.inline_asset('data/site.json', id='data')}"
        f"{helpers.inline_asset('js/app.mjs', nonce='n0nce')}"
        "<script>show('evil', true)</script><style>#path{fill:red!important}</style>"
        f"<script type=module nonce=n0nce>{LAST}</script><pre id=shown></pre>"
    )
    types = {asset.file: asset.type for asset in release.manifest.assets.values()}
    pages = {
        f"/static/{file.replace(' ', '%20')}": (body, {"Content-Type": types.get(file, "text/x")})
        for file, body in contents(site.out).items()
    }
    headers = {"Content-Type": "text/html", "Content-Security-Policy": policy}
    pages |= {"/deep/er/page": (page.encode(), headers), "/favicon.ico": (b"", {})}
    with served(pages) as (url, missed):
        document = seen(f"{url}/deep/er/page", tmp_path / "profile")
    assert not missed
    shown = re.search(r'<pre id="shown">(.*)</pre>', document)
    assert shown is not None, document
    assert json.loads(html.unescape(shown[1])) == {
        "classic": 9,
        "module": ["dep", "late", "</script><!--", 200],
        "more": "rgb(1, 2, 3)",
        "path": "rgb(4, 5, 6)",
        "json": "</script><!--",
    }


def test_every_reference_is_followed(tmp_path: Path) -> None:
    """A file that names what is not where it says is refused, not shown in part."""
    site = Site(tmp_path, TREE, plain=("plain/**",), source_maps="linked")
    site.build()
    release = Release(site.out, CDN)
    helpers = Helpers(release, Markup)
    style, module = (str(helpers.inline_asset(name)) for name in ("css/critical.css", "js/app.mjs"))
    for name in ("css/more.css", "img/a.png", "plain/b c.png"):
        assert release.url(name) in style
    for name in ("js/lib/dep.mjs", "plain/late.mjs", "img/a.png"):
        assert release.url(name) in module
    assert "sourceMappingURL" not in style + module
    hidden = r"import('./\x6cib.mjs')"
    (site.out / release.resolver.file("js/app.mjs")).write_text(hidden)
    with pytest.raises(AssetpipeError, match=r"where it names .* was not found"):
        helpers.inline_asset("js/app.mjs")
