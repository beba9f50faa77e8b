"""What a store of objects can do, whichever it is."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from assetpipe.headers import Headers

Version = tuple[str | None, str | None]
"""Entity tag and version of an object, as far as its store has them."""


class ConflictError(Exception):
    """An object is not, or no longer, in the version that was to be replaced."""


class UnconditionalError(Exception):
    """The store said that it has no conditional writes; nothing was written."""


class Stored(NamedTuple):
    """An object's content, and its version."""

    data: bytes
    version: Version


class Store(Protocol):
    """Objects by key, a POSIX path below the target.

    Every method raises ``OutsideError`` where the store cannot be reached or does not allow it,
    with a sentence that names the store as the user does, the key, and the cure.

    Attributes:
        name: the target as the user wrote it.
        is_local: looking at all objects costs no request, and objects have no header fields.
    """

    name: str
    is_local: bool

    def read(self, key: str) -> Stored | None:
        """Return an object; ``None`` where there is none."""

    def put(self, key: str, data: bytes, fields: Headers) -> None:
        """Store an object, whole or not at all, replacing what is there."""

    def put_fields(self, key: str, fields: Headers) -> bool:
        """Replace an object's header fields without sending it; say whether the store can."""

    def swap(self, key: str, data: bytes, fields: Headers, version: Version | None) -> Version:
        """Replace an object if it still is in a version; ``None`` if there still is none.

        Raises:
            ConflictError: it is not.
            UnconditionalError: the store does not know how to tell.
        """

    def sizes(self) -> dict[str, int]:
        """List all objects: bytes by key, in no particular order."""

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects; one that is not there is no error."""
