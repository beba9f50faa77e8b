"""Variants of images: which are made and kept, what they look like, and how they are written."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from assetpipe.kinds.image.variants import (
    DRAFT_SPEED,
    Encoding,
    Pixels,
    UnsuitableError,
    encode,
    encodings,
    scaled,
    version,
    widths_for,
    worthwhile,
)
from assetpipe.kinds.model import Picture

PHOTO = Picture(1600, 900, is_photo=True)
DRAWING = Picture(1600, 900)
AVIF, WEBP, JPEG = Encoding("avif", 65), Encoding("webp", 80), Encoding("jpeg", 80)
WEBP_LOSSLESS = Encoding("webp", lossless=True)
PNG = Encoding("png", lossless=True)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(image: Image.Image, format_: str = "PNG", **parameters: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **parameters)
    return file.getvalue()


def flat(mode: str, color: Any) -> Image.Image:
    return Image.new(mode, (8, 8), color)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Put chunks behind ``IHDR``, which ends at byte 33."""
    return png[:33] + b"".join(chunks) + png[33:]


def png(mode: int, depth: int, width: int, *rows: bytes, before: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, len(rows), depth, mode, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = chunk(b"IHDR", head), before, chunk(b"IDAT", body), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def turned(orientation: int, order: str = "<") -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHxx", 0x112, 3, 1, orientation)
    return b"Exif\0\0" + mark + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def exchanged() -> bytes:
    """Return a profile in which red and green have each other's place."""
    profile = bytearray(SRGB)
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def grey_ink() -> bytes:
    """Return a profile of CMYK (ICC.1:2001-04, 6.5.8) all of whose inks are the same mid grey."""
    grid = (
        b"\xff\x80\x80" if not any(inks) else b"\x80\x80\x80" for inks in product((0, 1), repeat=4)
    )
    straight = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = (
        b"mft1"
        + bytes(4)
        + bytes((4, 3, 2, 0))
        + matrix
        + straight * 4
        + b"".join(grid)
        + straight * 3
    )
    table = struct.pack(">I4sII", 1, b"A2B0", 144, len(lut))
    head = struct.pack(">I4xI", 144 + len(lut), 0x0210_0000) + b"prtrCMYKLab " + bytes(12) + b"acsp"
    return head + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + table + lut


def halves(
    left: Any, right: Any, mode: str = "RGB", size: tuple[int, int] = (64, 32)
) -> Image.Image:
    image = Image.new(mode, size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def opened(pixels: Pixels) -> Image.Image:
    return Image.frombytes(pixels.mode, (pixels.width, pixels.height), pixels.data)


def corners(image: Image.Image) -> list[Any]:
    """Return the colours of the four corners, row after row."""
    right, bottom = image.width - 2, image.height - 2
    return [image.getpixel(place) for place in ((1, 1), (right, 1), (1, bottom), (right, bottom))]


def near(seen: Any, wanted: Any, distance: int) -> bool:
    return all(abs(a - b) <= distance for a, b in zip(seen, wanted, strict=True))


@pytest.mark.parametrize(
    ("width", "wanted", "own", "widths"),
    [
        pytest.param(
            1600, (320, 640, 960, 1280, 1920), False, (320, 640, 960, 1280, 1600), id="own width"
        ),
        pytest.param(4000, (320, 640), False, (320, 640), id="all narrower"),
        pytest.param(640, (320, 640, 960), False, (320, 640), id="just as wide"),
        pytest.param(200, (320, 640), False, (200,), id="all wider"),
        pytest.param(1600, (1280, 1920), True, (1280,), id="own format"),
        pytest.param(200, (320,), True, (), id="own format, all wider"),
        pytest.param(1600, (960, 320, 960), False, (320, 960), id="out of order, twice"),
        pytest.param(1600, (), False, (), id="none"),
    ],
)
def test_widths(width: int, wanted: Sequence[int], own: bool, widths: tuple[int, ...]) -> None:
    assert widths_for(width, wanted, own=own) == widths


@given(st.integers(1, 5000), st.lists(st.integers(1, 5000)), st.booleans())
def test_widths_never_enlarge(width: int, wanted: list[int], own: bool) -> None:
    widths = widths_for(width, wanted, own=own)
    assert list(widths) == sorted({*widths})
    assert all(each <= width - own for each in widths)
    assert {*widths} - {width} == {each for each in wanted if each < width}


@pytest.mark.parametrize(
    ("picture", "own", "formats", "lossless", "chosen"),
    [
        pytest.param(
            PHOTO,
            "jpeg",
            ("avif", "webp", "original"),
            None,
            {"avif": AVIF, "webp": WEBP, "jpeg": JPEG},
            id="photograph",
        ),
        pytest.param(
            DRAWING,
            "png",
            ("avif", "webp", "original"),
            None,
            {"webp": WEBP_LOSSLESS, "png": PNG},
            id="drawing",
        ),
        pytest.param(
            DRAWING,
            "png",
            ("avif", "webp"),
            False,
            {"avif": AVIF, "webp": WEBP},
            id="drawing that may lose detail",
        ),
        pytest.param(
            PHOTO,
            "jpeg",
            ("avif", "webp", "original"),
            True,
            {"webp": WEBP_LOSSLESS},
            id="photograph that may not",
        ),
        pytest.param(
            PHOTO,
            "png",
            ("original", "webp"),
            None,
            {"png": PNG, "webp": WEBP},
            id="photograph in PNG",
        ),
        pytest.param(DRAWING, "gif", ("webp", "original"), None, {"webp": WEBP_LOSSLESS}, id="GIF"),
        pytest.param(
            PHOTO,
            "webp",
            ("avif", "webp", "original"),
            None,
            {"avif": AVIF, "webp": WEBP},
            id="WebP is its own",
        ),
        pytest.param(DRAWING._replace(is_still=False), "gif", ("webp",), None, {}, id="moving"),
    ],
)
def test_encodings(
    picture: Picture,
    own: str,
    formats: Sequence[str],
    lossless: bool | None,
    chosen: dict[str, Encoding],
) -> None:
    found = encodings(picture, own, formats, lossless=lossless)
    assert list(found.items()) == list(chosen.items())


def test_encodings_as_configured() -> None:
    quality = {"avif": 50, "webp": 70, "jpeg": 90}
    found = encodings(
        PHOTO, "jpeg", ("avif", "webp", "original"), quality=quality, speed=DRAFT_SPEED
    )
    assert [each.quality for each in found.values()] == [50, 70, 90]
    assert {each.speed for each in found.values()} == {DRAFT_SPEED}


@pytest.mark.parametrize(
    ("original", "sizes", "own", "kept"),
    [
        pytest.param(
            1000,
            {"avif": {320: 90, 640: 300}, "webp": {320: 150, 640: 500}},
            "",
            {"avif": (320, 640), "webp": (320, 640)},
            id="all",
        ),
        pytest.param(
            1000, {"webp": {320: 10, 640: 900}}, "", {"webp": (320, 640)}, id="just a tenth"
        ),
        pytest.param(1000, {"webp": {320: 10, 640: 901}}, "", {}, id="the widest saves less"),
        pytest.param(
            1000,
            {"avif": {640: 500}, "webp": {640: 540}},
            "",
            {"webp": (640,)},
            id="hardly better than the next format",
        ),
        pytest.param(
            1000,
            {"avif": {640: 850}, "webp": {640: 950}},
            "",
            {"avif": (640,)},
            id="the next format went",
        ),
        pytest.param(
            1000,
            {"webp": {320: 460, 480: 470, 640: 500}},
            "",
            {"webp": (640,)},
            id="narrower saves less",
        ),
        pytest.param(
            1000,
            {"webp": {160: 100, 320: 460, 640: 500}},
            "",
            {"webp": (160, 640)},
            id="one between saves less",
        ),
        pytest.param(
            1000,
            {"png": {320: 300, 640: 950}},
            "png",
            {"png": (320,)},
            id="own format: the image is the widest",
        ),
        pytest.param(
            1000,
            {"webp": {1280: 850}, "jpeg": {640: 300}},
            "jpeg",
            {"webp": (1280,), "jpeg": (640,)},
            id="wider than its own format's variants",
        ),
        pytest.param(
            9000,
            {"webp": {1280: 850}, "jpeg": {640: 300, 1280: 900}},
            "jpeg",
            {"jpeg": (640, 1280)},
            id="as wide as its own format's variant",
        ),
        pytest.param(
            9000,
            {"avif": {640: 290}, "webp": {320: 300}},
            "",
            {"webp": (320,)},
            id="wider than all of the next format",
        ),
        pytest.param(
            1000,
            {"png": {320: 300}, "webp": {320: 200, 640: 400}},
            "png",
            {"png": (320,), "webp": (320, 640)},
            id="own format is preferred",
        ),
        pytest.param(1000, {"avif": {}}, "", {}, id="none"),
    ],
)
def test_worthwhile(
    original: int,
    sizes: Mapping[str, Mapping[int, int]],
    own: str,
    kept: dict[str, tuple[int, ...]],
) -> None:
    found = worthwhile(original, sizes, own)
    assert list(found.items()) == list(kept.items())


@given(
    st.integers(1, 10**6),
    st.dictionaries(
        st.sampled_from(["avif", "webp", "png"]),
        st.dictionaries(st.sampled_from([320, 640, 960]), st.integers(1, 10**6)),
    ),
    st.sampled_from(["", "png"]),
)
def test_what_is_kept_is_smaller(original: int, sizes: dict[str, dict[int, int]], own: str) -> None:
    for name, widths in worthwhile(original, sizes, own).items():
        assert widths
        assert name == own or max(widths) == max(sizes[name])
        taken = [*(sizes[name][width] for width in widths), original]
        assert all(10 * small <= 9 * large for small, large in pairwise(taken))


GREY_16 = png(0, 16, 4, *[struct.pack(">4H", 0, 0x40FF, 0x8000, 0xFFFF)] * 4)
DEEP = png(2, 16, 2, *[struct.pack(">6H", 0, 0x40FF, 0x8000, 0x8000, 0x40FF, 0)] * 2)
SRGB_PRIMARIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
WIDE_PRIMARIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
SQUARE = saved(flat("RGB", (128, 128, 128)))
DARK = saved(flat("RGB", (20, 20, 20)))
LINEAR = chunk(b"gAMA", struct.pack(">I", 100000))
USUAL = chunk(b"gAMA", struct.pack(">I", 45455))


@pytest.mark.parametrize(
    ("data", "mode", "color"),
    [
        pytest.param(saved(flat("RGB", (1, 2, 3))), "RGB", (1, 2, 3), id="RGB"),
        pytest.param(saved(flat("L", 77)), "L", (77,), id="grey"),
        pytest.param(saved(flat("1", 1)), "L", (255,), id="1 bit"),
        pytest.param(
            saved(flat("1", 1), transparency=1), "RGBA", (255, 255, 255, 0), id="1 bit, transparent"
        ),
        pytest.param(saved(flat("LA", (77, 9))), "RGBA", (77, 77, 77, 9), id="grey and alpha"),
        pytest.param(saved(flat("LA", (77, 255))), "L", (77,), id="grey and alpha, opaque"),
        pytest.param(saved(flat("RGBA", (1, 2, 3, 9))), "RGBA", (1, 2, 3, 9), id="alpha"),
        pytest.param(saved(flat("RGBA", (1, 2, 3, 255))), "RGB", (1, 2, 3), id="alpha, opaque"),
        pytest.param(saved(flat("RGB", (1, 2, 3)).quantize()), "RGB", (1, 2, 3), id="palette"),
        pytest.param(saved(flat("RGB", (1, 2, 3)).quantize(), "GIF"), "RGB", (1, 2, 3), id="GIF"),
        pytest.param(saved(flat("CMYK", (255, 0, 0, 0)), "JPEG"), "RGB", (0, 255, 255), id="CMYK"),
        pytest.param(
            saved(flat("CMYK", (255, 0, 0, 128)), "JPEG"), "RGB", (0, 127, 127), id="CMYK, black"
        ),
        pytest.param(
            saved(flat("CMYK", (255, 0, 0, 0)), "JPEG", icc_profile=grey_ink()),
            "RGB",
            (119, 119, 119),
            id="CMYK, profile",
        ),
        pytest.param(
            saved(flat("CMYK", 0), "JPEG", icc_profile=grey_ink()), "RGB", WHITE, id="CMYK, no ink"
        ),
        pytest.param(saved(flat("RGB", RED), icc_profile=exchanged()), "RGB", GREEN, id="profile"),
        pytest.param(
            saved(flat("RGB", RED), "WEBP", lossless=True, icc_profile=exchanged()),
            "RGB",
            GREEN,
            id="profile in WebP",
        ),
        pytest.param(
            saved(flat("RGBA", (*RED, 99)), icc_profile=exchanged()),
            "RGBA",
            (*GREEN, 99),
            id="profile and alpha",
        ),
        pytest.param(
            saved(flat("RGB", RED).quantize(), icc_profile=exchanged()),
            "RGB",
            GREEN,
            id="profile and palette",
        ),
        pytest.param(
            saved(flat("L", 77), icc_profile=SRGB), "L", (77,), id="grey, profile of sRGB"
        ),
        pytest.param(
            saved(flat("RGB", (9, 8, 7)), icc_profile=SRGB), "RGB", (9, 8, 7), id="profile of sRGB"
        ),
        pytest.param(
            saved(flat("RGB", RED), icc_profile=b"nothing"), "RGB", RED, id="broken profile"
        ),
        pytest.param(
            saved(flat("RGB", RED), icc_profile=grey_ink()), "RGB", RED, id="another's profile"
        ),
        pytest.param(with_chunks(SQUARE, LINEAR), "RGB", (188, 188, 188), id="gAMA"),
        pytest.param(
            with_chunks(SQUARE, LINEAR, chunk(b"cHRM", SRGB_PRIMARIES)),
            "RGB",
            (188, 188, 188),
            id="gAMA and cHRM",
        ),
        pytest.param(with_chunks(DARK, USUAL), "RGB", (20, 20, 20), id="gAMA as usual"),
        pytest.param(
            with_chunks(DARK, USUAL, chunk(b"cHRM", SRGB_PRIMARIES)),
            "RGB",
            (12, 12, 12),
            id="gAMA as usual, and cHRM",
        ),
        pytest.param(
            with_chunks(SQUARE, chunk(b"cHRM", WIDE_PRIMARIES)),
            "RGB",
            (128, 128, 128),
            id="cHRM alone",
        ),
        pytest.param(
            with_chunks(SQUARE, LINEAR, chunk(b"sRGB", b"\0")),
            "RGB",
            (128, 128, 128),
            id="sRGB before gAMA",
        ),
        pytest.param(
            with_chunks(SQUARE, chunk(b"cICP", bytes((1, 13, 0, 1))), LINEAR),
            "RGB",
            (128, 128, 128),
            id="cICP before gAMA",
        ),
    ],
)
def test_colors(data: bytes, mode: str, color: tuple[int, ...]) -> None:
    (pixels,) = scaled(data, [8])
    assert pixels.mode == mode
    assert near(pixels.data[: len(color)], color, 1), tuple(pixels.data[: len(color)])
    assert len(pixels.data) == 64 * len(color)


@pytest.mark.parametrize(
    ("data", "row"),
    [
        pytest.param(GREY_16, bytes((0, 0x40, 0x80, 0xFF)), id="grey"),
        pytest.param(DEEP, bytes((0, 0x40, 0x80, 0x80, 0x40, 0)), id="RGB"),
    ],
)
def test_16_bits_become_their_upper_half(data: bytes, row: bytes) -> None:
    (pixels,) = scaled(data, [len(row) // (3 if data == DEEP else 1)])
    assert pixels.data.startswith(row)


def test_hidden_colors_do_not_bleed() -> None:
    """Where an opaque half meets a transparent one, the colour of the latter is not seen."""
    image = halves((*RED, 255), (*GREEN, 0), "RGBA", (30, 30))
    (pixels,) = scaled(saved(image), [7])
    colors = {
        pixels.data[at : at + 3] for at in range(0, len(pixels.data), 4) if pixels.data[at + 3] > 8
    }
    assert all(near(color, RED, 20) for color in colors)


@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        pytest.param(1, [RED, GREEN, BLUE, WHITE], id="1"),
        pytest.param(2, [GREEN, RED, WHITE, BLUE], id="2"),
        pytest.param(3, [WHITE, BLUE, GREEN, RED], id="3"),
        pytest.param(4, [BLUE, WHITE, RED, GREEN], id="4"),
        pytest.param(5, [RED, BLUE, GREEN, WHITE], id="5"),
        pytest.param(6, [BLUE, RED, WHITE, GREEN], id="6"),
        pytest.param(7, [WHITE, GREEN, BLUE, RED], id="7"),
        pytest.param(8, [GREEN, WHITE, RED, BLUE], id="8"),
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "AVIF"])
def test_orientation(format_: str, orientation: int, seen: list[tuple[int, ...]]) -> None:
    image = Image.new("RGB", (96, 64), WHITE)
    for color, place in ((RED, (0, 0)), (GREEN, (48, 0)), (BLUE, (0, 32))):
        image.paste(color, (*place, place[0] + 48, place[1] + 32))
    order = "<" if orientation % 2 else ">"
    data = saved(image, format_, exif=turned(orientation, order), quality=95)
    is_on_side = 5 <= orientation <= 8
    for pixels, width in zip(scaled(data, [24, 48]), [24, 48], strict=True):
        assert pixels.width == width
        assert pixels.height == width * (3 if is_on_side else 2) // (2 if is_on_side else 3)
        assert all(near(*pair, 12) for pair in zip(corners(opened(pixels)), seen, strict=True))


def test_webp_is_not_turned() -> None:
    data = saved(halves(RED, BLUE), "WEBP", lossless=True, exif=turned(6)[6:])
    (pixels,) = scaled(data, [64])
    assert (pixels.width, pixels.height) == (64, 32)


@pytest.mark.parametrize(
    "exif",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"Exif\0\0", id="empty"),
        pytest.param(b"Exif\0\0MM\0*\xff\xff\xff\xff", id="far away"),
        pytest.param(turned(6)[:-10], id="cut off"),
        pytest.param(turned(9), id="none of the eight"),
        pytest.param(turned(6).replace(b"\x12\x01\x03\0", b"\x12\x01\x04\0"), id="another type"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_odd_exif_turns_nothing(exif: bytes) -> None:
    (pixels,) = scaled(saved(halves(RED, BLUE), "JPEG", exif=exif), [64])
    assert (pixels.width, pixels.height) == (64, 32)


def test_sizes_and_order() -> None:
    data = saved(Image.new("RGB", (1000, 333)), "JPEG")
    found = scaled(data, [320, 1000, 10, 640, 1])
    assert [(each.width, each.height) for each in found] == [
        (320, 107), (1000, 333), (10, 3), (640, 213), (1, 1),
    ]  # fmt: skip
    assert all(len(each.data) == each.width * each.height * 3 for each in found)
    assert scaled(data, []) == []


@pytest.mark.parametrize(
    "size", [pytest.param((1001, 67), id="odd"), pytest.param((960, 64), id="even")]
)
def test_a_jpeg_that_is_decoded_small_is_not_moved(size: tuple[int, int]) -> None:
    """An edge in the middle stays there, to a hundredth of a pixel, at any width."""
    image = halves((0, 0, 0), WHITE, size=(size[0] // 2 * 2, size[1])).resize(size)
    data = saved(image, "JPEG", quality=100, subsampling=0)
    for pixels in scaled(data, [240, 120, 60]):
        row = opened(pixels).convert("L").crop((0, 3, pixels.width, 4)).tobytes()
        edge = pixels.width - sum(row) / 255
        image_edge = size[0] - sum(image.convert("L").crop((0, 3, size[0], 4)).tobytes()) / 255
        assert edge == pytest.approx(image_edge * pixels.width / size[0], abs=0.03)


def test_narrow_widths_are_as_good_as_scaled_at_once() -> None:
    """Fine lines come out as grey, not as moiré, through all steps."""
    lines = Image.effect_noise((1900, 400), 90).convert("RGB")
    for pixels in scaled(saved(lines), [1880, 1870, 1860, 1850, 200]):
        at_once = lines.resize((pixels.width, pixels.height), Image.Resampling.LANCZOS)
        total = sum(abs(a - b) for a, b in zip(pixels.data, at_once.tobytes(), strict=True))
        assert total / len(pixels.data) < 2


def test_a_large_photograph_takes_little_memory() -> None:
    data = saved(Image.linear_gradient("L").resize((6000, 4000)).convert("RGB"), "JPEG")
    program = (
        "import resource, sys; from assetpipe.kinds.image.variants import scaled;"
        "scaled(sys.stdin.buffer.read(), [1920, 1280, 640]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    # A process of its own, and one between, as the peak of a new one starts at its parent's size.
    middle = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    command = [sys.executable, "-c", middle, program]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    assert int(done.stdout) < 110, done.stderr  # MiB; whole, the image alone takes 92


def moving(format_: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, BLUE)]
    return saved(frames[0], format_, save_all=True, append_images=frames[1:], duration=100)


ULTRA_HDR = saved(
    Image.new("RGB", (8, 8)), "JPEG", xmp=b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
)
PQ = with_chunks(SQUARE, chunk(b"cICP", bytes((9, 16, 0, 1))))
AVIF_FILE = saved(flat("RGB", 0), "AVIF")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(moving("GIF"), "it moves", id="moving GIF"),
        pytest.param(moving("WEBP"), "it moves", id="moving WebP"),
        pytest.param(moving("PNG"), "it moves", id="APNG"),
        pytest.param(moving("AVIF"), "another format|it moves", id="moving AVIF"),
        pytest.param(ULTRA_HDR, "gain map", id="Ultra HDR"),
        pytest.param(
            saved(flat("RGB", 0), "JPEG", comment=b"urn:iso:std:iso:ts:21496:-1\0"),
            "gain map",
            id="ISO 21496-1",
        ),
        pytest.param(
            AVIF_FILE.replace(b"MA1B", b"tmap", 1),
            "gain map",
            id="AVIF with a gain map",
        ),
        pytest.param(PQ, "code points", id="PNG in PQ"),
        pytest.param(
            AVIF_FILE.replace(b"nclx\0\1\0\x0d", b"nclx\0\x09\0\x10"),
            "code points",
            id="AVIF in PQ",
        ),
        pytest.param(
            with_chunks(SQUARE, USUAL, chunk(b"cHRM", WIDE_PRIMARIES)), "cHRM", id="wide cHRM"
        ),
        pytest.param(
            png(0, 16, 8, bytes(16), before=chunk(b"tRNS", b"\0\1")),
            "shades",
            id="16 bits, transparent",
        ),
        pytest.param(SQUARE[:-30], "cannot be read", id="cut off PNG"),
        pytest.param(
            saved(Image.effect_noise((64, 64), 50), "JPEG")[:900],
            "cannot be read",
            id="cut off JPEG",
        ),
        pytest.param(b"", "another format", id="empty"),
        pytest.param(b"<svg/>", "another format", id="SVG"),
        pytest.param(saved(flat("RGB", 0), "ICO"), "another format", id="ICO"),
        pytest.param(saved(Image.new("RGB", (7, 8))), "only 7 pixels", id="narrower"),
    ],
)
def test_unsuitable(data: bytes, why: str) -> None:
    with pytest.raises(UnsuitableError, match=why):
        scaled(data, [8])


@settings(max_examples=300)
@given(
    st.sampled_from(
        [
            SQUARE,
            GREY_16,
            AVIF_FILE,
            saved(halves(RED, BLUE), "JPEG"),
            saved(halves(RED, BLUE), "WEBP"),
            saved(halves(RED, BLUE), "GIF"),
        ]
    ),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    st.integers(0, 400),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_is_unsuitable_or_decoded(
    data: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    damaged = bytearray(data)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    try:
        (pixels,) = scaled(bytes(damaged[:length] if length > 300 else damaged), [4])
    except UnsuitableError:
        return
    assert pixels.width == 4


def photograph(mode: str = "RGB") -> Pixels:
    """Return something with the noise and the colours of a photograph."""
    noise = Image.effect_noise((160, 120), 12)
    wave = Image.radial_gradient("L").resize((160, 120))
    image = Image.merge("RGB", (noise, wave, Image.blend(noise, wave, 0.5)))
    if mode == "RGBA":
        image.putalpha(wave.point(lambda value: 0 if value < 60 else value))
    return Pixels(160, 120, mode, image.convert(mode).tobytes())


ENCODINGS = [
    pytest.param(AVIF, "AVIF", id="AVIF"),
    pytest.param(WEBP, "WEBP", id="WebP"),
    pytest.param(WEBP_LOSSLESS, "WEBP", id="WebP without loss"),
    pytest.param(JPEG, "JPEG", id="JPEG"),
    pytest.param(PNG, "PNG", id="PNG"),
]


@pytest.mark.parametrize(("how", "format_"), ENCODINGS)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_encode(how: Encoding, format_: str, mode: str) -> None:
    if how == JPEG and mode == "RGBA":
        return  # there is no such JPEG
    pixels = photograph(mode)
    image = Image.open(io.BytesIO(encode(pixels, how)))
    assert image.format == format_
    assert image.size == (160, 120)
    assert not {"icc_profile", "exif", "xmp", "comment", "dpi"} & {*image.info}
    before, after = (
        each.convert("RGBa").tobytes()
        for each in (opened(pixels).convert("RGBA"), image.convert("RGBA"))
    )
    error = sum(abs(a - b) for a, b in zip(before, after, strict=True)) / len(before)
    assert error == 0 if how.lossless else error < 6


@pytest.mark.parametrize("how", [PNG, WEBP_LOSSLESS])
def test_hidden_colors_are_not_kept(how: Encoding) -> None:
    noise = photograph().data
    hidden = Pixels(
        160, 120, "RGBA", b"".join(noise[at : at + 3] + b"\0" for at in range(0, len(noise), 3))
    )
    assert len(encode(hidden, how)) < 200


def test_colors_of_avif_are_not_subsampled() -> None:
    image = Image.new("RGB", (64, 64), BLUE)
    for at in range(0, 64, 2):
        image.paste(RED, (at, 0, at + 1, 64))
    data = encode(Pixels(64, 64, "RGB", image.tobytes()), Encoding("avif", 90))
    seen = Image.open(io.BytesIO(data)).convert("RGB")
    assert near(seen.getpixel((20, 20)), RED, 30)
    assert near(seen.getpixel((21, 20)), BLUE, 30)


def test_jpegs_are_progressive_and_small() -> None:
    pixels = photograph()
    data = encode(pixels, JPEG)
    assert Image.open(io.BytesIO(data)).info["progressive"]
    plain = saved(opened(pixels), "JPEG", quality=80, progressive=True, optimize=True)
    assert len(data) < len(plain)


@pytest.mark.parametrize(
    ("package", "how", "format_"),
    [
        pytest.param("mozjpeg_lossless_optimization", JPEG, "JPEG", id="JPEG"),
        pytest.param("oxipng", PNG, "PNG", id="PNG"),
    ],
)
def test_without_the_optimizers(
    package: str, how: Encoding, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    image = Image.open(io.BytesIO(encode(photograph(), how)))
    assert image.format == format_
    assert format_ == "PNG" or image.info["progressive"]


def test_pngs_are_small() -> None:
    pixels = photograph()
    assert len(encode(pixels, PNG)) < len(saved(opened(pixels), optimize=True))


@pytest.mark.parametrize("how", [AVIF, WEBP, WEBP_LOSSLESS])
def test_drafts_are_made_otherwise(how: Encoding) -> None:
    """What that saves is measured by bench/images.py."""
    image = opened(photograph()).resize((400, 300), Image.Resampling.BICUBIC)
    pixels = Pixels(400, 300, "RGB", image.tobytes())
    draft = Encoding(how.format, how.quality, DRAFT_SPEED, how.lossless)
    assert encode(pixels, draft) != encode(pixels, how)


@pytest.mark.parametrize(
    ("how", "side"),
    [
        pytest.param(WEBP, 16_384, id="WebP"),
        pytest.param(WEBP_LOSSLESS, 16_384, id="WebP without loss"),
        pytest.param(JPEG, 65_501, id="JPEG"),
        pytest.param(AVIF, 65_537, id="AVIF"),
    ],
)
def test_too_many_pixels(how: Encoding, side: int) -> None:
    for size in ((side, 1), (1, side)):
        with pytest.raises(UnsuitableError, match=rf"{side - 1:,}"):
            encode(Pixels(*size, "L", bytes(side)), how)
    if how.format != "avif":  # which takes seconds
        assert encode(Pixels(1, side - 1, "L", bytes(side - 1)), how)


@pytest.mark.parametrize(("how", "format_"), ENCODINGS)
def test_threads_change_nothing(how: Encoding, format_: str) -> None:
    pixels = photograph()
    with ThreadPoolExecutor(4) as pool:
        assert len({encode(pixels, how), *pool.map(encode, [pixels] * 8, [how] * 8)}) == 1


@pytest.mark.parametrize("how", [AVIF, WEBP, WEBP_LOSSLESS])
def test_other_threads_go_on(how: Encoding) -> None:
    """The interpreter's lock is not held while an image is encoded."""
    image = opened(photograph()).resize((1000, 800), Image.Resampling.BICUBIC)
    thread = threading.Thread(target=encode, args=(Pixels(1000, 800, "RGB", image.tobytes()), how))
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 20


def test_version_names_the_encoders() -> None:
    named = version()
    for library in ("pillow", "avif", "aom", "webp", "littlecms2", "oxipng", "mozjpeg"):
        assert library in named
    assert "None" not in named
