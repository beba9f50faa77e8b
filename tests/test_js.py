"""The JavaScript kind: tokens, line breaks, what ships, and references."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assetpipe.kinds.js import KIND, context
from assetpipe.kinds.js.context import Unsure
from assetpipe.kinds.js.minify import break_matters, print_tokens
from assetpipe.kinds.js.references import string_value
from assetpipe.kinds.js.tokens import Tokens, tokenize
from assetpipe.kinds.model import Options, Transformed

AS_IS = Options(minify=False)


def split(source: str, *, module: bool = False) -> list[str]:
    """Return the tokens of a program, after a check that nothing of it is lost."""
    tokens = tokenize(source, module=module)
    assert "".join(tokens.pieces) == source
    return [piece for piece, _kind in bare(tokens) if piece]


def bare(tokens: Tokens) -> list[tuple[str, int]]:
    """Return the tokens with what they mean, without gaps."""
    pairs = zip(tokens.pieces, tokens.kinds, strict=True)
    return [(piece, kind) for piece, kind in pairs if kind not in context.GAPS]


def needed_breaks(tokens: Tokens) -> list[int]:
    """Return which tokens, counted without gaps, stand behind a line break that matters."""
    found, number = [], 0
    for index, kind in enumerate(tokens.kinds[:-1]):
        number += kind not in context.GAPS
        if kind in BREAK_KINDS and break_matters(tokens, index):
            found.append(number)
    return found


BREAK_KINDS = (context.BREAK, context.BREAK_AT_MEMBER)


def printed(source: str) -> str:
    """Return a program as it is printed, after a check that it is the same program."""
    before = tokenize(source)
    text = "".join(print_tokens(before))
    after = tokenize(text)
    assert bare(after) == bare(before)
    assert needed_breaks(after) == needed_breaks(before)
    assert sum(kind in BREAK_KINDS for kind in after.kinds) <= sum(
        kind in BREAK_KINDS for kind in before.kinds
    )
    return text


# Tokens. Each case names the regular expressions and templates among them.

REGEX_OR_DIVISION = [
    pytest.param("a / b / c", [], id="behind a name it is a division"),
    pytest.param("a[0] / 1 / (b) / 2", [], id="behind brackets it is a division"),
    pytest.param("x = /b/g", ["/b/g"], id="behind an operator it is a regex"),
    pytest.param("f(/a/, /b/)", ["/a/", "/b/"], id="in arguments it is a regex"),
    pytest.param("if (x) /b/.test(y)", ["/b/"], id="behind the head of an if it is a regex"),
    pytest.param("while (x) /b/.test(y)", ["/b/"], id="behind the head of a while"),
    pytest.param("for (;;) /b/.test(y)", ["/b/"], id="behind the head of a for"),
    pytest.param("with (x) /b/.test(y)", ["/b/"], id="behind the head of a with"),
    pytest.param("do {} while (x) /b/.test(y)", ["/b/"], id="behind do-while"),
    pytest.param("if (x) a; else /b/.test(y)", ["/b/"], id="behind else"),
    pytest.param("x = y => /b/g", ["/b/g"], id="behind an arrow"),
    pytest.param("return_ / b / c; return /b/", ["/b/"], id="behind return, not a name like it"),
    pytest.param("x.return / b / c", [], id="behind a property named return"),
    pytest.param("x?.if(a) / b / c", [], id="behind a call of a method named if"),
    pytest.param("x = {if(x) {}, get /**/ in() {} } / b / c", [], id="behind an object"),
    pytest.param("{ x } /b/g", ["/b/g"], id="behind a block"),
    pytest.param("x = {} / b / c", [], id="behind an object that is assigned"),
    pytest.param("({}) / b / c", [], id="behind parentheses"),
    pytest.param("function f() {} /b/g", ["/b/g"], id="behind a function declaration"),
    pytest.param("x = function () {} / b / c", [], id="behind a function expression"),
    pytest.param("async function f() {} /b/g", ["/b/g"], id="behind an async function"),
    pytest.param("x = async function () {} / b / c", [], id="behind an async function expression"),
    pytest.param("class A {} /b/g", ["/b/g"], id="behind a class declaration"),
    pytest.param("x = class {} / b / c", [], id="behind a class expression"),
    pytest.param("class A extends {}.x {} /b/g", ["/b/g"], id="behind a class that extends {}.x"),
    pytest.param("class A extends f({}) { x = {} / 1 / 2 }", [], id="in a field of a class"),
    pytest.param("class A { static {} static x = /b/ }", ["/b/"], id="behind a static block"),
    pytest.param("class A { static { /b/.test(x) } }", ["/b/"], id="in a static block"),
    pytest.param(
        "class A { 'a' = 1; get get() { return /b/ } }", ["/b/"], id="in a getter named get"
    ),
    pytest.param("x = () => {}\n/b/.test(y)", ["/b/"], id="behind an arrow function's body"),
    pytest.param("a = b ? {} / c / d : /e/", ["/e/"], id="behind both colons of a ternary"),
    pytest.param("a ? b : {} / c / d", [], id="behind a brace that a ternary opens"),
    pytest.param("a: {} /b/", ["/b/"], id="behind a labelled block"),
    pytest.param("switch (a) { case b: {} /c/ }", ["/c/"], id="behind a block of a case"),
    pytest.param("switch (a) { case b ? c : d: /e/ }", ["/e/"], id="behind a case with a ternary"),
    pytest.param("x = {a: {} / b / c}", [], id="behind an object in an object"),
    pytest.param("return\n{} /b/", ["/b/"], id="behind return and a line break a brace is a block"),
    pytest.param("x++ / b / c", [], id="behind a postfix operator"),
    pytest.param("x\n++/b/.lastIndex", ["/b/"], id="behind a prefix operator in a new line"),
    pytest.param("for (x of /b/.exec(y)) ;", ["/b/"], id="behind of"),
    pytest.param("for (of of of / 1 / 2) ;", [], id="behind a variable named of"),
    pytest.param("of / b / c", [], id="behind of outside a for"),
    pytest.param("x in /b/", ["/b/"], id="behind in"),
    pytest.param("async function f() { await /b/ }", ["/b/"], id="behind await"),
    pytest.param("x = {async *f() { yield /b/; await /c/ }}", ["/b/", "/c/"], id="in a method"),
    pytest.param("x = {async [y]() { await /b/ }}", ["/b/"], id="in a method of a computed name"),
    pytest.param("x = async () => { await /b/ }", ["/b/"], id="in an async arrow function"),
    pytest.param("import 'x'; await /b/", ["/b/"], id="behind await at the top of a module"),
    pytest.param("function* f() { yield /b/ }", ["/b/"], id="behind yield"),
    pytest.param("function f() { yield / b / c }", [], id="behind a variable named yield"),
    pytest.param("export * as class from 'x'\n/b/.test(y)", ["/b/"], id="a namespace named class"),
    pytest.param("yield / b; c /d", [], id="behind a variable named yield at the top"),
    pytest.param("async function f() { await\n{} / b / c }", [], id="behind await and a break"),
    pytest.param("import 'x'\n/b/.test(y)", ["/b/"], id="behind an import"),
    pytest.param("import {x} from 'x'\n/b/.test(y)", ["/b/"], id="behind an import with names"),
    pytest.param("export {x}\n/b/.test(y)", ["/b/"], id="behind an export"),
    pytest.param("import 'x' with {type: 'y'}\n/b/", ["/b/"], id="behind import attributes"),
    pytest.param("export default /b/", ["/b/"], id="behind export default"),
    pytest.param("export default {} / b / c", [], id="behind an object exported"),
    pytest.param("export default function () {} /b/", ["/b/"], id="behind a function exported"),
    pytest.param("import.meta / b / c", [], id="behind import.meta"),
    pytest.param("var a\n/b/.test(c)", ["/b/"], id="behind a declaration without a value"),
    pytest.param("a: for (;;) { break a\n/b/ }", ["/b/"], id="behind a label"),
    pytest.param("a\n/b/c", [], id="behind a name a line break changes nothing"),
    pytest.param("debugger\n/b/", ["/b/"], id="behind debugger"),
    pytest.param("x = a?.5:/b/", ["/b/"], id="behind a ternary with a number like ?.5"),
    pytest.param("x = /[/]\\//u", ["/[/]\\//u"], id="slashes inside a regex"),
    pytest.param("x = /[[a-z]--[b]]/v", ["/[[a-z]--[b]]/v"], id="nested classes"),
    pytest.param("`a${ {} / b / c }${/d/}`", ["`a${", "}${", "/d/", "}`"], id="in template holes"),
    pytest.param("`${`${a}` / b / c}`", ["`${", "`${", "}`", "}`"], id="behind a nested template"),
    pytest.param("`${ x = {a: `}`} }` / 1", ["`${", "`}`", "}`"], id="braces inside a hole"),
    pytest.param("`\\`$${a}$`", ["`\\`$${", "}$`"], id="dollars and escapes in a template"),
    pytest.param("`${\\u{61}}`", ["`${", "}`"], id="an escaped name in a hole"),
    pytest.param("@a @b(c) class A {} /d/", ["/d/"], id="behind a decorated class"),
    pytest.param("x = @a class {} / b / c", [], id="behind a decorated class expression"),
    pytest.param("export @a class A { @b() c() {} } /d/", ["/d/"], id="behind a class exported"),
]


@pytest.mark.parametrize(("source", "expected"), REGEX_OR_DIVISION)
def test_regexes_and_templates_are_told_by_context(source: str, expected: list[str]) -> None:
    marks = [token for token in split(source) if "`" in token or (token[0] in "/}" and token[1:])]
    assert marks == expected


SPLITS = [
    pytest.param("#!/bin/x y\na", ["#!/bin/x y", "a"], id="a hashbang"),
    pytest.param(
        "1_0.5e-3+0xFFn+.5+017.x+0b1", "1_0.5e-3 + 0xFFn + .5 + 017 . x + 0b1", id="numbers"
    ),
    pytest.param("0x1e+5", "0x1e + 5", id="a hexadecimal number has no exponent"),
    pytest.param("1..a", "1. . a", id="a dot behind a number with a dot"),
    pytest.param("a?.b?.5:c??d", "a ?. b ? .5 : c ?? d", id="question marks"),
    pytest.param("a>>>=b**=c&&=d||=e??=f", "a >>>= b **= c &&= d ||= e ??= f", id="assignments"),
    pytest.param("a+++b---c", "a ++ + b -- - c", id="the longest operator wins"),
    pytest.param("a/=b/c", "a /= b / c", id="divisions"),
    pytest.param("\\u0061b\\u{63}=ünï$_", "\\u0061b\\u{63} = ünï$_", id="names"),
    pytest.param("class A{#a;b=#a in c}", "class A { #a ; b = #a in c }", id="private names"),
    pytest.param("a\u00a0b\ufeffc\u2003d\u2028e", "a b c d e", id="white space beyond ASCII"),
    pytest.param("'\\'\u2028\\\r\n'", ["'\\'\u2028\\\r\n'"], id="line terminators in a string"),
    pytest.param("[...a]", "[ ... a ]", id="a spread"),
    pytest.param("a<!b", "a < ! b", id="less and not"),
    pytest.param("'<!--'", ["'<!--'"], id="an HTML comment in a string"),
    pytest.param("a-->b", "a -- > b", id="goes to"),
]


@pytest.mark.parametrize(("source", "expected"), SPLITS)
def test_tokens(source: str, expected: str | list[str]) -> None:
    assert split(source) == (expected.split(" ") if isinstance(expected, str) else expected)


UNSURE = [
    pytest.param("a <!-- b", 2, id="an HTML comment that opens"),
    pytest.param("a\n--> b", 2, id="an HTML comment that closes"),
    pytest.param("/* */ --> b", 6, id="an HTML comment that closes in the first line"),
    pytest.param("x = 'a\n'", 4, id="a string without end"),
    pytest.param("x = `a", 4, id="a template without end"),
    pytest.param("x = `a${b", 9, id="a hole without end"),
    pytest.param("a /* b", 2, id="a comment without end"),
    pytest.param("x = /a", 4, id="a regex without end"),
    pytest.param("(a]", 2, id="brackets that do not match"),
    pytest.param("a)", 1, id="a bracket that is not open"),
    pytest.param("{", 1, id="a bracket that is not closed"),
    pytest.param("x = <div>it's</div>", 4, id="JSX"),
    pytest.param("function f(a: string) {}", 12, id="TypeScript's annotations"),
    pytest.param("interface A { a }", 12, id="TypeScript's interfaces"),
    pytest.param("a # b", 2, id="a character that begins no token"),
    pytest.param("await /a/", 0, id="await at the top of what may be a script"),
    pytest.param("x = (a ? b)", 10, id="a question mark without its colon"),
    pytest.param("if (a) { import 'b' }", 9, id="an import inside a block"),
    pytest.param("x = import 'b'", 4, id="an import inside a statement"),
    pytest.param("(a; b)", 2, id="a semicolon in parentheses"),
    pytest.param("a function b() {}", 2, id="a function behind a name"),
]


@pytest.mark.parametrize(("source", "position"), UNSURE)
def test_what_is_not_certain_is_refused(source: str, position: int) -> None:
    with pytest.raises(Unsure) as caught:
        tokenize(source)
    assert caught.value.position == position


def test_modules_have_no_html_comments() -> None:
    assert split("a <!--b", module=True) == ["a", "<", "!", "--", "b"]
    assert split("export {}; a\n<!--b")[-4:] == ["<", "!", "--", "b"]


# Line breaks: what is printed.

BREAKS = [
    pytest.param("a = b\n++c", "a=b\n++c", id="before a prefix operator"),
    pytest.param("a = b++\nc", "a=b++\nc", id="behind a postfix operator"),
    pytest.param("a++\n+b", "a++\n+b", id="between a postfix operator and a sign"),
    pytest.param("if (a)\n++b\nelse\n--c", "if(a)++b\nelse--c", id="behind if and else"),
    pytest.param("do x\nwhile (y)\nz", "do x\nwhile(y)z", id="around the while of do"),
    pytest.param("do {\nx\n}\nwhile (y)", "do{x}while(y)", id="behind a block of do"),
    pytest.param("let\nx\ny", "let\nx\ny", id="between names"),
    pytest.param("label:\nfor (;;)\n;", "label:for(;;);", id="behind a label"),
    pytest.param("switch (a)\n{\ncase x:\ny\n}\nb", "switch(a){case x:y}b", id="in a switch"),
    pytest.param("x\n`t`", "x\n`t`", id="before a template, behind a statement's first name"),
    pytest.param("x = y\n`t`", "x=y`t`", id="before a template, behind an operand"),
    pytest.param("x = y\n(z)", "x=y(z)", id="before parentheses, behind an operand"),
    pytest.param("x = y\n[z]", "x=y[z]", id="before brackets, behind an operand"),
    pytest.param("x = y\n+ z\n- 'a'", "x=y+z-'a'", id="before a sign, behind an operand"),
    pytest.param("var x\n(y)", "var x\n(y)", id="before parentheses, behind a declared name"),
    pytest.param("var x, y\n(z)", "var x,y\n(z)", id="the same behind a second declared name"),
    pytest.param(
        "a: for (;;) { break a\n(b) }", "a:for(;;){break a\n(b)}", id="behind a label's name"
    ),
    pytest.param("x\n.y\n?.z\n= 1\n, 2", "x.y?.z=1,2", id="before what only continues"),
    pytest.param("x\n? y\n: z\n&& a\n* b\n/ c", "x?y:z&&a*b/c", id="before operators"),
    pytest.param("x = {\na,\nb\n}\ny", "x={a,b}\ny", id="behind an object"),
    pytest.param("x = function () {\n}\ny", "x=function(){}\ny", id="behind a function expression"),
    pytest.param("x = function () {\n}\n(y)", "x=function(){}(y)", id="the same, called"),
    pytest.param(
        "function f()\n{\n}\n(x)", "function f(){}(x)", id="behind a function declaration"
    ),
    pytest.param("class A\nextends B\n{\n}\n[x]", "class A\nextends B{}[x]", id="behind a class"),
    pytest.param("x = class\n{\n}\ny", "x=class{}\ny", id="behind a class expression"),
    pytest.param("x = () => {\n}\n[y]", "x=()=>{}\n[y]", id="behind an arrow function"),
    pytest.param(
        "x = () => {\n}\n/y/.test(z)", "x=()=>{}\n/y/.test(z)", id="the same before a regex"
    ),
    pytest.param(
        "f(() => {\n}\n, () => {}\n)", "f(()=>{},()=>{})", id="arrow functions as arguments"
    ),
    pytest.param("x = a ? () => {\n}\n: b", "x=a?()=>{}:b", id="an arrow function in a ternary"),
    pytest.param("return\nx", "return\nx", id="behind return"),
    pytest.param("return /*\n*/ 1", "return\n1", id="in a comment behind return"),
    pytest.param("return /* */ 1", "return 1", id="a comment without a line break"),
    pytest.param("{ return\n}", "{return}", id="between return and the end of a block"),
    pytest.param("throw a\nb", "throw a\nb", id="behind what is thrown"),
    pytest.param("for (;;) { continue\n(a) }", "for(;;){continue\n(a)}", id="behind continue"),
    pytest.param("function* f() { yield\n[a] }", "function*f(){yield\n[a]}", id="behind yield"),
    pytest.param(
        "async\n(x)\nasync\nfunction f() {}", "async\n(x)\nasync\nfunction f(){}", id="async"
    ),
    pytest.param("import 'x'\n(y)", "import'x'\n(y)", id="behind an import"),
    pytest.param(
        "import x from 'x'\n[y]", "import x from'x'\n[y]", id="behind an import with a name"
    ),
    pytest.param("export {x}\n(y)", "export{x}\n(y)", id="behind an export"),
    pytest.param(
        "export default function () {}\n(x)", "export default function(){}(x)", id="exported"
    ),
    pytest.param(
        "export default () => {}\n(x)", "export default()=>{}\n(x)", id="an arrow exported"
    ),
    pytest.param("import {\nx,\ny\n}\nfrom 'z'", "import{x,y}\nfrom'z'", id="in an import"),
    pytest.param("a\n!b\n~c", "a\n!b\n~c", id="before unary operators"),
    pytest.param("a;\n\n\nb\n", "a;b", id="behind a semicolon and at the end"),
    pytest.param("a\r\nb\rc\u2028d", "a\nb\nc\nd", id="line terminators of every kind"),
    pytest.param("a // x\nb /* y */ c /* \n */ d", "a\nb c\nd", id="comments"),
    pytest.param("let x = 1\n@a class B {}", "let x=1\n@a class B{}", id="before a decorator"),
    pytest.param("debugger\n(a)", "debugger\n(a)", id="behind debugger"),
    # The body of a class.
    pytest.param(
        "class A {\n#a = null\n#b = []\n}", "class A{#a=null\n#b=[]}", id="private fields"
    ),
    pytest.param("class A {\na\n*b() {}\n}", "class A{a\n*b(){}}", id="a field before a generator"),
    pytest.param("class A { get\nx() {} }", "class A{get\nx(){}}", id="behind get"),
    pytest.param("class A { static\nx }", "class A{static\nx}", id="behind static"),
    pytest.param("class A { a\n[b] }", "class A{a\n[b]}", id="a field before a computed one"),
    pytest.param("class A { a\n'b'() {} }", "class A{a\n'b'(){}}", id="a field before a string"),
    pytest.param("class A { x\nin\ny }", "class A{x\nin\ny}", id="a field named in"),
    pytest.param("class A { x = a\nin\ny }", "class A{x=a\nin y}", id="an operator in in a field"),
    pytest.param("class A { x = a\n*y\nz }", "class A{x=a*y\nz}", id="a product in a field"),
    pytest.param(
        "class A { x = {}\ny\n*z() {} }", "class A{x={}\ny\n*z(){}}", id="a field's object"
    ),
    pytest.param("class A { x = () => {}\n[y] }", "class A{x=()=>{}\n[y]}", id="a field's arrow"),
    pytest.param(
        "class A { x = () => {}\ny\n*z() {} }", "class A{x=()=>{}\ny\n*z(){}}", id="and more"
    ),
    pytest.param(
        "class A {\na()\n{\n}\nb() {}\n;\nc\n= 1\n}", "class A{a(){}b(){};c=1}", id="methods"
    ),
    pytest.param("class A { static\n{\n}\nx }", "class A{static{}x}", id="a static block"),
    pytest.param("class A { @a\n@b()\nc\n}", "class A{@a\n@b()\nc}", id="decorators of members"),
]


@pytest.mark.parametrize(("source", "expected"), BREAKS)
def test_line_breaks_that_matter_stay(source: str, expected: str) -> None:
    assert printed(source) == expected


SEPARATORS = [
    pytest.param("var a = typeof b", "var a=typeof b", id="words"),
    pytest.param("a in 1 in b", "a in 1 in b", id="numbers and words"),
    pytest.param("1 .toString()", "1 .toString()", id="a number and a dot"),
    pytest.param("1.5 .toFixed()", "1.5.toFixed()", id="a number with a dot and a dot"),
    pytest.param("a + +b + ++c - -d - --e", "a+ +b+ ++c- -d- --e", id="signs"),
    pytest.param("a++ + b", "a+++b", id="a postfix operator and a sign"),
    pytest.param("a / /b/ / c", "a/ /b/ /c", id="slashes"),
    pytest.param("/a/ in b", "/a/ in b", id="a regex and a word"),
    pytest.param("/a/g in b", "/a/g in b", id="a regex with flags and a word"),
    pytest.param("a < !--b", "a< !--b", id="what would begin an HTML comment"),
    pytest.param("a <! --b", "a<! --b", id="the same, parted elsewhere"),
    pytest.param("a-- > b", "a-->b", id="goes to"),
    pytest.param("a ? .5 : b", "a?.5:b", id="a question mark and a number"),
    pytest.param("return 'a' + `b`", "return'a'+`b`", id="a word and a string"),
    pytest.param("case ünï : x", "case ünï:x", id="names beyond ASCII"),
    pytest.param("a in \\u0061b", "a in \\u0061b", id="an escaped name"),
    pytest.param("static #a", "static#a", id="a private name"),
    pytest.param("a * /b/", "a*/b/", id="a star and a regex"),
    pytest.param(
        "x = ` a  ${ b  }  \n`", "x=` a  ${b}  \n`", id="a template keeps its white space"
    ),
    pytest.param("x = 'a  b' + /c  d/", "x='a  b'+/c  d/", id="so do strings and regexes"),
]


@pytest.mark.parametrize(("source", "expected"), SEPARATORS)
def test_tokens_that_would_merge_stay_apart(source: str, expected: str) -> None:
    assert printed(source) == expected


COMMENTS = [
    pytest.param("/*! a */\nb /* c */ // d", "/*! a */b", id="at the start"),
    pytest.param("a\n/*! b */\nc", "a/*! b */\nc", id="a break beside it stays"),
    pytest.param("a\n/*! b\n */ c", "a/*! b\n */c", id="its own break is enough"),
    pytest.param("a; /*! b */", "a;/*! b */", id="at the end"),
    pytest.param("a / /*! b */ c", "a/ /*! b */c", id="behind a division"),
    pytest.param("return /*! a */ b", "return/*! a */b", id="in place of a space"),
    pytest.param("a // /*! b */\nc", "a\nc", id="not inside another comment"),
    pytest.param("#!/bin/x\n/*! a */ b", "#!/bin/x\n/*! a */b", id="behind a hashbang"),
]


@pytest.mark.parametrize(("source", "expected"), COMMENTS)
def test_important_comments_stay(source: str, expected: str) -> None:
    assert printed(source) == expected


# What ships.

RJSMIN_BREAKS = [
    pytest.param(
        "class A {\n  #a = null\n  #b = []\n}", "class A{#a=null\n#b=[]}", id="private fields"
    ),
    pytest.param(
        "x  =  `a ${ `b  ${ c }  d` }  e`", "x=`a ${`b  ${c}  d`}  e`", id="nested templates"
    ),
    pytest.param("x  =  y => /a  'b/", "x=y=>/a  'b/", id="a regex behind an arrow"),
    pytest.param("if (a)  b; else  /c  'd/.e", "if(a)b;else/c  'd/.e", id="a regex behind else"),
    pytest.param("x  =  1 .toString()", "x=1 .toString()", id="a number's method"),
    pytest.param("x  =  a < !--b", "x=a< !--b", id="what would begin an HTML comment"),
    pytest.param(
        "function f()  { return /*\n*/ 1 }", "function f(){return\n1}", id="a comment's break"
    ),
]


@pytest.mark.parametrize(("source", "expected"), RJSMIN_BREAKS)
def test_what_rjsmin_breaks_ships_right(source: str, expected: str) -> None:
    assert KIND.transform(source.encode(), Options()).body.decode() == expected


UNCHANGED = [
    pytest.param(b"", id="an empty file"),
    pytest.param(b"a=1;b=2", id="a minified file"),
    pytest.param("\ufeffa=1".encode(), id="a minified file with a byte order mark"),
    pytest.param(b"a  =  '\xe9'", id="a file in another encoding"),
    pytest.param(b"x=`\n\n  `", id="a file with white space only where it counts"),
]


@pytest.mark.parametrize("data", UNCHANGED)
def test_ships_unchanged_without_a_note(data: bytes) -> None:
    assert KIND.transform(data, Options()) == Transformed(
        data, encoding="latin-1" if b"\xe9" in data else "utf-8"
    )


def test_a_byte_order_mark_stays() -> None:
    assert KIND.transform("\ufeffa  =  1".encode(), Options()).body == "\ufeffa=1".encode()


def test_a_file_that_is_not_certain_ships_unminified_with_a_note() -> None:
    data = "let a  =  1\nlet é  =  <b>it</b>".encode()
    shipped = KIND.transform(data, Options())
    assert shipped.body == data
    assert [(note.line, note.column) for note in shipped.notes] == [(2, 11)]
    assert "“<” without an operand" in shipped.notes[0].message


def test_a_utf16_file_ships_unminified_with_a_note() -> None:
    data = "import   'é';  import   './a.js'".encode("utf-16")
    shipped = KIND.transform(data, Options())
    assert shipped.body == data
    assert [(note.message, note.hint) for note in shipped.notes] == [
        ("the file is UTF-16: shipped unminified", "save it as UTF-8")
    ]
    assert spans(shipped) == ["é", "./a.js"]
    assert KIND.transform(data, AS_IS).notes == ()


# References.

REFERENCES = [
    pytest.param("import './a.js'", [("./a.js", "module")], id="a bare import"),
    pytest.param("import a from './a.js'", [("./a.js", "module")], id="a default import"),
    pytest.param("import*as a from'./a.js'", [("./a.js", "module")], id="a namespace import"),
    pytest.param("import a,{b as c}from'./a.js'", [("./a.js", "module")], id="names"),
    pytest.param(
        "import {default as a, 'x y' as b} from './a.js'", [("./a.js", "module")], id="names"
    ),
    pytest.param("import from from './a.js'", [("./a.js", "module")], id="a name like from"),
    pytest.param("import {from} from './a.js'", [("./a.js", "module")], id="an export named from"),
    pytest.param("import defer * as a from './a.js'", [("./a.js", "module")], id="import defer"),
    pytest.param("import source a from './a.wasm'", [("./a.wasm", "module")], id="import source"),
    pytest.param(
        "import a from './a.json' with {type: 'json'}", [("./a.json", "module")], id="attributes"
    ),
    pytest.param("export*from'./a.js'", [("./a.js", "module")], id="export all"),
    pytest.param("export * as default from './a.js'", [("./a.js", "module")], id="export all as"),
    pytest.param("export {a as b} from './a.js'", [("./a.js", "module")], id="export names"),
    pytest.param(
        "import/**/'a'/**/;import '//b/c'", [("a", "module"), ("//b/c", "module")], id="any"
    ),
    pytest.param("import('./a.js')", [("./a.js", "module")], id="a dynamic import"),
    pytest.param("import(`./a.js`,)", [("./a.js", "module")], id="a template without holes"),
    pytest.param(
        "import('./a.json', {with: {type: 'json'}})", [("./a.json", "module")], id="options"
    ),
    pytest.param("import.defer('./a.js')", [("./a.js", "module")], id="a deferred dynamic import"),
    pytest.param("`${import('./a.js')}`", [("./a.js", "module")], id="inside a template's hole"),
    pytest.param("import.meta.resolve('./a.js')", [("./a.js", "module")], id="resolve"),
    pytest.param("new URL('a.png', import.meta.url)", [("a.png", "url")], id="a URL"),
    pytest.param(
        "new Worker(new URL(`./w.js`, import.meta.url), {type: 'module'})",
        [("./w.js", "url")],
        id="the URL of a worker",
    ),
    pytest.param(
        "new globalThis . URL ( 'a.png' , import.meta.url , )",
        [("a.png", "url")],
        id="the global URL",
    ),
    pytest.param(
        "importScripts('a.js', b, 'c.js')", [("a.js", "worker"), ("c.js", "worker")], id="top"
    ),
    pytest.param("import './\\x61\\u{2e}j\\\ns'", [("./a.js", "module")], id="escapes"),
    pytest.param("import './\\uD83D\\uDE00.js'", [("./😀.js", "module")], id="surrogates"),
    pytest.param("//# sourceMappingURL=a.js.map", [("a.js.map", "sourcemap")], id="a source map"),
    pytest.param("a()//@ sourceMappingURL=b\n\n", [("b", "sourcemap")], id="the old form"),
    pytest.param("a('//b');/*# sourceMappingURL=c */", [("c", "sourcemap")], id="a block comment"),
    pytest.param(
        "//# sourceMappingURL=a\n//# sourceMappingURL=b\n// c",
        [("b", "sourcemap")],
        id="the last wins",
    ),
    pytest.param(
        "import 'a'\n//# sourceMappingURL=b",
        [("a", "module"), ("b", "sourcemap")],
        id="with a name",
    ),
]


@pytest.mark.parametrize(("source", "expected"), REFERENCES)
@pytest.mark.parametrize("before", ["", "a('é😀');\n"], ids=["alone", "behind other text"])
def test_references_are_found(before: str, source: str, expected: list[tuple[str, str]]) -> None:
    shipped = KIND.transform((before + source).encode(), AS_IS)
    assert [(found.specifier, found.role) for found in shipped.references] == expected
    if "\\" not in source:
        assert spans(shipped) == [specifier for specifier, _role in expected]


NO_REFERENCES = [
    pytest.param("foo.import('a')", id="a method named import"),
    pytest.param("x = {import: 1, import('a') {}}", id="a property named import"),
    pytest.param("class A { import(a) {} export = 'b' }", id="members named import and export"),
    pytest.param("import('a' + b)", id="a computed dynamic import"),
    pytest.param("import(`a${b}`)", id="a template with holes"),
    pytest.param("'import \"a\"'; // import 'a'", id="text"),
    pytest.param("`import('a')`", id="text in a template"),
    pytest.param("export const a = 'b'; export default 'c'", id="exports without a source"),
    pytest.param("export {a}; from\n'b'", id="an export without from"),
    pytest.param("URL('a', import.meta.url); new a.URL('b', import.meta.url)", id="other URLs"),
    pytest.param(
        "new URL('a'); new URL('b', document.baseURI)", id="URLs relative to something else"
    ),
    pytest.param("new URL('a' + b, import.meta.url)", id="a computed URL"),
    pytest.param("import '\\x6'", id="an escape that is none"),
    pytest.param("(function () { importScripts('a') })()", id="importScripts in a function"),
    pytest.param("importScripts('a'); window.b", id="importScripts in a page's script"),
    pytest.param("self.importScripts('a')", id="importScripts as a property"),
    pytest.param("function importScripts() {} importScripts('a')", id="another importScripts"),
    pytest.param("a = '//# sourceMappingURL=b'", id="a source map in a string"),
    pytest.param("a = `\n//# sourceMappingURL=b\n//`", id="a source map in a template"),
    pytest.param("//# sourceMappingURL=b\na()", id="a source map before code"),
    pytest.param("/*\n//# sourceMappingURL=b\n*/", id="a source map in a comment"),
    pytest.param("//# sourceMappingURL=b c", id="a source map with white space"),
]


@pytest.mark.parametrize("source", NO_REFERENCES)
def test_what_is_no_reference_is_left_alone(source: str) -> None:
    shipped = KIND.transform(source.encode(), AS_IS)
    assert (shipped.references, shipped.body) == ((), source.encode())


def test_importscripts_counts_everywhere_in_a_worker() -> None:
    source = b"(function () { importScripts('a', f('b')); window.x })()"
    shipped = KIND.transform(source, Options(minify=False, worker=True))
    assert [found.specifier for found in shipped.references] == ["a"]


def test_references_move_with_the_minified_text() -> None:
    source = (
        "\ufeff// é\nlet é  =  1;\n  import  a  from  './a.js' ;\n  b  (  'é'  , import('./b.js'))"
    )
    shipped = KIND.transform(source.encode(), Options())
    assert shipped.body.decode() == "\ufefflet é=1;import a from'./a.js';b('é',import('./b.js'))"
    assert spans(shipped) == ["./a.js", "./b.js"]
    assert [(found.line, found.column) for found in shipped.references] == [(3, 21), (4, 24)]


SOURCE_MAPS = [
    pytest.param("a  =  1\n//# sourceMappingURL=b", Options(), "a=1", id="a minified file"),
    pytest.param(
        "import './a'\n//# sourceMappingURL=b\n", AS_IS, "import './a'\n\n", id="a module"
    ),
    pytest.param(
        "new URL('a', import.meta.url)\n//# sourceMappingURL=b\n//# sourceMappingURL=c",
        AS_IS,
        "new URL('a', import.meta.url)\n\n",
        id="a file with two",
    ),
]


@pytest.mark.parametrize(("source", "options", "expected"), SOURCE_MAPS)
def test_a_source_map_goes_where_the_file_changes(
    source: str, options: Options, expected: str
) -> None:
    shipped = KIND.transform(source.encode(), options)
    assert shipped.body.decode() == expected
    assert "sourcemap" not in [found.role for found in shipped.references]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16-le", "utf-16-be"])
def test_references_are_found_in_every_encoding(encoding: str) -> None:
    source = "a = 'é'; import('./b.js')"
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    shipped = KIND.transform((mark + source).encode(encoding), AS_IS)
    assert spans(shipped) == ["./b.js"]


STRINGS = [
    pytest.param(r"'a\n\t\'\"\q'", "a\n\t'\"q", id="single characters"),
    pytest.param(r"'\x41\u0042\u{43}\u{000044}'", "ABCD", id="code points"),
    pytest.param("'a\\\r\nb\\\u2028c'", "abc", id="line continuations"),
    pytest.param(r"'\0'", "\0", id="null"),
    pytest.param(r"'\uD83D'", None, id="half a character"),
    pytest.param(r"'\u{110000}'", None, id="too large a code point"),
    pytest.param(r"'\u12'", None, id="too few digits"),
    pytest.param(r"'\012'", None, id="an octal escape"),
]


@pytest.mark.parametrize(("literal", "expected"), STRINGS)
def test_string_values(literal: str, expected: str | None) -> None:
    assert string_value(literal) == expected


def spans(shipped: Transformed) -> list[str]:
    """Return the text that each reference's place holds."""
    return [
        shipped.body[found.start : found.end].decode(shipped.encoding)
        for found in shipped.references
    ]


# Properties.

FRAGMENTS = (
    "a b 1 .5 'x' `t` `a${ }` /r/g / + ++ - -- ! < <!-- --> = => ? ?. : ; , . ... ( ) [ ] { } @ # "
    "#p if else for of in while do return yield await async function class static get extends "
    "import export default from case switch new typeof var let break import.meta.url URL "
    "importScripts //c /*c*/ /*!k*/ sourceMappingURL= //# \\ \\u0061 ü"
)
GAPS = st.sampled_from(["", " ", "\n", "\r\n", "\u2028", "\t"])
NEARLY_SCRIPTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS.split(" ")), GAPS)).map("".join)


@given(st.one_of(st.text(), NEARLY_SCRIPTS))
@example(" \x1f0")  # white space to Python, but not to ECMAScript
@settings(max_examples=1000)
def test_no_text_crashes_or_changes_unasked(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    KIND.transform(data, Options(worker=True))
    shipped = KIND.transform(data, AS_IS)
    assert shipped.body == data or "sourceMappingURL=" in text


def phrases(*patterns: str, **holes: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return texts made of a pattern, its upper-case letters filled from ``holes``."""

    def fill(pattern: str) -> st.SearchStrategy[str]:
        parts = [holes.get(word, st.just(word)) for word in pattern.split(" ")]
        return st.tuples(*parts, *[BLANKS] * len(parts)).map(
            lambda drawn: "".join(
                word + blank
                for word, blank in zip(drawn[: len(parts)], drawn[len(parts) :], strict=True)
            )
        )

    return st.one_of([fill(pattern) for pattern in patterns])


BLANKS = st.sampled_from([" ", "\n", "  ", " /* */ ", " /*\n*/ ", " //\n", "\n/*! */\n"])
ATOMS = st.sampled_from(
    ["a", "of", "1", ".5", "'s'", "`t`", "/r/", "/r/g", "this", "{}", "[]", "(a)"]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: phrases(
        "E + E", "E - E", "E / E", "E in E", "E ? E : E", "- E", "+ E", "! E", "typeof E", "a ++",
        "-- a", "a = E", "( E )", "[ E , E ]", "{ a : E , if ( a ) { } }", "E . if", "E [ E ]",
        "a ( E )", "`t${ E }u`", "( a ) => { return E }", "a => E", "function ( ) { E }",
        "async ( a ) => { await E }", "class { a = E ; #b = E ; * c ( ) { yield E } }", "new E",
        E=inner,
    ),
    max_leaves=8,
)  # fmt: skip
STATEMENTS = st.recursive(
    phrases(
        "a = E ;", "a ( E ) ;", "var a = E ;", "return E ;", "import 'm' ;", "export { a } ;",
        "b : E ;", "break b ;", "throw E ;", E=EXPRESSIONS,
    ),
    lambda inner: phrases(
        "{ S }", "if ( E ) S else S", "while ( E ) S", "do S while ( E ) ;", "for ( a of E ) S",
        "function f ( ) { S }", "class C { a = E\nstatic { S } get b ( ) { S } }", "S S",
        "switch ( E ) { case E : S default : S }", "try { S } catch { S }", E=EXPRESSIONS, S=inner,
    ),
    max_leaves=6,
)  # fmt: skip


@given(st.lists(STATEMENTS, min_size=1, max_size=3).map("".join))
@settings(max_examples=500, deadline=None)
def test_printing_keeps_tokens_and_line_breaks(source: str) -> None:
    try:
        tokenize(source)
    except Unsure:
        return
    printed(source)
