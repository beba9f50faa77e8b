"""Images in fewer bytes: every pixel as it was; and files that are not what they should be."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assetpipe import kinds
from assetpipe.build.workers import LimitError, Limits, Workers
from assetpipe.dimensions import measure
from assetpipe.kinds.model import ImageOptions, Options, Transformed
from tests.pictures import (
    PICTURES,
    SECRET,
    chunk,
    clear,
    deep,
    drawing,
    exif,
    gif,
    icon,
    noise,
    p3,
    photo,
    png,
    saved,
)

MIB = 1 << 20


def transformed(data: bytes, suffix: str = "", *, minify: bool = True, **how: Any) -> Transformed:
    options = Options(minify=minify, image=ImageOptions(suffix=f".{suffix}", **how))
    return kinds.transform(kinds.IMAGE, data, options)


@cache
def made(name: str) -> tuple[bytes, Transformed]:
    """Return a picture of the table, and what becomes of it."""
    suffix, make = PICTURES[name]
    data = make()
    return data, transformed(data, suffix)


every = pytest.mark.parametrize("name", PICTURES)


def shown(data: bytes) -> list[tuple[Any, ...]]:
    """Return what there is to see in a file, frame by frame."""
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pixels = image.tobytes() if image.mode == "CMYK" else image.convert("RGBA").tobytes()
            info = [image.info.get(key) for key in ("duration", "loop", "disposal", "icc_profile")]
            found.append((image.size, pixels, *info))
    return found


def samples(data: bytes) -> list[bytes]:
    """Return the rows of a PNG that is not interlaced, unfiltered (PNG 3rd edition, 9.2)."""
    width, height, depth, color_type = struct.unpack_from(">IIBB", data, 16)
    step = max(1, {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type] * depth // 8)
    at, packed = 8, b""
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    raw, size = zlib.decompress(packed), width * step
    rows = [bytes(size)]
    for y in range(height):
        filter_, *line = raw[y * (size + 1) : (y + 1) * (size + 1)]
        above, row = rows[-1], bytearray()
        for x, value in enumerate(line):
            left = row[x - step] if x >= step else 0
            corner = above[x - step] if x >= step else 0
            guess = left + above[x] - corner
            near = min((left, above[x], corner), key=lambda each: abs(guess - each))
            paeth = near if filter_ == 4 else 0
            row.append((value + [0, left, above[x], (left + above[x]) // 2, paeth][filter_]) % 256)
        rows.append(bytes(row))
    return rows[1:]


class TestEveryPicture:
    """What holds for all of them."""

    @every
    def test_shows_the_same(self, name: str) -> None:
        """Each pixel, also where one can see through it; each frame, for as long and as often."""
        data, result = made(name)
        assert result.notes == ()
        assert shown(result.body) == shown(data)
        if "16 bits" in name:
            assert samples(result.body) == samples(data)

    @every
    def test_never_grows(self, name: str) -> None:
        data, result = made(name)
        assert len(result.body) <= len(data)
        assert measure(result.body) == measure(data)

    @every
    def test_is_not_made_again(self, name: str) -> None:
        """A second time changes nothing, and finds the same picture."""
        _, first = made(name)
        again = transformed(first.body, PICTURES[name][0])
        assert again.body == first.body
        assert again.picture == first.picture

    @every
    def test_tells_nobody_where_it_was_made(self, name: str) -> None:
        """Unless that is wanted; it is as small as it can be, then."""
        data, result = made(name)
        assert SECRET not in result.body
        if PICTURES[name][0] != "ico" and SECRET in data:
            kept = transformed(data, PICTURES[name][0], metadata=True)
            assert kept.body.count(SECRET) == data.count(SECRET)
            assert len(result.body) < len(kept.body) <= len(data)
            assert shown(kept.body) == shown(data)

    @every
    def test_is_left_alone_in_a_draft(self, name: str) -> None:
        """What it looks like is found out all the same."""
        data, result = made(name)
        draft = transformed(data, PICTURES[name][0], minify=False)
        assert draft.body == data
        assert draft.picture is not None
        assert result.picture is not None
        assert draft.picture[:3] == result.picture[:3]


AS_SMALL = {"AVIF", "GIF", "JPEG, CMYK", "PNG, gamma", "WebP, profile"}
SMALLER = [name for name in PICTURES if name not in AS_SMALL]


@pytest.mark.parametrize("name", SMALLER)
def test_most_get_smaller(name: str) -> None:
    data, result = made(name)
    assert len(result.body) < len(data)


@pytest.mark.parametrize("name", ["PNG, turned", "JPEG, turned"])
def test_what_is_turned_stays_turned(name: str) -> None:
    """And its size is that of what is shown."""
    _, result = made(name)
    with Image.open(io.BytesIO(result.body)) as image:
        assert dict(image.getexif()) == {0x112: 6}
    assert result.picture is not None
    assert result.picture[:2] == (60, 90)


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        pytest.param(chunk(b"gAMA", struct.pack(">I", 100_000)), b"gAMA", id="gAMA"),
        pytest.param(chunk(b"sRGB", b"\0"), b"sRGB", id="sRGB"),
        pytest.param(chunk(b"cICP", bytes([12, 13, 0, 1])), b"cICP", id="cICP"),
        pytest.param(chunk(b"cLLI", bytes(8)), b"cLLI", id="cLLI"),
        pytest.param(chunk(b"mDCV", bytes(24)), b"mDCV", id="mDCV"),
    ],
)
def test_what_decides_colours_stays(before: bytes, kept: bytes) -> None:
    rows = (b"\0" + bytes(range(240))) * 80
    data = png(80, 80, rows, before=before + chunk(b"tEXt", b"Author\0" + SECRET))
    result = transformed(data, "png")
    assert len(result.body) < len(data)
    assert kept in result.body
    assert b"tEXt" not in result.body


@pytest.mark.parametrize(
    "marker",
    [
        pytest.param(b"\xff\xe2\x00\x08MPF\0ab", id="several images"),
        pytest.param(b"\xff\xe1\x00\x2dhttp://ns.adobe.com/hdr-gain-map/1.0/ a b c", id="gain map"),
    ],
)
def test_what_is_brighter_on_some_screens_is_left_alone(marker: bytes) -> None:
    """What makes it so would be lost; there is no warning, as nothing is wrong."""
    plain = saved(photo(200, 100), "JPEG")
    size = len(marker) - 2
    data = plain[:2] + marker[:2] + struct.pack(">H", size) + marker[4:] + plain[2:]
    result = transformed(data, "jpg")
    assert (result.body, result.notes) == (data, ())


def faint() -> Image.Image:
    """Return grain that one can see through."""
    image = noise(90, 60).convert("RGBA")
    image.putalpha(100)
    return image


def test_exif_behind_the_pixels_of_a_png_turns_nothing() -> None:
    """As in browsers."""
    rows = (b"\0" + bytes(240)) * 80
    data = png(80, 80, rows, after=chunk(b"eXIf", exif(6).removeprefix(b"Exif\0\0")))
    body = transformed(data, "png").body
    assert len(body) < len(data)
    assert b"eXIf" not in body


def test_the_first_exif_of_a_jpeg_counts() -> None:
    """As in browsers."""
    data = saved(photo(90, 60), "JPEG", exif=exif(6))
    second = saved(photo(90, 60), "JPEG", exif=exif(1))
    start, end = second.index(b"\xff\xe1"), second.index(b"\xff\xdb")
    both = data.replace(b"\xff\xdb", second[start:end] + b"\xff\xdb", 1)
    result = transformed(both, "jpg")
    assert len(result.body) < len(both)
    with Image.open(io.BytesIO(result.body)) as image:
        assert dict(image.getexif()) == {0x112: 6}


def test_a_webp_does_not_say_that_it_has_what_it_has_not() -> None:
    data = saved(photo(90, 60), "WEBP", exif=exif(1), icc_profile=p3())
    body = transformed(data, "webp").body
    assert len(body) < len(data)
    assert (data[20] & 0x0C, body[20] & 0x0C) == (0x08, 0)


def test_equal_images_of_an_icon_lie_there_once() -> None:
    image = saved(clear(), "PNG")
    head = bytes([60, 40, 0, 0, 1, 0, 32, 0]) + struct.pack("<I", len(image))
    places = [struct.pack("<I", 38 + number * len(image)) for number in range(2)]
    data = struct.pack("<HHH", 0, 1, 2) + b"".join(head + place for place in places) + image * 2
    body = transformed(data, "ico").body
    assert len(body) <= 38 + len(image)
    assert shown(body) == shown(data)


class TestPictures:
    """What is found out of an image."""

    @pytest.mark.parametrize(
        ("data", "suffix", "is_photo", "is_still"),
        [
            pytest.param(saved(photo(90, 60), "JPEG"), "jpg", True, True, id="JPEG"),
            pytest.param(saved(drawing(90, 60), "PNG"), "png", False, True, id="drawing"),
            pytest.param(saved(noise(90, 60), "PNG"), "png", True, True, id="grain in a PNG"),
            pytest.param(saved(noise(30, 30), "PNG"), "png", False, True, id="a small one"),
            pytest.param(saved(clear(), "PNG"), "png", False, True, id="with alpha"),
            pytest.param(saved(faint(), "PNG"), "png", False, True, id="grain with alpha"),
            pytest.param(saved(photo(90, 60), "WEBP"), "webp", True, True, id="WebP"),
            pytest.param(
                saved(photo(90, 60), "WEBP", lossless=True), "webp", False, True, id="lossless"
            ),
            pytest.param(gif(), "gif", False, False, id="GIF that moves"),
        ],
    )
    def test_kinds(self, data: bytes, suffix: str, is_photo: bool, is_still: bool) -> None:
        picture = transformed(data, suffix).picture
        assert picture is not None
        assert (picture.is_photo, picture.is_still) == (is_photo, is_still)

    def test_colour(self) -> None:
        """The most frequent one, of what can be seen."""
        image = Image.new("RGBA", (100, 100), (10, 200, 30, 0))
        image.paste((200, 30, 20, 255), (0, 0, 40, 40))
        image.paste((20, 30, 200, 255), (40, 40, 60, 60))
        picture = transformed(saved(image, "PNG"), "png").picture
        assert picture is not None
        assert picture.color == "#c81e14"

    def test_colour_of_a_profile(self) -> None:
        """As it is shown, not as it is stored."""
        image = Image.new("RGB", (100, 100), (200, 30, 20))
        picture = transformed(saved(image, "PNG", icc_profile=p3()), "png").picture
        assert picture is not None
        red, green = int(picture.color[1:3], 16), int(picture.color[3:5], 16)
        assert green > red

    def test_placeholder(self) -> None:
        """Some hundred bytes that look alike; none where one can see through it."""
        picture = transformed(saved(photo(900, 600), "JPEG"), "jpg").picture
        assert picture is not None
        start, _, text = picture.placeholder.partition(",")
        assert start == "data:image/webp;base64"
        assert len(text) < 300
        for data, suffix in [
            (saved(clear(), "PNG"), "png"),
            (saved(faint(), "PNG"), "png"),
            (saved(photo(20, 20), "JPEG"), "jpg"),
            (gif(), "gif"),
            (icon(), "ico"),
        ]:
            other = transformed(data, suffix).picture
            assert other is not None
            assert other.placeholder == ""
        unwanted = transformed(saved(photo(900, 600), "JPEG"), "jpg", placeholder=False).picture
        assert unwanted is not None
        assert unwanted[2:4] == ("", "")


JPEG = saved(photo(300, 200), "JPEG")
PNG = saved(photo(300, 200), "PNG")
WEBP = saved(photo(300, 200), "WEBP")
GIF = gif()
ICON = icon()


def lying(data: bytes, width: int, height: int) -> bytes:
    """Return a PNG whose header lies of its size, with a right check sum."""
    head = struct.pack(">II", width, height) + data[24:29]
    return data[:8] + chunk(b"IHDR", head) + data[33:]


def lying_jpeg(data: bytes, width: int, height: int) -> bytes:
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


BOMB = zlib.compress(bytes(64 * MIB))
HOSTILE: dict[str, tuple[bytes, str, str | None]] = {
    "empty": (b"", "png", "it is empty"),
    "random bytes": (bytes(range(256)) * 9, "png", "it is not a PNG"),
    "a page": (b"<!doctype html><p>404", "jpg", "it is not a JPEG"),
    "a JPEG named .png": (JPEG, "png", "it is a JPEG, and not a PNG"),
    "a PNG named .webp": (PNG, "webp", "it is a PNG, and not a WebP"),
    "PNG cut off": (PNG[: len(PNG) // 2], "png", "it is cut off"),
    "PNG, header only": (PNG[:33], "png", "how large"),
    "PNG, half a header": (PNG[:20], "png", "how large"),
    "PNG, a bit is wrong": (PNG[:900] + b"\x55" + PNG[901:], "png", "IDAT is damaged"),
    "PNG bomb of deep pixels": (lying(deep(4, color_type=6), 2000, 2000), "png", "2,000 × 2,000"),
    "PNG bomb": (lying(PNG, 50_000, 50_000), "png", "50,000 × 50,000 pixels"),
    "PNG larger than it says": (lying(PNG, 300, 100), "png", ""),
    "PNG smaller than it says": (lying(PNG, 300, 900), "png", "cannot be read"),
    "PNG, profile bomb": (
        png(80, 80, (b"\0" + bytes(240)) * 80, before=chunk(b"iCCP", b"x\0\0" + BOMB)), "png", ""
    ),
    "PNG, text bomb": (
        png(80, 80, (b"\0" + bytes(240)) * 80, before=chunk(b"zTXt", b"x\0\0" + BOMB)), "png", None
    ),
    "APNG of four billion frames": (
        png(80, 80, (b"\0" + bytes(240)) * 80,
            before=chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0))), "png", None
    ),
    "JPEG cut off": (JPEG[: len(JPEG) // 2], "jpg", "truncated"),
    "JPEG, header only": (JPEG[:160], "jpg", "how large"),
    "JPEG bomb": (lying_jpeg(JPEG, 65_000, 65_000), "jpg", "65,000 × 65,000 pixels"),
    "JPEG smaller than it says": (lying_jpeg(JPEG, 300, 900), "jpg", None),
    "GIF cut off": (GIF[: len(GIF) // 2], "gif", "it is cut off"),
    "GIF bomb": (
        GIF[:6] + struct.pack("<HH", 65535, 65535) + GIF[10:], "gif", "65,535 × 65,535 pixels"
    ),
    "GIF with junk between": (GIF[:-1] + b"junk;", "gif", "begins no block"),
    "WebP cut off": (WEBP[: len(WEBP) // 2], "webp", "it is cut off"),
    "WebP, a size lies": (WEBP[:16] + b"\xff\xff\xff\x7f" + WEBP[20:], "webp", "it is cut off"),
    "icon that leads out": (ICON[:18] + b"\xff\xff\xff\x7f" + ICON[22:], "ico", "an image in it"),
    "icon of nothing": (ICON[:4] + b"\0\0" + ICON[6:], "ico", None),
    "icon of 65,535 images": (ICON[:4] + b"\xff\xff" + ICON[6:], "ico", None),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_ships_untouched(name: str) -> None:
    """With one note that says what is wrong; without one, if browsers show it all the same."""
    data, suffix, said = HOSTILE[name]
    result = transformed(data, suffix, memory=128 * MIB)
    if said is None:
        assert len(result.notes) <= 1
        assert len(result.body) <= len(data)
    elif said:
        (note,) = result.notes
        assert note.message.startswith("ships untouched: ")
        assert said in note.message
        assert note.hint
    if result.notes:
        assert result.body == data
        assert result.picture is None


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        pytest.param("PNG", "oxipng.optimize_from_memory", id="PNG"),
        pytest.param("JPEG", "mozjpeg_lossless_optimization.optimize", id="JPEG"),
    ],
)
def test_an_encoder_that_errs_is_not_believed(
    name: str, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it returns is smaller, and another image of the same size."""
    data = made(name)[0]
    other = saved(Image.new("RGB", (90, 60), "red"), name)
    assert len(other) < len(data)
    monkeypatch.setattr(tool, lambda *_, **__: other)
    result = transformed(data)
    assert (result.body, result.notes) == (data, ())


def test_an_encoder_that_errs_in_time_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are shown for as long as before."""

    def err(given: bytes, **_options: Any) -> bytes:
        at = given.index(b"fcTL")
        body = given[at + 4 : at + 24] + struct.pack(">H", 999) + given[at + 26 : at + 30]
        return given[: at - 4] + chunk(b"fcTL", body) + given[at + 34 :]

    data = made("APNG")[0]
    monkeypatch.setattr("oxipng.optimize_from_memory", err)
    assert transformed(data, "png").body == data


def test_an_encoder_that_errs_in_16_bits_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its result is the same in eight."""
    import oxipng

    data = PICTURES["PNG, 16 bits"][1]()
    optimize = oxipng.optimize_from_memory

    def err(given: bytes, **options: Any) -> bytes:
        if options["level"] == 0:
            return bytes(optimize(given, **options))
        rows = b"".join(
            b"\0" + bytes(each & 0xFE if place % 2 else each for place, each in enumerate(row))
            for row in samples(given)
        )
        return bytes(optimize(png(11, 9, rows, depth=16), **options))

    monkeypatch.setattr(oxipng, "optimize_from_memory", err)
    assert transformed(data, "png").body == data


def test_junk_behind_the_end_goes() -> None:
    """Browsers read nothing there."""
    for data, suffix in [(PNG, "png"), (JPEG, "jpg"), (GIF, "gif"), (WEBP, "webp")]:
        assert transformed(data + SECRET * 9, suffix).body == transformed(data, suffix).body


@pytest.fixture(name="workers", scope="module")
def _workers() -> Iterator[Workers]:
    with Workers(1) as workers:
        yield workers


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from([name for name in PICTURES if "AVIF" not in name]),
    at=st.floats(0, 1, exclude_max=True),
    bytes_=st.binary(max_size=6),
    cut=st.booleans(),
)
def test_damage_is_survived(
    workers: Workers, name: str, at: float, bytes_: bytes, cut: bool
) -> None:
    """Nothing raises, nothing grows, and what is noted is as it was."""
    data = made(name)[0]
    place = int(at * len(data))
    broken = data[:place] + bytes_ + (b"" if cut else data[place + len(bytes_) :])
    options = Options(image=ImageOptions(memory=64 * MIB))
    try:
        limits = Limits(memory=512 * MIB, seconds=60)
        result = workers.call_within(limits, 1, kinds.transform, kinds.IMAGE, broken, options)
    except LimitError as error:
        assert "it is damaged" in str(error)  # noqa: PT017
        return
    assert len(result.body) <= len(broken)
    if result.notes:
        assert result.body == broken


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    mode=st.sampled_from(["1", "L", "LA", "RGB", "RGBA", "P"]),
    seed=st.binary(min_size=1, max_size=9),
    format_=st.sampled_from(["PNG", "WEBP", "GIF"]),
)
def test_any_small_image_shows_the_same(
    width: int, height: int, mode: str, seed: bytes, format_: str
) -> None:
    """Whatever it is made of."""
    source = {"1": "L", "P": "L"}.get(mode, mode)
    size = width * height * len(source)
    pixels = (seed * (size // len(seed) + 1))[:size]
    image = Image.frombytes(source, (width, height), pixels).convert(mode)
    if format_ == "WEBP":
        data = saved(image.convert("RGBA"), format_, lossless=True, exact=True, method=0)
    else:
        data = saved(image.convert("P") if format_ == "GIF" else image, format_)
    result = transformed(data)
    assert result.notes == ()
    assert len(result.body) <= len(data)
    assert shown(result.body) == shown(data)


def test_exif_is_read_as_far_as_it_goes() -> None:
    """Damaged Exif turns nothing, and is survived."""
    from assetpipe.kinds.image.exif import orientation_of

    whole = exif(8)
    assert orientation_of(whole) == 8
    for end in range(len(whole)):
        assert orientation_of(whole[:end]) in {1, 8}
