"""A location: the bucket and the keys that a target names, and how users know them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from assetpipe.destination import Destination
from assetpipe.errors import ConfigError

# What any of the services takes; Azure's container for web sites is called $web.
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True, slots=True)
class Location:
    """Where the objects of a target are.

    Attributes:
        scheme: ``s3``, ``gs``, ``az`` or ``memory``.
        bucket: bucket or container; empty in memory.
        prefix: what all keys begin with; empty, or ends with a slash.
        name: the target as the user wrote it.
    """

    scheme: str
    bucket: str
    prefix: str
    name: str

    def where(self, key: str = "") -> str:
        """Return the place of an object, or of all, as an error names it."""
        return f"{self.name.rstrip('/')}/{key}" if key else self.name


def locate(destination: Destination) -> Location:
    """Return the location of a target.

    A target is no URL: nothing in it is percent-encoded, and ``#`` and ``?`` are themselves.

    Raises:
        ConfigError: it names no bucket, or keys that no store can have.
    """
    scheme, target = destination.scheme, destination.target
    bucket, _, path = target.partition("://")[2].partition("/")
    segments = [segment for segment in path.split("/") if segment]
    if scheme != "memory" and not _BUCKET.match(bucket):
        raise ConfigError(
            f"{target!r} names no bucket",
            where="TARGET",
            hint=f"write {scheme}://bucket or {scheme}://bucket/prefix",
        )
    if {".", ".."} & set(segments) or not "".join(segments).isprintable():
        raise ConfigError(
            f"{target!r} is not a prefix that objects can have",
            where="TARGET",
            hint="the prefix is taken as it is: leave out `.`, `..` and control characters",
        )
    return Location(scheme, bucket, "".join(f"{segment}/" for segment in segments), target)
