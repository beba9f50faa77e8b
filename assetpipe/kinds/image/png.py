"""PNG: the same pixels in fewer bytes, without what nobody sees (PNG 3rd edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .decode import is_same
from .exif import minimal, orientation_of
from .files import BadImageError, UnfitError

SIGN = b"\x89PNG\r\n\x1a\n"
_SMALL = 16_384
"""Bytes up to which more filters are tried: 0.7 % less for twice the time, 13 ms a file. Over 304
images of real packages, levels 4 and 5 otherwise save 0.3 and 0.4 % for two and six times the time
of level 2, and zopfli 1.7 % for twenty times."""

# What decides pixels and colours; of APNG the frames. What else there is tells of the picture, or
# of who made it.
_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"})
_COLORS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI"})
_DEPTH = 24  # where the header has the bits of a sample; the colour type follows (11.2.1)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


class Chunk(NamedTuple):
    """A part of a PNG file (5.3)."""

    kind: bytes
    data: bytes


def optimized(data: bytes, *, metadata: bool) -> bytes:
    """Return a PNG file with the same pixels, or the same frames, and colours.

    Args:
        data: the file.
        metadata: keep texts, times and what cameras write.

    Raises:
        BadImageError: it is damaged.
        UnfitError: what makes it smaller is not installed.
    """
    try:
        import oxipng
    except ImportError as error:
        raise UnfitError from error
    parts = list(chunks(data))
    plain = joined(parts if metadata else _seen(parts))
    is_deep = plain[_DEPTH] == 16
    is_animated = any(part.kind == b"acTL" for part in parts)
    if is_deep and is_animated:
        raise UnfitError
    try:
        smaller = oxipng.optimize_from_memory(
            plain,
            level=4 if len(data) < _SMALL else 2,
            strip=oxipng.StripChunks.none,
            interlace=oxipng.Interlacing.keep if is_animated else oxipng.Interlacing.off,
            optimize_alpha=False,
            scale_16=False,
            # What has 16 bits is compared as it is: see ``_samples``.
            bit_depth_reduction=not is_deep,
            color_type_reduction=not is_deep,
            palette_reduction=not is_deep,
            grayscale_reduction=not is_deep,
        )
    except oxipng.PngError as error:
        raise BadImageError(f"it cannot be read: {error}") from error
    body = bytes(smaller)
    is_right = _samples(plain) == _samples(body) if is_deep else is_same(plain, body, "png")
    if not is_right:
        raise UnfitError
    return body


def pixel_bytes(data: bytes) -> int:
    """Return the bytes of a pixel, as the header says; one at the least."""
    depth, color_type = data[_DEPTH], data[_DEPTH + 1]
    return max(1, _CHANNELS.get(color_type, 4) * depth // 8)


def compressed_size(data: bytes) -> int:
    """Return about how many bytes the pixels of a file take at the least, as they are filtered.

    Raises:
        BadImageError: it is damaged.
    """
    pixels = b"".join(part.data for part in chunks(data) if part.kind == b"IDAT")
    width, height = struct.unpack_from(">II", data, 16)
    most = height * (width * pixel_bytes(data) + 1)
    try:
        # No more than there can be: it may be a bomb.
        return len(zlib.compress(zlib.decompressobj().decompress(pixels, most), 1))
    except zlib.error as error:
        raise BadImageError(f"it cannot be read: {error}") from error


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks up to the end; what is behind it is left out.

    Raises:
        BadImageError: the file ends before that, or a chunk that decides pixels is damaged.
    """
    at = len(SIGN)
    while True:
        if at + 12 > len(data):
            raise BadImageError("it is cut off")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise BadImageError("it is cut off")
        body = data[at + 8 : end - 4]
        if kind in _PIXELS and zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end]):
            raise BadImageError(f"its part {kind.decode('latin-1')} is damaged")
        yield Chunk(kind, body)
        if kind == b"IEND":
            return
        at = end


def joined(parts: Sequence[Chunk]) -> bytes:
    """Return the file of these chunks."""
    file = [SIGN]
    for kind, data in parts:
        file += [
            struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(kind + data)),
        ]  # fmt: skip
    return b"".join(file)


def _seen(parts: Sequence[Chunk]) -> list[Chunk]:
    """Return the chunks that decide what is shown, and of Exif how it is turned.

    Exif counts in front of the pixels only, for Chromium 156.
    """
    kept: list[Chunk] = []
    has_pixels = has_exif = False
    for part in parts:
        has_pixels |= part.kind == b"IDAT"
        if part.kind == b"eXIf" and not (has_pixels or has_exif):
            has_exif = True
            turned = orientation_of(part.data)
            if turned != 1:
                kept.append(Chunk(part.kind, minimal(turned)))
        elif part.kind in _PIXELS or part.kind in _COLORS:
            kept.append(part)
    return kept


def _samples(data: bytes) -> bytes:
    """Return the pixels of a file, with the part of its header that says what they are.

    Pillow decodes 16 bits to eight. So the file is written without filters (9), after which what is
    compressed is the pixels themselves.
    """
    import oxipng

    plain = oxipng.optimize_from_memory(
        data,
        level=0,
        force=True,
        filter=[oxipng.FilterStrategy.none],
        strip=oxipng.StripChunks.all,
        interlace=oxipng.Interlacing.off,
        deflate=oxipng.Deflaters.libdeflater(1),
        bit_depth_reduction=False,
        color_type_reduction=False,
        palette_reduction=False,
        grayscale_reduction=False,
    )
    body = b"".join(part.data for part in chunks(bytes(plain)) if part.kind == b"IDAT")
    return bytes(plain[16:29]) + zlib.decompress(body)
