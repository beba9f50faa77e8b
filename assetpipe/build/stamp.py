"""The stamp: whether anything changed since the last build, told by looking and not reading."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache

import assetpipe
from assetpipe.build import encode
from assetpipe.build.cache import Cache, key
from assetpipe.build.config import Config
from assetpipe.build.model import Problem, Release, Source, Totals
from assetpipe.build.sources import signature
from assetpipe.errors import need

SECTION = "state"
"""The cache's section for what belongs to one project."""


def identity(config: Config) -> str:
    """Return the key of a project's state: where it reads from and writes to."""
    return key(str(config.out), *(f"{root.path}\0{root.prefix}" for root in config.roots))


def tools(config: Config) -> str:
    """Return a hash of the code that makes the bytes: ours and the libraries'.

    Raises:
        MissingExtraError: a library is not installed.
    """
    minifiers = ("rcssmin", "rjsmin") if config.minify else ()
    return key(
        assetpipe.__version__,
        *_code(),
        *(need(name, feature="minifying", extra="build").__version__ for name in minifiers),
        *(encode.library(coding) for coding in config.encodings),
    )


@cache
def _code() -> list[str]:
    """Return the sizes and times of our own modules, which change with every edit of them."""
    return [
        f"{path}-{signature(os.stat(path))}"
        for folder, _, files in os.walk(os.path.dirname(assetpipe.__file__))
        for path in (os.path.join(folder, file) for file in files if file.endswith(".py"))
    ]


def settings(config: Config) -> str:
    """Return a hash of the configuration, as far as it decides what ships or is reported."""
    return key(
        repr(
            [config.public_path, config.minify, config.encodings, config.missing, config.plain,
             config.immutable, config.workers]
        )
    )  # fmt: skip


def stamp(config: Config, sources: Iterable[Source], output: Mapping[str, str]) -> str:
    """Hash everything that a build looks at: configuration, tools, sources and output."""
    start = f"{tools(config)}{settings(config)}{os.getcwd()}"
    digest = hashlib.blake2b(start.encode(), digest_size=20)
    for lines in (
        [f"{source.name}\0{source.signature}" for source in sources],
        [f"{name}\0{seen}" for name, seen in sorted(output.items())],
    ):
        digest.update("\n".join(lines).encode(errors="surrogateescape"))
        digest.update(b"\n\n")
    return digest.hexdigest()


def load_release(store: Cache, config: Config, stamp: str) -> Release | None:
    """Return the last release if the stamp is still the one it left."""
    data = store.get(SECTION, key("stamp", identity(config)))
    if data is None:
        return None
    stored = json.loads(data)
    if stored["stamp"] != stamp:
        return None
    return Release(
        stored["id"],
        config.out,
        Totals(**stored["totals"]),
        tuple(Problem(**problem) for problem in stored["warnings"]),
        changed=False,
    )


def save_release(store: Cache, config: Config, stamp: str, release: Release) -> None:
    """Remember a release under its stamp."""
    stored = {
        "stamp": stamp,
        "id": release.id,
        "totals": asdict(release.totals),
        "warnings": [asdict(problem) for problem in release.warnings],
    }
    store.put(SECTION, key("stamp", identity(config)), json.dumps(stored).encode())
