"""The manifest: the one thing that the build side and the run side both know."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring as quoted
from pathlib import Path
from typing import Any

from assetpipe.errors import ManifestError

SCHEMA = 1
FILE_NAME = "manifest.json"
HISTORY = ".releases"
"""Folder beside the manifest that keeps the manifest of every release, by release id."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a release.

    Attributes:
        file: output file, a POSIX path below the output folder.
        type: ``Content-Type`` to serve it with.
        size: bytes of the file itself.
        integrity: subresource integrity, ``sha384-<base64>``, of the file itself.
        immutable: its name changes with its bytes, so that it may be cached for ever.
        encodings: size in bytes of each precompressed sibling, by content coding.
        references: logical names that it refers to, sorted.
        source_map: output file of the source map that was made for it; empty if there is none.
    """

    file: str
    type: str
    size: int
    integrity: str
    immutable: bool
    encodings: Mapping[str, int] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    source_map: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release as data: ``assets`` by logical name, ``release`` a hash of all that ships."""

    release: str
    assets: Mapping[str, Asset]


def line(name: str, asset: Asset) -> str:
    """Return an asset's line of the manifest, its keys sorted."""
    # By hand, as the standard encoder takes a hundred times as long for many small values.
    source_map = f'"source_map":{quoted(asset.source_map)},' if asset.source_map else ""
    return (
        f'{quoted(name)}:{{"encodings":{{{_sizes(asset.encodings)}}},"file":{quoted(asset.file)},'
        f'"immutable":{"true" if asset.immutable else "false"},'
        f'"integrity":{quoted(asset.integrity)},'
        f'"references":[{",".join(map(quoted, asset.references))}],"size":{asset.size},'
        f'{source_map}"type":{quoted(asset.type)}}}'
    )


def render(lines: Iterable[str]) -> tuple[str, bytes]:
    """Return a release's id and its manifest, from its assets' lines in the order of names.

    The id is the hash of the lines. Names and integrity are hashes of the bytes, so it stands for
    all that ships. The bytes are the same on every machine.
    """
    body = ",\n".join(lines)
    release = hashlib.sha256(body.encode()).hexdigest()[:16]
    data = (
        '{"about": "Made by assetpipe build; build again instead of editing it.",\n'
        f'"assets": {{\n{body}\n}},\n"release": "{release}",\n"schema": {SCHEMA}}}\n'
    )
    return release, data.encode()


def _sizes(encodings: Mapping[str, int]) -> str:
    return ",".join(f"{quoted(coding)}:{size}" for coding, size in sorted(encodings.items()))


def load(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: it is missing, unreadable, not a manifest, or of a newer schema.
    """
    return loads(read(path), where=str(path))


def read(path: Path) -> bytes:
    """Read a manifest's bytes.

    Raises:
        ManifestError: it is missing or unreadable.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ManifestError(
            "there is no manifest here", where=str(path), hint="run `assetpipe build` first"
        ) from None
    except OSError as error:
        raise ManifestError(
            f"cannot be read: {error.strerror}", where=str(path), hint="check its permissions"
        ) from error


def loads(data: bytes, *, where: str) -> Manifest:
    """Parse a manifest; unknown keys are ignored. ``where`` names it in errors.

    Raises:
        ManifestError: it is not a manifest, or of a newer schema.
    """
    rebuild = "run `assetpipe build` again"
    try:
        document: Any = json.loads(data)
        schema = document["schema"]
        if not isinstance(schema, int) or schema > SCHEMA:
            raise ManifestError(
                f"has schema {schema!r}; this assetpipe reads up to {SCHEMA}",
                where=where,
                hint="upgrade assetpipe on the machine that reads it",
            )
        assets = {
            name: Asset(
                file=entry["file"],
                type=entry["type"],
                size=entry["size"],
                integrity=entry["integrity"],
                immutable=entry["immutable"],
                encodings=entry.get("encodings", {}),
                references=tuple(entry.get("references", ())),
                source_map=entry.get("source_map", ""),
            )
            for name, entry in document["assets"].items()
        }
        return Manifest(document["release"], assets)
    except ValueError as error:
        raise ManifestError(f"is not JSON: {error}", where=where, hint=rebuild) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"is not a manifest: {error!r}", where=where, hint=rebuild) from error
