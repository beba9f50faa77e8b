"""The extension's side of a Quart app: what Quart does its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar, cast

import quart
from quart import Quart
from werkzeug.datastructures import Headers

from assetpipe.flask.assets import AppAssets
from assetpipe.serve import asgi
from assetpipe.serve.answers import Body
from assetpipe.serve.static import StaticFiles

if TYPE_CHECKING:
    from types import ModuleType

    from flask import Flask


class QuartAssets(AppAssets):
    """The extension's side of one Quart app.

    Quart runs functions that are not asynchronous in a thread; those here never wait, and are
    made asynchronous to be spared that.

    Args:
        app: the app.
    """

    _framework: ClassVar[ModuleType] = quart
    _app_class: ClassVar[type] = Quart
    _entry: ClassVar[str] = "asgi_app"

    def __init__(self, app: Quart) -> None:
        self._quart = app
        # Quart's class is the same to its users, apart from what is overridden here.
        super().__init__(cast("Flask", app))

    async def serve(self, filename: str) -> Any:  # type: ignore[override]
        """Answer a request below the static route."""
        app, request = self._quart, quart.request
        release = self._now().release
        if release is None:
            if request.method == "OPTIONS":
                return self._methods()
            view: Callable[..., Any] = app.ensure_async(self._flask_view)
            return await view(filename=filename)
        fields = asgi.cgi_fields(request.scope["headers"])
        answer = release.files.respond(request.method, filename, fields)
        if answer.status == 404:
            self._refuse()
        body = answer.body
        response = app.response_class(
            _chunks(body) if isinstance(body, Body) else body, answer.status
        )
        response.headers = Headers([*answer.headers])  # without a type of what is not there
        if isinstance(body, Body):
            response.timeout = None  # Quart's limit would cut off a file on a slow line
        return response

    def _add_helpers(self) -> None:
        async def helpers() -> dict[str, Callable[..., object]]:
            return self._helpers

        self._quart.context_processor(helpers)

    def _add_front(self) -> None:
        app = self._quart
        app.asgi_app = in_front(  # type: ignore[assignment, method-assign]
            app.asgi_app, self._prefix, self._files_in_front
        )

    def _change_response(self, change: Callable[[Any], Any]) -> None:
        async def changed(response: Any) -> Any:
            return change(response)

        quart.after_this_request(changed)

    def _blueprint(self) -> str | None:
        if quart.has_websocket_context():
            return quart.websocket.blueprint
        return super()._blueprint()


def in_front(
    app: Callable[..., Any], prefix: str, files: Callable[[], StaticFiles | None]
) -> asgi.ASGIApplication:
    """Return an app that answers for what a release has, and leaves all else to the app.

    Args:
        app: the app.
        prefix: of the static files' paths, with a slash at both ends.
        files: what answers; ``None`` where the app is to see the request.
    """

    async def application(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "http":
            start = scope.get("root_path", "") + prefix
            path: str = scope["path"]
            static = files() if path.startswith(start) else None
            name = path[len(start) :]
            # What is not there gets the app's own page.
            if static is not None and name in static:
                fields = asgi.cgi_fields(scope["headers"])
                await asgi.reply(static.respond(scope["method"], name, fields), scope, send)
                return
        await app(scope, receive, send)

    return application


def _chunks(body: Body) -> Iterator[bytes]:
    with closing(body):
        yield from body
