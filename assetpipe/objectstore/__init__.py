"""Stores of objects: Amazon S3 and what speaks its language, Google, Azure, and one for tests."""

from assetpipe.objectstore.model import ConflictError, Store, Stored, Version
from assetpipe.objectstore.store import STORABLE, open_store

__all__ = ["STORABLE", "ConflictError", "Store", "Stored", "Version", "open_store"]
