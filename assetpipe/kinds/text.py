"""The text of an asset, with a way back from characters to exact byte positions."""

from __future__ import annotations

import codecs
from bisect import bisect_right
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """Decoded characters that encode back to the very bytes they came from.

    Attributes:
        chars: the text without its byte order mark.
        encoding: ``"utf-8"``, ``"utf-16-le"``, ``"utf-16-be"``, or ``"latin-1"`` when the bytes
            are in some other encoding: then each character stands for one byte, which is exact
            for every ASCII-compatible encoding as long as only ASCII is looked at.
        bom: length of the byte order mark in bytes.
        ascii: every character is one byte.
    """

    chars: str
    encoding: str
    bom: int
    ascii: bool

    def offsets(self, positions: list[int]) -> list[int]:
        """Return the byte offset of each character position; ``positions`` must ascend."""
        if self.ascii or self.encoding == "latin-1":
            return [position + self.bom for position in positions]
        found, at, offset = [], 0, self.bom
        for position in positions:
            offset += len(self.chars[at:position].encode(self.encoding))
            at = position
            found.append(offset)
        return found


def decode(data: bytes) -> Text:
    """Decode as a browser would: byte order mark first, then UTF-8, else byte for byte.

    Source: WHATWG Encoding Standard, "decode" (byte order marks win over all labels).
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                chars = data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                break
            return Text(chars, encoding, len(mark), ascii=encoding == "utf-8" and chars.isascii())
    if data.isascii():
        return Text(data.decode("ascii"), "utf-8", 0, ascii=True)
    try:
        return Text(data.decode("utf-8"), "utf-8", 0, ascii=False)
    except UnicodeDecodeError:
        return Text(data.decode("latin-1"), "latin-1", 0, ascii=False)


class Lines:
    """Line and column of a character position, both from 1."""

    def __init__(self, chars: str) -> None:
        self._starts = [0]
        at = chars.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = chars.find("\n", at + 1)

    def at(self, position: int) -> tuple[int, int]:
        """Return ``(line, column)`` of a character position."""
        line = bisect_right(self._starts, position)
        return line, position - self._starts[line - 1] + 1
