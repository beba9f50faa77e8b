"""Decoding images with Pillow: what it takes for one, and whether two are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from .files import BadImageError, UnfitError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile


def opened(data: bytes, format_: str) -> ImageFile:
    """Open an image; it is decoded when its pixels are asked for.

    Not by ``Image.open``, whose limit of pixels is the whole process's: the caller has its own.

    Raises:
        UnfitError: Pillow is not installed, or cannot read the format.
        BadImageError: it is damaged.
    """
    try:
        from PIL import (
            AvifImagePlugin,
            GifImagePlugin,
            IcoImagePlugin,
            JpegImagePlugin,
            PngImagePlugin,
            WebPImagePlugin,
        )
    except ImportError as error:
        raise UnfitError from error
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each takes some of the memory that there may be
    plugins: dict[str, Callable[[BytesIO], ImageFile]] = {
        "avif": AvifImagePlugin.AvifImageFile,
        "gif": GifImagePlugin.GifImageFile,
        "ico": IcoImagePlugin.IcoImageFile,
        "jpeg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
    }
    try:
        return plugins[format_](BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # Pillow says by any what is wrong with a file
        raise BadImageError(f"it cannot be read: {_reason(error)}") from error


def is_same(one: bytes, other: bytes, format_: str) -> bool:
    """Say whether two files show the same pixels, frame by frame, for as long and as often.

    Raises:
        UnfitError: Pillow is not installed.
        BadImageError: the first one is damaged.
    """
    frames = list(_frames(one, format_))
    try:
        return frames == list(_frames(other, format_))
    except BadImageError:
        return False


def _frames(data: bytes, format_: str) -> Iterator[tuple[object, ...]]:
    """Yield what there is to see: of each frame a hash of its pixels and how long it is shown."""
    image = opened(data, format_)
    count = getattr(image, "n_frames", 1)
    yield image.size, count, image.info.get("loop"), image.info.get("default_image")
    for number in range(count):
        try:
            image.seek(number)
            image.load()
        except MemoryError:
            raise
        except Exception as error:
            raise BadImageError(f"it cannot be read: {_reason(error)}") from error
        shown = image.info.get("duration"), image.info.get("icc_profile")
        yield (*shown, *_pixels(image))


def _pixels(image: Image) -> tuple[str, bytes]:
    # Files that differ in how they hold their pixels may show the same ones.
    plain = image if image.mode in {"CMYK", "RGB", "RGBA"} else image.convert("RGBA")
    if image.mode == "RGB" and "transparency" in image.info:
        plain = image.convert("RGBA")
    if plain.mode == "RGB":
        plain = plain.convert("RGBA")
    return plain.mode, hashlib.sha256(plain.tobytes()).digest()


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
