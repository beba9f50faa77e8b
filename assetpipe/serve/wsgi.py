"""The WSGI face (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from assetpipe.serve.answers import CHUNK, NOT_FOUND, Response
from assetpipe.serve.static import StaticFiles

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def serve(
    files: Callable[[], StaticFiles], prefix: str, app: WSGIApplication | None
) -> WSGIApplication:
    """Return an application that answers what is below a prefix, and leaves the rest to another.

    Args:
        files: returns the files of the release in use.
        prefix: of the paths, with a slash at both ends. Where the application is mounted, the
            mount's path counts as the prefix.
        app: the other application; without one, the rest is not found.
    """
    length = len(prefix)
    rest = app or _nothing

    # A function, since servers call it faster than a method.
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")  # PEP 3333: what is empty may be left out
        if path.startswith(prefix):
            path = path[length:]
        elif app is None and (environ.get("SCRIPT_NAME", "") + "/").endswith(prefix):
            path = path[1:]
        else:
            return rest(environ, start_response)
        response = files().respond(
            environ["REQUEST_METHOD"], path if path.isascii() else decoded(path), environ
        )
        start_response(response.line, [*response.headers])
        return content(response, environ)

    return application


def content(response: Response, environ: WSGIEnvironment) -> Iterable[bytes]:
    """Return what follows the header fields."""
    body = response.body
    if isinstance(body, bytes):
        return [body]
    if body is None:
        return []
    wrapper: Any = environ.get("wsgi.file_wrapper")
    # Servers send a whole file faster; not all of them honour a part of one.
    return wrapper(body.file, CHUNK) if wrapper and body.is_whole else body


def decoded(path: str) -> str:
    """Return a path of WSGI, whose characters stand for bytes (PEP 3333), as text."""
    return path.encode("latin-1").decode("utf-8", "replace")


def _nothing(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response(NOT_FOUND.line, [*NOT_FOUND.headers])
    return []
