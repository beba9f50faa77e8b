"""What the servers serve: the release that the environment names, in front of an app of nothing.

Read when a server starts, in a process of its own; the tests never import it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from assetpipe.flask import AssetPipe
from assetpipe.serve.assets import Assets

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def inner_wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer ``/``, and find nothing elsewhere."""
    body = b"inner" if environ["PATH_INFO"] == "/" else b""
    line = "200 OK" if body else "404 Not Found"
    start_response(line, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def inner_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer ``/``, and find nothing elsewhere."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b"inner" if scope["path"] == "/" else b""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    status = 200 if body else 404
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


assets = Assets(
    os.environ["ASSETPIPE_TEST_OUT"], sendfile=os.environ.get("ASSETPIPE_TEST_SENDFILE") or None
)
wsgi = assets.wsgi(inner_wsgi)
asgi = assets.asgi(inner_asgi)


def make_app() -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["ASSETPIPE_OUT"] = os.environ["ASSETPIPE_TEST_OUT"]
    app.add_url_rule("/", view_func=lambda: "inner")
    AssetPipe(app)
    return app


flask_app = make_app()
"""Its files are served in front of it."""

hooked_app = make_app()
"""Its files are served by its static route, as something wants to see each request."""
hooked_app.before_request(lambda: None)
