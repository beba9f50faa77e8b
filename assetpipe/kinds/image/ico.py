"""Icons and cursors: a directory of images, some of which are PNG files."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import NamedTuple

from . import png
from .files import BadImageError, UnfitError

_HEAD, _ENTRY = 6, 16
_MOST = 256  # entries


class _Entry(NamedTuple):
    head: bytes  # size, colours, planes and depth, or the hot spot of a cursor
    data: bytes


def optimized(data: bytes, *, metadata: bool) -> bytes:
    """Return the same icon, the PNG files in it being smaller; equal images lie there once.

    Raises:
        BadImageError: an entry leads out of the file.
    """
    (count,) = struct.unpack_from("<H", data, 4) if len(data) >= _HEAD else (0,)
    if not 0 < count <= _MOST or len(data) < _HEAD + _ENTRY * count:
        raise BadImageError("it is cut off, or no icon")
    entries = [_entry(data, _HEAD + _ENTRY * number, metadata=metadata) for number in range(count)]
    directory, body = data[:_HEAD], b""
    places: dict[bytes, int] = {}
    for head, image in entries:
        if image not in places:
            places[image] = _HEAD + _ENTRY * count + len(body)
            body += image
        directory += head + struct.pack("<II", len(image), places[image])
    return directory + body


def _entry(data: bytes, at: int, *, metadata: bool) -> _Entry:
    size, start = struct.unpack_from("<II", data, at + 8)
    if start + size > len(data) or not size:
        raise BadImageError("an image in it is cut off")
    image = data[start : start + size]
    if image.startswith(png.SIGN):
        with suppress(UnfitError):
            image = min(image, png.optimized(image, metadata=metadata), key=len)
    return _Entry(data[at : at + 8], image)
