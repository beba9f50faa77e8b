"""Sass for assetpipe: ``css/app.scss`` ships as the stylesheet ``css/app.css``.

A complete plug-in, to copy and to change. It needs ``pip install libsass`` and one entry point: see
the pyproject.toml beside it.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

import sass  # libsass

from assetpipe.kinds.model import Compiled, CompileError

_PLACE = re.compile(r"\n\s+on line (\d+):(\d+) of ([^\n]+?)(?:,|\n|\Z)")


class Scss:
    """The compiler; assetpipe minifies and links what it makes, and composes the source maps."""

    name = "scss"
    produces = ".css"

    def version(self) -> str:
        """Name everything that a result depends on besides the files: it is cached for ever."""
        return f"1+libsass-{sass.__version__}"

    def is_partial(self, name: str) -> bool:
        """Leave out what only serves to be imported: by Sass's custom, ``_names`` like these."""
        return posixpath.basename(name).startswith("_")

    def compile(self, path: str, data: bytes) -> Compiled:
        """Compile one file, and tell which others were read: they are part of the cache key."""
        needs: list[str] = []

        def resolve(wanted: str, importer: str) -> list[tuple[str, str]] | None:
            folder = Path(path if importer == "stdin" else importer).parent
            for name in _candidates(wanted):
                file = Path(folder, name).resolve()
                if file.is_file():
                    needs.append(str(file))
                    return [(str(file), file.read_text("utf-8"))]
            return None  # libsass says what it looked for

        try:
            css, source_map = sass.compile(
                filename=path,
                importers=[(0, resolve)],
                source_map_filename=f"{path}.map",
                omit_source_map_url=True,
            )
        except sass.CompileError as error:
            raise _explained(str(error), path) from error
        return Compiled(css.encode(), _beside(source_map, path), tuple(needs))


def _candidates(wanted: str) -> list[str]:
    """Return the files that an import may mean, as Sass looks for them."""
    folder, base = posixpath.split(wanted)
    names = [base] if base.endswith((".scss", ".sass", ".css")) else [f"{base}.scss", f"{base}.css"]
    return [posixpath.join(folder, start + name) for name in names for start in ("", "_")]


def _explained(text: str, path: str) -> CompileError:
    """Return libsass's error with its place taken out of the text."""
    message = text.removeprefix("Error: ").partition("\n")[0].rstrip(".")
    place = _PLACE.search(text)
    if place is None:
        return CompileError(message, path)
    line, column, file = place.groups()
    # libsass writes paths relative to the current folder.
    return CompileError(message, str(Path(file).resolve()), int(line), int(column))


def _beside(source_map: str, path: str) -> bytes:
    """Return the map with absolute paths: assetpipe makes them those of its own release."""
    found = json.loads(source_map)
    found["sources"] = [str(Path(Path(path).parent, name).resolve()) for name in found["sources"]]
    return json.dumps(found).encode()


KIND = Scss()
