"""The inventory of a release: every object that it has at a target, as it was sent."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from assetpipe.errors import InputError, OutsideError
from assetpipe.headers import FOREVER, REVALIDATE, Headers, Policy
from assetpipe.manifest import FILE_NAME, HISTORY, Asset, Manifest
from assetpipe.names import SIBLING_SUFFIXES
from assetpipe.publish.state import FOLDER

SCHEMA = 1


_UNREADABLE = (
    OSError, EOFError, zlib.error, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip


class Item(NamedTuple):
    """One object.

    Attributes:
        size: bytes.
        fields: its header fields; none where the target has none.
        digest: of its content; empty where its name says what is in it.
    """

    size: int
    fields: Headers
    digest: str = ""


@dataclass(frozen=True)
class Inventory:
    """Objects by key.

    Attributes:
        items: by key, sorted.
    """

    items: Mapping[str, Item]

    @cached_property
    def text(self) -> bytes:
        """The inventory as JSON, the same for the same objects everywhere."""
        fields: dict[Headers, int] = {}
        lines = ",\n".join(
            f"{json.dumps(key)}:"
            f'[{item.size},{fields.setdefault(item.fields, len(fields))},"{item.digest}"]'
            for key, item in self.items.items()
        )
        table = json.dumps([list(map(list, value)) for value in fields])
        return f'{{"schema":{SCHEMA},"fields":{table},"objects":{{\n{lines}\n}}}}\n'.encode()

    @cached_property
    def id(self) -> str:
        """A hash of the inventory."""
        return hashlib.sha256(self.text).hexdigest()[:16]

    @property
    def plain(self) -> frozenset[str]:
        """Keys whose content may change."""
        return frozenset(key for key, item in self.items.items() if item.digest)

    def render(self) -> bytes:
        """Return the object that holds the inventory."""
        return gzip.compress(self.text, mtime=0)


def digest(data: bytes) -> str:
    """Return a hash of an object's content."""
    return hashlib.sha256(data).hexdigest()[:32]


def key_of(inventory: str) -> str:
    """Return the key of an inventory, by its id."""
    return f"{FOLDER}/{inventory}.json.gz"


def parse(data: bytes, *, where: str) -> Inventory:
    """Parse an inventory. ``where`` names it in errors.

    Raises:
        OutsideError: it is none, or of a newer schema.
    """
    try:
        document: Any = json.loads(gzip.decompress(data))
        if document["schema"] > SCHEMA:
            raise OutsideError(
                f"has schema {document['schema']!r}; this assetpipe knows up to {SCHEMA}",
                where=where,
                hint="a newer assetpipe publishes there: upgrade this one",
            )
        fields = [tuple(map(tuple, value)) for value in document["fields"]]
        objects = document["objects"].items()
        return Inventory(
            {key: Item(size, fields[index], digest) for key, (size, index, digest) in objects}
        )
    except (
        OSError,
        EOFError,
        zlib.error,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise OutsideError(
            f"is not an inventory: {error!r}",
            where=where,
            hint="restore it, or delete .assetpipe/state.json there: then the next publish puts "
            "every file again",
        ) from error


def take(
    release: Manifest, out: Path, *, siblings: bool, storable: frozenset[str] | None
) -> Inventory:
    """Take the inventory of a release.

    Args:
        release: what is to be there.
        out: the folder that holds it; files with fixed names are read.
        siblings: precompressed files are objects, too.
        storable: names of header fields, in lower case, that the target's objects can have;
            ``None`` where they have none.

    Raises:
        InputError: a file is not there.
    """
    policy = Policy(release.headers)
    items = {}
    for name, asset in release.assets.items():
        fields: Headers = ()
        if storable is not None:
            every = policy.fields(name, asset.type, FOREVER if asset.immutable else REVALIDATE)
            fields = tuple(field for field in every if field[0].lower() in storable)
        if _is_foreign(asset.file):
            raise InputError(
                f"{asset.file!r} is no name for a file of a release",
                where=str(out / FILE_NAME),
                hint="run `assetpipe build` again, which mends it",
            )
        for coding, key, size in _objects(asset, siblings=siblings):
            encoding = (("Content-Encoding", coding),) if coding and storable is not None else ()
            content = (
                "" if asset.immutable else _content(out / key, "" if coding else asset.integrity)
            )
            items[key] = Item(size, (*fields, *encoding), content)
    return Inventory(dict(sorted(items.items())))


def _objects(asset: Asset, *, siblings: bool) -> Iterator[tuple[str, str, int]]:
    yield "", asset.file, asset.size
    for coding, size in asset.encodings.items() if siblings else ():
        if coding in SIBLING_SUFFIXES:
            yield coding, asset.file + SIBLING_SUFFIXES[coding], size


def _is_foreign(file: str) -> bool:
    parts = file.split("/")
    return not {"", ".", ".."}.isdisjoint(parts) or parts[0] in {FOLDER, HISTORY, FILE_NAME}


def _content(path: Path, integrity: str) -> str:
    """Return the digest of a file with a fixed name; refuse one that is not what it should be."""
    data = path.read_bytes() if path.is_file() else None
    if data is None or (integrity and integrity_of(data) != integrity):
        raise damaged(path)
    return digest(data)


def integrity_of(data: bytes) -> str:
    """Return the integrity of a file, as in manifests."""
    return f"sha384-{b64encode(hashlib.sha384(data).digest()).decode()}"


def damaged(path: Path) -> InputError:
    """Return the error about a file that is missing, or another."""
    return InputError(
        "is not the file that the manifest describes",
        where=str(path),
        hint="run `assetpipe build` again, which mends it",
    )
