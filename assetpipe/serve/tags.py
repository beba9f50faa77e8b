"""HTML tags for assets (WHATWG HTML, 4.2.4 and 4.12.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape


def stylesheet_tags(urls: Iterable[str], attributes: Mapping[str, object]) -> str:
    """Return a ``<link rel="stylesheet">`` for each URL, one a line.

    Args:
        urls: where the stylesheets are.
        attributes: further ones, underscores standing for hyphens; ``True`` gives one without a
            value, ``False`` and ``None`` leave it out.
    """
    rest = _attributes(attributes)
    return "\n".join(f'<link rel="stylesheet" href="{escape(url)}"{rest}>' for url in urls)


def script_tags(urls: Iterable[str], attributes: Mapping[str, object]) -> str:
    """Return a ``<script src>`` for each URL, one a line; ``attributes`` as for stylesheets."""
    rest = _attributes(attributes)
    return "\n".join(f'<script src="{escape(url)}"{rest}></script>' for url in urls)


def _attributes(attributes: Mapping[str, object]) -> str:
    parts = []
    for key, value in attributes.items():
        name = escape(key.replace("_", "-"))
        if value is True:
            parts.append(f" {name}")
        elif value is not None and value is not False:
            parts.append(f' {name}="{escape(str(value))}"')
    return "".join(parts)
