"""Bundles: many scripts or stylesheets as one that does what they do one by one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import tinycss2
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from assetpipe.kinds.bundle import CannotBundleError, Joined, Member
from assetpipe.kinds.css import KIND as CSS
from assetpipe.kinds.css import bundle as css
from assetpipe.kinds.js import KIND as JS
from assetpipe.kinds.js import bundle as js
from assetpipe.kinds.model import Options
from tests.node import require_node, run_node


def joined(join: Callable[[Sequence[Member]], Joined], texts: Sequence[str], end: str) -> Joined:
    """Return a bundle, after a check that its pieces are what they say they are."""
    members = [Member(f"{number}.{end}", text) for number, text in enumerate(texts)]
    bundle = join(members)
    at = 0
    for piece in bundle.pieces:
        assert piece.start >= at
        at = piece.start + piece.length
        origin = members[piece.member].text[piece.origin : piece.origin + piece.length]
        assert bundle.text[piece.start : at] == origin != ""
    assert len(bundle.maps) == len(members)
    return bundle


def scripts(*texts: str) -> Joined:
    return joined(js.join, texts, "js")


def sheets(*texts: str) -> Joined:
    return joined(css.join, texts, "css")


# Scripts: what runs.

STRICT = "'use strict'; log((function(){ return !this })())"

RUNNING = {
    "no semicolon before a call in brackets": ["a = log", "(function(){ log(1) })()"],
    "no semicolon before an array": ["a = 'xyz'", "[1].forEach(log)"],
    "no semicolon before a template": ["a = log", "`t`"],
    "no semicolon before a regex": ["a = 2", "/b/g.test('b') && log(1)"],
    "no semicolon before a sign": ["a = 2", "+log(1)"],
    "no semicolon before a decrement": ["var a = 1, b = 2; a", "--b; log(a, b)"],
    "an increment on either side": ["var a = 1, b = 2; a++", "++b; log(a, b)"],
    "a last line that is a comment": ["a = 1 // one", "b = 2"],
    "a last line that is a comment without code": ["// only", "b = 2"],
    "a comment at the end of a script with a brace": ["if (1) { a = 1 } // }", "b = 2"],
    "a block comment at the end": ["a = 1 /* one */", "(log)(2)"],
    "an empty script": ["", "a = 1", " \n", "b = a"],
    "only comments": ["/* nothing */", "'use strict'; x = (function(){ return this })()"],
    "the directive of the first behind comments": [
        "/* nothing */ // else",
        "'use strict'; log(this === window, (function(){ return !this })())",
    ],
    "a function declaration at the end": ["function f(){ return 1 }", "(log(f()))"],
    "a class declaration at the end": ["class A {}", "(log(typeof A))"],
    "a function expression at the end": ["a = function(){ return 1 }", "(log(typeof a))"],
    "a class expression at the end": ["a = class {}", "(log(typeof a))"],
    "an arrow function at the end": ["a = () => {}", "(log(typeof a))"],
    "an arrow function without braces at the end": ["a = x => x", "(log(typeof a))"],
    "an object at the end": ["a = {}", "(log(typeof a))"],
    "a block at the end": ["{ a = 1 }", "(log(a))"],
    "an if at the end": ["if (0) { a = 1 }", "(log(2))"],
    "an else at the end": ["if (1) a = 1; else a = 2", "(log(a))"],
    "an empty statement as a body": ["if (0);", "log(1)"],
    "a loop without a body": ["for (var a = 0; a < 3; a++);", "log(a)"],
    "a do-while at the end": ["var a = 0; do a++; while (a < 3)", "(log)(a)"],
    "a do-while with a block": ["var a = 0; do { a++ } while (a < 3)", "log(a)"],
    "a do-while around a while": [
        "var a = 0, b = 0; do while (b < 2) b++; while (a++ < 3)",
        "while (b < 9) b++; log(a, b)",
    ],
    "a do-while in a do-while": ["var a = 0; do do a++; while (a % 2) while (a < 5)", "(log)(a)"],
    "a do-while around an if": ["var a = 0; do if (a) a++; else a = 1; while (a < 3)", "(log)(a)"],
    "a label before a block": ["a: { break a }", "(log)(1)"],
    "a break at the end": ["for (;;) break", "(log)(1)"],
    "a throw that is caught": ["try { throw 1 } catch { a = 1 }", "(log)(a)"],
    "a try with finally": ["try { a = 1 } finally { b = 2 }", "(log)(a, b)"],
    "a switch at the end": ["switch (1) { case 1: a = 1 }", "(log)(a)"],
    "a regex at the end": ["a = /x/", "/y/g.test('y') && log(1)"],
    "a regex that looks like a comment": ["a = /[/*]/", "b = 1 /* */ ; log(b)"],
    "a template at the end": ["a = `${1}`", "`b`; log(a)"],
    "a directive alone": ["'a directive'", "('b')"],
    "all strict": ["'use strict'; var a = this === window", '"use strict"; let b = a; log(b)'],
    "none strict": ["a = 1", "b = 010; log(b)"],
    "a strict script before a sloppy one": [
        "'use strict'; log((function(){ return !this })())",
        "y = 010; log(y)",
    ],
    "a sloppy script before a strict one": [
        "x = 010; log(x)",
        "'use strict'; log((function(){ return !this })())",
    ],
    "this in a strict script among sloppy ones": ["a = 1", "'use strict'; log(this === window)"],
    "a strict script that sets a global of nobody": [
        "a = 1",
        "'use strict'\ntry { q = 1 } catch { log(2) }",
    ],
    "a strict script among sloppy ones that ends in a comment": [
        "a = 1",
        "'use strict'; b = a // b",
    ],
    "a strict script among sloppy ones, an expression": [
        "x = 1",
        "'use strict'\n;[1].forEach(log)",
        "(log)(2)",
    ],
    "a strict script among sloppy ones with a let in a block": [
        "a = 1",
        "'use strict'; { let a = 2; const b = 3; log(a, b); function f(){} }",
    ],
    "strict among sloppy, with declarations in functions": [
        "a = 1",
        "'use strict'; (function(){ var a = arguments.length; function f(){} log(a) })(1, 2)",
    ],
    "strict among sloppy, arguments as a property": [
        "var x = {}",
        "'use strict'; log(x.arguments)",
    ],
    "a strict script that declares, before a sloppy one": [
        "'use strict'; var b = 1; let c = 2; function f(a) { a = 3; return [arguments[0], !this] }",
        "x = 010; log(x, b, c, f(4), (function () { return !this })())",
    ],
    "a strict script that declares, behind a sloppy one": [
        "x = 010",
        (
            "'use strict'; async function* g() { log(!this) } class B { m() { log(!this) } }"
            "var o = { m() { return !this }, get a() { return !this }, async s() {} };"
            "const h = () => { return function () { return function () { return !this } } };"
        ),
        "g().next(); new B().m.call(undefined); log((0, o.m)(), o.a, h()()(), x)",
    ],
    "strict functions with directives, names and nothing in them": [
        "'use strict'; var f = function g() { 'use asm'; return typeof g }, e = function () {};",
        "x = 010; log(f(), e(), x)",
    ],
    "use strict in brackets": ["('use strict'); x = 010; log(x)", STRICT],
    "use strict with an escape": ["'use\\x20strict'; x = 010; log(x)", STRICT],
    "use strict in an expression": ["'use strict' + 1; x = 010; log(x)", STRICT],
    "use strict with a property in the next line": [
        "'use strict'\n.length; x = 010; log(x)",
        STRICT,
    ],
    "use strict with a call in the next line": [
        "try { 'use strict'\n() } catch { log(1) }",
        "x = 010",
    ],
    "use strict with a comma": ["'use strict', x = 010; log(x)", STRICT],
    "use strict with in": ["'use strict'\nin {}; x = 010; log(x)", STRICT],
    "use strict behind a statement": [";'use strict'; x = 010; log(x)", STRICT],
    "use strict behind another directive": [
        "'a'\n'use strict'\nlog((function(){ return !this })())",
        "x = 010",
    ],
    "use strict before an increment in the next line": [
        "'use strict'\n++a; log((function(){ return !this })())".replace("++a", "++this.a"),
        "x = 010",
    ],
    "use strict before a comment with a line break": [
        "'use strict' /*\n*/ log((function(){ return !this })())",
        "x = 010",
    ],
    "use strict at the end of the file": ["'use strict'", "x = 010; log(x)"],
    "a directive that is no strict mode": ["'use asm'; a = 010", "'use strict'; log(a)"],
    "a hashbang": ["a = 1", "#!/usr/bin/env node\nlog(a)"],
    "a byte order mark": ["\ufeffa = 1", "\ufeff'use strict'; log(a)"],
    "a hashbang behind a byte order mark": ["a = 1", "\ufeff#!x\nlog(a)"],
    "a source map": [
        "a = 1\n//# sourceMappingURL=a.js.map",
        "(log)(a)\n//# sourceMappingURL=b.js.map\n",
    ],
    "a dynamic import": ["a = () => import('x')", "(log)(1)"],
    "var in both": ["var a = 1; log(a)", "var a; log(a)"],
    "a function before a var": ["function f(){ return 1 } log(f())", "var f; log(f())"],
    "let in blocks of both": ["{ let a = 1; log(a) }", "{ let a = 2; log(a) }"],
    "let in heads of loops": ["for (let a of [1]) log(a)", "let a = 2; log(a)"],
    "let and const": ["let a = 1, [b, { x: c = 2 }] = [3, {}]", "const d = a + b + c; log(d)"],
    "a later function of a parameter's name": ["(function (f) { log(f) })(1)", "function f(){}"],
    "a later constant in a function": ["a = () => b", "const b = 1; log(a())"],
    "a later class in a function": ["function f(){ return new A }", "class A {}; log(typeof f())"],
    "a later function as a property": ["var x = { f: 1, f2(){} }; log(x.f)", "function f(){}"],
    "let as a name": ["var let_ = 1; log(let_)", "(log)(1)"],
    "async as a name": ["var async = 1; async", "(log)(async)"],
    "yield as a name": ["var yield = 1; log(yield)", "(log)(yield)"],
    "a line break of another kind": ["a = 1 // one\u2028b = 2 // two", "log(a, b)"],
}


def test_scripts_run_in_a_bundle_as_they_do_one_by_one() -> None:
    """Node sees the same log and the same global names, of the bundle and of it minified."""
    require_node()
    assert differences(list(RUNNING.values())) == []


def differences(cases: Sequence[Sequence[str]]) -> list[tuple[Sequence[str], Any]]:
    """Return the cases that do something else as a bundle, and what both do."""
    lines = []
    for case in cases:
        bundle = scripts(*case).text
        small = JS.transform(bundle.encode(), Options()).body.decode()
        lines += [json.dumps({"scripts": case, "bundle": text}) for text in (bundle, small)]
    results = map(json.loads, run_node("bundles.mjs", text="\n".join(lines)).splitlines())
    return [
        (cases[number // 2], result)
        for number, result in enumerate(results)
        if result["separate"] != result["bundled"]
    ]


MAPS = [
    pytest.param("a\n//# sourceMappingURL=a.map", "a.map", "a;\n", id="in the last line"),
    pytest.param("a\n//@ sourceMappingURL=a.map\n", "a.map", "a;\n\n", id="the old spelling"),
    pytest.param("a /*# sourceMappingURL=a.map */", "a.map", "a; \n", id="a block comment"),
    pytest.param("/x/ /*# sourceMappingURL=a*//**/", "a", "/x/; /**/\n", id="comments behind it"),
    pytest.param("//# sourceMappingURL=a.map", "a.map", "", id="nothing else"),
    pytest.param("//# sourceMappingURL=a\nb", "", "//# sourceMappingURL=a\nb;\n", id="code behind"),
    pytest.param("a\n//# sourceMappingURL=data:,x", "data:,x", "a;\n", id="in the comment itself"),
    pytest.param("a", "", "a;\n", id="none"),
]


@pytest.mark.parametrize(("text", "url", "rest"), MAPS)
def test_source_map_of_a_script(text: str, url: str, rest: str) -> None:
    """The comment at a member's end goes, and its URL is told."""
    bundle = scripts(text, "b")
    assert bundle.maps == (url, "")
    assert bundle.text == rest + "b;\n"


REFUSED = [
    pytest.param(["a", "import 'x'"], (1, 0), "module", id="an import"),
    pytest.param(["a;\nexport { a }"], (0, 3), "module", id="an export"),
    pytest.param(["log(import.meta.url)"], (0, 4), "module", id="import.meta"),
    pytest.param(["await f()"], (0, 0), "module", id="await at the top"),
    pytest.param(["x = async () => 1\nawait f()"], (0, 18), "module", id="await behind an arrow"),
    pytest.param(["for await (a of b);"], (0, 4), "module", id="for await at the top"),
    pytest.param(["\ufeff#!x\nimport 'x'"], (0, 5), "module", id="positions count what goes"),
    pytest.param(["a", "/* never closed"], (1, 0), "certain", id="an open comment"),
    pytest.param(["`never closed"], (0, 0), "certain", id="an open template"),
    pytest.param(["'never closed"], (0, 0), "certain", id="an open string"),
    pytest.param(["f(function () {"], (0, 15), "certain", id="open brackets"),
    pytest.param(["a\n<!-- b"], (0, 2), "certain", id="an HTML-like comment"),
    pytest.param(["a\n --> b"], (0, 3), "certain", id="the end of an HTML-like comment"),
    pytest.param(["if (a)"], (0, 5), "ends with", id="an if without a statement"),
    pytest.param(["while (a)"], (0, 8), "ends with", id="a while without a statement"),
    pytest.param(["do a(); while (b) while (c)"], (0, 26), "ends with", id="one behind a do-while"),
    pytest.param(["for (;;)"], (0, 7), "ends with", id="a for without a statement"),
    pytest.param(["with (a)"], (0, 7), "ends with", id="a with without a statement"),
    pytest.param(["if (a) {} else"], (0, 10), "ends with", id="an else without a statement"),
    pytest.param(["a:"], (0, 1), "ends with", id="a label without a statement"),
    pytest.param(["a = // b"], (0, 2), "ends with", id="an assignment without a value"),
    pytest.param(["a +"], (0, 2), "ends with", id="a sum without its second part"),
    pytest.param(["a."], (0, 1), "ends with", id="a dot"),
    pytest.param(["typeof"], (0, 0), "ends with", id="an operator word"),
    pytest.param(["var"], (0, 0), "ends with", id="a var without a name"),
    pytest.param(["function f()"], (0, 11), "ends with", id="a function without a body"),
    pytest.param(["switch (a)"], (0, 9), "ends with", id="a switch without a body"),
    pytest.param(["++"], (0, 0), "ends with", id="an increment of nothing"),
    pytest.param(["do {}"], (0, 0), "while", id="a do without a while"),
    pytest.param(["do if (b) while (c) d()"], (0, 0), "while", id="a do with a loop inside"),
    pytest.param(["try {}"], (0, 5), "catch", id="a try alone"),
    pytest.param(["if (a) {}", "else {}"], (1, 0), "begins", id="an else first"),
    pytest.param(["try {}finally{}", "catch (a) {}"], (1, 0), "begins", id="a catch first"),
    pytest.param(["a", "finally {}"], (1, 0), "begins", id="a finally first"),
    pytest.param(["a", ".b"], (1, 0), "begins", id="a dot first"),
    pytest.param(["a", "in b"], (1, 0), "begins", id="an operator word first"),
    pytest.param(["a", "=> b"], (1, 0), "begins", id="an arrow first"),
    pytest.param(["if (a) return"], (0, 7), "return", id="return at the top"),
    pytest.param(["() => { new.target }"], (0, 8), "new.target", id="new.target in an arrow"),
    pytest.param(
        ["a", "'use strict'; var b; { function f(){} }"], (1, 23), "strict", id="in a block"
    ),
    pytest.param(
        ["'use strict'; let f = function(a = 1){}", "a"], (0, 30), "strict", id="a default"
    ),
    pytest.param(
        ["'use strict'; let f = ({ m({ a }){} })", "a"], (0, 26), "strict", id="a pattern"
    ),
    pytest.param(
        ["'use strict'; var f = () => function(...a){}", "a"], (0, 36), "strict", id="the rest"
    ),
    pytest.param(["'use strict'; arguments", "a"], (0, 14), "arguments", id="strict and arguments"),
    pytest.param(
        ["'use strict'; x = () => [\\u0061rguments]", "a"],
        (0, 25), "arguments", id="the same with an escape, in an arrow",
    ),
    pytest.param(["let a", "let a"], (1, 4), "“a”", id="let twice"),
    pytest.param(["var a", "let a"], (1, 4), "“a”", id="var and let"),
    pytest.param(["let a", "b", "{ var a }"], (2, 6), "“a”", id="let and a var in a block"),
    pytest.param(["const a = 1", "function a() {}"], (1, 9), "“a”", id="const and a function"),
    pytest.param(["class A {}", "{ function A() {} }"], (1, 11), "“A”", id="a function in a block"),
    pytest.param(["let { b: [a = 1] } = c", "var a"], (1, 4), "“a”", id="a pattern"),
    pytest.param(["let { ...a } = c", "var a"], (1, 4), "“a”", id="the rest of a pattern"),
    pytest.param(["let b = f(1, 2), a", "var a"], (1, 4), "“a”", id="the second of two"),
    pytest.param(["let b = x => x, a", "var a"], (1, 4), "“a”", id="the second behind an arrow"),
    pytest.param(["let b = `${1, 2}`, a", "var a"], (1, 4), "“a”", id="behind a template"),
    pytest.param(["let \\u{61}", "let a"], (1, 4), "“a”", id="an escape in a name"),
    pytest.param(["function f() {}", "function f() {}"], (1, 9), "“f”", id="two functions"),
    pytest.param(["var f = 1", "function f() {}"], (1, 9), "“f”", id="var and a later function"),
    pytest.param(["f = 1", "function f() {}"], (0, 0), "“f”", id="set, then a function"),
    pytest.param(["typeof f", "function f() {}"], (0, 7), "“f”", id="asked for, then a function"),
    pytest.param(["log(self.f)", "function f() {}"], (0, 9), "“f”", id="asked for as a property"),
    pytest.param(["typeof A", "class A {}"], (0, 7), "“A”", id="asked for, then a class"),
    pytest.param(["log(name)", "const name = 1"], (0, 4), "“name”", id="read, then a constant"),
    pytest.param(["log({ name })", "const name = 1"], (0, 6), "“name”", id="read for a property"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "place", "word"), REFUSED)
def test_scripts_that_no_bundle_may_hold(
    texts: list[str], place: tuple[int, int], word: str
) -> None:
    """The error names the member and the place, and gives a hint."""
    with pytest.raises(CannotBundleError, match=word) as caught:
        scripts(*texts)
    assert (caught.value.member, caught.value.position) == place
    assert caught.value.hint


def test_a_module_by_its_name() -> None:
    """A file ``*.mjs`` is a module, whatever it holds."""
    with pytest.raises(CannotBundleError, match="module") as caught:
        js.join([Member("a.js", "a"), Member("b.mjs", "b")])
    assert (caught.value.member, caught.value.position) == (1, 0)
    assert '<script type="module">' in caught.value.hint


NOTED = [
    pytest.param(["document.currentScript.src"], [(0, 9)], id="currentScript"),
    pytest.param(["onload = start", "function start(){}"], [(0, 9)], id="a later function"),
    pytest.param(
        ["(() => { if (typeof f === 'undefined') f = 1 })()", "function f(){}"],
        [(0, 20), (0, 39)], id="asked for and set in a function",
    ),
    pytest.param(
        ["(() => { var f; if (typeof f === 'undefined') f = 1 })()", "function f(){}"],
        [], id="asked for in a function that declares it",
    ),
    pytest.param(["() => start()", "function start(){}"], [], id="called in a function"),
    pytest.param(["(f) => { g(f) }", "function f(){}"], [], id="a parameter"),
    pytest.param(["class B { f = 1; g() {} }", "function f(){} class g {}"], [], id="a field"),
    pytest.param(["x = { f: 1, g() {} }", "function f(){} let g"], [], id="a property"),
    pytest.param(["for (const f of x) f()", "function f(){}"], [], id="a constant in a block"),
    pytest.param(["try {} catch ({ f }) { f() }", "function f(){}"], [], id="a caught error"),
    pytest.param(["f: for (;;) break f", "function g(){}"], [], id="another name"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "places"), NOTED)
def test_notes_about_scripts(texts: list[str], places: list[tuple[int, int]]) -> None:
    """What may be meant otherwise is told with its place."""
    assert [(note.member, note.position) for note in scripts(*texts).notes] == places


def test_semicolons_only_where_something_could_run_on() -> None:
    """A block or a semicolon ends a script by itself."""
    assert scripts("a()", "function f(){}", "b();", "c").text == (
        "a();\nfunction f(){}\nb();\nc;\n"
    )


SNIPPETS = """
a = log
(function () { log('b') })()
`t`
[1, 2].forEach(log)
/x/g.test('x')
a = 1
a = 2;
a++
++a
-a
log(typeof a)
log(this === window)
a = {}
var b = 1
var b; log(b)
b = [1]
log(typeof b)
if (typeof b === 'string') b = 3
function f() { return 1 }
function f() { return 2 } log(f())
log(typeof f)
f = 3
window.f = window.f || 1
var f = 4; log(f)
{ function f() {} }
if (1) function f() {}
let x = 1
const x = 2; log(x)
class x {}
{ let x = 3; log(x) }
log(typeof x)
x = 5
for (let x of [6]) log(x)
for (var x = 7, y = 8; 0;);
var { x, y: [c = 9] } = { y: [] }
a = () => x
a = function (x, f) { log(typeof x, typeof f) }
log(typeof a === 'function' && a.length)
a = x => f
try { q } catch (f) { log(f.name) }
a = { x: 1, f() {}, x2: 2 }
'use strict'
'use strict'; log((function () { return !this })())
log((function () { return !this })())
'use strict'; { function f() {} log(typeof f) }
'use strict'; let y = 1; log(y)
log(010)
'use strict'; (() => { log(this === window) })()
'a directive'
// comment

/* comment */
do a = 1; while (0)
if (0) a = 1; else a = 2
var async = x => { log(1) }
l: for (;;) break l
a = { get x() { return f } }
class A { x = 1; static f = 2 }
a = `${a => x}`, b = 1
""".splitlines()


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(st.lists(st.sampled_from(SNIPPETS), min_size=2, max_size=4), min_size=30, max_size=60)
)
def test_whatever_is_bundled_runs_as_it_did(cases: list[list[str]]) -> None:
    """A bundle without a note does what its members did, if none of them threw."""
    require_node()
    accepted = []
    for case in cases:
        try:
            bundle = scripts(*case)
        except CannotBundleError:
            continue
        if not bundle.notes:
            accepted.append(case)
    different = differences(accepted) if accepted else []
    assert [it for it in different if "thrown" not in str(it[1]["separate"]["log"])] == []


# Stylesheets.

CSS_BUNDLES = [
    pytest.param(["a{}", "b{}"], "a{}\nb{}\n", id="rules in order"),
    pytest.param(["a{}\n", "", "/* c */", "b{}"], "a{}\n/* c */\nb{}\n", id="nothing but comments"),
    pytest.param(["\ufeffa{}", "\ufeffb{}"], "a{}\nb{}\n", id="byte order marks"),
    pytest.param(["@layer a", "b{}"], "@layer a;\nb{}\n", id="a statement without its semicolon"),
    pytest.param(["@layer a /* x */", "b{}"], "@layer a /* x */;\nb{}\n", id="a comment behind it"),
    pytest.param(["<!-- a{} -->", "b{}"], "<!-- a{} -->\nb{}\n", id="marks of HTML comments"),
    pytest.param(["a{};", "b{}"], "a{}\nb{}\n", id="a semicolon at the end"),
    pytest.param([";a{}", "b{}"], ";a{}\nb{}\n", id="a semicolon that spoils a rule"),
    pytest.param(['a{b:";}"}', "b{}"], 'a{b:";}"}\nb{}\n', id="marks in a string"),
    pytest.param(["a{b:url(;})}", "b{}"], "a{b:url(;})}\nb{}\n", id="marks in a URL"),
    pytest.param(["@media x{a{}}", "b{}"], "@media x{a{}}\nb{}\n", id="rules in a rule"),
    pytest.param(["@x (;{}) [;];", "b{}"], "@x (;{}) [;];\nb{}\n", id="marks in brackets"),
    pytest.param(
        ["@import 'x';a{}", "@import 'y';b{}"],
        "@import 'x';\n@import 'y';\na{}\nb{}\n", id="imports first",
    ),
    pytest.param(
        ["/* c */ @IMPORT url(x) print;", "@\\69mport 'y'"],
        "@IMPORT url(x) print;\n@\\69mport 'y';\n/* c */ \n", id="imports in other spellings",
    ),
    pytest.param(
        ["@layer a; a{}", "b{}"], "@layer a; a{}\nb{}\n", id="layers without imports stay",
    ),
    pytest.param(
        ["@layer a;", "@import 'x';"], "@layer a;\n@import 'x';\n", id="layers before imports",
    ),
    pytest.param(
        ["@import 'x';", "@layer a; @import 'y'; b{}"],
        "@layer a;\n@import 'x';\n@import 'y';\n  b{}\n", id="no layer may stand between imports",
    ),
    pytest.param(
        ["@import 'x'; @layer a; @import 'y';", "b{}"],
        "@import 'x';\n @layer a; @import 'y';\nb{}\n", id="an import behind a layer stays there",
    ),
    pytest.param(
        ["@import 'x';", "@layer a;", "b{}"],
        "@import 'x';\n@layer a;\nb{}\n", id="layers behind the imports before them",
    ),
    pytest.param(
        ["a{} @import 'x';", "b{}"], "a{} @import 'x';\nb{}\n", id="an ignored import stays",
    ),
    pytest.param(
        ["@import 'x' {} @import 'y';", "b{}"],
        "@import 'x' {} @import 'y';\nb{}\n", id="an import with a block is none",
    ),
    pytest.param(['@charset "x";a{}', "b{}"], "a{}\nb{}\n", id="a charset goes"),
    pytest.param(
        ["a{}", '@charset "latin1";é{}'], '@charset "utf-8";\na{}\né{}\n', id="a charset is kept",
    ),
    pytest.param(["a{}", "é{}"], "a{}\né{}\n", id="none is added"),
    pytest.param(
        ["@namespace 'x';a{}", "/**/"], "@namespace 'x';a{}\n/**/\n", id="a namespace alone",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "expected"), CSS_BUNDLES)
def test_stylesheets(texts: list[str], expected: str) -> None:
    """The rules follow one another; what belongs at the top moves there."""
    assert sheets(*texts).text == expected


CSS_NOTES = [
    pytest.param(["a{}", "b{}"], [], id="nothing moves"),
    pytest.param(["@import 'x';", "@import 'y';b{}"], [], id="imports pass nothing"),
    pytest.param(["a{}", "@import 'y'; @import 'z';"], [(1, 0), (1, 13)], id="imports pass rules"),
    pytest.param(
        ["@import 'x';@layer a;", "@import 'y';"], [(1, 0)], id="an import passes a layer",
    ),
    pytest.param(
        ["@import 'x';", "@layer a; @import 'y';"], [(1, 0)], id="a layer passes an import",
    ),
    pytest.param(
        ["@import 'x';", "@layer a;", "@import 'y';"], [(2, 0)],
        id="an import passes a layer alone",
    ),
    pytest.param(["a{} @import 'x';"], [(0, 4)], id="an ignored import"),
    pytest.param(["a{} foo", "b{}"], [(0, 4)], id="an end that is no rule"),
    pytest.param(["a{};;", "b{}"], [], id="semicolons at the end"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "places"), CSS_NOTES)
def test_notes_about_stylesheets(texts: list[str], places: list[tuple[int, int]]) -> None:
    """What moves past other rules, or is no rule, is told with its place."""
    assert [(note.member, note.position) for note in sheets(*texts).notes] == places


CSS_REFUSED = [
    pytest.param(["a{}", "b{"], (1, 1), "never closed", id="an open block"),
    pytest.param(["@media x{a{}"], (0, 8), "never closed", id="an open at-rule"),
    pytest.param(["a{b:f(c}"], (0, 7), "closes nothing", id="an open bracket in a block"),
    pytest.param(["a(b"], (0, 1), "never closed", id="an open bracket"),
    pytest.param(["a{}}"], (0, 3), "closes nothing", id="a brace too many"),
    pytest.param(["a)"], (0, 1), "closes nothing", id="a bracket too many"),
    pytest.param(["a{} /* b"], (0, 4), "broken", id="an open comment"),
    pytest.param(["a{b:'c}"], (0, 4), "broken", id="an open string"),
    pytest.param(["a{b:'c\n'}"], (0, 4), "broken", id="a string that its line ends"),
    pytest.param(["a{b:url(c"], (0, 7), "broken", id="an open URL"),
    pytest.param(["a{b:url(c d)}"], (0, 7), "broken", id="a broken URL"),
    pytest.param(["a{b:u\\72l(c}d)}"], (0, 5), "broken", id="a URL with an escape in its name"),
    pytest.param(["a{}\\"], (0, 3), "broken", id="an escape of nothing"),
    pytest.param(["@namespace 'x';", "a{}"], (0, 0), "namespace", id="a namespace"),
    pytest.param(["a{}", "@NAMESPACE b 'x'"], (1, 0), "namespace", id="a later namespace"),
]


@pytest.mark.parametrize(("texts", "place", "word"), CSS_REFUSED)
def test_stylesheets_that_no_bundle_may_hold(
    texts: list[str], place: tuple[int, int], word: str
) -> None:
    """The error names the member and the place, and gives a hint."""
    with pytest.raises(CannotBundleError, match=word) as caught:
        sheets(*texts)
    assert (caught.value.member, caught.value.position) == place
    assert caught.value.hint


CSS_MAPS = [
    pytest.param("a{}/*# sourceMappingURL=a.map */", "a.map", "a{}\n", id="at the end"),
    pytest.param("a{}\n/*# sourceMappingURL=a.map */\n", "a.map", "a{}\n\n", id="in its own line"),
    pytest.param("/*# sourceMappingURL=data:,x */", "data:,x", "", id="in the comment itself"),
    pytest.param(
        "/*# sourceMappingURL=a */a{}", "", "/*# sourceMappingURL=a */a{}\n", id="not last"
    ),
]


@pytest.mark.parametrize(("text", "url", "rest"), CSS_MAPS)
def test_source_map_of_a_stylesheet(text: str, url: str, rest: str) -> None:
    """The comment at a member's end goes, and its URL is told."""
    bundle = sheets(text, "b{}")
    assert bundle.maps == (url, "")
    assert bundle.text == rest + "b{}\n"


CSS_SNIPPETS = [
    *(
        "a{b:c}",
        "@media x{a{b:c}}",
        "@layer a;",
        "@layer b{d{e:f}}",
        "@font-face{a:b}",
        "@x (;) y;",
    ),
    *("/* c */", " \n", "<!--", "-->", "a;b{c:d}", "é{f:g}", '@charset "utf-8";', "a{b:url(;{)}"),
    *(
        "@import 'x';",
        "@import url(y) layer(z);",
        "@layer",
        "@import 'z'",
        "foo",
        ";",
        "\\7b ",
        '"s"',
    ),
    *(
        "a{",
        "}",
        "(",
        "[",
        ")",
        "]",
        "/*",
        "*/",
        "url(",
        "'",
        "\\",
        "\n",
        "\r",
        "{}",
        "@",
        "-",
        "/",
    ),
]


@given(st.lists(st.lists(st.sampled_from(CSS_SNIPPETS), max_size=5).map("".join), max_size=4))
def test_a_bundle_has_the_rules_of_its_stylesheets(texts: list[str]) -> None:
    """tinycss2 sees what it sees in the members, ``@layer`` and ``@import`` at the top first."""
    try:
        bundle = sheets(*texts)
    except CannotBundleError:
        return
    layers: list[str] = []
    imports: list[str] = []
    others: list[str] = []
    for text in texts:
        place = 0  # behind layers, behind imports, behind others
        for rule in rules(text):
            name = statement(rule)
            place = max(place, {"layer": 2 * (place > 0), "import": 1}.get(name, 2))
            kept = layers if name == "layer" else imports if place == 1 else others
            kept.append(rule.serialize())
    found = rules(bundle.text)
    assert sorted(rule.serialize() for rule in found if statement(rule) == "layer") == sorted(
        layers
    )
    assert [rule.serialize() for rule in found if statement(rule) != "layer"] == imports + others
    names = [statement(rule) for rule in found]
    first = names.index("import") if imports else 0
    assert set(names[:first]) <= {"layer"}
    assert set(names[first : first + len(imports)]) <= {"import"}


def statement(rule: Any) -> str:
    """Return the name of an at-rule without a block."""
    is_statement = rule.type == "at-rule" and rule.content is None
    return str(rule.lower_at_keyword) if is_statement else ""


def rules(text: str) -> list[Any]:
    """Return the rules of a stylesheet, without charsets and errors."""
    found = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    return [
        rule
        for rule in found
        if rule.type != "error" and getattr(rule, "lower_at_keyword", "") != "charset"
    ]


def test_minifying_a_bundle_of_stylesheets() -> None:
    """What was joined is understood by the kind, its references included."""
    bundle = sheets("@import 'x.css'", "a { b: url(c.png) }").text
    result = CSS.transform(bundle.encode(), Options())
    assert result.body == b"@import 'x.css';a{b:url(c.png)}"
    assert [reference.specifier for reference in result.references] == ["x.css", "c.png"]
    assert not result.notes
