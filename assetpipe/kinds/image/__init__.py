"""Images made of pixels: each in fewer bytes, with every pixel as it was.

Whatever makes a file smaller is checked: the result is decoded and compared with the source before
it ships. A file that is damaged, or is not what its name says, ships untouched with a warning.
"""

from __future__ import annotations

import warnings

from assetpipe.dimensions import Size, measure

from ..model import ImageOptions, Note, Options, Transformed
from . import gif, ico, jpeg, png, variants, webp
from .files import NAMES, SUFFIXES, BadImageError, UnfitError, format_of
from .picture import picture_of

_VERSION = "1"
_OPTIMIZERS = {
    "gif": gif.optimized,
    "ico": ico.optimized,
    "jpeg": jpeg.optimized,
    "png": png.optimized,
    "webp": webp.optimized,
}
_PIXEL_BYTES = {"avif": 16, "gif": 12, "ico": 0, "jpeg": 12, "png": 6, "webp": 40}
"""Bytes for each pixel that it takes to work on a file and to check the result: of a PNG for each
byte that a pixel has. Measured with images of 12 megapixels, and a third more."""


class _Image:
    """The kind."""

    name = "image"

    def version(self) -> str:
        """Return the version of this code and of all libraries that decide its bytes."""
        return f"{_VERSION}, {variants.version()}"

    def transform(self, data: bytes, options: Options) -> Transformed:
        """Write an image in fewer bytes, and look at it."""
        how = options.image or ImageOptions()
        body = data
        with warnings.catch_warnings():
            # Pillow tells standard error of what it makes the best of.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            try:
                format_, size = _checked(data, how)
                if options.minify:
                    body = _smaller(data, format_, size, metadata=how.metadata)
                picture = picture_of(
                    body,
                    format_,
                    size,
                    placeholder=how.placeholder,
                    is_optimized=options.minify,
                )
            except BadImageError as error:
                note = Note(f"ships untouched: {error}", hint=error.hint)
                return Transformed(data, notes=(note,), encoding="latin-1")
        return Transformed(body, encoding="latin-1", picture=picture)


KIND = _Image()


def _checked(data: bytes, how: ImageOptions) -> tuple[str, Size]:
    """Return the format and size of a file that may be worked on.

    Raises:
        BadImageError: it is not what its name says, or takes more memory than it may.
    """
    if not data:
        raise BadImageError("it is empty")
    format_, promised = format_of(data), SUFFIXES.get(how.suffix, "")
    if not format_:
        raise BadImageError(f"it is not {NAMES[promised]}" if promised else "it is no image")
    if promised and format_ != promised:
        raise BadImageError(
            f"it is {NAMES[format_]}, and not {NAMES[promised]}, as its name says",
            hint="rename it, or save it as what its name says",
        )
    size = measure(data)
    if size is None:
        raise BadImageError("it does not say how large it is")
    need = size.width * size.height * _PIXEL_BYTES[format_]
    if format_ == "png":
        need *= png.pixel_bytes(data)
    if need > how.memory:
        raise BadImageError(
            f"it has {size.width:,} × {size.height:,} pixels, and to work on them may take "
            f"{need >> 20:,} MiB",
            hint="if that is right, raise `memory` in [tool.assetpipe.images]",
        )
    return format_, size


def _smaller(data: bytes, format_: str, size: Size, *, metadata: bool) -> bytes:
    """Return the same image in fewer bytes, or as it is.

    Raises:
        BadImageError: it is damaged.
    """
    optimized = _OPTIMIZERS.get(format_)
    if optimized is None:
        return data
    try:
        body = optimized(data, metadata=metadata)
    except UnfitError:
        return data
    return body if len(body) < len(data) and measure(body) == size else data
