"""From a logical name to the file that stands for it, and to that file's URL."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from assetpipe.errors import UnknownAssetError
from assetpipe.manifest import Manifest
from assetpipe.names import nearest, url_path


class Resolver(Protocol):
    """Where an asset is: production looks it up, development derives it from the name."""

    def __contains__(self, name: str) -> bool:
        """Say whether there is an asset of this logical name."""

    def file(self, name: str) -> str:
        """Return the file of an asset, a path below the base URL, not yet percent-encoded."""

    def url(self, name: str) -> str:
        """Return the URL of an asset."""


class SourceResolver:
    """Every name is an asset, and stands for the source file itself.

    Args:
        base: path or URL below which the files are served.
    """

    def __init__(self, base: str) -> None:
        self._base = _with_slash(base)

    def __contains__(self, name: str) -> bool:
        return True

    def file(self, name: str) -> str:
        """Return the name itself."""
        return name

    def url(self, name: str) -> str:
        """Return the URL of the source file."""
        return self._base + url_path(name)


class ManifestResolver:
    """The assets are those of a release, each stands for its output file.

    Args:
        manifest: the release.
        base: path or URL below which the files are served.

    Attributes:
        base: the same, with a slash at its end.
    """

    def __init__(self, manifest: Manifest, base: str) -> None:
        self.base = _with_slash(base)
        self._files = {name: asset.file for name, asset in manifest.assets.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def file(self, name: str) -> str:
        """Return the output file of an asset.

        Raises:
            UnknownAssetError: the release has no asset of this name.
        """
        try:
            return self._files[name]
        except KeyError:
            raise self._unknown(name) from None

    def url(self, name: str) -> str:
        """Return the URL of an asset's output file.

        Raises:
            UnknownAssetError: the release has no asset of this name.
        """
        try:
            return self._urls[name]
        except KeyError:
            raise self._unknown(name) from None

    @cached_property
    def _urls(self) -> dict[str, str]:
        # All at once, when the first is asked for: who lets a router build its URLs asks for none.
        return {name: self.base + url_path(file) for name, file in self._files.items()}

    def _unknown(self, name: str) -> UnknownAssetError:
        meant = nearest(name, self._files)
        return UnknownAssetError(
            f"the release has no asset {name!r}",
            hint=f"did you mean {meant!r}?"
            if meant
            else "put the file into a source folder and run `assetpipe build`",
        )


def _with_slash(base: str) -> str:
    return base.rstrip("/") + "/"
