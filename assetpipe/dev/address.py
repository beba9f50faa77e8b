"""Where the watch process listens, written down for apps that were started elsewhere."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from assetpipe.build import Config

FILE_NAME = "watch.json"


class Notice:
    """``watch.json`` in the cache folder, for as long as the watch runs.

    It is a convenience: where it cannot be written, apps just do without. Of two watches with one
    cache, the one that began last is found; when that ends, the other one at its next build.
    """

    def __init__(self) -> None:
        self._file: Path | None = None
        self._text = ""

    def put(self, url: str, config: Config) -> None:
        """Say where the watch of a configuration listens, if that is not said already."""
        file = config.cache / FILE_NAME
        text = json.dumps({"url": url, "out": str(config.out)})
        if (file, text) == (self._file, self._text) and file.exists():
            return
        self.remove()
        self._file, self._text = file, text
        with contextlib.suppress(OSError):
            config.cache.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def remove(self) -> None:
        """Say it no more; what another watch says stays."""
        with contextlib.suppress(OSError):
            if self._file is not None and self._file.read_text() == self._text:
                self._file.unlink()
