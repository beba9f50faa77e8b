"""A small site: a tree as a dict, and what building it leaves in the output folder."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import brotli
import zstandard

import assetpipe
from assetpipe.build import Config, Release, build

Tree = Mapping[str, str | bytes]
"""Contents by name; a name is a POSIX path below some folder."""

SUFFIXES = {"br": ".br", "gzip": ".gz", "zstd": ".zst"}
DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data),
}

CODE = Path(assetpipe.__file__).parent.parent
"""Where the package under test lies: a command must run the same code as the test."""


def plant(folder: Path, tree: Tree) -> Path:
    """Write a tree below a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assets(out: Path) -> dict[str, dict[str, Any]]:
    """Read the assets of the current release as plain JSON, by logical name."""
    found: dict[str, dict[str, Any]] = json.loads((out / "manifest.json").read_bytes())["assets"]
    return found


def shipped(out: Path) -> dict[str, bytes]:
    """Read the current release: its manifest, and all files that it names."""
    files = {"manifest.json"}
    for asset in assets(out).values():
        files |= {asset["file"] + SUFFIXES.get(coding, "") for coding in ("", *asset["encodings"])}
        files |= {asset["source_map"]} if "source_map" in asset else set()
    return {file: (out / file).read_bytes() for file in sorted(files)}


def flaws(out: Path, *, fixed: frozenset[str] = frozenset()) -> list[str]:
    """Return what is missing or torn of the current release, a sentence each.

    Files of ``fixed`` names may be of the next release already, but whole.
    """
    found = []
    for name, asset in assets(out).items():
        try:
            body = (out / asset["file"]).read_bytes()
            decoded = {
                coding: DECODERS[coding]((out / (asset["file"] + SUFFIXES[coding])).read_bytes())
                for coding in asset["encodings"]
            }
        except (OSError, EOFError, brotli.error, zstandard.ZstdError) as error:
            found.append(f"{name} cannot be read: {error}.")
            continue
        if name in fixed:
            continue
        if len(body) != asset["size"] or integrity(body) != asset["integrity"]:
            found.append(f"{name} is not the file that the manifest describes.")
        found += [
            f"{name}: {coding} is another file." for coding in decoded if decoded[coding] != body
        ]
    return found


def integrity(data: bytes) -> str:
    """Return the subresource integrity that a browser would compute."""
    return f"sha384-{base64.b64encode(hashlib.sha384(data).digest()).decode()}"


def settle() -> None:
    """Wait until the clock of the file system has moved on.

    A build does not trust the times of a file that changed within 20 ms of its look at it.
    """
    time.sleep(0.03)


def command(
    folder: Path, *arguments: str | Path, **environment: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run ``assetpipe`` in a folder, with no setting of the user's own."""
    return subprocess.run(
        [sys.executable, "-m", "assetpipe", *arguments],
        cwd=folder,
        env=clean_environment() | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def clean_environment() -> dict[str, str]:
    """Return the environment of a command that runs the code under test, warnings as errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSETPIPE_")}
    return kept | {"PYTHONPATH": str(CODE), "PYTHONWARNINGS": "error"}


class Site:
    """A source folder, with an output folder and a cache of its own.

    Attributes:
        source: the source folder.
        out: the output folder.
        cache: the cache folder.
    """

    def __init__(self, folder: Path, tree: Tree, **settings: Any) -> None:
        """Plant the tree; ``settings`` are fields of ``Config`` for every build of it."""
        self.source = plant(folder / "static", tree)
        own = {"source": self.source, "out": folder / "out", "cache": folder / "cache"}
        self._settings: dict[str, Any] = own | settings
        self.out: Path = self._settings["out"]
        self.cache: Path = self._settings["cache"]

    def build(self, *, waiting: Callable[[], None] = lambda: None, **settings: Any) -> Release:
        """Build the site, with further settings."""
        return build(Config(**self._settings | settings), waiting=waiting)

    def write(self, name: str, content: str | bytes) -> None:
        """Write one source file."""
        plant(self.source, {name: content})

    def remove(self, name: str) -> None:
        """Remove one source file."""
        (self.source / name).unlink()

    def file(self, name: str) -> str:
        """Return the output file of a logical name."""
        return str(assets(self.out)[name]["file"])

    def files(self) -> dict[str, str]:
        """Return every output file by logical name."""
        return {name: asset["file"] for name, asset in assets(self.out).items()}

    def text(self, name: str) -> str:
        """Return what ships under a logical name, as text."""
        return (self.out / self.file(name)).read_text("utf-8")

    def fill(self, template: str) -> str:
        """Replace each ``<name>`` by the last segment of that asset's output file."""
        files = self.files()
        return re.sub(r"<([^<>]+)>", lambda name: files[name[1]].rpartition("/")[2], template)
