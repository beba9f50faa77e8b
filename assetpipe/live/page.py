"""The tag that makes a page listen, and putting it into pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MARK = "data-assetpipe-live"
"""An attribute that only this tag has."""

# A whole page; what begins otherwise is a part of one, such as htmx asks for.
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
_ENOUGH = 64  # bytes that tell what a body is
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'")
_WITHOUT_BODY = ("1", "204", "206", "304")

_Headers = list[tuple[str, str]]


def tag(
    source: str,
    *,
    streams: Sequence[str] = (),
    mode: str = "manifest",
    attributes: Mapping[str, object] = {},
) -> str:
    """Return the ``<script>`` that makes a page listen.

    Args:
        source: URL of the script.
        streams: URLs below which the events are, in the order in which to try them.
        mode: ``source`` or ``manifest``: what the page's URLs name.
        attributes: more attributes, such as ``nonce``; ``None`` and ``False`` leave one out.
    """
    said = {"src": source, "data-streams": " ".join(streams) or None, "data-mode": mode}
    parts = [f"<script {MARK}"]
    for name, value in (said | dict(attributes)).items():
        if value is True:
            parts.append(name)
        elif value is not None and value is not False:
            parts.append(f'{name}="{escape(str(value))}"')
    return " ".join([*parts, "async></script>"])


def nonce(headers: Iterable[tuple[str, str]]) -> str | None:
    """Return the nonce with which a page's policy lets scripts run (CSP Level 3, 2.3.1)."""
    for name, value in headers:
        if name.lower() != "content-security-policy":
            continue
        directives: dict[str, str] = {}
        for directive in re.split("[;,]", value):
            words = directive.split(None, 1)
            if words:
                directives.setdefault(words[0].lower(), words[-1])
        for wanted in ("script-src-elem", "script-src", "default-src"):
            if wanted in directives:
                found = _NONCE.search(directives[wanted])
                if found:
                    return found[1]
                break
    return None


def inserting(
    app: WSGIApplication, made: Callable[[WSGIEnvironment, _Headers], str]
) -> WSGIApplication:
    """Return an application whose pages end with a tag.

    It stands after all else: parsers put it into the body (WHATWG HTML, 13.2.6.4.22), and a page
    that is streamed need not be held up. What is no whole page of HTML stays as it is.

    Args:
        app: the application.
        made: makes the tag for a request and the header fields of its response.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun: list[Any] = []

        def hold(status: str, headers: _Headers, error: Any = None) -> Callable[[bytes], object]:
            begun[:] = [status, headers, error]
            if _may_be_page(status, headers):
                return lambda data: written.append(data)
            return start_response(status, headers, error)

        written: list[bytes] = []
        body = app(environ, hold)
        if begun and not _may_be_page(*begun[:2]):
            return body
        return _Page(body, written, begun, environ, start_response, made)

    return application


class _Page:
    """A body that may be a page; it is known when its first bytes are."""

    def __init__(
        self,
        body: Iterable[bytes],
        written: list[bytes],
        begun: list[Any],
        environ: WSGIEnvironment,
        start_response: StartResponse,
        made: Callable[[WSGIEnvironment, _Headers], str],
    ) -> None:
        self._body = body
        self._chunks = self._answer(written, begun, environ, start_response, made)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _answer(
        self,
        written: list[bytes],
        begun: list[Any],
        environ: WSGIEnvironment,
        start_response: StartResponse,
        made: Callable[[WSGIEnvironment, _Headers], str],
    ) -> Iterator[bytes]:
        chunks = iter(self._body)
        head = b""
        for chunk in chunks:
            head += chunk
            if len(head.lstrip()) >= _ENOUGH:
                break
        head = b"".join(written) + head
        status, headers, error = begun
        length = _length(headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            headers = [field for field in headers if field[0].lower() != "content-length"]
            start_response(status, headers, error)
            yield from chain([head], chunks)
            return
        if not (_may_be_page(status, headers) and _PAGE.match(head)):
            start_response(status, headers, error)
            yield from chain([head], chunks)
            return
        if length is not None:  # all of it is there already
            head += b"".join(chunks)
            chunks = iter(())
        ending = made(environ, headers).encode()
        if MARK.encode() in head:
            ending = b""
        if length is not None:
            headers = [
                (name, str(length + len(ending)) if name.lower() == "content-length" else value)
                for name, value in headers
            ]
        start_response(status, headers, error)
        yield head
        is_marked = False
        for chunk in chunks:
            is_marked |= MARK.encode() in chunk
            yield chunk
        if ending and not is_marked:
            yield ending


def _may_be_page(status: str, headers: _Headers) -> bool:
    if status.startswith(_WITHOUT_BODY):
        return False
    fields = {name.lower(): value for name, value in headers}
    kind = fields.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "text/html" and fields.get("content-encoding", "identity") == "identity"


def _length(headers: _Headers) -> int | None:
    with suppress(ValueError):
        return next((int(v) for name, v in headers if name.lower() == "content-length"), None)
    return None
