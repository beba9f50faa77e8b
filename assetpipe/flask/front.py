"""Answering in front of the app, where nothing of the app could tell the difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask.sansio.app import App

from assetpipe.serve.static import StaticFiles
from assetpipe.serve.wsgi import content, decoded

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from blinker import Signal


class Front:
    """Says whether requests for static files may be answered before the app sees them.

    An app that runs functions around each request may guard its files, log them, or add to
    their header fields; then every request goes through it.

    Args:
        app: the app.
        prefix: of the static files' paths, with a slash at both ends.
        view: the view function of the static route, as the extension has set it.
        entry: the method that servers call.
        app_class: the framework's own class of apps.
        signals: those of requests.
    """

    def __init__(
        self,
        app: App,
        prefix: str,
        view: Callable[..., object],
        *,
        entry: str,
        app_class: type,
        signals: tuple[Signal, ...],
    ) -> None:
        self._app = app
        self._prefix = prefix
        self._view = view
        self._functions = (
            (app.before_request_funcs, "before_request"),
            (app.after_request_funcs, "after_request"),
            (app.teardown_request_funcs, "teardown_request"),
            (app.url_value_preprocessors, "url_value_preprocessor"),
        )
        # What wraps the app already, such as a password, has to be asked first.
        own = getattr(app_class, entry)
        self._is_wrapped = getattr(getattr(app, entry), "__func__", None) is not own
        self._entry = entry
        self._signals = signals
        self._views = -1
        self._rival = ""

    def obstacle(self) -> str:
        """Return what of the app wants to see each request, in words; empty if nothing does."""
        for functions, name in self._functions:
            if functions.get(None):
                return f"the app has a function for {name}"
        if any(signal.receivers for signal in self._signals):
            return "something listens to the signals of requests"
        views = self._app.view_functions
        if views["static"] is not self._view:
            return "the view function of the endpoint 'static' was wrapped"
        if self._is_wrapped:
            return f"app.{self._entry} was wrapped before AssetPipe was registered"
        if len(views) != self._views:
            self._views = len(views)
            self._rival = self._find_rival()
        return self._rival

    def _find_rival(self) -> str:
        """Return what else decides about the paths of static files, in words."""
        routes = self._app.url_map
        if routes.host_matching or self._app.subdomain_matching:
            return "the app's routes depend on the host"
        others = (rule.rule for rule in routes.iter_rules() if rule.endpoint != "static")
        rival = next((rule for rule in others if rule.startswith(self._prefix)), None)
        return f"the route {rival} lies below {self._prefix}" if rival else ""


def in_front(
    app: WSGIApplication, prefix: str, files: Callable[[], StaticFiles | None]
) -> WSGIApplication:
    """Return an app that answers for what a release has, and leaves all else to the app.

    Args:
        app: the app.
        prefix: of the static files' paths, with a slash at both ends.
        files: what answers; ``None`` where the app is to see the request.
    """
    length = len(prefix)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")  # PEP 3333: what is empty may be left out
        if path.startswith(prefix):
            static = files()
            if static is not None:
                path = path[length:]
                path = path if path.isascii() else decoded(path)
                # What is not there gets the app's own page.
                if path in static:
                    response = static.respond(environ["REQUEST_METHOD"], path, environ)
                    start_response(response.line, [*response.headers])
                    return content(response, environ)
        return app(environ, start_response)

    return application
