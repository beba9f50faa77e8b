"""The words of each format: joined at random they reach what random bytes never would."""

from __future__ import annotations

_BLANKS = ["", " ", "\n", "\r\n", "\r", "\t", "\f", "\v", "\0", "\x1b", "\xa0", "\ufeff", "\u2028"]
_LETTERS = ["a", "b", "é", "😀"]

# Words without white space, so that they can be written as they are.
_CSS = r"""
u U - + * / = ! . # @ < > ~ | & % ^ $ : ; , ( ) [ ] { } ' " \ \, \( \) \9 \0 -- --> <!-- /* */ /**/
/*!k*/ /*\*/ // 1px 2n .5 -1 1e3 50% U+26 u+a #fff --c --c: a{ b:c; a:b a{b:c} x.png 's' "t" url(
URL( url() url(a.png) url('a') u\72l( src( src('a') image-set( -webkit-image-set( data:, @import'i';
@font-face style( selector( layer( calc( var(--c,) :is( !important important urlé)
/*#sourceMappingURL=m*/ /*@sourceMappingURL=data:x*/
"""
_CSS_PHRASES = [
    "\\\n", "\\66 ", "\\110000 ", "/* c */", "/*! k */", "/*# sourceMappingURL=m */", "a :b",
    "@import ", "@import url(i)", "@charset ", '@charset "utf-8";', '@charset "latin1";', "@media ",
    "@container ", "@supports ", "@layer ", "@scope ", "@namespace ", "@document ",
    "(min-width : 1px)", "(width >= 1px)", "calc(1px + 2px)", ":nth-child(2n + 1)", "! important",
    " and ", "progid:X(a='b', c='d')",
]  # fmt: skip

_JS = r"""
$ _ 0 1 1n 1. .5 0x1 017 1e3 1_0 + ++ - -- * ** / /= // /* */ % ! ~ @ # < <= << <!-- --> > >> >>>
>>>= = == === => ? ?. ?? ??= : ; , . ... ( ) [ ] { } ' " ` \ \u0061 \u{61} 's' "t" `t` ${ }` `a${
/r/ /r/g /[/]/ /*c*/ /*!k*/ #p () {} [] ()=> ()=>{} import('./m') import.meta.url
import.meta.resolve('m') export*from'm' export{a} export{a}from new importScripts('s')
importScripts( window. document class static{ async()=>{ default: if(a) for(;;) while(a) a:
with{type:'json'} /*#sourceMappingURL=m*/
"""
_JS_PHRASES = [
    "\\\n", "/*\n*/", "/*! k */", "//c\n", "//! k\n", "#!/x\n", "#p in a", "import './m'",
    "import a from './m'", "import*as a from", "export default ", "new URL('u',import.meta.url)",
    "new Worker(", "class A{", "function f(){", "function*g(){", "case 1:", "for(a of b)",
    "//# sourceMappingURL=m", "/*# sourceMappingURL=m */",
]  # fmt: skip
_JS_WORDS = """
async await break case catch class const continue debugger default delete do else export extends
finally for from function get if import in instanceof let new of return set static super switch
this throw try typeof using var void while with yield as accessor enum defer source
"""

_JSON = r"""
{ } [ ] : , " \ {} [] "" "a" "a": 0 -0 1 -1.50 1e5 1E-5 01 +1 .5 1. true false null NaN Infinity
"\u0061" "\ud83d" "\ud83d\ude00" "\n" "\x" "\\" "\"" // /* ' {"a":1,"a":2}
"""
_JSON_PHRASES = ['"a b"', "[1, 2, {}]", '{ "a" : 1 }', ")]}'\n"]

_MANIFEST = r"""
"icons": "screenshots": "shortcuts": "file_handlers": "src": {"src":"a.png"} "data:," "./b"
"icons":[ "icons":[{"src":"a.png"}] "icons":[{"src":"\u0061é.png"}] {"icons":[{"src":"d.png"
"""
_MAP = """
"sections":[ "offset":{"line": "column": 9 }, "map": "version":3,"sources":["a"],"mappings":"AAAA"
"x_google_ignoreList": //#sourceMappingURL=m data:;base64,AAAA
"version":3 "mappings":"AAAA;;AACA,C" "mappings": "sources":["a.js",null] "sourcesContent":["x"]
"names":["n"] "sections":[{"offset":{"line":0,"column":0},"map":{}}] "ignoreList":[0] "sourceRoot":
"""
_MAPPINGS = "AAAA AACA ACAA IAAIA CCDAA KAAAC A C D E I gB /D ; ; ;; , , ,, +/////D + } { \\"

_HTML = """
< > / = ' " ` ! - -- & &amp; &#x61; &#97 &#0; &copy &copy= &notin; &bogus; </ /> <!-- --> --!> <!-
<!> <? ?> <![CDATA[ ]]> a.png {{x}} {% <% ${ srcset= src= src=' src="a.png" href= style=
imagesrcset= style="background:url(a.png)" integrity= integrity='sha384-x' <script> </script>
import'./m.js'; {"imports":{"a":"./b.js"}} {"integrity":{"./b.js":"sha384-x"}} <style> </style>
a{b:url(c.png)}
@import'a.css'; <svg> </svg> <math> </math> <title> </title> <textarea> </textarea> <plaintext>
<noscript> <template> </template> <foreignObject> <desc> <p> </p> <xmp> </xmp> <!--<script> , 1x
data:, http://h/ //h #f ?q a.png?q#f
"""
_HTML_PHRASES = [
    "<!DOCTYPE html>", "./b c.js", "<a href=x>", "<img src=a.png>", "<img ", "<link rel=icon ",
    "<img srcset='a.png 1x, b.png 2x'>", "<div style='b:url(&quot;a.png&quot;)'>",
    "<link rel=stylesheet href=a.css>", "<script src=a.js>", "<script ", "<script type=module>",
    "<script type=importmap>", "<use href=a.svg#b>", "<image xlink:href=a.png>", "<base href=x>",
    "<base href=/>", "<meta charset=utf-8>", "<meta charset=latin1>", "<iframe src=a.html>",
    "<object data=a>", "<video poster=a>", "<input type=image src=a>", "</SCRIPT\n>",
]  # fmt: skip

_SVG = """
< > / = ' " & &amp; &lt; &#x61; &#97; &e; </ /> <!-- --> <!--(c)--> <?p?> <![CDATA[ ]]>
<![CDATA[a{b:url(c)}]]> </svg> <g> </g> <i:a/> <i:a> </i:a> <x:a/> <text> </text> <title> </title>
<desc/> <metadata> </metadata> <style> </style> a{b:url(c.png)} a:empty{} .a{fill:red} <script>
</script> style='fill:url(a.svg#b)' fill='url(#a)' xml:space='preserve' id='a' <foreignObject>
</foreignObject> </p> <defs> </defs> <animate/> onload='x' <switch> </switch> <symbol> </symbol>
"""
_SVG_PHRASES = [
    "<?xml version='1.0'?>", '<?xml version="1.0" encoding="utf-8"?>', "<!-- (c) -->", " \n ",
    "<?xml-stylesheet href='a.css'?>", "<!DOCTYPE svg>", "<!DOCTYPE svg [<!ENTITY e 'x'>]>",
    '<svg xmlns="http://www.w3.org/2000/svg">', '<svg xmlns="http://www.w3.org/2000/svg" ',
    ' xmlns:xlink="http://www.w3.org/1999/xlink" ', ' xmlns:x="y" ', " i:a='b' ",
    ' xmlns:i="http://www.inkscape.org/namespaces/inkscape" ', "<path d='M 0 0\n L 1 1'/>",
    "<path d='", " d=' M0  0 ' ", "<tspan> a </tspan>", "<script href='a.js'/>", "class = 'b'",
    "<image href='a.png'/>", "<image xlink:href='a.png'/>", "<use href='#a'/>", "<rect />",
    "<use href='a.svg#b'/>", "<a href='b'/>", "<p xmlns='http://www.w3.org/1999/xhtml'>",
]  # fmt: skip


def _words(spaceless: str, *phrases: str) -> tuple[str, ...]:
    return (*_BLANKS, *_LETTERS, *spaceless.split(), *phrases)


_SHEET = _words(_CSS, *_CSS_PHRASES)
_SCRIPT = _words(_JS, *_JS_PHRASES, *(f"{word} " for word in _JS_WORDS.split()))

WORDS = {
    "bundle of css": (*_SHEET, "\x1b", "\x1b"),
    "bundle of js": (*_SCRIPT, "\x1b", "\x1b"),
    "compose": tuple(_MAPPINGS.split()),
    "css": _SHEET,
    "html": _words(_HTML, *_HTML_PHRASES),
    "js": _SCRIPT,
    "json": _words(_JSON, *_JSON_PHRASES),
    "sourcemap": _words(_JSON + _MAP, *_JSON_PHRASES),
    "svg": _words(_SVG, *_SVG_PHRASES),
    "webmanifest": _words(_JSON + _MANIFEST, *_JSON_PHRASES),
}
"""Words by the name of the kind."""

_PLAIN_MAP = (
    '{"version":3,"sources":["a",null],"sourcesContent":["b"],"names":["n","m"],"mappings":"'
)

FRAMES = {
    "bundle of css": ("a{b:c}\x1b", "\x1ba{}"),
    "bundle of js": ("a;\x1b", "\x1bb;"),
    "compose": (_PLAIN_MAP, '"}'),
    "css": ("a{--b:c;d:", "}"),
    "html": ("<body>", "</body>"),
    "js": ("async function f(){", "}"),
    "json": ("[", "]"),
    "sourcemap": (_PLAIN_MAP, '"}'),
    "svg": (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:i="http://www.inkscape.org/">',
        "</svg>",
    ),
    "webmanifest": ('{"icons":[', "]}"),
}
"""What makes words between them more likely to be understood, by the name of the kind."""
