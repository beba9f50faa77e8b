"""The memory of a process that builds again and again, so that nothing is read back each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assetpipe.build import stamp
from assetpipe.build.cache import Cache
from assetpipe.build.config import Config
from assetpipe.build.model import Release, Source

if TYPE_CHECKING:
    from assetpipe.build.records import State


@dataclass(frozen=True, slots=True)
class _Left:
    """What a build left, and the code that it was left by."""

    config: Config
    tools: str
    state: State


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a build had looked at: a later one that sees the same has nothing to do."""

    found: Sequence[Source]
    output: Mapping[str, str]
    release: Release


class Memory:
    """What the last build of this process left; ``save`` keeps it for the next process.

    A build asks it before it asks the cache. It is trusted as far as what the cache keeps: by the
    signatures of sources and output, and for as long as the code that builds is the same.
    """

    def __init__(self) -> None:
        self._left: _Left | None = None
        self._unsaved: _Seen | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered."""
        return self._left is None

    def load(self, cache: Cache, config: Config) -> State:
        """Return what the last build left, by the cache where it was not one of this process."""
        from assetpipe.build import records  # which a build without changes does without

        tools = stamp.tools(config)
        left = self._left = self._left or _Left(config, tools, records.load(cache, config))
        return left.state if left.tools == tools else records.NOTHING

    def keep(
        self,
        config: Config,
        found: Sequence[Source],
        output: Mapping[str, str],
        state: State,
        release: Release,
    ) -> None:
        """Remember what a build left.

        Args:
            config: what was built.
            found: the files of the source folders.
            output: signatures of the files of the output folder.
            state: what is known of each asset.
            release: what came of it.
        """
        self._left = _Left(config, stamp.tools(config), state)
        self._unsaved = _Seen(found, output, release)

    def save(self, cache: Cache) -> None:
        """Write what the last build left into the cache, unless it is there.

        Raises:
            OutsideError: the cache cannot be written.
        """
        from assetpipe.build import records

        left, seen = self._left, self._unsaved
        if left is None or seen is None:
            return
        self._unsaved = None
        records.save(cache, left.config, left.state)
        stamp.save_settings(cache, left.config, seen.release.id)
        if all(record.signature for record in left.state.records.values()):
            stamp.save_release(
                cache, left.config, seen.found, seen.output, self.needs(), seen.release
            )

    def needs(self) -> dict[str, str]:
        """Return the paths of other files that were read, such as those that compilers import.

        Each has the signature that it had.
        """
        records = self._left.state.records.values() if self._left else ()
        return {path: seen for record in records for path, seen in record.prepared.needs}

    def files(self) -> dict[str, tuple[str, str]]:
        """Return the output file and the hash of its bytes of every asset, by logical name."""
        records = self._left.state.records if self._left else {}
        return {
            name: (record.linked.file, record.linked.digest)
            for name, record in records.items()
            if record.prepared.listed
        }
