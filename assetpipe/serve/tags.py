"""HTML tags for assets (WHATWG HTML, 4.2.4 and 4.12.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape

from assetpipe.errors import ConfigError

# What would end an attribute's name, or be no part of one (WHATWG HTML, 13.1.2.3).
_NOT_IN_NAME = re.compile(r"[\x00-\x20\"'<>/=\x7f-\x9f]")


class SafeString(str):
    """A text that is HTML: template engines that know ``__html__`` do not escape it again."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the text itself."""
        return self


def link_tag(rel: object, url: str, attributes: Mapping[str, object]) -> str:
    """Return a ``<link>``; ``attributes`` as for ``written``."""
    return f'<link rel="{escape(str(rel))}" href="{escape(url)}"{written(attributes)}>'


def script_tag(url: str, attributes: Mapping[str, object]) -> str:
    """Return a ``<script src>``; ``attributes`` as for ``written``."""
    return f'<script src="{escape(url)}"{written(attributes)}></script>'


def named(keywords: Mapping[str, object]) -> dict[str, object]:
    """Return the attributes that keyword arguments mean.

    Underscores stand for hyphens, and one at the end, which keeps a name from being a keyword
    (``class_``), for nothing.

    Raises:
        ConfigError: one of them is not the name of an attribute.
    """
    return {_name(key): value for key, value in keywords.items()}


def written(attributes: Mapping[str, object]) -> str:
    """Return attributes as they stand in a tag, each with a space in front.

    Values are escaped. ``True`` gives an attribute without a value, ``False`` and ``None`` leave
    it out. The names are trusted: those of templates come through ``named``.
    """
    parts = []
    for name, value in attributes.items():
        if value is True:
            parts.append(f" {name}")
        elif value is not None and value is not False:
            parts.append(f' {name}="{escape(str(value))}"')
    return "".join(parts)


@lru_cache(maxsize=256)
def _name(key: str) -> str:
    name = key.removesuffix("_").replace("_", "-")
    if not name or _NOT_IN_NAME.search(name):
        raise ConfigError(
            f"{key!r} is not the name of an attribute",
            hint="names hold no white space, quotes, <, >, / and =",
        )
    return name
