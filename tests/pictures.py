"""Pictures for tests, made as they are needed: of every kind, and broken ones."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

SECRET = b"52.5200N 13.4050E"
"""Stands for what a camera knows of where it is."""


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    """Return a picture as a file."""
    data = io.BytesIO()
    image.save(data, format_, **options)
    return data.getvalue()


def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a picture with soft colours and some grain, as a camera's."""
    chance = random.Random(7)
    small = max(width // 40, 2), max(height // 40, 2)
    layers = []
    for _ in range(4):
        soft = Image.frombytes("L", small, chance.randbytes(small[0] * small[1]))
        layers.append(soft.resize((width, height), Image.Resampling.BICUBIC))
    if mode == "L":
        return layers[0]
    return Image.merge(mode, layers[: len(mode)])


def noise(width: int, height: int) -> Image.Image:
    """Return a picture that nothing makes smaller."""
    return Image.frombytes("RGB", (width, height), random.Random(3).randbytes(width * height * 3))


def drawing(width: int, height: int) -> Image.Image:
    """Return a picture of few colours."""
    image = Image.new("RGB", (width, height), "white")
    for number in range(0, width, 16):
        image.paste((number % 256, 90, 20), (number, 0, number + 6, height))
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a part of a PNG."""
    checked = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checked)


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    color_type: int = 2,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Return a PNG of these rows, each with its filter in front."""
    head = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    parts = [chunk(b"IHDR", head), before, chunk(b"IDAT", zlib.compress(rows)), after]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def deep(channels: int, *, color_type: int) -> bytes:
    """Return a PNG of 16 bits a sample, whose lower halves matter."""
    rows = b""
    for y in range(9):
        samples = [(x * 2999 + y * 171 + c * 7) % 65536 for x in range(11) for c in range(channels)]
        rows += b"\0" + struct.pack(f">{len(samples)}H", *samples)
    return png(11, 9, rows, depth=16, color_type=color_type)


def interlaced() -> bytes:
    """Return a PNG whose pixels come in seven passes."""
    import oxipng

    plain = saved(photo(90, 60), "PNG")
    made = oxipng.optimize_from_memory(plain, level=0, force=True, interlace=oxipng.Interlacing.on)
    assert made[28] == 1
    return bytes(made)


def exif(orientation: int = 1) -> bytes:
    """Return Exif of a camera that knows where it is."""
    data = Image.Exif()
    data[0x112] = orientation
    data[0x10F] = SECRET.decode()
    return data.tobytes()


def p3() -> bytes:
    """Return a colour profile that is not sRGB: its red is its green, and so on."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = icc.index(b"rXYZ"), icc.index(b"gXYZ")
    icc[red : red + 4], icc[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(icc)


def frames() -> list[Image.Image]:
    """Return pictures that differ."""
    return [photo(40, 30).rotate(90 * number) for number in range(4)]


def told() -> PngImagePlugin.PngInfo:
    """Return texts for a PNG."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET.decode())
    info.add_itxt("Description", SECRET.decode(), zip=True)
    return info


def clear(mode: str = "RGBA") -> Image.Image:
    """Return a picture that one can see through, with colours where nobody sees them."""
    image = photo(60, 40, "RGBA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 30, 40))
    image.putalpha(alpha)
    return image.convert(mode)


def icon() -> bytes:
    """Return an icon with a PNG of each size."""
    return saved(clear(), "ICO", sizes=[(16, 16), (32, 32)])


def gif() -> bytes:
    """Return a GIF that moves three times, with what programs leave in it."""
    first, *others = [frame.quantize(32) for frame in frames()]
    return saved(
        first, "GIF", save_all=True, append_images=others, loop=3, duration=[50, 90, 40, 200],
        comment=SECRET, disposal=2,
    )  # fmt: skip


def apng() -> bytes:
    """Return a PNG that moves."""
    first, *others = frames()
    return saved(
        first, "PNG", save_all=True, append_images=others, loop=2, duration=[10, 20, 30, 40],
        default_image=False, pnginfo=told(), compress_level=1,
    )  # fmt: skip


Make = Callable[[], bytes]
PICTURES: dict[str, tuple[str, Make]] = {
    "PNG": ("png", lambda: saved(photo(90, 60), "PNG")),
    "PNG, drawing": ("png", lambda: saved(drawing(120, 60), "PNG")),
    "PNG, grey": ("png", lambda: saved(photo(90, 60, "L"), "PNG")),
    "PNG, black and white": ("png", lambda: saved(photo(90, 60, "L").convert("1"), "PNG")),
    "PNG, grey with alpha": ("png", lambda: saved(clear("LA"), "PNG")),
    "PNG, hidden colours": ("png", lambda: saved(clear(), "PNG", compress_level=1)),
    "PNG, palette": ("png", lambda: saved(photo(90, 60).quantize(40), "PNG", compress_level=1)),
    "PNG, transparent palette": (
        "png", lambda: saved(clear().quantize(30), "PNG", compress_level=1)
    ),
    "PNG, one transparent colour": (
        "png", lambda: saved(drawing(90, 40), "PNG", transparency=(255, 255, 255))
    ),
    "PNG, 16 bits grey": ("png", lambda: deep(1, color_type=0)),
    "PNG, 16 bits": ("png", lambda: deep(3, color_type=2)),
    "PNG, 16 bits with alpha": ("png", lambda: deep(4, color_type=6)),
    "PNG, interlaced": ("png", interlaced),
    "PNG, texts": ("png", lambda: saved(photo(90, 60), "PNG", pnginfo=told(), exif=exif())),
    "PNG, turned": ("png", lambda: saved(photo(90, 60), "PNG", exif=exif(6), compress_level=1)),
    "PNG, profile": ("png", lambda: saved(photo(90, 60), "PNG", icc_profile=p3())),
    "PNG, gamma": (
        "png",
        lambda: png(8, 8, (b"\0" + bytes(range(24))) * 8,
                    before=chunk(b"gAMA", struct.pack(">I", 100_000))),
    ),
    "APNG": ("png", apng),
    "JPEG": ("jpeg", lambda: saved(photo(90, 60), "JPEG")),
    "JPEG, progressive": ("jpeg", lambda: saved(photo(90, 60), "JPEG", progressive=True)),
    "JPEG, every colour": ("jpeg", lambda: saved(photo(90, 60), "JPEG", subsampling=0)),
    "JPEG, grey": ("jpeg", lambda: saved(photo(90, 60, "L"), "JPEG")),
    "JPEG, CMYK": ("jpeg", lambda: saved(photo(90, 60, "CMYK"), "JPEG")),
    "JPEG, camera": (
        "jpeg", lambda: saved(photo(90, 60), "JPEG", exif=exif(), comment=SECRET, xmp=SECRET)
    ),
    "JPEG, turned": ("jpeg", lambda: saved(photo(90, 60), "JPEG", exif=exif(6))),
    "JPEG, profile": ("jpeg", lambda: saved(photo(90, 60), "JPEG", icc_profile=p3())),
    "GIF": ("gif", lambda: saved(photo(90, 60).quantize(60), "GIF")),
    "GIF that moves": ("gif", gif),
    "WebP": ("webp", lambda: saved(photo(90, 60), "WEBP", exif=exif(6), xmp=SECRET)),
    "WebP, profile": ("webp", lambda: saved(photo(90, 60), "WEBP", icc_profile=p3())),
    "WebP without loss": (
        "webp", lambda: saved(clear(), "WEBP", lossless=True, exact=True, method=0)
    ),
    "WebP that moves": (
        "webp",
        lambda: saved(photo(40, 30), "WEBP", save_all=True, append_images=frames(), exif=exif()),
    ),
    "AVIF": ("avif", lambda: saved(photo(90, 60), "AVIF")),
    "icon": ("ico", icon),
}  # fmt: skip


def steep() -> bytes:
    """Return a JPEG of 8 × 8 whose one coefficient is larger than any that an encoder takes.

    Decoders show it; libjpeg, asked to write it again, ends the process.
    """

    def segment(marker: int, data: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    one_code = bytes([1, *[0] * 15])  # of one bit
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 1) + bytes([1, 0x11, 0])),
            segment(0xC4, b"\x00" + one_code + b"\x0f"),  # a difference of 15 bits
            segment(0xC4, b"\x10" + one_code + b"\x00"),  # nothing else
            segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
            b"\x7f\xff\x00\x7f\xff\xd9",
        ]
    )
