"""The ASGI face (ASGI 3.0, HTTP and lifespan protocols)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from assetpipe.errors import AssetpipeError
from assetpipe.serve.answers import NOT_FOUND, Body, Response
from assetpipe.serve.static import StaticFiles

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

# The header fields that an answer may depend on, by their CGI names.
_FIELDS = {
    name.lower().encode(): "HTTP_" + name.upper().replace("-", "_")
    for name in (
        "Accept",
        "Accept-Encoding",
        "Access-Control-Request-Method",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Range",
    )
}

_PATHSEND, _ZEROCOPY = "http.response.pathsend", "http.response.zerocopysend"


def serve(
    files: Callable[[], StaticFiles], prefix: str, app: ASGIApplication | None
) -> ASGIApplication:
    """Return an application that answers what is below a prefix, and leaves the rest to another.

    Args:
        files: returns the files of the release in use.
        prefix: of the paths, with a slash at both ends. Where the application is mounted, the
            mount's path counts as the prefix.
        app: the other application; without one, the rest is not found.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = _below(prefix, scope, is_mounted=app is None)
            if path is not None:
                fields = cgi_fields(scope["headers"])
                response = files().respond(scope["method"], path, fields)
                await reply(response, scope, send)
                return
        if app is not None:
            await app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(files, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await reply(NOT_FOUND, scope, send)

    return application


def _below(prefix: str, scope: Scope, *, is_mounted: bool) -> str | None:
    """Return the path below the prefix, or below the mount; ``None`` if it is not there."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root:
        # The root is a part of the path, but older servers and frameworks left it out.
        path = path[len(root) :] if path.startswith(root + "/") else path
        if is_mounted and (root + "/").endswith(prefix):
            return path[1:]
    return path[len(prefix) :] if path.startswith(prefix) else None


def cgi_fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the header fields of a scope that an answer may depend on, by their CGI names."""
    fields: dict[str, str] = {}
    for name, value in headers:
        key = _FIELDS.get(name)
        if key is not None:
            text = value.decode("latin-1")
            fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields


async def reply(response: Response, scope: Scope, send: Send) -> None:
    """Send a response, the way that the server offers and that costs least."""
    body = response.body
    await send(
        {"type": "http.response.start", "status": response.status, "headers": [*response.raw]}
    )
    if not isinstance(body, Body):
        await send({"type": "http.response.body", "body": body or b""})
        return
    try:
        extensions = scope.get("extensions") or {}
        if _PATHSEND in extensions and body.is_whole:
            await send({"type": _PATHSEND, "path": body.file.name})
        elif _ZEROCOPY in extensions:
            await send(
                {
                    "type": _ZEROCOPY,
                    "file": body.file,
                    "offset": body.start,
                    "count": body.length,
                }
            )
        else:
            await _send_chunks(body, send)
    finally:
        body.close()


async def _send_chunks(body: Body, send: Send) -> None:
    chunks = iter(body)
    left = body.length
    while left:
        chunk = await _in_thread(lambda: next(chunks, b""))
        left -= len(chunk)
        more = bool(left and chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": more})
        if not more:
            return
    await send({"type": "http.response.body", "body": b""})


async def _in_thread(read: Callable[[], bytes]) -> bytes:
    """Read without holding up other requests, where the server's loop is that of asyncio."""
    import asyncio  # which WSGI servers can do without

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return read()  # trio: the library that could is not ours to ask for
    return await loop.run_in_executor(None, read)


async def _live(files: Callable[[], StaticFiles], receive: Receive, send: Send) -> None:
    """Read the release when the server starts, so that a broken one is told at once."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                files()
            except AssetpipeError as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
