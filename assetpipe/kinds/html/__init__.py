"""HTML documents: what they refer to is found, and every other byte stays as it is."""

from __future__ import annotations

from assetpipe.kinds.html.references import Document
from assetpipe.kinds.model import Kind, Note, Options, Reference, Transformed
from assetpipe.kinds.text import Lines, decode

_VERSION = "1"

_UTF_8 = frozenset({"", "utf-8", "utf8", "unicode-1-1-utf-8", "utf-16", "utf-16le", "utf-16be"})
"""Labels that mean UTF-8 in a document (WHATWG HTML, 13.2.3.2, "prescan a byte stream")."""


class Html:
    """HTML documents."""

    name = "html"

    def version(self) -> str:
        """Return the version of this code."""
        return _VERSION

    def transform(self, data: bytes, options: Options) -> Transformed:  # noqa: ARG002
        """Find the references of a document; its bytes stay."""
        text = decode(data)
        if text.encoding.startswith("utf-16"):
            note = Note("the file is UTF-16: nothing in it is followed", hint="save it as UTF-8")
            return Transformed(data, notes=(note,), encoding=text.encoding)
        document = Document(text.chars)
        label = "" if text.bom else document.charset
        if label == "iso-2022-jp" and "\x1b" in text.chars:
            note = Note("the file is ISO-2022-JP: nothing in it is followed", hint="use UTF-8")
            return Transformed(data, notes=(note,), encoding="latin-1")
        lines = Lines(text.chars)
        found = document.found
        offsets = iter(text.offsets([place for each in found for place in (each.start, each.end)]))
        return Transformed(
            data,
            tuple(
                Reference(
                    next(offsets), next(offsets), each.specifier, each.role, *lines.at(each.start)
                )
                for each in found
            ),
            tuple(
                Note(doubt.message, *lines.at(doubt.position), doubt.hint)
                for doubt in document.doubts
            ),
            encoding=text.encoding if label in _UTF_8 else "latin-1",
        )


KIND: Kind = Html()
