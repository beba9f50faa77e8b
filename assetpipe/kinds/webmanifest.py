"""Web application manifests: JSON that names icons and screenshots.

Sources: W3C Web Application Manifest (icons, shortcuts, screenshots), and its incubations
(file handlers). URLs are relative to the manifest's own. ``start_url``, ``scope``, ``id`` and
``share_target`` name pages, not files.
"""

from __future__ import annotations

from assetpipe.kinds.json import String, compact, strings
from assetpipe.kinds.model import Kind, Options, Reference, Transformed
from assetpipe.kinds.text import Lines, decode

_VERSION = "1"

# ``None`` is an element of an array. A ``manifest.json`` of any other sort has none of these.
_FILES = frozenset(
    {
        ("icons", None, "src"),
        ("screenshots", None, "src"),
        ("shortcuts", None, "icons", None, "src"),
        ("file_handlers", None, "icons", None, "src"),
    }
)
_DEPTH = max(map(len, _FILES))


class WebManifest:
    """Web application manifests."""

    name = "webmanifest"

    def version(self) -> str:
        """Return the version of this code."""
        return _VERSION

    def transform(self, data: bytes, options: Options) -> Transformed:
        """Minify a manifest and find its references; what is not JSON ships as it is, noted."""
        source = decode(data)
        result = compact(data, source, options)
        origins = [] if result.notes else _named(source.chars)
        if not origins:
            return result
        text = source if result.body is data else decode(result.body)
        found = _named(text.chars)
        offsets = iter(text.offsets([place for each in found for place in (each.start, each.end)]))
        lines = Lines(source.chars)
        references = tuple(
            Reference(next(offsets), next(offsets), origin.value, "url", *lines.at(origin.start))
            for origin in origins
        )
        return Transformed(result.body, references)


KIND: Kind = WebManifest()


def _named(chars: str) -> list[String]:
    """Return the strings that name files, in order."""
    return [
        string
        for string in strings(chars, _DEPTH)
        if string.path in _FILES and not string.is_name and _is_file(string.value)
    ]


def _is_file(url: str) -> bool:
    """Tell whether a URL can name a file: it is not empty, and does not hold its data itself."""
    return bool(url.strip()) and url.lstrip()[:5].lower() != "data:"
