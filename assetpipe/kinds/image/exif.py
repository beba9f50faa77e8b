"""Exif: of all that cameras write, how the image is turned is shown (Exif 3.0, 4.6)."""

from __future__ import annotations

import struct

PREFIX = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x112, 3
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def orientation_of(exif: bytes) -> int:
    """Return how an image is turned, 1 to 8; 1 if it is not, or nothing can be read."""
    tiff = exif.removeprefix(PREFIX)
    order = _ORDERS.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for number in range(count):
            tag, kind, length, value = struct.unpack_from(
                order + "HHIH", tiff, start + 2 + 12 * number
            )
            if (tag, kind, length) == (_ORIENTATION, _SHORT, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def minimal(orientation: int) -> bytes:
    """Return Exif that says how an image is turned, and no more; without the prefix of JPEG."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
