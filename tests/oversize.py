"""Inputs of any size that ask the most of a scanner: deep, long, repetitive, unfinished or odd."""

from __future__ import annotations

from typing import NamedTuple


class Oversize(NamedTuple):
    """A text that grows by repeating: ``head``, all ``unit``, ``middle``, all ``mirror``, ``tail``.

    Attributes:
        unit: what is repeated.
        mirror: what closes each unit, where units are nested.
        head: what comes first.
        middle: what comes between units and mirrors.
        tail: what comes last.
        refused: a minifier must leave it alone.
    """

    unit: str
    mirror: str = ""
    head: str = ""
    middle: str = ""
    tail: str = ""
    refused: bool = False

    def text(self, size: int) -> str:
        """Return about ``size`` characters."""
        count = max(size // len(self.unit + self.mirror), 1)
        repeated = self.head + self.unit * count + self.middle + self.mirror * count + self.tail
        # A comment, so that there is something to gain and nothing is taken to be minified before.
        return f"/*{' ' * (size // 20)}*/{repeated}"


_BYTES = "".join(map(chr, range(256)))

SCRIPTS = {
    "parentheses": Oversize("(", ")", middle="1"),
    "square brackets": Oversize("[", "]"),
    "blocks": Oversize("{", "}"),
    "objects": Oversize("({a:", "})", middle="1"),
    "functions": Oversize("(function(){return ", "})()", middle="1"),
    "arrows": Oversize("a=>", middle="1"),
    "classes": Oversize("(class{static a=", "})", middle="1"),
    "templates": Oversize("`${", "}`", middle="1"),
    "conditions": Oversize("a ? ", " : b", middle="c"),
    "else": Oversize("if ( a ) b ; else ", middle="c"),
    "labels": Oversize("a : ", middle="b"),
    "calls": Oversize("a ( ", " )"),
    "optional chain": Oversize(" ?. a", head="a"),
    "open parentheses": Oversize("(", refused=True),
    "open templates": Oversize("`${", refused=True),
    "open brackets of three sorts": Oversize("([{", refused=True),
    "closing brackets": Oversize(")", refused=True),
    "semicolons": Oversize(";"),
    "statements on one line": Oversize("a = b + c ; "),
    "statements on lines of their own": Oversize("a\n"),
    "lines that end in CR": Oversize("a = b\r"),
    "lines that end in U+2028": Oversize("a = b\u2028"),
    "blank lines": Oversize("\n", head="a", tail="b"),
    "blanks": Oversize(" \t\v\f\ufeff\xa0", head="a", tail="b"),
    "one string": Oversize("a", head="x = '", tail="'"),
    "one string of escapes": Oversize("\\\\\\'\\u{1F600}\\ud800", head="x = '", tail="'"),
    "one string of astral characters": Oversize("😀", head="x = '", tail="'"),
    "one string of U+2028": Oversize("\u2028", head="x = '", tail="'"),
    "one string of continued lines": Oversize("a\\\n", head="x = '", tail="'"),
    "open string": Oversize("a", head="x = '", refused=True),
    "one template": Oversize("a \n", head="x = `", tail="`"),
    "one template of holes": Oversize("${ a }", head="x = `", tail="`"),
    "open template": Oversize("a$", head="x = `", refused=True),
    "one pattern": Oversize("a", head="x = /", tail="/"),
    "one pattern of classes": Oversize("[/]", head="x = /", tail="/"),
    "one pattern of escapes": Oversize("\\/", head="x = /", tail="/"),
    "open pattern": Oversize("a", head="x = /", refused=True),
    "open class in a pattern": Oversize("[", head="x = /", tail="/", refused=True),
    "slashes": Oversize("/ / / ", head="a "),
    "patterns": Oversize("/a/ / "),
    "one comment": Oversize("*", head="a /*", tail="*/"),
    "one comment of lines": Oversize("a\n", head="a /*", tail="*/ b"),
    "one line comment": Oversize("a", head="a //"),
    "comments": Oversize("a/**/ "),
    "comments without code": Oversize("/**/ "),
    "important comments": Oversize("/*! a */"),
    "open comment": Oversize("*", head="a /", refused=True),
    "open comments": Oversize("/* ", refused=True),
    "HTML-like comments": Oversize("<!--\n", refused=True),
    "one name": Oversize("a"),
    "one name of escapes": Oversize("\\u0061"),
    "one number": Oversize("1"),
    "one number with separators": Oversize("1_", tail="1"),
    "signs": Oversize("+ ", tail="a"),
    "signs of two sorts": Oversize("- + ", tail="a"),
    "increments": Oversize("++ a\n"),
    "dots": Oversize(" . a", head="a"),
    "keywords": Oversize("typeof ", tail="a"),
    "contextual words": Oversize("async\nof get static "),
    "declarations": Oversize("let a , b ; "),
    "regex or division": Oversize("a ( ) / b / "),
    "cases": Oversize("case a : b ; ", head="switch ( a ) {", tail="}"),
    "class members": Oversize("a\nget\nb ( ) { }\n", head="class A {", tail="}"),
    "URLs": Oversize("new URL ( 'a' , import.meta.url ) ; "),
    "imports": Oversize("import 'a' ;\n"),
    "source maps": Oversize("//# sourceMappingURL=a\n"),
    "source maps in one comment": Oversize("# sourceMappingURL=", head="/*", tail="*/"),
    "NUL": Oversize("\0", refused=True),
    "NUL in a string": Oversize("\0", head="x = '", tail="'"),
    "at signs": Oversize("@"),
    "hashes": Oversize("#", refused=True),
    "backslashes": Oversize("\\", refused=True),
    "every character of Latin-1": Oversize(_BYTES, refused=True),
}
"""Scripts, by what there is too much of."""

SHEETS = {
    "parentheses": Oversize("(", ")", head="a{b:", tail="}"),
    "square brackets": Oversize("[", "]", head="a{b:", tail="}"),
    "rules": Oversize("a { ", " }"),
    "media": Oversize("@media ( a ) { ", " }"),
    "functions": Oversize("calc( ", " )", head="a{b:", middle="1", tail="}"),
    "custom properties": Oversize("--a : { ", " }", head="a{", tail="}"),
    "open rules": Oversize("a { ", refused=True),
    "open strings": Oversize("a:'", head="a { ", refused=True),
    "closing braces": Oversize("}", refused=True),
    "semicolons": Oversize("; ", head="a { ", tail="}"),
    "declarations": Oversize("b : c ; ", head="a { ", tail="}"),
    "rules in a line": Oversize("a { b : c } "),
    "rules in lines that end in CR": Oversize("a {\r  b : c\r}\r"),
    "rules in lines that end in FF": Oversize("a {\f  b : c\f}\f"),
    "selectors": Oversize("a , ", tail="a { b : c }"),
    "descendants": Oversize("a ", tail="{ b : c }"),
    "combinators": Oversize("a > ", tail="a { b : c }"),
    "one string": Oversize("a", head="a { b : '", tail="' }"),
    "one string of escapes": Oversize("\\' \\\\", head="a { b : '", tail="' }"),
    "one string of continued lines": Oversize("a\\\n", head="a { b : '", tail="' }"),
    "one URL": Oversize("a", head="a { b : url( ", tail=" ) }"),
    "one data URL": Oversize("a", head="a { b : url( data:,", tail=" ) }"),
    "one name": Oversize("a", tail="{ b : c }"),
    "one name of escapes": Oversize("\\66 ", tail="{ b : c }"),
    "one number": Oversize("1", head="a { b : ", tail="}"),
    "blanks": Oversize(" \t\n", head="a", tail="{ b : c }"),
    "one comment": Oversize("*", head="a /*", tail="*/ { b : c }"),
    "comments": Oversize("/* a */ ", tail="a { b : c }"),
    "important comments": Oversize("/*! a */ ", tail="a { b : c }"),
    "open comments": Oversize("/* ", refused=True),
    "URLs": Oversize("url( a ) , ", head="a { b : ", tail="c }"),
    "imports": Oversize("@import 'a' ;\n"),
    "image sets": Oversize("image-set( 'a' 1x ) ,", head="a { b : ", tail="c }"),
    "source maps": Oversize("/*# sourceMappingURL=a */\n"),
    "at signs": Oversize("@ "),
    "HTML-like comments": Oversize("<!-- --> "),
    "NUL": Oversize("\0", tail="{ b : c }"),
    "lone surrogates": Oversize("\\d800 ", head="a { b : '", tail="' }"),
    "every character of Latin-1": Oversize(_BYTES, refused=True),
}
"""Stylesheets, by what there is too much of."""
