"""The target of a destination: a folder, or objects in a bucket."""

from __future__ import annotations

from assetpipe import objectstore
from assetpipe.destination import Destination
from assetpipe.objectstore.model import Store
from assetpipe.publish.folder import FolderStore, folder_of


def open_store(destination: Destination) -> Store:
    """Open what a destination names; nothing is asked of it yet.

    Raises:
        ConfigError: it names nothing that can be published to, or is not configured well.
        MissingExtraError: its packages are not installed.
        OutsideError: there are no credentials for it.
    """
    if destination.scheme == "file":
        return FolderStore(folder_of(destination))
    return objectstore.open_store(destination)
