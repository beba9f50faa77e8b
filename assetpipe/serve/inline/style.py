"""Style sheets inside a page (CSS Syntax 3, section 4)."""

from __future__ import annotations

import re

from assetpipe.serve.inline.source import Source

_ESCAPE = r"\\(?:[0-9A-Fa-f]{1,6}\s?|[^0-9A-Fa-f\n])"
_DOUBLE = r'"(?>(?:[^"\\\n\f]++|\\[\s\S])*)"'
_SINGLE = r"'(?>(?:[^'\\\n\f]++|\\[\s\S])*)'"
_COMMENT = r"/\*[\s\S]*?(?:\*/|\Z)"
_CSS = re.compile(
    rf"""
      {_COMMENT} | \\[\s\S][-\w]*+
    | (?<![-\w#@]) (?i:url)\( \s*+ (?P<bare> (?>(?: [^"'()\\\s]++ | {_ESCAPE} )+) ) \s*+ \)
    | @(?i:import) (?>(?: \s++ | {_COMMENT} )*) (?P<imported> {_DOUBLE} | {_SINGLE} )
    | (?P<string> {_DOUBLE} | {_SINGLE} )
    | (?P<call> (?: (?<![-\w#@]) [-\w]++ )? \( )
    | (?P<close> \) )
    """,
    re.VERBOSE,
)
_TAKES_URL = frozenset({"url(", "src(", "image-set(", "-webkit-image-set("})
_ESCAPED = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})\s?|\n|([\s\S]))")
_MAP = re.compile(r"\s*/\*[#@]\s*sourceMappingURL=([^*]*?)\s*\*/\s*\Z")
_END_TAG = re.compile(r"</(?=style)", re.IGNORECASE)


def style_text(source: Source) -> str:
    """Return a style sheet as it stands between ``<style>`` and ``</style>``."""
    text = source.text
    if named := _MAP.search(text):
        source.moved(named[1], str)  # is met, though no page needs it
        text = text[: named.start()]
    # Only strings, comments and url() hold this, and a slash may be escaped in all of them.
    return _END_TAG.sub(r"<\/", moved_css(source, text))


def moved_css(source: Source, text: str) -> str:
    """Return a style sheet, or a value in one, with the URLs that it has to have in the page."""
    parts = []
    at = 0
    calls: list[str] = []  # the brackets that are open
    for match in _CSS.finditer(text):
        group = match.lastgroup
        if group == "call":
            calls.append(match[group].lower())
        elif group == "close":
            del calls[-1:]
        elif group and (group != "string" or (calls and calls[-1] in _TAKES_URL)):
            quotes = 0 if group == "bare" else 1
            start, end = match.start(group) + quotes, match.end(group) - quotes
            parts += [text[at:start], source.moved(text[start:end], _value)]
            at = end
    return "".join([*parts, text[at:]])


def _value(written: str) -> str:
    """Return what a string or ``url()`` stands for (4.3.7)."""
    return _ESCAPED.sub(lambda each: _character(each[1]) if each[1] else each[2] or "", written)


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
