"""The pages that are open: a server of their own tells them what was saved, built, or is wrong."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Self

from assetpipe.errors import AssetpipeError, OutsideError
from assetpipe.live.messages import Change, State, Update
from assetpipe.live.releases import difference
from assetpipe.live.stream import Mode, Stream
from assetpipe.live.wsgi import EVENTS, SCRIPT, application
from assetpipe.serve.preview import listen, preview

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PORT = 35729
"""Where it listens unless that is taken: the port that LiveReload registered with IANA."""

_GLANCE = 5.0  # seconds between looks at whether to end, for which nobody waits


class Pages:
    """A server for pages that use the sources, and for pages that use the release.

    It shows the release at ``/``, too, as ``assetpipe serve`` does.

    Args:
        host: the address to listen on.
        port: the port; ``None`` for the usual one, or any that is free.

    Raises:
        OutsideError: the port is taken, or may not be listened on.

    Attributes:
        url: where this machine's browsers find it, without a slash at its end.
    """

    def __init__(self, *, host: str, port: int | None) -> None:
        self._sources = Stream()
        self._release = Stream(self._difference)
        self._out = Path()
        streams: dict[Mode, Callable[[], Stream]] = {
            "source": lambda: self._sources,
            "manifest": lambda: self._release,
        }
        self._live = application(streams, cross_origin=True)
        self._preview: WSGIApplication | None = None
        self._server = _listen(self._answer, host, port)
        name = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{self._server.server_port}"

    def __enter__(self) -> Self:
        serve = partial(self._server.serve_forever, poll_interval=_GLANCE)
        Thread(target=serve, name="assetpipe pages", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sources.close()
        self._release.close()
        # It looks whether to end now and then, and nobody waits for that.
        Thread(target=self._server.shutdown, daemon=True).start()
        self._server.server_close()

    def show(self, out: Path, prefix: str) -> None:
        """Show the release in an output folder from now on, its files below a prefix."""
        self._out = out
        self._preview = preview(out, prefix, script=SCRIPT)

    def saved(self, changes: Sequence[Change]) -> None:
        """Tell pages that use the sources what was saved."""
        self._sources.send(Update(tuple(changes)))

    def released(self, update: Update) -> None:
        """Tell pages that use the release how it changed."""
        self._release.send(update)

    def reload(self) -> None:
        """Have all pages load again."""
        for stream in (self._sources, self._release):
            stream.send(Update((), is_reload=True))

    def tell(self, state: State) -> None:
        """Tell all pages what is wrong, or that nothing is."""
        for stream in (self._sources, self._release):
            stream.tell(state)

    def _difference(self, old: str, new: str) -> Update | None:
        return difference(self._out, old, new)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = None if environ["PATH_INFO"] in (EVENTS, SCRIPT) else self._preview
        try:
            return (app or self._live)(environ, start_response)
        except AssetpipeError as error:  # there is no release yet
            body = str(error).encode()
            fields = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
            start_response("503 Service Unavailable", fields)
            return [body]


def _listen(app: WSGIApplication, host: str, port: int | None) -> WSGIServer:
    try:
        return listen(app, PORT if port is None else port, host)
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return _listen(app, host, 0)
        raise OutsideError(
            f"cannot listen on {host}:{PORT if port is None else port}: {error.strerror}",
            hint="choose another --port, or another --host",
        ) from error
