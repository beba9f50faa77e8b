"""The header fields that every asset has, wherever it is, by the rules that its release carries."""

from __future__ import annotations

from collections.abc import Sequence

from assetpipe.globs import matcher
from assetpipe.manifest import Asset, HeaderRule

Header = tuple[str, str]
Headers = tuple[Header, ...]

# Assets hold no secrets, and fonts, modules and measurements need leave to be used from another
# origin (Fetch, 3.2 and 3.6; Resource Timing, 4.5).
COMMON: Headers = (
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Timing-Allow-Origin", "*"),
)

# A name that changes with its bytes never needs asking again (RFC 8246).
FOREVER: Header = ("Cache-Control", "public, max-age=31536000, immutable")
# Any other may be kept, and is asked for again before each use (RFC 9111, 5.2.2.4).
REVALIDATE: Header = ("Cache-Control", "no-cache")


def vary(asset: Asset, alternates: Sequence[Asset]) -> str:
    """Return the value of ``Vary`` for an asset: what of a request decides what is sent.

    Args:
        asset: the asset.
        alternates: what may be sent in its place.
    """
    by = ("Accept-Encoding", asset.encodings), ("Accept", alternates)
    return ", ".join(field for field, varies in by if varies)


class Policy:
    """Which header fields an asset is served with.

    Args:
        rules: of the release; where several name a field, the last one counts, and an empty
            value takes the field away.
    """

    def __init__(self, rules: tuple[HeaderRule, ...] = ()) -> None:
        self._rules = [(matcher([glob]), fields) for glob, fields in rules]

    def fields(self, name: str, content_type: str, cache_control: Header) -> Headers:
        """Return the header fields of an asset: its type, how long to keep it, and the rest.

        Args:
            name: its logical name.
            content_type: its media type.
            cache_control: the field that it has where no rule says otherwise.
        """
        own = (("Content-Type", content_type), cache_control, *COMMON)
        found = {field.lower(): (field, value) for field, value in own}
        for matches, fields in self._rules:
            if matches(name):
                for field, value in fields:
                    spelling, _ = found.get(field.lower(), (field, ""))
                    found[field.lower()] = spelling, value
        return tuple((field, value) for field, value in found.values() if value)
