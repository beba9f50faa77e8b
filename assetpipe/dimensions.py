"""Width and height of images as browsers show them, from the first bytes of a file.

Nothing is decoded: the headers tell the size, and what turns, crops or scales it. Where a format
says more than browsers do, browsers count: what Chromium 156 was seen to pass by, such as the
orientation in the Exif of a WebP, is passed by here, too.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

_MOST = 4096  # parts of a file, such as chunks, that are walked over before what tells the size
_LONGEST = 1 << 16  # bytes that are read at once, or are skipped one by one


class Size(NamedTuple):
    """Width and height in CSS pixels."""

    width: int
    height: int


def measure(head: bytes) -> Size | None:
    """Return the size at which browsers show an image if nothing else is said of it.

    Its content says what it is, as for browsers (WHATWG MIME Sniffing, 6.1): PNG, JPEG, GIF, WebP,
    AVIF, an icon or cursor, BMP; anything else is tried as SVG. It never raises.

    Args:
        head: the first bytes of the file. All of it is always enough; most often 4 KiB are, but a
            JPEG may have any amount of metadata in front of its size.

    Returns:
        The size; ``None`` if it is no such image, has no size of its own, or ``head`` ends before
        what tells.
    """
    return _measured(io.BytesIO(head))


def measure_file(path: Path) -> Size | None:
    """Return what ``measure`` does for a file, of which only the parts that tell are read.

    ``None`` also if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _measured(file)
    except OSError:
        return None


def _measured(file: BinaryIO) -> Size | None:
    head = file.read(12)
    measured = next((each for sign, each in _FORMATS if sign.match(head)), _svg)
    try:
        size = measured(file)
    except struct.error:  # it ends too early
        return None
    return size if size and min(size) > 0 else None


def _read(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _turned(size: Size, orientation: float) -> Size:
    """Return a size after the turn of an Exif orientation: 5 to 8 lie on their side."""
    return Size(size.height, size.width) if 5 <= orientation <= 8 else size


# PNG Third Edition: 5.3 (chunks), 11.2.1 (IHDR), 11.3.3.4 (eXIf).


def _png(file: BinaryIO) -> Size | None:
    position = 8
    size, orientation = None, 1.0
    for _ in range(_MOST):
        file.seek(position)
        length, kind = _read(file, ">I4s")
        if size is None:
            if kind != b"IHDR":
                return None
            size = Size(*_read(file, ">II"))
        elif kind == b"eXIf":
            orientation = _tags(file.read(min(length, _LONGEST))).get(_ORIENTATION, 1)
        elif kind == b"IDAT":  # browsers pass by what stands behind it
            return _turned(size, orientation)
        position += length + 12
    return None


# ITU-T T.81: B.1.1.2 (markers, fill bytes), B.2.2 (frame header). Exif 3.0, 4.5.4 and 4.7.2.

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_END_OF_IMAGE, _START_OF_SCAN, _APP1 = 0xD9, 0xDA, 0xE1


def _jpeg(file: BinaryIO) -> Size | None:
    file.seek(2)
    size: Size | None = None
    tags: Mapping[int, float] | None = None
    for _ in range(_MOST):
        marker = _marker(file)
        if marker in _WITHOUT_LENGTH:
            continue
        if marker in {None, _END_OF_IMAGE, _START_OF_SCAN}:
            break
        start = file.tell()
        (length,) = _read(file, ">H")
        if marker in _START_OF_FRAME:
            _, height, width = _read(file, ">BHH")
            size = Size(width, height)
        elif marker == _APP1 and tags is None:
            data = file.read(length - 2) if length > 2 else b""
            if data.startswith(b"Exif\0"):  # of several ones the first counts
                tags = _tags(data[6:])
        file.seek(start + max(length, 2))
    if size is None or marker != _START_OF_SCAN:
        return None
    tags = tags or {}
    return _turned(_scaled(size, tags), tags.get(_ORIENTATION, 1))


def _marker(file: BinaryIO) -> int | None:
    """Return the next marker; bytes in front of it are skipped, as decoders do."""
    is_marker = False
    for _ in range(_LONGEST):
        byte = file.read(1)
        if not byte:
            return None
        if is_marker and byte not in {b"\xff", b"\0"}:
            return byte[0]
        is_marker = byte == b"\xff"
    return None


# Tags of Exif 3.0, 4.6.4 and 4.6.5, and the types (4.6.2) that browsers take them in.

_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x112, 0x11A, 0x11B, 0x128
_EXIF_DIRECTORY, _WIDTH, _HEIGHT = 0x8769, 0xA002, 0xA003
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_TYPES = {
    _ORIENTATION: {_SHORT},
    _X_RESOLUTION: {_RATIONAL},
    _Y_RESOLUTION: {_RATIONAL},
    _UNIT: {_SHORT},
    _EXIF_DIRECTORY: {_LONG},
    _WIDTH: {_SHORT, _LONG},
    _HEIGHT: {_SHORT, _LONG},
}
_INCH = 2


def _tags(tiff: bytes) -> dict[int, float]:
    """Return those tags of an Exif block that a size depends on, as far as it can be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    found: dict[int, float] = {}
    if order:
        with suppress(struct.error):
            found.update(_directory(tiff, order, *struct.unpack_from(f"{order}I", tiff, 4)))
            if _EXIF_DIRECTORY in found:
                found.update(_directory(tiff, order, int(found[_EXIF_DIRECTORY])))
    return found


def _directory(tiff: bytes, order: str, start: int) -> Iterator[tuple[int, float]]:
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for position in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", tiff, position)
        if kind not in _TYPES.get(tag, ()) or number != 1:
            continue
        (value,) = struct.unpack_from(
            f"{order}{'H' if kind == _SHORT else 'I'}", tiff, position + 8
        )
        if kind == _RATIONAL:
            dividend, divisor = struct.unpack_from(f"{order}II", tiff, value)
            value = dividend / divisor if divisor else 0
        yield tag, value


def _scaled(size: Size, tags: Mapping[int, float]) -> Size:
    """Return the size at the density of the Exif, where that is plausible.

    Browsers believe a density if the tags of width and height say what it comes to (WHATWG HTML,
    "Preparing an image for presentation").
    """
    meant = Size(int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0)))
    x, y = tags.get(_X_RESOLUTION, 0), tags.get(_Y_RESOLUTION, 0)
    if tags.get(_UNIT) != _INCH or not x or not y:
        return size
    return meant if meant == (_whole(size.width * 72 / x), _whole(size.height * 72 / y)) else size


# GIF89a: 18 (logical screen), 20 (image descriptor), 15 (data sub-blocks).


def _gif(file: BinaryIO) -> Size | None:
    file.seek(6)
    width, height, packed, _ = _read(file, "<HHBH")
    if packed & 0x80:
        file.seek(3 << ((packed & 7) + 1), io.SEEK_CUR)
    for _ in range(_MOST):
        match file.read(1):
            case b",":
                # The screen grows as far as the first frame reaches.
                x, y, frame_width, frame_height = _read(file, "<HHHH")
                return Size(max(width, x + frame_width), max(height, y + frame_height))
            case b"!":
                file.seek(1, io.SEEK_CUR)
                for _ in range(_LONGEST):
                    (length,) = _read(file, "B")
                    if not length:
                        break
                    file.seek(length, io.SEEK_CUR)
            case _:
                break
    return None


# RFC 9649: 2.5 to 2.7; RFC 6386, 9.1 (VP8). Its Exif turns nothing in browsers.


def _webp(file: BinaryIO) -> Size | None:
    file.seek(12)
    kind, _ = _read(file, "<4sI")
    match kind:
        case b"VP8 ":
            _, start_code, width, height = _read(file, "<3s3sHH")
            return Size(width & 0x3FFF, height & 0x3FFF) if start_code == b"\x9d\x01\x2a" else None
        case b"VP8L":
            signature, bits = _read(file, "<BI")
            size = Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
            return size if signature == 0x2F else None
        case b"VP8X":
            _, width_low, width_high, height_low, height_high = _read(file, "<IHBHB")
            return Size(width_low + (width_high << 16) + 1, height_low + (height_high << 16) + 1)
    return None


# ISO/IEC 14496-12: 4.2 (boxes), 8.11.4 (pitm). ISO/IEC 23008-12:2017: 6.5.3 (ispe), 6.5.9 (clap),
# 6.5.10 (irot), 9.3 (ipco, ipma). A mirrored image (imir) is as large as before.

_BRANDS = frozenset({b"avif", b"avis"})


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    for _ in range(_MOST):
        if start + 8 > end:
            break
        file.seek(start)
        length, kind = _read(file, ">I4s")
        content = start + 8
        if length == 1:
            (length,) = _read(file, ">Q")
            content += 8
        last = min(start + length, end) if length else end
        if last < content:
            break
        yield _Box(kind, content, last)
        start = last


def _avif(file: BinaryIO) -> Size | None:
    top = {box.kind: box for box in _boxes(file, 0, file.seek(0, io.SEEK_END))}
    if not top.keys() >= {b"ftyp", b"meta"}:
        return None
    _, start, end = top[b"ftyp"]
    file.seek(start)
    names = file.read(min(end - start, _LONGEST))
    if _BRANDS.isdisjoint(names[i : i + 4] for i in range(0, len(names), 4)):
        return None
    _, start, end = top[b"meta"]
    meta = {box.kind: box for box in _boxes(file, start + 4, end)}
    if not meta.keys() >= {b"pitm", b"iprp"}:
        return None
    file.seek(meta[b"pitm"].start)
    (version,) = _read(file, ">B3x")
    (item,) = _read(file, ">I" if version else ">H")
    parts = [*_boxes(file, meta[b"iprp"].start, meta[b"iprp"].end)]
    properties = [
        each for box in parts if box.kind == b"ipco" for each in _boxes(file, box.start, box.end)
    ]
    indexes = [
        index for box in parts if box.kind == b"ipma" for index in _associated(file, box, item)
    ]
    return _transformed(file, [properties[i - 1] for i in indexes if 0 < i <= len(properties)])


def _associated(file: BinaryIO, box: _Box, item: int) -> list[int]:
    """Return the numbers of an item's properties, counted from 1, in the order of their use."""
    file.seek(box.start)
    version, flags, count = _read(file, ">B2xBI")
    is_long = flags & 1
    for _ in range(min(count, _LONGEST)):
        each, number = _read(file, ">IB" if version else ">HB")
        # The first bit says whether a reader has to know the property.
        indexes = _read(file, f">{number}{'H' if is_long else 'B'}")
        if each == item:
            return [index & (0x7FFF if is_long else 0x7F) for index in indexes]
    return []


def _transformed(file: BinaryIO, properties: list[_Box]) -> Size | None:
    size: Size | None = None
    for kind, start, _ in properties:
        file.seek(start)
        if kind == b"ispe":
            size = Size(*_read(file, ">4xII"))
        elif kind == b"clap" and size:
            size = _cropped(size, *_read(file, ">IIIIiIiI"))
        elif kind == b"irot" and size and file.read(1)[:1] in {b"\1", b"\3"}:
            size = Size(size.height, size.width)
    return size


def _cropped(size: Size, *aperture: int) -> Size:
    """Return a size after a clean aperture: dividends and divisors of its size and its offset.

    AVIF 1.2 has it begin at the top left corner; Chromium passes by all others.
    """
    cut = []
    for whole, start in zip(size, (0, 2), strict=True):
        dividend, divisor = aperture[start : start + 2]
        offset, offset_divisor = aperture[start + 4 : start + 6]  # from centre to centre
        if not divisor or not offset_divisor or dividend % divisor or dividend > whole * divisor:
            return size
        length = dividend // divisor
        if 2 * offset + offset_divisor * (whole - length):
            return size
        cut.append(length)
    return Size(*cut)


# Icons and cursors: a directory, each entry of which has width and height in a byte each, 0 for
# 256; browsers show the largest where nothing else is asked for. Bitmaps: [MS-WMF] 2.2.2.2 and
# 2.2.2.3; a negative height says that the rows go from top to bottom.


def _icon(file: BinaryIO) -> Size | None:
    file.seek(4)
    (count,) = _read(file, "<H")
    entries = [Size(*(each or 256 for each in _read(file, "<BB14x"))) for _ in range(count)]
    return max(entries, key=lambda size: size.width * size.height, default=None)


def _bitmap(file: BinaryIO) -> Size | None:
    file.seek(14)
    (header,) = _read(file, "<I")
    width, height = _read(file, "<HH" if header == 12 else "<ii")
    return Size(width, abs(height))


# SVG 2: 8.2 (viewport), 8.6 (viewBox), 8.12 (sizing in CSS). CSS Images 3, 4.3 and 5.3, for the
# default object size; CSS Values 4, 6.2, for absolute units.

_NAMESPACE = "http://www.w3.org/2000/svg"
_LENGTH = re.compile(
    r"[ \t\n\r\f]*([-+]?(?:[0-9]*\.)?[0-9]+(?:[eE][-+]?[0-9]+)?)([a-zA-Z]*|%)[ \t\n\r\f]*"
)
_SEPARATOR = re.compile(r"[ \t\n\r\f]*,[ \t\n\r\f]*|[ \t\n\r\f]+")
_PIXELS = {
    "": 1.0,
    "px": 1.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "q": 96 / 101.6,
    "pt": 96 / 72,
    "pc": 16.0,
}
# What depends on fonts or on the window, or has to be worked out.
_RELATIVE = re.compile(
    r"[0-9.]r?(?:em|ex|ch|cap|ic|lh)\b|[0-9.][sld]?v(?:w|h|i|b|min|max)\b|\(", re.IGNORECASE
)
_DEFAULT = Size(300, 150)
_LARGEST = 1 << 25  # px, beyond which browsers cut lengths off


class _Root(Exception):  # noqa: N818 - it is found, and nothing is wrong
    def __init__(self, name: str = "", attributes: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.name = name
        self.attributes = attributes or {}


def _svg(file: BinaryIO) -> Size | None:
    from xml.parsers.expat import ExpatError, ParserCreate  # which production does without

    def declare(_name: str, _is_parameter: bool, value: str | None, *_: object) -> None:
        if value and "&" in value:
            raise _Root  # an entity of entities may be of any length

    parser = ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = _found
    parser.EntityDeclHandler = declare
    file.seek(0)
    try:
        for _ in range(16):
            block = file.read(_LONGEST)
            parser.Parse(block, not block)
    except _Root as root:
        return _root_size(root.attributes) if root.name == f"{_NAMESPACE} svg" else None
    except (ExpatError, LookupError, ValueError):  # also of encodings that Python does not know
        pass
    return None


def _found(name: str, attributes: dict[str, str]) -> None:
    raise _Root(name, attributes)


def _root_size(attributes: Mapping[str, str]) -> Size | None:
    texts = [attributes.get(name, "") for name in ("width", "height")]
    if any(map(_RELATIVE.search, texts)):
        return None
    width, height = map(_pixels, texts)
    ratio = _ratio(attributes)
    if width is None and height is None:
        if not ratio:
            return None
        # As large as it can be within the default object size.
        width = min(_DEFAULT.width, _DEFAULT.height * ratio)
    if width is None and height is not None:
        width = height * ratio if ratio else _DEFAULT.width
    elif width is not None and height is None:
        height = width / ratio if ratio else _DEFAULT.height
    if not (width and height and 0 < width < _LARGEST and 0 < height < _LARGEST):
        return None
    return Size(max(_whole(width), 1), max(_whole(height), 1))


def _pixels(text: str) -> float | None:
    """Return a length in pixels; ``None`` if it says nothing, as percentages of nothing do."""
    length = _LENGTH.fullmatch(text)
    factor = _PIXELS.get(length[2].lower()) if length else None
    return float(length[1]) * factor if length and factor else None


def _ratio(attributes: Mapping[str, str]) -> float | None:
    """Return width by height of the ``viewBox``, if that is to be kept."""
    if attributes.get("preserveAspectRatio", "").strip().startswith("none"):
        return None
    numbers = [*map(_pixels, _SEPARATOR.split(attributes.get("viewBox", "").strip()))]
    if len(numbers) != 4 or None in numbers:
        return None
    width, height = numbers[2] or 0, numbers[3] or 0
    return width / height if 0 < width < _LARGEST and 0 < height < _LARGEST else None


def _whole(length: float) -> int:
    """Return a length rounded as browsers do, halves upwards."""
    return int(length + 0.5)


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[BinaryIO], Size | None]], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"....ftyp", re.DOTALL), _avif),
    (re.compile(rb"\0\0[\1\2]\0"), _icon),
    (re.compile(rb"BM"), _bitmap),
)
