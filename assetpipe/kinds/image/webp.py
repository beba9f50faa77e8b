"""WebP: without metadata, and smaller where it loses nothing (RFC 9649)."""

from __future__ import annotations

import struct
from io import BytesIO

from .decode import is_same
from .files import BadImageError, UnfitError

_XMP, _EXIF = 0x04, 0x08  # flags of VP8X
_TOLD = (b"EXIF", b"XMP ")


def optimized(data: bytes, *, metadata: bool) -> bytes:
    """Return a WebP file with the same pixels, or the same frames.

    Browsers do not turn a WebP as its Exif says (Chromium 156), so all of that goes.

    Raises:
        BadImageError: it is cut off.
        UnfitError: Pillow is not installed.
    """
    parts = _chunks(data)
    kinds = [kind for kind, _ in parts]
    if not metadata:
        parts = [part for part in parts if part[0] not in _TOLD]
    kept = _joined(parts)
    if not is_same(data, kept, "webp"):
        raise UnfitError
    is_lossless = b"VP8L" in kinds and b"ANMF" not in kinds
    if is_lossless and not (metadata and set(kinds).intersection(_TOLD)):
        again = _again(kept, dict(parts).get(b"ICCP", b""))
        return again if len(again) < len(kept) and is_same(kept, again, "webp") else kept
    return kept


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    (size,) = struct.unpack_from("<I", data, 4)
    end, at = size + 8, 12
    if end > len(data):
        raise BadImageError("it is cut off")
    found = []
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise BadImageError("it is cut off")
        found.append((kind, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def _joined(parts: list[tuple[bytes, bytes]]) -> bytes:
    kinds = {kind for kind, _ in parts}
    body = [b"WEBP"]
    for kind, data in parts:
        if kind == b"VP8X":
            has_not = (_EXIF if b"EXIF" not in kinds else 0) | (_XMP if b"XMP " not in kinds else 0)
            part = bytes([data[0] & ~has_not]) + data[1:]
        else:
            part = data
        body += [kind, struct.pack("<I", len(part)), part, b"\0" * (len(part) % 2)]
    whole = b"".join(body)
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def _again(data: bytes, profile: bytes) -> bytes:
    """Encode an image without loss once more."""
    from PIL import WebPImagePlugin

    image = WebPImagePlugin.WebPImageFile(BytesIO(data))
    file = BytesIO()
    # Colours that one cannot see are those of the source, as scripts can read them.
    image.save(
        file, "WEBP", lossless=True, quality=100, method=5, exact=True, icc_profile=profile or None
    )
    return file.getvalue()
