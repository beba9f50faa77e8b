"""The Django side: ``{% static %}`` gives the URLs of a release."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.exceptions import ImproperlyConfigured

from assetpipe.serve.assets import Assets

# What follows a name in a URL, such as the icon of a sprite, begins with one of these.
_REST = re.compile(r"[?#]")


class ReleaseStorage(StaticFilesStorage):  # type: ignore[misc]
    """Static files whose URLs are those of a release, below ``STATIC_URL``.

    For ``STORAGES["staticfiles"]``. Its files are still those in ``STATIC_ROOT``: there
    ``collectstatic`` gathers the sources of all apps, and ``assetpipe build`` makes a release of
    them. Where ``DEBUG`` is on, URLs are those of the sources, which ``runserver`` serves.

    Args:
        out: the output folder of the build.
        strict: an unknown name is an error, as with Django's ``manifest_strict``; otherwise it
            gets its plain URL.
        auto_reload: look for a new release at each use.
        options: those of Django's ``StaticFilesStorage``.

    Raises:
        ImproperlyConfigured: the release and ``STATIC_ROOT`` lie in each other.
    """

    def __init__(
        self,
        *,
        out: str | os.PathLike[str],
        strict: bool = True,
        auto_reload: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if self.location:
            one, other = Path(self.location).resolve(), Path(out).resolve()
            if one.is_relative_to(other) or other.is_relative_to(one):
                # `collectstatic --clear` would delete the release.
                raise ImproperlyConfigured(
                    f"STATIC_ROOT ({one}) and the release ({other}) must not lie in each other"
                )
        self._assets = Assets(out, cdn_url=self.base_url, strict=strict, auto_reload=auto_reload)

    def url(self, name: str, force: bool = False) -> str:
        """Return the URL of a static file; with ``force``, that of the release in any case.

        Raises:
            ManifestError: there is no release, or it cannot be read.
            UnknownAssetError: the release has no such file.
        """
        # Templates may ask for a folder's URL, and add names in the browser.
        if name.endswith("/") or (settings.DEBUG and not force):
            return str(super().url(name))
        if self._assets.asset(name) is not None:
            return self._assets.url(name)
        path = _REST.split(name, maxsplit=1)[0]
        return self._assets.url(path) + name[len(path) :]
