"""JPEG: the same coefficients, coded in fewer bytes (ITU T.81, T.872)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from .decode import is_same
from .exif import PREFIX, minimal, orientation_of
from .files import BadImageError, UnfitError

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length (B.1.1.3)
_PROFILE = b"ICC_PROFILE\0"
# Several images in one file, of which browsers show more than the first: a gain map says how much
# brighter it can be on screens that can (CIPA DC-007; ISO 21496-1; Adobe's form before it).
_SEVERAL = (b"MPF\0", b"urn:iso:std:iso:ts:21496:-1")
_GAIN_MAP = b"ns.adobe.com/hdr-gain-map/"


class Segment(NamedTuple):
    """A marker segment in front of the first scan (B.1.1.4)."""

    marker: int
    data: bytes


def optimized(data: bytes, *, metadata: bool) -> bytes:
    """Return a JPEG file with the same coefficients, in the order that takes the fewest bytes.

    Its profile stays, and how it is turned. Of all else that cameras and programs write, also of
    copyright, nothing does unless ``metadata`` says so.

    Raises:
        BadImageError: it is damaged.
        UnfitError: it is more than one image, or what makes it smaller is not installed.
    """
    try:
        import mozjpeg_lossless_optimization as mozjpeg
    except ImportError as error:
        raise UnfitError from error
    head = list(segments(data))
    for marker, body in head:
        if (marker == _APP2 and body.startswith(_SEVERAL)) or _GAIN_MAP in body:
            raise UnfitError
    try:
        smaller = bytes(mozjpeg.optimize(data, mozjpeg.COPY_MARKERS.NONE))
    except Exception as error:  # of no kind of its own
        raise BadImageError(f"it cannot be read: {error}") from error
    kept = [each for each in head if _is_kept(each, metadata=metadata)]
    if not metadata:
        kept = [*_turned(head), *kept]
    body = _with(smaller, kept)
    if not is_same(data, body, "jpeg"):
        raise UnfitError
    return body


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments in front of the first scan.

    Raises:
        BadImageError: the file ends before that.
    """
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1  # what some cameras leave between segments, and decoders pass by
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _ALONE or marker == 0:
            at += 2
        elif marker in {_SOS, _EOI}:
            return
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            if length < 2 or at + 2 + length > len(data):
                break
            yield Segment(marker, data[at + 4 : at + 2 + length])
            at += 2 + length
    raise BadImageError("it is cut off")


def _is_kept(segment: Segment, *, metadata: bool) -> bool:
    marker, body = segment
    if marker == _APP2 and body.startswith(_PROFILE):
        return True
    # The encoder writes those that say how to decode it.
    is_own = marker in {_APP0, _APP14} and body.startswith((b"JFIF", b"JFXX", b"Adobe"))
    return metadata and not is_own and (_APP0 <= marker <= _APP0 + 15 or marker == _COM)


def _turned(head: list[Segment]) -> list[Segment]:
    """Return the segment that says how the image is turned, if it is; the first one counts."""
    for marker, body in head:
        if marker == _APP1 and body.startswith(PREFIX):
            orientation = orientation_of(body)
            return [] if orientation == 1 else [Segment(_APP1, PREFIX + minimal(orientation))]
    return []


def _with(data: bytes, kept: list[Segment]) -> bytes:
    """Put segments behind the first one, which is the encoder's own, if there is one."""
    at = 2
    if data[2:4] == bytes([0xFF, _APP0]):
        at += 2 + int.from_bytes(data[4:6])
    written = b"".join(
        bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in kept
    )
    return data[:at] + written + data[at:]
