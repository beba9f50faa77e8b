"""Releases for the tests of the run side, written without the build side."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from assetpipe import manifest
from assetpipe.manifest import Asset, Manifest
from assetpipe.mediatypes import content_type
from assetpipe.names import SIBLING_SUFFIXES, fingerprinted

SITE = {
    "admin/log.css": b".log{margin:0}",
    "css/app.css": b".app{color:red}\n" * 30,
    "css/empty.css": b"",
    "img/a b'(é).png": b"picture",
    "parent/child/deep.js": b"deep()",
    "robots.txt": b"User-agent: *\n" * 40,
}
"""A small site: sources by logical name."""


def output_name(name: str, body: bytes) -> str:
    return fingerprinted(name, hashlib.sha256(body).hexdigest())


def sibling(name: str, coding: str) -> bytes:
    """What stands for a compressed file; the server never looks inside."""
    return f"{coding} of {name}".encode()


def describe(assets: Mapping[str, Asset]) -> tuple[Manifest, bytes]:
    """Return the manifest of these assets, and its bytes."""
    release, data = manifest.render(
        manifest.line(name, asset) for name, asset in sorted(assets.items())
    )
    return Manifest(release, assets), data


def write_release(
    out: Path,
    files: Mapping[str, bytes] = SITE,
    *,
    plain: Collection[str] = ("robots.txt",),
    compressed: Collection[str] = ("css/app.css", "robots.txt"),
) -> Manifest:
    """Write the files of a release and its manifest, and keep the manifest in the history."""
    assets = {}
    for name, body in files.items():
        file = name if name in plain else output_name(name, body)
        siblings = {c: sibling(name, c) for c in ("br", "gzip") if name in compressed}
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).write_bytes(body)
        for coding, encoded in siblings.items():
            (out / f"{file}{SIBLING_SUFFIXES[coding]}").write_bytes(encoded)
        assets[name] = Asset(
            file=file,
            type=content_type(name, utf8=True),
            size=len(body),
            integrity="sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode(),
            immutable=name not in plain,
            encodings={coding: len(encoded) for coding, encoded in siblings.items()},
        )
    release, data = describe(assets)
    history = out / manifest.HISTORY
    history.mkdir(exist_ok=True)
    for path in (history / f"{release.release}.json", out / manifest.FILE_NAME):
        path.write_bytes(data)
    return release
