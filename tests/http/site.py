"""The release that the cases ask for: ``tests.release`` and what only HTTP cares about."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from assetpipe import manifest
from assetpipe.manifest import HeaderRule, Image, Manifest
from assetpipe.names import SIBLING_SUFFIXES
from tests.release import SITE, output_name, sibling, write_release

NAME = "css/app.css"
LARGE_NAME = "js/large.js"
VIDEO_NAME = "video/film.mp4"
SPACED_NAME = "video/a 100%+(é);b.mp4"
UNDATED_NAME = "js/packaged.js"
FUTURE_NAME = "js/future.js"
PHOTO_NAME = "img/photo.jpg"
GONE_NAME = "img/gone.jpg"
LONG_NAME = f"img/{'n' * 200}.png"


def _noise(size: int, seed: str) -> bytes:
    """Return bytes that are the same each time, and tell every position from every other."""
    blocks = (hashlib.sha256(f"{seed}{at}".encode()).digest() for at in range(size // 32 + 1))
    return b"".join(blocks)[:size]


TYPES = {
    "types/a.css": "text/css; charset=utf-8",
    "types/a.js": "text/javascript; charset=utf-8",
    "types/a.mjs": "text/javascript; charset=utf-8",
    "types/a.html": "text/html; charset=utf-8",
    "types/a.json": "application/json",
    "types/a.svg": "image/svg+xml",
    "types/a.webmanifest": "application/manifest+json",
    "types/a.wasm": "application/wasm",
    "types/a.woff2": "font/woff2",
    "types/a.avif": "image/avif",
    "types/a.webp": "image/webp",
    "types/a.ico": "image/vnd.microsoft.icon",
    "types/a.pdf": "application/pdf",
    "types/a.PNG": "image/png",
    "types/a.unknown": "application/octet-stream",
    "types/noext": "application/octet-stream",
}
"""Media types as IANA registers them, by logical name; the bytes are the name."""

FILES: Mapping[str, bytes] = {
    **SITE,
    **{name: name.encode() for name in TYPES},
    LARGE_NAME: _noise(1 << 20, "large"),
    VIDEO_NAME: _noise(1 << 20, "video"),
    SPACED_NAME: _noise(1 << 17, "spaced"),
    UNDATED_NAME: _noise(1 << 17, "packaged"),
    FUTURE_NAME: b"future()",
    LONG_NAME: b"long",
    PHOTO_NAME: b"photo in jpeg",
    f"{PHOTO_NAME}.40.avif": _noise(100_000, "avif"),
    f"{PHOTO_NAME}.40.webp": b"photo in webp",
    "img/日本語.png": b"kanji",
    "img/100%+50;v=1.png": b"signs",
    "site.webmanifest": b"{}",
    "ruled/a.css": b"a{}",
    "ruled/b.css": b"b{}",
    "ruled/plain.css": b"plain{}",
}
EARLIER = b".app{color:blue}\n"
"""What ``NAME`` was in the release before."""
GONE = {GONE_NAME: b"gone in jpeg", f"{GONE_NAME}.40.avif": b"gone in avif"}
"""An image that was in the release before."""

RULES: tuple[HeaderRule, ...] = (
    (
        "ruled/**",
        (
            ("Cache-Control", "public, max-age=60"),
            ("Access-Control-Allow-Origin", "https://example.com"),
            ("Timing-Allow-Origin", ""),
            ("X-Own", "first"),
        ),
    ),
    ("ruled/b.css", (("x-own", "last"), ("Cross-Origin-Resource-Policy", ""))),
)
"""What the project says of header fields; an empty value takes one away."""

SECRET = b"SECRET"
"""What no answer may ever hold: it lies beside the release, and in it without being named."""

DATE = int(datetime(2024, 5, 5, 12, 0, 10, tzinfo=UTC).timestamp())
"""When all files of the release were modified, in seconds since 1970."""

LARGE_ENCODED = {"br": _noise(300_000, "br"), "gzip": _noise(400_000, "gzip")}
"""The siblings of ``LARGE_NAME``, too large to be kept in memory."""


def file_of(name: str) -> str:
    """Return the output file of a fingerprinted asset."""
    return output_name(name, FILES[name])


def encoded(name: str, coding: str) -> bytes:
    """Return the bytes of an asset in a content coding."""
    if coding == "identity":
        return FILES[name]
    return LARGE_ENCODED[coding] if name == LARGE_NAME else sibling(name, coding)


def write_site(folder: Path) -> Path:
    """Write the release, one before it, and files that it does not name; return its folder."""
    out = folder / "out"
    _completed(out, write_release(out, {NAME: EARLIER, **GONE}, compressed=()))
    release = _completed(
        out,
        write_release(
            out,
            FILES,
            plain=("robots.txt", "site.webmanifest", "ruled/plain.css"),
            compressed=(NAME, LARGE_NAME, "robots.txt"),
        ),
    )
    for path in (folder / "secret.txt", out / "stray.txt", out / ".lock"):
        path.write_bytes(SECRET)
    for path in out.rglob("*"):
        os.utime(path, (DATE, DATE))
    packager = int(datetime(1980, 1, 1, tzinfo=UTC).timestamp())
    future = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
    os.utime(out / release.assets[UNDATED_NAME].file, (packager, packager))
    os.utime(out / release.assets[FUTURE_NAME].file, (future, future))
    return out


def _completed(out: Path, release: Manifest) -> Manifest:
    """Complete a release that was just written: large siblings, images, rules for fields."""
    (out / manifest.HISTORY / f"{release.release}.json").unlink()
    assets = dict(release.assets)
    if LARGE_NAME in assets:
        large = assets[LARGE_NAME]
        for coding, data in LARGE_ENCODED.items():
            (out / f"{large.file}{SIBLING_SUFFIXES[coding]}").write_bytes(data)
        sizes = {coding: len(data) for coding, data in LARGE_ENCODED.items()}
        assets[LARGE_NAME] = large._replace(encodings=sizes)
    for name in {PHOTO_NAME, GONE_NAME} & assets.keys():
        others = tuple(sorted(other for other in assets if other.startswith(f"{name}.")))
        assets[name] = assets[name]._replace(image=Image(40, 30, "", "", others, others))
    lines = (manifest.line(name, asset) for name, asset in sorted(assets.items()))
    number, document = manifest.render(lines, RULES)
    for path in (out / manifest.HISTORY / f"{number}.json", out / manifest.FILE_NAME):
        path.write_bytes(document)
    return Manifest(number, assets, RULES)
