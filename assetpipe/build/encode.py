"""Compressing ahead of time: one sibling for each content coding, kept only where it pays.

Levels by measurement: libdeflate's 12 is 4.6 % smaller than zlib's 9; Brotli's 11 is its
best; zstd's 19 is the highest whose window stays within the 8 MB that browsers accept
(RFC 9659). Source maps are fetched by developers' tools only and get a quicker Brotli level.
All three libraries release the interpreter's lock, so threads are enough.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, cast

from assetpipe import mediatypes
from assetpipe.errors import need

MINIMUM_SIZE = 500
"""A smaller file fits into one packet either way."""

_WORTH = 0.95
_SAMPLE = 64 * 1024
_LIBRARIES = {"br": "brotli", "gzip": "deflate", "zstd": "zstandard"}
_LEVELS = {"br": 11, "gzip": 12, "zstd": 19}
_MAP_LEVELS = {**_LEVELS, "br": 9}


class Codec(NamedTuple):
    """One way to compress a file.

    Attributes:
        coding: the content coding.
        level: the library's level or quality.
        doubtful: the type does not tell whether compressing pays, so a sample is tried first.
    """

    coding: str
    level: int
    doubtful: bool

    def cost(self, size: int) -> int:
        """Return the expected work for so many bytes, in units that compare across codecs."""
        return _COSTS[self.coding, self.level] * size

    def version(self) -> str:
        """Return a name of the codec with its library's version: part of the cache key."""
        return f"{self.coding} {self.level} {self.doubtful} {library(self.coding)}"


# Relative CPU time for a byte, by which the work is ordered and its progress told.
_COSTS = {("br", 11): 40, ("br", 9): 2, ("gzip", 12): 4, ("zstd", 19): 12}


@cache
def library(coding: str) -> str:
    """Return the name and version of the library behind a coding.

    Raises:
        MissingExtraError: it is not installed.
    """
    name = _LIBRARIES[coding]
    version = need(name, feature=f"the encoding {coding!r}", extra="build").__version__
    return f"{name} {version}"


def codecs(name: str, size: int, codings: Sequence[str]) -> list[Codec]:
    """Return the codecs worth trying on a file, by its name and size."""
    if size < MINIMUM_SIZE:
        return []
    return _codecs(name[name.rfind("/") + 1 :].rpartition(".")[2], tuple(codings))


@cache
def _codecs(suffix: str, codings: tuple[str, ...]) -> list[Codec]:
    name = f"x.{suffix}"
    if mediatypes.is_compressed(name):
        return []
    levels = _MAP_LEVELS if suffix == "map" else _LEVELS
    doubtful = mediatypes.media_type(name) == mediatypes.DEFAULT
    return [Codec(coding, levels[coding], doubtful) for coding in codings]


def encode(codec: Codec, data: bytes) -> bytes | None:
    """Compress a file, or return ``None`` where the coding saves less than 5 %."""
    if codec.doubtful and not _looks_compressible(data):
        return None
    encoded = _compress(codec, data)
    return encoded if len(encoded) <= len(data) * _WORTH else None


def _looks_compressible(data: bytes) -> bool:
    # A file of unknown type may be gigabytes of noise: a sample tells in a millisecond.
    sample = data[:_SAMPLE]
    return len(zlib.compress(sample, 1)) <= len(sample) * _WORTH


def _compress(codec: Codec, data: bytes) -> bytes:
    if codec.coding == "br":
        import brotli

        return cast(bytes, brotli.compress(data, quality=codec.level))
    if codec.coding == "gzip":
        import deflate

        # libdeflate writes no time and no file name: RFC 1952, 2.3.1, MTIME = 0.
        return bytes(deflate.gzip_compress(data, codec.level))
    import zstandard

    return zstandard.ZstdCompressor(level=codec.level).compress(data)
