"""Shipping: each file and its siblings into the output folder, equal contents encoded once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from assetpipe.build import encode
from assetpipe.build.cache import Cache, key
from assetpipe.build.encode import Codec
from assetpipe.build.output import Output
from assetpipe.build.pool import Pool
from assetpipe.names import SIBLING_SUFFIXES

Task = tuple[Codec, str]  # a codec and the digest of the bytes it works on


class Shipment:
    """The files of one release on their way into the output folder; safe to use from threads.

    Args:
        output: where they go.
        cache: keeps encoded bytes by codec and content.
        pool: does the encoding.
        group: the pool's group for it.
        codings: content codings to make siblings for.
        taken: output files that siblings must leave alone: the user's own.
        trusted: signatures of output files as the last build left them.
        known: of each file of the last release, the SHA-256 and the sizes of its siblings.
    """

    def __init__(
        self,
        output: Output,
        cache: Cache,
        pool: Pool,
        group: int,
        *,
        codings: Sequence[str],
        taken: Collection[str],
        trusted: Mapping[str, str],
        known: Mapping[str, tuple[str, Mapping[str, int]]],
    ) -> None:
        self._output = output
        self._cache = cache
        self._pool = pool
        self._group = group
        self._codings = codings
        self._taken = taken
        self._trusted = trusted
        self._known = known
        self._sizes: dict[Task, int | None] = {}
        self._shipped: dict[str, tuple[str, list[Codec]]] = {}
        self._waiting: dict[Task, list[tuple[str, bool]]] = {}
        self._lock = threading.Lock()

    def ship(
        self,
        file: str,
        digest: str,
        size: int,
        *,
        hold: bool,
        encoded: bool,
        data: Callable[[], bytes],
    ) -> None:
        """Write a file and queue its siblings, unless the output folder holds them already.

        Args:
            file: output file.
            digest: SHA-256 of its bytes.
            size: their number.
            hold: keep it back until the release is committed, as its name is not new.
            encoded: let it have siblings.
            data: gives the bytes; called at once, if at all.
        """
        codecs = self._codecs(file, size) if encoded else []
        with self._lock:
            if file in self._shipped:
                return
            self._shipped[file] = digest, codecs
        last_digest, last_sizes = self._known.get(file, ("", {}))
        same = last_digest == digest
        if not (same and self._is_intact(file)):
            self._output.put(file, data(), hold=hold)
        for codec in codecs:
            task = codec, digest
            sibling = file + SIBLING_SUFFIXES[codec.coding]
            with self._lock:
                # A plain file without a sibling may owe that to a file of the sibling's name.
                if same and (codec.coding in last_sizes or not hold):
                    self._sizes[task] = last_sizes.get(codec.coding)
                if task in self._sizes and (
                    self._sizes[task] is None or (same and self._is_intact(sibling))
                ):
                    continue
                self._waiting.setdefault(task, []).append((file, hold))
                if len(self._waiting[task]) > 1:
                    continue
            self._pool.submit(
                self._group,
                codec.cost(size),
                lambda task=task: self._encode(task),  # type: ignore[misc]
            )

    def encodings(self, file: str) -> dict[str, int]:
        """Return the size of each sibling of a shipped file, by content coding."""
        digest, codecs = self._shipped[file]
        sizes = {codec.coding: self._sizes[codec, digest] for codec in codecs}
        return {coding: size for coding, size in sizes.items() if size is not None}

    def _codecs(self, file: str, size: int) -> list[Codec]:
        return [
            codec
            for codec in encode.codecs(file, size, self._codings)
            if file + SIBLING_SUFFIXES[codec.coding] not in self._taken
        ]

    def _is_intact(self, file: str) -> bool:
        """Say whether a file of the last build lies there as it was left."""
        seen = self._output.files.get(file)
        return seen is not None and seen == self._trusted.get(file)

    def _encode(self, task: Task) -> None:
        codec, digest = task
        entry = key(codec.version(), digest)
        encoded = self._cache.get("encode", entry)
        if encoded is None:
            with self._lock:
                file = self._waiting[task][0][0]
            encoded = encode.encode(codec, self._output.read(file)) or b""
            self._cache.put("encode", entry, encoded)
        with self._lock:
            self._sizes[task] = len(encoded) or None
            files = self._waiting.pop(task)
        for file, hold in files if encoded else ():
            self._output.put(file + SIBLING_SUFFIXES[codec.coding], encoded, hold=hold)
