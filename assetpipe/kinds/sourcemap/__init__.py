"""Source maps (ECMA-426): JSON, perhaps behind a line that keeps scripts from running it."""

from __future__ import annotations

import re

from assetpipe.kinds.json import compact
from assetpipe.kinds.model import Kind, Options, Transformed
from assetpipe.kinds.patterns import compiled
from assetpipe.kinds.text import decode

_VERSION = "1"

# A first line that begins so is no part of the JSON text (ECMA-426, 4).
_GUARD = compiled(r"\)\]\}'[^\n]*+\n?")
_LOOKS_LIKE_JSON = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r]*+[{)]")


class MapFiles:
    """Files named ``*.map``."""

    name = "sourcemap"

    def version(self) -> str:
        """Return the version of this code."""
        return _VERSION

    def transform(self, data: bytes, options: Options) -> Transformed:
        """Drop white space between tokens; files of other programs ship as they are."""
        text = decode(data)
        if not _LOOKS_LIKE_JSON.match(data):
            return Transformed(data, encoding=text.encoding)
        guard = _GUARD.match(text.chars)
        return compact(data, text, options, guard.end() if guard else 0)


KIND: Kind = MapFiles()


def is_source_map(data: bytes) -> bool:
    """Tell whether a file may be a source map: it names the members that each must have."""
    return b'"version"' in data and (b'"mappings"' in data or b'"sections"' in data)
