"""Where the watch process listens, written down for apps that were started elsewhere."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from assetpipe.build import Config

FILE_NAME = "watch.json"


@contextlib.contextmanager
def announced(config: Config, url: str) -> Iterator[None]:
    """Keep ``watch.json`` in the cache folder for as long as the watch runs.

    It is a convenience: where it cannot be written, apps just do without.
    """
    file = config.cache / FILE_NAME
    text = json.dumps({"url": url, "out": str(config.out)})
    with contextlib.suppress(OSError):
        config.cache.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if file.read_text() == text:
                file.unlink()
