"""Leaving it to the server in front to send a file."""

from __future__ import annotations

from assetpipe.errors import ConfigError
from assetpipe.headers import Header
from assetpipe.names import url_path

_FIELDS = ("X-Accel-Redirect", "X-Sendfile")


class Handover:
    """Leave it to the server in front to send what is not kept in memory.

    Args:
        setting: the header field that asks it to, and what stands in it before the file's path,
            such as ``X-Accel-Redirect=/internal/`` or ``X-Sendfile=/srv/static/``.

    Raises:
        ConfigError: the setting is not of that form.
    """

    def __init__(self, setting: str) -> None:
        self.field, equals, self._root = setting.partition("=")
        if not equals or not self._root.endswith("/") or self.field not in _FIELDS:
            raise ConfigError(
                f"sendfile is {setting!r}",
                hint="write X-Accel-Redirect=/internal/ (nginx) or X-Sendfile=/srv/static/",
            )

    def header(self, file: str) -> Header | None:
        """Return the field that hands a file over, a path below the output folder.

        Servers differ in whether they decode what stands there (nginx does, Caddy 2.6 does not),
        so a name that would have to be encoded is not handed over.
        """
        return (self.field, self._root + file) if url_path(file) == file else None
