"""A file on its way into a page, and the URLs in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from assetpipe.errors import InputError

_C0_AND_SPACE = "".join(map(chr, range(33)))
_TAIL = re.compile(r"[?#][\s\S]*")
_SCHEME = re.compile(r"[A-Za-z][-+.0-9A-Za-z]*:")
_URL_SAFE = "%!$&*+,/:;=?@[]~-._"  # neither what ends a string or url(), nor what begins a tail


@dataclass(frozen=True, slots=True)
class Source:
    """A file on its way into a page.

    Attributes:
        name: logical name.
        text: what is in it.
        url: where it is; what it refers to is relative to this.
        module: if it is a script, it is an ECMAScript module.
        awaited: paths of what it is known to refer to, until each is met.
    """

    name: str
    text: str
    url: str
    module: bool
    awaited: set[str]

    @classmethod
    def read(
        cls, name: str, data: bytes, url: str, targets: tuple[str, ...], *, module: bool
    ) -> Source:
        """Return the source of some bytes; ``targets`` are URLs of what it refers to.

        Raises:
            InputError: the bytes are no text that HTML can hold.
        """
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise refusal(name, "it is not UTF-8") from None
        if "\0" in text:
            raise refusal(name, "it holds a NUL, for which HTML has no place")
        # HTML reads line breaks so anyway (WHATWG HTML, 13.2.3.5); now hashes are the browser's.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return cls(name, text, url, module, set(map(_path, targets)))

    def moved(self, written: str, value: Callable[[str], str]) -> str:
        """Return a URL as it has to be written in the page.

        What has a scheme, a host, no path, or a path from the root leads to the same there. What
        is relative is resolved as a browser would; the result needs no quotes and no escapes.

        Args:
            written: the URL as it is written.
            value: resolves the escapes of the format.
        """
        # The query and fragment stay as they are written: they mean the same.
        end = _TAIL.search(written)
        path, tail = (written[: end.start()], end[0]) if end else (written, "")
        # Browsers trim and drop these, and read a backslash as a slash (WHATWG URL, 4.4).
        path = re.sub(r"[\t\n]", "", value(path).strip(_C0_AND_SPACE)).replace("\\", "/")
        url = urljoin(self.url, path)
        self.awaited.discard(_path(url))
        is_moved = path and path[0] != "/" and not _SCHEME.match(path)
        return quote(url, safe=_URL_SAFE) + tail if is_moved else written


def refusal(name: str, reason: str) -> InputError:
    """Return the error that says why a file cannot stand inside a page."""
    return InputError(
        f"cannot stand inside a page: {reason}", where=name, hint="put it in by its URL"
    )


def _path(url: str) -> str:
    return unquote(urlsplit(url).path)
