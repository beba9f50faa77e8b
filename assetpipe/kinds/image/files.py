"""What image files are, and what makes them unfit to be worked on."""

from __future__ import annotations

import re

SIGNS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("jpeg", re.compile(rb"\xff\xd8\xff")),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("avif", re.compile(rb"....ftyp(?:avi[fs]|mif1|msf1)", re.DOTALL)),
    ("ico", re.compile(rb"\0\0[\1\2]\0")),
)
"""The first bytes of formats (WHATWG MIME Sniffing, 6.1; AV1 Image File Format, 6)."""

NAMES = {
    "avif": "an AVIF", "gif": "a GIF", "ico": "an icon", "jpeg": "a JPEG", "png": "a PNG",
    "webp": "a WebP",
}  # fmt: skip
SUFFIXES = {
    ".apng": "png", ".avif": "avif", ".cur": "ico", ".gif": "gif", ".ico": "ico",
    ".jfif": "jpeg", ".jpeg": "jpeg", ".jpg": "jpeg", ".pjpeg": "jpeg", ".png": "png",
    ".webp": "webp",
}  # fmt: skip
"""The format that a suffix promises."""


class BadImageError(Exception):
    """A file is not what it should be; the text says what is wrong, as a sentence's end.

    Attributes:
        hint: what to do.
    """

    def __init__(self, what: str, hint: str = "save it again, or leave it out") -> None:
        super().__init__(what)
        self.hint = hint


class UnfitError(Exception):
    """A file is fine, but is better left as it is."""


def format_of(data: bytes) -> str:
    """Return the format that a file's content shows; empty for none of these."""
    return next((name for name, sign in SIGNS if sign.match(data)), "")
