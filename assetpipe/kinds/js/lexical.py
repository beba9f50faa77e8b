"""The lexical grammar of ECMAScript as regular expressions, and the kinds of its tokens.

All follow ECMA-262, section 12. They are possessive (``*+``), so matching never goes back and
stays linear.
"""

from __future__ import annotations

from assetpipe.kinds.patterns import compiled

# Section 12.2 (white space: what Unicode calls Zs, and a few more) and 12.3 (line terminators).
_BLANK = r"\t\v\f \xa0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff"
_NEWLINE = r"\n\r\u2028\u2029"

LINE_BREAK = compiled(rf"[{_NEWLINE}]")
LINE_END = compiled(rf"\r\n|[{_NEWLINE}]")
"""Section 12.3, LineTerminatorSequence: what lines are counted by."""

_LINE_COMMENT = rf"//[^{_NEWLINE}]*+"
_BLOCK_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
COMMENT = rf"(?:{_LINE_COMMENT}|{_BLOCK_COMMENT})"
"""Section 12.4."""

_WHITE = rf"[{_BLANK}{_NEWLINE}]"
WHITE_SPACE = compiled(_WHITE)
"""What begins a gap, if not a comment: less than what Python's ``isspace`` takes."""
GAP = (
    rf"{_WHITE}++(?:{COMMENT}{_WHITE}*+)*+"
    rf"|{_LINE_COMMENT}(?:{_WHITE}++|{COMMENT})*+"
    rf"|{_BLOCK_COMMENT}(?:{_WHITE}++|{COMMENT})*+"
)
"""All that may stand between two tokens: white space, line terminators, comments."""

HASHBANG = compiled(rf"#![^{_NEWLINE}]*+")
"""Section 12.5: only at the very start of a file."""

# Any character beyond ASCII that is no white space counts as a letter: exact for every program,
# as nothing else beyond ASCII may stand outside strings, templates, regexes and comments.
_NO_NAME = rf"\x00-#%-/:-@\[-^`{{-\x7f{_BLANK}{_NEWLINE}"
_NAME_ESCAPE = r"\\u(?:[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]++\})"
_NAME_CHARACTERS = rf"[^{_NO_NAME}]*+"
NAME_PART = rf"(?:[^{_NO_NAME}]++|{_NAME_ESCAPE})"
NAME = (
    rf"[^0-9{_NO_NAME}]{_NAME_CHARACTERS}(?:{_NAME_ESCAPE}{_NAME_CHARACTERS})*+"
    rf"|{_NAME_ESCAPE}{NAME_PART}*+"
)
"""Section 12.7, keywords included."""

STRING = (
    r"\"[^\"\\\n\r]*+(?:\\(?:\r\n|[\s\S])[^\"\\\n\r]*+)*+\""
    r"|'[^'\\\n\r]*+(?:\\(?:\r\n|[\s\S])[^'\\\n\r]*+)*+'"
)
"""Section 12.9.4: closed, line terminators only behind a backslash (or U+2028, U+2029)."""

# Section 12.9.3 and, for the octal integers of old (`017`), B.1.1: a dot ends them.
NUMBER = (
    r"0[BOXbox][0-9A-Fa-f_]++n?|0[0-7]++(?![89])"
    r"|(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[Ee][-+]?[0-9_]++)?n?"
)

# Section 12.8, longest first. A slash is not among them: see `tokens`.
_BRACKET = r"[(){}\[\];,:~@]"
_OPERATOR = (
    r"\.(?![0-9])(?:\.\.)?|=(?:==?|>)?|\?(?:\?=?|\.(?![0-9]))?|!(?:==?)?|\+[+=]?|-[-=]?"
    r"|&(?:&=?|=)?|\|(?:\|=?|=)?|\*(?:\*=?|=)?|<(?:<=?|=)?|>(?:>(?:>=?|=)?|=)?|[%^]=?"
)

TOKEN = compiled(rf"{_BRACKET}|{NAME}|{GAP}|{_OPERATOR}|{STRING}|{NUMBER}|#(?:{NAME})|[\s\S]")
"""One token or one gap. The last alternative takes what no program may hold here.

The alternatives stand flat and the likely ones first: that is what makes this fast.
"""

# What comes before the next place where only the context tells what a character means: a slash
# or a template; inside a template's hole also a brace, which may be the one that ends the hole.
CODE = compiled(rf"""(?:[^"'`/]++|{STRING}|{COMMENT})*+""")
CODE_IN_HOLE = compiled(rf"""(?:[^"'`/{{}}\\]++|{STRING}|{COMMENT}|{_NAME_ESCAPE}|\\)*+""")

# Section 12.9.5. The flag `v` nests classes only in the pattern's own grammar (22.2.1), where a
# slash inside a class must be escaped: for the lexer a class still ends at its first bracket.
REGEX = compiled(
    rf"/(?:[^/\\\[{_NEWLINE}]++|\\[^{_NEWLINE}]|\[(?:[^\]\\{_NEWLINE}]++|\\[^{_NEWLINE}])*+\])++/"
    rf"{NAME_PART}*+"
)

TEMPLATE = compiled(r"(?:`|\})[^`\\$]*+(?:(?:\\[\s\S]|\$(?!\{))[^`\\$]*+)*+(?:`|\$\{)")
"""Section 12.9.6: a template, or the part of one that ends or begins at a hole's brace."""
