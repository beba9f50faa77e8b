"""Static assets for Flask: minified, fingerprinted, compressed ahead of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetpipe.serve.assets import Assets

__all__ = ["Assets", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import ``Assets`` when it is asked for: the build side has no use for it."""
    if name == "Assets":
        from assetpipe.serve.assets import Assets

        return Assets
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
