"""The records: what the last build knew of each file, so that the next does only what changed.

They are read only when something did change, are checked like every cache entry, and may be
lost at any time.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assetpipe.build.cache import Cache, key
from assetpipe.build.config import Config
from assetpipe.build.encode import Codec
from assetpipe.build.link import Linked
from assetpipe.build.shipping import Task
from assetpipe.build.stamp import SECTION, identity, tools
from assetpipe.build.transforms import Prepared
from assetpipe.kinds.model import Note, Reference


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of one file.

    Attributes:
        signature: of the source when it was read; empty where a later edit might not show.
        prepared: the file after its transform.
        linked: the file under its final name.
    """

    signature: str
    prepared: Prepared
    linked: Linked


@dataclass(frozen=True, slots=True)
class State:
    """What the last build left.

    Attributes:
        records: by logical name.
        output: signature of each file of its release in the output folder.
        sizes: what it found out about siblings.
        settings: hash of the configuration that decides what references lead to.
    """

    records: Mapping[str, Record]
    output: Mapping[str, str]
    sizes: Mapping[Task, int | None]
    settings: str


NOTHING = State({}, {}, {}, "")


def load(store: Cache, config: Config) -> State:
    """Return what the last build left, or nothing if the tools have changed since."""
    data = store.get(SECTION, key("records", identity(config)))
    if data is None:
        return NOTHING
    try:
        stored: dict[str, Any] = marshal.loads(data)
    except (ValueError, EOFError, TypeError):
        return NOTHING  # left by another version of Python
    if stored["tools"] != tools(config):
        return NOTHING
    return State(
        {fields[1]: _record(*fields) for fields in stored["records"]},
        stored["output"],
        {(Codec(*codec), digest): size for codec, digest, size in stored["sizes"]},
        stored["settings"],
    )


def save(store: Cache, config: Config, state: State) -> None:
    """Remember what this build saw and made."""
    stored = {
        "tools": tools(config),
        "records": [_fields(record) for record in state.records.values()],
        "output": dict(state.output),
        "sizes": [[tuple(codec), digest, size] for (codec, digest), size in state.sizes.items()],
        "settings": state.settings,
    }
    store.put(SECTION, key("records", identity(config)), marshal.dumps(stored))


# A record is stored as a flat list, and all of them by ``marshal``: they are read and written whole
# on every rebuild, and JSON takes six times as long. The entry is ours alone and checked when read.


def _fields(record: Record) -> list[Any]:
    one, two = record.prepared, record.linked
    return [
        record.signature, one.name, one.source_digest, one.transform, one.digest, one.integrity,
        one.size, one.encoding,
        [tuple(reference) for reference in one.references],
        [[n.message, n.line, n.column, n.hint] for n in one.notes],
        two.file, two.link, two.digest, two.integrity, two.size, two.references, two.whole,
    ]  # fmt: skip


def _record(
    signature: str, name: str, source_digest: str, transform: str, digest: str, integrity: str,
    size: int, encoding: str, references: list[Any], notes: list[Any], file: str, link: str,
    final: str, final_integrity: str, final_size: int, targets: list[str], whole: bool,
) -> Record:  # fmt: skip
    return Record(
        signature,
        Prepared(
            name, source_digest, transform, digest, integrity, size, encoding,
            tuple(map(Reference._make, references)),
            tuple(Note(*fields) for fields in notes),
        ),
        Linked(name, file, link, final, final_integrity, final_size, tuple(targets), whole),
    )  # fmt: skip
