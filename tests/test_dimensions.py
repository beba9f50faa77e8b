"""Width and height as browsers show them, of images made here; Chromium judges the same ones."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from assetpipe.dimensions import Size, measure, measure_file

WIDE, HIGH = Size(40, 20), Size(20, 40)


def saved(kind: str, size: Size = WIDE, **options: Any) -> bytes:
    """Return an image of one colour."""
    file = io.BytesIO()
    Image.new(options.pop("mode", "RGB"), size, options.pop("color", 0)).save(file, kind, **options)
    return file.getvalue()


# Exif


def exif(
    orientation: int = 1,
    *,
    order: str = "<",
    kind: int = 3,
    count: int = 1,
    density: tuple[int, int] = (72, 1),
    size: Size | None = None,
    unit: int = 2,
) -> bytes:
    """Return an Exif block, as a TIFF, whose directory for width and height comes last."""
    letter = {1: "B3x", 3: "H2x", 4: "I"}
    entries = [
        (0x112, kind, count, orientation),
        (0x11A, 5, 1, 74),
        (0x11B, 5, 1, 74),
        (0x128, 3, 1, unit),
        (0x8769, 4, 1, 82),
    ]
    lengths = [(0xA002, 3, 1, size.width), (0xA003, 4, 1, size.height)] if size else []
    parts = [b"II*\0" if order == "<" else b"MM\0*", struct.pack(f"{order}I", 8)]
    for directory in (entries, lengths):
        parts.append(struct.pack(f"{order}H", len(directory)))
        parts += [
            struct.pack(f"{order}HHI{letter.get(k, 'I')}", tag, k, n, value)
            for tag, k, n, value in directory
        ]
        parts.append(bytes(4))
        if directory is entries:
            parts.append(struct.pack(f"{order}II", *density))
    return b"".join(parts)


# PNG

PNG = saved("PNG")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    """Return a PNG with chunks before its data."""
    return PNG[:33] + b"".join(chunks) + PNG[33:]


# JPEG

JPEG = saved("JPEG")


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(*parts: bytes) -> bytes:
    """Return a JPEG with segments or other bytes behind its first segment, the JFIF header."""
    return JPEG[:20] + b"".join(parts) + JPEG[20:]


def app1(tiff: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + tiff)


def frame(marker: int) -> bytes:
    """Return the head of a JPEG whose frame has another coding process."""
    table = segment(0xC4, bytes(17))
    return b"\xff\xd8" + table + segment(marker, b"\x08\0\x14\0\x28") + b"\xff\xda\0\2"


# GIF


def gif(screen: tuple[int, int], at: tuple[int, int] = (0, 0)) -> bytes:
    """Return a GIF whose frame lies somewhere on a screen."""
    data = saved("GIF")
    position = data.index(struct.pack("<BHHHH", 0x2C, 0, 0, *WIDE))
    head = data[:6] + struct.pack("<HH", *screen) + data[10:position]
    return head + struct.pack("<BHH", 0x2C, *at) + data[position + 5 :]


def with_extension(data: bytes) -> bytes:
    position = data.index(struct.pack("<BHHHH", 0x2C, 0, 0, *WIDE))
    extension = b"!\xff\x0bXMP DataXMP" + b"\xff" + b"," * 255 + b"\2,,\0"
    return data[:position] + extension + data[position:]


# AVIF

AVIF = saved("AVIF")


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        length, kind = struct.unpack_from(">I4s", data)
        yield kind, data[8:length]
        data = data[length:]


def avif(*properties: tuple[bytes, bytes], is_long: bool = False, item: str = "") -> bytes:
    """Return an AVIF with further properties of its only item; all are essential.

    Args:
        properties: kinds and contents.
        is_long: numbers of properties have two bytes.
        item: form of an item's number that is not the usual one.
    """
    added = sum(len(box(*each)) + 1 for each in properties)
    parts = []
    for kind, data in boxes(AVIF):
        if kind != b"meta":
            parts.append(box(kind, data))
            continue
        meta = dict(boxes(data[4:]))
        (offset,) = struct.unpack_from(">I", meta[b"iloc"], 14)
        meta[b"iloc"] = meta[b"iloc"][:14] + struct.pack(">I", offset + added) + meta[b"iloc"][18:]
        if item:
            meta[b"pitm"] = struct.pack(f">B3x{item}", 1, 1)
        (_, ipco), (_, ipma) = boxes(meta[b"iprp"])
        first = len([*boxes(ipco)]) + 1
        ipco += b"".join(box(*each) for each in properties)
        indexes = [*ipma[11:], *(0x80 | first + n for n in range(len(properties)))]
        if is_long:
            indexes = [(index & 0x7F) | (index & 0x80) << 8 for index in indexes]
        head = struct.pack(f">B2xBI{item or 'H'}B", bool(item), is_long, 1, 1, len(indexes))
        ipma = head + struct.pack(f">{len(indexes)}{'H' if is_long else 'B'}", *indexes)
        meta[b"iprp"] = box(b"ipco", ipco) + box(b"ipma", ipma)
        parts.append(box(kind, data[:4] + b"".join(box(*each) for each in meta.items())))
    return b"".join(parts)


def clap(width: int, height: int, x: int = 0, y: int = 0) -> tuple[bytes, bytes]:
    """Return a clean aperture by its size and its left upper corner."""
    offsets = (2 * x + width - WIDE.width, 2, 2 * y + height - WIDE.height, 2)
    return b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *offsets)


def irot(quarters: int) -> tuple[bytes, bytes]:
    return b"irot", bytes([quarters])


# Icons


def icon(*sizes: tuple[int, int], kind: int = 1) -> bytes:
    """Return the directory of an icon, and the same bitmap for all entries."""
    data = saved("PNG", Size(16, 16), mode="RGBA")
    start = 6 + 16 * len(sizes)
    entries = [
        struct.pack("<BBBBHHII", w % 256, h % 256, 0, 0, 1, 32, len(data), start) for w, h in sizes
    ]
    return struct.pack("<HHH", 0, kind, len(sizes)) + b"".join(entries) + data


def svg(attributes: str, *, before: str = "") -> bytes:
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg" {attributes}></svg>'.encode()


BMP = saved("BMP")
DENSE = exif(density=(144, 1), size=Size(20, 10))
RASTER: list[tuple[str, bytes, Size | None]] = [
    ("PNG", PNG, WIDE),
    ("PNG on its side", png(chunk(b"gAMA", bytes(4)), chunk(b"eXIf", exif(6))), HIGH),
    ("PNG on its head", png(chunk(b"eXIf", exif(3))), WIDE),
    ("PNG turned behind its data", PNG[:-12] + chunk(b"eXIf", exif(6)) + PNG[-12:], WIDE),
    ("PNG with a density", png(chunk(b"eXIf", DENSE)), WIDE),
    ("PNG with many frames", saved("PNG", append_images=[Image.new("RGB", WIDE, "red")],
                                   save_all=True), WIDE),
    ("JPEG", JPEG, WIDE),
    ("progressive JPEG", saved("JPEG", progressive=True), WIDE),
    ("grey JPEG", saved("JPEG", mode="L"), WIDE),
    *((f"JPEG of orientation {number}", jpeg(app1(exif(number))), HIGH if number > 4 else WIDE)
      for number in range(1, 9)),
    ("JPEG of no orientation", jpeg(app1(exif(9))), WIDE),
    ("JPEG in the other byte order", jpeg(app1(exif(6, order=">"))), HIGH),
    ("JPEG whose orientation has another type", jpeg(app1(exif(6, kind=4))), WIDE),
    ("JPEG whose orientation is two", jpeg(app1(exif(6, count=2))), WIDE),
    ("JPEG with two Exif blocks", jpeg(app1(exif(6)), app1(exif(1))), HIGH),
    ("JPEG with Exif behind the frame",
     JPEG.replace(b"\xff\xda", app1(exif(6)) + b"\xff\xda", 1), HIGH),
    ("JPEG with XMP before Exif",
     jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0"), app1(exif(6))), HIGH),
    ("JPEG with broken Exif", jpeg(app1(b"II*\0\x08\0\0\0\xff\xff\x12\x01")), WIDE),
    ("JPEG with long segments", jpeg(*[segment(0xE2, bytes(65533))] * 4, app1(exif(6))), HIGH),
    ("JPEG with fill bytes", jpeg(b"\xff" * 5), WIDE),
    ("JPEG with bytes in between", jpeg(b"\0\0\xff\0"), WIDE),
    ("JPEG of twice the density", jpeg(app1(DENSE)), Size(20, 10)),
    ("JPEG of a broken density", jpeg(app1(exif(density=(100, 1), size=Size(29, 14)))),
     Size(29, 14)),
    ("JPEG whose density is not its size", jpeg(app1(exif(density=(144, 1), size=WIDE))), WIDE),
    ("JPEG with a density per centimetre",
     jpeg(app1(exif(density=(144, 1), size=Size(20, 10), unit=3))), WIDE),
    ("JPEG with a density of none", jpeg(app1(exif(density=(1, 0), size=Size(20, 10)))), WIDE),
    ("JPEG of twice the density on its side",
     jpeg(app1(exif(6, density=(144, 1), size=Size(20, 10)))), Size(10, 20)),
    ("GIF", saved("GIF"), WIDE),
    ("GIF with an extension", with_extension(saved("GIF")), WIDE),
    ("GIF with a larger screen", gif((90, 50), (3, 3)), Size(90, 50)),
    ("GIF with a smaller screen", gif((10, 30), (5, 5)), Size(45, 30)),
    ("GIF with an empty screen", gif((0, 0)), WIDE),
    ("lossy WebP", saved("WEBP"), WIDE),
    ("lossless WebP", saved("WEBP", lossless=True), WIDE),
    ("large WebP", saved("WEBP", Size(300, 257), lossless=True), Size(300, 257)),
    ("WebP one can see through", saved("WEBP", mode="RGBA", color=(1, 2, 3, 99)), WIDE),
    ("WebP with an orientation", saved("WEBP", exif=exif(6)), WIDE),
    ("AVIF", avif(), WIDE),
    ("AVIF with an orientation", saved("AVIF", exif=b"Exif\0\0" + exif(6)), HIGH),
    ("AVIF on its side", avif(irot(1)), HIGH),
    ("AVIF on its head", avif(irot(2)), WIDE),
    ("AVIF on its other side, mirrored", avif(irot(3), (b"imir", b"\0")), HIGH),
    ("cropped AVIF", avif(clap(30, 11)), Size(30, 11)),
    ("cropped AVIF on its side", avif(clap(30, 11), irot(3)), Size(11, 30)),
    ("AVIF cropped in the middle", avif(clap(30, 10, 5, 5)), WIDE),
    ("AVIF cropped to more than there is", avif(clap(50, 10)), WIDE),
    ("BMP", BMP, WIDE),
    ("BMP from top to bottom", BMP[:22] + struct.pack("<i", -20) + BMP[26:], WIDE),
    ("icon", icon((16, 16), (48, 48), (32, 32)), Size(48, 48)),
    ("large icon", icon((16, 16), (256, 256)), Size(256, 256)),
    ("cursor", icon((16, 16), kind=2), Size(16, 16)),
]  # fmt: skip

HEADS: list[tuple[str, bytes, Size | None]] = [
    *((f"JPEG with the marker {marker:X}", frame(marker), WIDE)
      for marker in range(0xC0, 0xD0) if marker not in {0xC4, 0xC8, 0xCC}),
    *((f"JPEG with only the marker {marker:X}", frame(marker), None)
      for marker in (0xC4, 0xC8, 0xCC)),
    ("JPEG without a scan", JPEG[: JPEG.index(b"\xff\xda")], None),
    ("JPEG whose height comes later",
     JPEG.replace(b"\x08\0\x14\0\x28", b"\x08\0\0\0\x28"), None),
    ("PNG that begins with another chunk", PNG[:8] + chunk(b"CgBI", bytes(4)) + PNG[8:], None),
    ("PNG of no width", PNG[:16] + bytes(4) + PNG[20:], None),
    ("PNG without data", PNG[:33], None),
    ("GIF without a frame", saved("GIF")[:13] + b";", None),
    ("lossy WebP of a broken frame", saved("WEBP").replace(b"\x9d\x01\x2a", b"\x9d\x01\x2b"), None),
    ("lossless WebP of a broken frame",
     saved("WEBP", lossless=True)[:20] + b"\0" + saved("WEBP", lossless=True)[21:], None),
    ("WebP of another kind", b"RIFF\x20\0\0\0WEBPALPH" + bytes(20), None),
    ("AVIF with long numbers of properties", avif(irot(1), is_long=True), HIGH),
    ("AVIF with long numbers of items", avif(irot(1), item="I"), HIGH),
    ("AVIF whose size is in eight bytes",
     AVIF.replace(struct.pack(">I4s", 32, b"ftyp"),
                  struct.pack(">I4sQ", 1, b"ftyp", 40)), WIDE),
    ("AVIF by a compatible brand", AVIF.replace(b"ftypavif", b"ftypmif1"), WIDE),
    ("HEIC", AVIF.replace(b"avif", b"heic"), None),
    ("AVIF whose first box is too short", bytes(3) + b"\5" + AVIF[4:], None),
    ("AVIF without its first item", AVIF.replace(b"pitm", b"free"), None),
    ("video", box(b"ftyp", b"avif\0\0\0\0") + box(b"moov", bytes(8)), None),
    ("old BMP", BMP[:14] + struct.pack("<IHH", 12, 40, 20), WIDE),
    ("empty icon", icon(), None),
    ("nothing", b"", None),
    ("text", b"a {}", None),
    ("a page", b"<!doctype html><svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'>",
     None),
]  # fmt: skip

FOUR_TO_ONE = 'viewBox="0 0 400 100"'
DRAWINGS: list[tuple[str, Size | None]] = [
    ('width="40" height="20"', WIDE),
    ('width="40px" height="20PT"', Size(40, 27)),
    ('width="1in" height="1cm"', Size(96, 38)),
    ('width="10mm" height="40q"', Size(38, 38)),
    ('width="1pc" height="10.5"', Size(16, 11)),
    ('width=" 4e1 " height="+20"', WIDE),
    ('width="10.4" height=".6"', Size(10, 1)),
    (f'width="40" {FOUR_TO_ONE}', Size(40, 10)),
    (f'height="40" {FOUR_TO_ONE}', Size(160, 40)),
    (f'width="100%" height="100%" {FOUR_TO_ONE}', Size(300, 75)),
    (f'width="auto" height="20" {FOUR_TO_ONE}', Size(80, 20)),
    (f'width="40 px" height="20" {FOUR_TO_ONE}', Size(80, 20)),
    (FOUR_TO_ONE, Size(300, 75)),
    ('viewBox="0, 0,100 400"', Size(38, 150)),
    ('viewBox="-5 -5 10 10"', Size(150, 150)),
    ('width="40" height="20" viewBox="0 0 1 1"', WIDE),
    ('width="40"', Size(40, 150)),
    ('height="40"', Size(300, 40)),
    ('width="50%" height="20"', Size(300, 20)),
    ('width="40" height="20" style="width:1px"', WIDE),
]
# Here Chromium shows 300 x 150, or what depends on more than the file; nothing is said of them.
WITHOUT_SIZE = [
    "",
    f'{FOUR_TO_ONE} preserveAspectRatio="none"',
    'viewBox="0 0 0 100"',
    'viewBox="0 0 100 -100"',
    'viewBox="0 0 100"',
    'viewBox="0 0 1e999 1"',
    f'width="10em" {FOUR_TO_ONE}',
    f'height="10vmin" {FOUR_TO_ONE}',
    f'height="calc(1px + 1px)" {FOUR_TO_ONE}',
    f'width="0" height="0" {FOUR_TO_ONE}',
    'width="-1" height="20"',
    'width="1e999" height="20"',
]
ENTITIES = '<!DOCTYPE svg [<!ENTITY a "40"><!ENTITY b "&a;&a;">]>'
DOCUMENTS: list[tuple[str, bytes, Size | None]] = [
    ("behind a comment", svg('width="40" height="20"', before="<?xml version='1.0'?>\n<!-- < -->"),
     WIDE),
    ("in UTF-16", svg('width="40" height="20"').decode().encode("utf-16"), WIDE),
    ("in Latin-1", svg('width="40" height="20" id="é"',
                       before="<?xml version='1.0' encoding='iso-8859-1'?>")
     .decode().encode("latin-1"), WIDE),
    ("in an unknown encoding",
     svg('width="40" height="20"', before="<?xml version='1.0' encoding='klingon'?>"), None),
    ("with a prefix", svg('width="40" height="20"').replace(b"<svg xmlns", b"<s:svg xmlns:s"),
     WIDE),
    ("outside of its namespace", b'<svg width="40" height="20"/>', None),
    ("with an entity", svg('width="&a;" height="20"', before=ENTITIES.replace("&a;&a;", "20")),
     WIDE),
    ("with an entity of entities", svg('width="&b;" height="20"', before=ENTITIES), None),
    ("broken behind its root", svg('width="40" height="20"')[:-6] + b"<", WIDE),
    ("broken before its root", b"<?" + svg('width="40" height="20"'), None),
    ("behind far too much", svg('width="40" height="20"', before=f"<!--{' ' * (2 << 20)}-->"),
     None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "size"), [pytest.param(*rest, id=name) for name, *rest in RASTER + HEADS]
)
def test_size(data: bytes, size: Size | None) -> None:
    assert measure(data) == size


@pytest.mark.parametrize(
    ("attributes", "size"),
    [*DRAWINGS, *((attributes, None) for attributes in WITHOUT_SIZE)],
)
def test_size_of_a_drawing(attributes: str, size: Size | None) -> None:
    assert measure(svg(attributes)) == size


@pytest.mark.parametrize(
    ("data", "size"), [pytest.param(*rest, id=name) for name, *rest in DOCUMENTS]
)
def test_size_of_a_document(data: bytes, size: Size | None) -> None:
    assert measure(data) == size


@pytest.mark.parametrize(
    ("data", "size"),
    [pytest.param(data, size, id=name) for name, data, size in RASTER if len(data) < 2000],
)
def test_no_beginning_tells_another_size(data: bytes, size: Size | None) -> None:
    """Until what tells is there, nothing is told."""
    assert {measure(data[:length]) for length in range(len(data))} <= {None, size}


@given(
    st.sampled_from([data for _, data, _ in RASTER + DOCUMENTS if len(data) < 2000]),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=8)), max_size=6),
    st.integers(0, 2000),
)
def test_any_bytes_have_a_size_or_none(
    data: bytes, patches: list[tuple[int, bytes]], end: int
) -> None:
    """Whatever is wrong with a file, nothing is raised."""
    for start, patch in patches:
        data = data[:start] + patch + data[start + len(patch) :]
    size = measure(data[:end] if end else data)
    assert size is None or min(size) > 0


@given(st.binary(max_size=64), st.sampled_from([data[:12] for _, data, _ in RASTER]))
def test_random_bytes_have_a_size_or_none(data: bytes, head: bytes) -> None:
    for each in (data, head + data):
        size = measure(each)
        assert size is None or min(size) > 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG, id="PNG"),
        pytest.param(jpeg(app1(exif(6))), id="JPEG"),
        pytest.param(saved("GIF"), id="GIF"),
        pytest.param(saved("WEBP"), id="WebP"),
        pytest.param(svg('width="40" height="20"'), id="SVG"),
    ],
)
def test_a_file_is_read_as_far_as_it_tells(tmp_path: Path, data: bytes) -> None:
    """These take sixteen gigabytes, or would if somebody read them."""
    path = tmp_path / "a"
    path.write_bytes(data)
    os.truncate(path, 16 << 30)
    assert measure_file(path) == measure(data) is not None


def test_what_does_not_tell_is_passed_over(tmp_path: Path) -> None:
    """The description of an AVIF may stand behind its data."""
    path = tmp_path / "a"
    kinds = {kind: box(kind, data) for kind, data in boxes(AVIF)}
    with path.open("wb") as file:
        file.write(kinds[b"ftyp"] + struct.pack(">I4sQ", 1, b"mdat", 16 << 30))
        file.seek((16 << 30) - 16, io.SEEK_CUR)
        file.write(kinds[b"meta"])
    assert measure_file(path) == WIDE


def test_a_file_that_cannot_be_read_has_no_size(tmp_path: Path) -> None:
    assert measure_file(tmp_path / "none.png") is None
    assert measure_file(tmp_path) is None
