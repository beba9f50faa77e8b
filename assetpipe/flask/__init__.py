"""The Flask extension: ``url_for('static', …)`` gives the URLs of a release, and serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Flask

from assetpipe.errors import ConfigError
from assetpipe.flask.assets import EXTENSION, AppAssets
from assetpipe.flask.config import check_config

if TYPE_CHECKING:
    from quart import Quart

__all__ = ["AssetPipe"]


class AssetPipe:
    """Makes a Flask or Quart app use the release that ``assetpipe build`` made.

    Call it with the app, or without and ``init_app`` later; one object may serve many apps.
    """

    def __init__(self, app: Flask | Quart | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask | Quart) -> None:
        """Register with an app: ``url_for`` gives hashed URLs, the static route serves them.

        The keys in ``app.config`` are read when the first static URL or file is asked for,
        except ``ASSETPIPE_URL_PATH`` and the URL of a manifest, which are read here; ``None`` and
        ``""`` mean the default:

        - ``ASSETPIPE_MODE``: ``"manifest"``, the default, serves the release; ``"source"``, the
          default when ``app.debug``, leaves Flask as it is.
        - ``ASSETPIPE_OUT``: folder of the release, relative to the project's folder, which is
          the nearest one at or above ``app.root_path`` with a pyproject.toml or assetpipe.toml.
          Default: the ``out`` of that file, else ``build/static``. Without such a file the
          current folder is looked at, too, since that is where a build without one writes.
        - ``ASSETPIPE_MANIFEST``: path of the manifest itself, instead of ``ASSETPIPE_OUT``; or the
          URL that the release was published to, such as ``https://cdn.example.com/static/`` or
          ``s3://bucket/prefix``. That is read here, and the app serves no files.
        - ``ASSETPIPE_MANIFEST_TIMEOUT``: seconds that reading the manifest at a URL may take in
          all. Default: 5.
        - ``ASSETPIPE_MANIFEST_COPY``: file that keeps the last good manifest of a URL, relative to
          the project's folder. Default: one in the user's cache folder.
        - ``ASSETPIPE_CDN_URL``: URL below which the release was published. Default: none, the
          app serves it.
        - ``ASSETPIPE_STRICT``: raise an error for a name that the release does not have, instead
          of logging a warning and leaving its URL as it is. Default: ``False``.
        - ``ASSETPIPE_BLUEPRINTS``: by blueprint name, the prefix of its static folder in the
          sources; ``None`` leaves that blueprint alone. Default: its name, with dots as slashes.
        - ``ASSETPIPE_AUTO_RELOAD``: look for a new release at each use. Default: ``app.debug``.
        - ``ASSETPIPE_LIVE_RELOAD``: pages that are open see what was saved; in debug only,
          whatever it says. Default: ``True``, and ``False`` when ``app.testing``.
        - ``ASSETPIPE_URL_PATH``: path of the static route for an app without one (with
          ``static_folder=None``). Default: ``/static``.
        - ``ASSETPIPE_INTEGRITY``: tags of hashed files get ``integrity``, and from a CDN
          ``crossorigin``, too. Default: ``False``.
        - ``ASSETPIPE_CROSSORIGIN``: ``"anonymous"`` or ``"use-credentials"`` for all tags
          but those of images.
        - ``ASSETPIPE_PRELOAD_HEADERS``: how many ``Link: rel=preload`` fields a page may have for
          what its tags used. Default: 0.
        - ``ASSETPIPE_IN_FRONT``: answer for static files before the app sees the request.
          Default: where nothing of the app would notice (``flask assetpipe doctor`` tells).
        - ``ASSETPIPE_MEMORY``: bytes of small files to keep in memory. Default: 32 MiB.
        - ``ASSETPIPE_SENDFILE``: leave larger files to the server in front, by
          ``X-Accel-Redirect=/internal/`` or ``X-Sendfile=/srv/static/``. Default: none.

        The view function of the static route is replaced: what guards it, such as a login, has to
        be put around it after this call.

        Raises:
            ConfigError: a key is unknown or has a wrong value, or the app is registered already.
            ManifestError: the manifest at a URL cannot be read, and there is no copy of it.
        """
        if EXTENSION in app.extensions:
            raise ConfigError(
                f"AssetPipe is registered with the app {app.name!r} already",
                hint="call either AssetPipe(app) or init_app(app), and only once",
            )
        check_config(app.config)
        assets = _assets(app)
        app.extensions[EXTENSION] = assets
        assets.install()


def _assets(app: Flask | Quart) -> AppAssets:
    # Not by its class: there is a package that puts Quart's in the place of Flask's.
    if not hasattr(app, "asgi_app"):
        return AppAssets(app)
    from assetpipe.flask.quart import QuartAssets  # which imports Quart

    return QuartAssets(cast("Quart", app))
