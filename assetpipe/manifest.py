"""The manifest: the one thing that the build side and the run side both know."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from assetpipe.errors import ManifestError

SCHEMA = 1
FILE_NAME = "manifest.json"
HISTORY = ".releases"
"""Folder beside the manifest that keeps the manifest of every release, by release id."""
STATE = ".assetpipe/state.json"
"""What says at a target that is published to which of its releases is current."""
STATE_SCHEMA = 1


_NONE: Mapping[str, int] = MappingProxyType({})


class Image(NamedTuple):
    """What markup needs to know of an image.

    Attributes:
        width: in CSS pixels, as it is shown: with its orientation applied.
        height: likewise.
        color: its dominant colour, ``#rrggbb``; empty where none was worked out.
        placeholder: a ``data:`` URL of some hundred bytes that looks like it from afar; empty
            where there is none, as for images that one can see through.
        variants: logical names of assets that show the same in fewer bytes or pixels: the format
            that is to be preferred first, within it the narrowest first.
        alternates: those of them that a server may answer with in its place, to who takes their
            type: as wide as it is.
    """

    width: int
    height: int
    color: str = ""
    placeholder: str = ""
    variants: tuple[str, ...] = ()
    alternates: tuple[str, ...] = ()


class Asset(NamedTuple):
    """One file of a release.

    A tuple, as a process makes ten thousand of them when it starts, in a quarter of the time.

    Attributes:
        file: output file, a POSIX path below the output folder.
        type: ``Content-Type`` to serve it with.
        size: bytes of the file itself.
        integrity: subresource integrity, ``sha384-<base64>``, of the file itself.
        immutable: its name changes with its bytes, so that it may be cached for ever.
        encodings: size in bytes of each precompressed sibling, by content coding.
        references: logical names that it refers to, sorted.
        source_map: output file of the source map that was made for it; empty if there is none.
        image: what it looks like, if it is an image that could be read.
    """

    file: str
    type: str
    size: int
    integrity: str
    immutable: bool
    encodings: Mapping[str, int] = _NONE
    references: tuple[str, ...] = ()
    source_map: str = ""
    image: Image | None = None


HeaderRule = tuple[str, tuple[tuple[str, str], ...]]
"""A glob over logical names, and header fields of what it matches; an empty value removes one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release as data.

    Attributes:
        release: a hash of all that ships.
        assets: by logical name.
        headers: with which header fields to serve them; of several values the last one counts.
    """

    release: str
    assets: Mapping[str, Asset]
    headers: tuple[HeaderRule, ...] = ()

    def alternates(self, asset: Asset) -> tuple[Asset, ...]:
        """Return the assets that a server may answer with in place of one, the best first."""
        names = asset.image.alternates if asset.image else ()
        return tuple(self.assets[name] for name in names if name in self.assets)


def line(name: str, asset: Asset) -> str:
    """Return an asset's line of the manifest, its keys sorted."""
    # By hand, as the standard encoder takes a hundred times as long for many small values.
    source_map = f'"source_map":{quoted(asset.source_map)},' if asset.source_map else ""
    alternates = color = height = placeholder = variants = width = ""
    if asset.image is not None:
        image = asset.image
        alternates = f'"alternates":[{_names(image.alternates)}],' if image.alternates else ""
        color = f'"color":{quoted(image.color)},' if image.color else ""
        height, width = f'"height":{image.height},', f',"width":{image.width}'
        placeholder = f'"placeholder":{quoted(image.placeholder)},' if image.placeholder else ""
        variants = f',"variants":[{_names(image.variants)}]' if image.variants else ""
    return (
        f'{quoted(name)}:{{{alternates}{color}"encodings":{{{_sizes(asset.encodings)}}},'
        f'"file":{quoted(asset.file)},{height}'
        f'"immutable":{"true" if asset.immutable else "false"},'
        f'"integrity":{quoted(asset.integrity)},{placeholder}'
        f'"references":[{_names(asset.references)}],"size":{asset.size},'
        f'{source_map}"type":{quoted(asset.type)}{variants}{width}}}'
    )


def render(lines: Iterable[str], headers: Sequence[HeaderRule] = ()) -> tuple[str, bytes]:
    """Return a release's id and its manifest, from its assets' lines in the order of names.

    The id is the hash of the lines and the header fields. Names and integrity are hashes of the
    bytes, so it stands for all that ships. The bytes are the same on every machine.
    """
    body = ",\n".join(lines)
    rules = ",\n".join(json.dumps([glob, dict(fields)]) for glob, fields in headers)
    if rules:
        rules = f'"headers": [\n{rules}\n],\n'
    release = hashlib.sha256(f"{body}{rules}".encode()).hexdigest()[:16]
    data = (
        '{"about": "Made by assetpipe build; build again instead of editing it.",\n'
        f'"assets": {{\n{body}\n}},\n{rules}"release": "{release}",\n"schema": {SCHEMA}}}\n'
    )
    return release, data.encode()


def _names(names: Iterable[str]) -> str:
    return ",".join(map(quoted, names))


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
    except ValueError as error:
        raise ManifestError(f"is not JSON: {error}", where=where, hint=rebuild) from error
    try:
        schema = document["schema"]
        if not isinstance(schema, int) or schema > SCHEMA:
            raise ManifestError(
                f"has schema {schema!r}; this assetpipe reads up to {SCHEMA}",
                where=where,
                hint="upgrade assetpipe on the machine that reads it",
            )
        assets = {
            name: Asset(
                entry["file"],
                entry["type"],
                entry["size"],
                entry["integrity"],
                entry["immutable"],
                entry.get("encodings", _NONE),
                tuple(entry.get("references", ())),
                entry.get("source_map", ""),
                _image(entry) if {"width", "height"} <= entry.keys() else None,
            )
            for name, entry in document["assets"].items()
        }
        headers = tuple(
            (glob, tuple(fields.items())) for glob, fields in document.get("headers", ())
        )
        return Manifest(document["release"], assets, headers)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ManifestError(f"is not a manifest: {error!r}", where=where, hint=rebuild) from error


def _image(entry: Mapping[str, Any]) -> Image:
    return Image(
        entry["width"],
        entry["height"],
        entry.get("color", ""),
        entry.get("placeholder", ""),
        tuple(entry.get("variants", ())),
        tuple(entry.get("alternates", ())),
    )
