"""URL references, as browsers read them (WHATWG URL, 4.4)."""

from __future__ import annotations

import re
from typing import Final

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
"""What an absolute URL begins with."""

TAIL_SAFE = "!#$%&*+,/:;=?@[]~-._|^"
"""What a query or fragment may hold unescaped in any attribute, string or ``url()``."""

_C0_AND_SPACE: Final = "".join(map(chr, range(33)))


def split_url(specifier: str) -> tuple[str, str]:
    """Split a URL reference into its path, cleaned as browsers do, and its query and fragment.

    Browsers trim control characters and spaces, drop tabs and line breaks, and read a
    backslash as a slash (WHATWG URL, 4.4).
    """
    cleaned = specifier.strip(_C0_AND_SPACE)
    cleaned = cleaned.replace("\t", "").replace("\n", "").replace("\r", "")
    at = min((i for i in (cleaned.find("?"), cleaned.find("#")) if i >= 0), default=len(cleaned))
    return cleaned[:at].replace("\\", "/"), cleaned[at:]
