"""The stamp: whether anything changed since the last build, told by looking and not reading."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cache

import assetpipe
from assetpipe.build import encode
from assetpipe.build.cache import Cache, key
from assetpipe.build.config import Config
from assetpipe.build.model import Problem, Release, Source, Totals
from assetpipe.build.sources import seen, signature
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
        installed(),
        *_program(config),
        *(need(name, feature="minifying", extra="build").__version__ for name in minifiers),
        *(encode.library(coding) for coding in config.encodings),
    )


def _program(config: Config) -> Iterator[str]:
    """Yield what changes when the program that minifies does."""
    if config.minify and config.minifier == "esbuild":
        from assetpipe.build import esbuild  # only for those who use it

        path = esbuild.find(config.minifier_path, config.roots[0].path)
        yield f"{path}-{seen(os.path.realpath(path))}"


def installed() -> str:
    """Return a text that changes when packages, and so plug-ins, are installed or removed."""
    return " ".join(
        f"{path}-{seen(path)}"
        for path in sys.path
        if path.endswith(("site-packages", "dist-packages")) and os.path.isdir(path)
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
            [config.public_path, config.minify, config.minifier, config.source_maps,
             config.bundles, config.html, config.headers, config.encodings, config.missing,
             config.plain, config.immutable, config.workers, config.images, config.variants]
        )
    )  # fmt: skip


def _stamp(
    config: Config,
    tools: str,
    sources: Iterable[Source],
    output: Mapping[str, str],
    needs: Iterable[str],
) -> str:
    """Hash everything that a build looks at: configuration, tools, sources and output."""
    start = f"{tools}{settings(config)}{os.getcwd()}"
    digest = hashlib.blake2b(start.encode(), digest_size=20)
    for lines in (
        [f"{source.name}\0{source.signature}" for source in sources],
        [f"{name}\0{left}" for name, left in sorted(output.items())],
        [f"{path}\0{seen(path)}" for path in sorted(needs)],
    ):
        digest.update("\n".join(lines).encode(errors="surrogateescape"))
        digest.update(b"\n\n")
    return digest.hexdigest()


def load_release(
    store: Cache, config: Config, sources: Iterable[Source], output: Mapping[str, str]
) -> Release | None:
    """Return the last release if everything that a build looks at is as it left it.

    Args:
        store: the cache.
        config: the configuration.
        sources: the files of the source folders.
        output: the files of the output folder, with their signatures.

    Raises:
        MissingExtraError: a library that a build needs is not installed.
    """
    now = tools(config)
    data = store.get(SECTION, key("stamp", identity(config)))
    if data is None:
        return None
    stored = json.loads(data)
    if stored["stamp"] != _stamp(config, now, sources, output, stored["needs"]):
        return None
    return Release(
        stored["id"],
        config.out,
        Totals(**stored["totals"]),
        tuple(Problem(**problem) for problem in stored["warnings"]),
        changed=False,
    )


def save_release(
    store: Cache,
    config: Config,
    sources: Iterable[Source],
    output: Mapping[str, str],
    needs: Iterable[str],
    release: Release,
) -> None:
    """Remember a release, for as long as nothing changes.

    Args:
        store: the cache.
        config: the configuration.
        sources: the files of the source folders.
        output: the files of the output folder, with their signatures.
        needs: paths of other files that were read.
        release: the release.
    """
    stored = {
        "stamp": _stamp(config, tools(config), sources, output, needs),
        "needs": list(needs),
        "id": release.id,
        "totals": asdict(release.totals),
        "warnings": [asdict(problem) for problem in release.warnings],
    }
    store.put(SECTION, key("stamp", identity(config)), json.dumps(stored).encode())


def save_settings(store: Cache, config: Config, release: str) -> None:
    """Remember with what settings a release was made, by its id."""
    store.put(SECTION, key("settings", identity(config)), f"{release} {settings(config)}".encode())


def made_otherwise(store: Cache, config: Config) -> str:
    """Return the id of the last release, if it was made with other settings than these."""
    release, _, known = (store.get(SECTION, key("settings", identity(config))) or b"").partition(
        b" "
    )
    return "" if known.decode() in ("", settings(config)) else release.decode()
