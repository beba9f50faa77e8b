"""A release over HTTP on this machine, for people who want to look at it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from assetpipe.manifest import FILE_NAME, load
from assetpipe.serve.assets import Assets
from assetpipe.serve.tags import script_tag

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True  # a stream's small parts would wait for each other

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def listen(app: WSGIApplication, port: int, host: str = "127.0.0.1") -> WSGIServer:
    """Return a server of an application, with a thread for each request.

    Args:
        app: the application.
        port: where to listen; 0 for any that is free.
        host: on what address.

    Raises:
        OSError: the port is taken, or may not be listened on.
    """
    return make_server(host, port, app, _Server, _Quiet)


def preview(out: Path, prefix: str, *, script: str = "") -> WSGIApplication:
    """Return an application whose page ``/`` lists all assets; a new release is seen.

    Args:
        out: the output folder of the build.
        prefix: path below which the files are served.
        script: URL of a script for the page to run.
    """
    assets = Assets(out, prefix=prefix, auto_reload=True)
    return assets.wsgi(None if prefix == "/" else _index(out, assets, script))


def _index(out: Path, assets: Assets, script: str) -> WSGIApplication:
    ending = script_tag(script, {"async": True}) if script else ""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/":
            start_response("404 Not Found", [("Content-Length", "0")])
            return []
        links = "".join(
            f'<li><a href="{escape(assets.url(name))}">{escape(name)}</a>\n'
            for name in load(out / FILE_NAME).assets
        )
        page = f"<!doctype html><meta charset=utf-8><title>Assets</title>\n<ul>\n{links}</ul>\n"
        body = (page + ending).encode()
        fields = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response("200 OK", fields)
        return [body]

    return application
