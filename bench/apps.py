"""What ``bench.serve`` measures, each as its users set it up, serving the same folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/static/"
OUT, BODY, LIVE = "BENCH_OUT", "BENCH_BODY", "BENCH_LIVE"
"""Environment variables: the folder, the file that the no-op app answers with, and whether to look
for new releases."""


def noop(body: bytes) -> WSGIApplication:
    """Return an app that answers everything with the same bytes: what the server alone costs."""
    headers = [
        ("Content-Type", "text/css; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("ETag", '"0123456789012345678901"'),
        ("Vary", "Accept-Encoding"),
    ]

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*headers])
        return [body]

    return application


def assetpipe(out: Path, inner: WSGIApplication) -> WSGIApplication:
    """Return the WSGI face in front of an app."""
    from assetpipe import Assets

    return Assets(out, prefix=PREFIX, auto_reload=LIVE in os.environ).wsgi(inner)


def assetpipe_flask(out: Path, _inner: WSGIApplication) -> WSGIApplication:
    """Return a Flask app with the extension."""
    from flask import Flask

    from assetpipe.flask import AssetPipe

    app = Flask(__name__, root_path=str(out.parent))
    app.config["ASSETPIPE_OUT"] = str(out)
    AssetPipe(app)
    return app


def whitenoise(out: Path, inner: WSGIApplication) -> WSGIApplication:
    """Return WhiteNoise in front of an app."""
    from whitenoise import WhiteNoise

    app: WSGIApplication = WhiteNoise(inner, root=str(out), prefix=PREFIX)
    return app


def servestatic(out: Path, inner: WSGIApplication) -> WSGIApplication:
    """Return ServeStatic in front of an app."""
    from servestatic import ServeStatic

    app: WSGIApplication = ServeStatic(inner, root=str(out), prefix=PREFIX)
    return app


def flask(out: Path, _inner: WSGIApplication) -> WSGIApplication:
    """Return a Flask app, whose own static route serves the folder."""
    from flask import Flask

    return Flask(__name__, static_folder=str(out), static_url_path=PREFIX.rstrip("/"))


Maker = Callable[[Path, Any], Any]
CONTENDERS: dict[str, Maker] = {
    "assetpipe": assetpipe,
    "assetpipe.flask": assetpipe_flask,
    "WhiteNoise": whitenoise,
    "ServeStatic": servestatic,
    "Flask's static route": flask,
}


def application(name: str) -> WSGIApplication:
    """Return a contender for a server to run; ``no-op`` is one of them."""
    inner = noop(Path(os.environ[BODY]).read_bytes())
    return inner if name == "no-op" else CONTENDERS[name](Path(os.environ[OUT]), inner)
