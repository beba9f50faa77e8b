"""What an image looks like: its size, its dominant colour, and a placeholder."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING

from ..model import Picture
from . import png
from .decode import opened
from .files import UnfitError
from .variants import Encoding, Pixels, UnsuitableError, encode, scaled

if TYPE_CHECKING:
    from assetpipe.dimensions import Size

_THUMBNAIL = 64  # pixels in a row or column, from which the dominant colour is taken
_COLORS = 6  # boxes of which the fullest is the dominant one
_VISIBLE = 128  # alpha from which a pixel's colour counts
_TINY = 16  # pixels in a row or column of a placeholder
_SMALL = 64 * 64  # pixels up to which there is none, and nothing is a photograph
_QUALITY = 30
_BUSY = 8.0
"""Bits a pixel above which a PNG is a photograph: of 304 images of real packages, drawings and
screenshots take 0.02 to 6 as small as can be, photographs 9 to 17."""


def picture_of(
    data: bytes, format_: str, size: Size, *, placeholder: bool, is_optimized: bool
) -> Picture:
    """Look at an image.

    Args:
        data: the file.
        format_: what it is.
        size: as browsers show it.
        placeholder: work out a placeholder and the dominant colour, too; only of what is still.
        is_optimized: the file is as small as it can be.

    Raises:
        BadImageError: it is damaged.
    """
    try:
        is_still = getattr(opened(data, format_), "n_frames", 1) == 1
    except UnfitError:
        return Picture(*size)
    is_large = size.width * size.height > _SMALL
    seen = tiny = None
    if is_still and placeholder and format_ != "ico":
        with suppress(UnsuitableError):
            seen, tiny = scaled(data, [_fitting(size, most) for most in (_THUMBNAIL, _TINY)])
    is_opaque = seen is None or seen.mode != "RGBA"
    least = _BUSY / 8 * size.width * size.height
    is_busy = len(data) > least
    if is_busy and format_ == "png" and not is_optimized:
        is_busy = png.compressed_size(data) > least
    is_photo = (
        format_ in {"avif", "jpeg"}
        or (format_ == "webp" and b"VP8 " in data[:64])
        or (format_ == "png" and is_busy and is_opaque and is_large)
    )
    picture = Picture(*size, is_photo=is_photo, is_still=is_still)
    if seen is None or tiny is None:
        return picture
    has_placeholder = is_opaque and is_large
    return picture._replace(
        color=_color(seen), placeholder=_placeholder(tiny) if has_placeholder else ""
    )


def _fitting(size: Size, most: int) -> int:
    """Return the width at which neither side is longer."""
    return max(1, min(size.width, size.width * most // max(size)))


def _color(pixels: Pixels) -> str:
    from PIL import Image

    image = Image.frombytes(pixels.mode, (pixels.width, pixels.height), pixels.data)
    rgba = image.convert("RGBA").tobytes()
    seen = b"".join(rgba[at : at + 3] for at in range(0, len(rgba), 4) if rgba[at + 3] >= _VISIBLE)
    if not seen:
        return ""
    row = Image.frombytes("RGB", (len(seen) // 3, 1), seen)
    boxes = row.quantize(_COLORS, Image.Quantize.MEDIANCUT)
    _, fullest = max((count, -index) for index, count in enumerate(boxes.histogram()) if count)
    palette = boxes.getpalette() or []
    red, green, blue = palette[-3 * fullest : -3 * fullest + 3]
    return f"#{red:02x}{green:02x}{blue:02x}"


def _placeholder(tiny: Pixels) -> str:
    file = encode(tiny, Encoding("webp", quality=_QUALITY))
    return f"data:image/webp;base64,{base64.b64encode(file).decode()}"
