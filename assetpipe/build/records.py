"""The records: what the last build knew of each file, so that the next does only what changed.

They are read only when something did change, are checked like every cache entry, and may be
lost at any time.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

from assetpipe.build.cache import Cache, key
from assetpipe.build.config import Config
from assetpipe.build.link import Linked
from assetpipe.build.stamp import SECTION, identity, tools
from assetpipe.build.transforms import Prepared
from assetpipe.kinds.model import Note, Reference
from assetpipe.manifest import Image
from assetpipe.names import SIBLING_SUFFIXES


class Record(NamedTuple):
    """All that is known of one file.

    Attributes:
        signature: of the source when it was read; empty where a later edit might not show.
        prepared: the file after its transform.
        linked: the file under its final name.
        encodings: size of each sibling, by content coding.
        line: its line of the manifest.
    """

    signature: str
    prepared: Prepared
    linked: Linked
    encodings: dict[str, int]
    line: str

    def files(self) -> list[str]:
        """Return the output file and its siblings."""
        file = self.linked.file
        return [file, *(file + SIBLING_SUFFIXES[coding] for coding in self.encodings)]


@dataclass(frozen=True, slots=True)
class State:
    """What the last build left.

    Attributes:
        records: by logical name.
        output: signature of each file of its release in the output folder.
        settings: hash of the configuration that decides what references lead to.
        names: hash of the names of all files that were found.
    """

    records: Mapping[str, Record]
    output: Mapping[str, str]
    settings: str
    names: str


NOTHING = State({}, {}, "", "")


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
        {fields[1][0]: _record(*fields) for fields in stored["records"]},
        stored["output"],
        stored["settings"],
        stored["names"],
    )


def save(store: Cache, config: Config, state: State) -> None:
    """Remember what this build saw and made."""
    stored = {
        "tools": tools(config),
        "records": [_fields(record) for record in state.records.values()],
        "output": dict(state.output),
        "settings": state.settings,
        "names": state.names,
    }
    store.put(SECTION, key("records", identity(config)), marshal.dumps(stored))


_REFERENCES = Prepared._fields.index("references")
_NOTES = Prepared._fields.index("notes")
_IMAGE = Prepared._fields.index("image")

# Records are stored as plain tuples by ``marshal``: they are read and written whole on every
# rebuild, and JSON takes six times as long. The entry is ours alone and checked when read.


def _fields(record: Record) -> tuple[Any, ...]:
    signature, prepared, linked, encodings, line = record
    references, notes = prepared.references, prepared.notes
    stored: list[Any] = [*prepared]
    stored[_REFERENCES] = list(map(tuple, references))
    stored[_NOTES] = list(map(astuple, notes))
    stored[_IMAGE] = prepared.image and tuple(prepared.image)
    return signature, stored, tuple(linked), encodings, line


def _record(
    signature: str, prepared: list[Any], linked: list[Any], encodings: dict[str, int], line: str
) -> Record:
    prepared[_REFERENCES] = tuple(map(Reference._make, prepared[_REFERENCES]))
    prepared[_NOTES] = tuple(Note(*fields) for fields in prepared[_NOTES])
    prepared[_IMAGE] = prepared[_IMAGE] and Image(*prepared[_IMAGE])
    return Record(signature, Prepared._make(prepared), Linked._make(linked), encodings, line)
