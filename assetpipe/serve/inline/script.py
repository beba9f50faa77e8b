"""Scripts and data inside a page (ECMA-262, chapter 16; RFC 8259)."""

from __future__ import annotations

import re

from assetpipe.serve.inline.markup import without_markup
from assetpipe.serve.inline.source import Source, refusal

_GAP = r"(?>(?:\s++|/\*[\s\S]*?\*/|//[^\n]*\n)*)"
_META = rf"import{_GAP}\.{_GAP}meta{_GAP}\.{_GAP}"
_URL = r"""(?P<quote>["'`])(?P<url>{start}[^\\\n"'`{{}}]*+)(?P=quote)"""
# `from "./x"`, `import "./x"`, `import("./x")`: no other program has a path behind these words,
# and as a text they hardly ever stand for anything else.
_MODULE = re.compile(
    rf"(?<![\w$.])(?:from|(?:{_META}resolve|import(?:{_GAP}\.{_GAP}(?:defer|source))?){_GAP}\(?+)"
    rf"{_GAP}{_URL.format(start=r'[.][.]?/')}"
)
_BESIDE = re.compile(
    rf"(?<![\w$])URL{_GAP}\({_GAP}{_URL.format(start='')}{_GAP},{_GAP}{_META}url(?![\w$])"
)
_OWN_URL = re.compile(rf"(?<![\w$.]){_META}url(?![\w$])")
_MAP = re.compile(r"\s*//[#@]\s*sourceMappingURL=([^\s'\"`]*)\s*\Z")
_JSON_MARKUP = re.compile(r"<(?=!--|/?script)", re.IGNORECASE)


def script_text(source: Source) -> str:
    """Return a script as it stands between ``<script>`` and ``</script>``.

    Raises:
        InputError: it would not mean the same there.
    """

    def move(match: re.Match[str]) -> str:
        start, end = (place - match.start() for place in match.span("url"))
        return match[0][:start] + source.moved(match["url"], str) + match[0][end:]

    text = source.text
    if named := _MAP.search(text):
        source.moved(named[1], str)  # is met, though no page needs it
        text = text[: named.start()]
    text, beside = _BESIDE.subn(move, _MODULE.sub(move, text))
    if len(_OWN_URL.findall(text)) > beside:
        raise refusal(source.name, "it asks for its own URL, which would be that of the page")
    safe = without_markup(text)
    if safe is None:
        raise refusal(
            source.name,
            "it holds </script or <!-- where no other spelling is sure to mean the same",
        )
    return safe


def data_text(source: Source) -> str:
    """Return JSON as it stands between ``<script>`` and ``</script>``."""
    # Only strings hold this.
    return _JSON_MARKUP.sub(r"\\u003c", source.text.strip())
