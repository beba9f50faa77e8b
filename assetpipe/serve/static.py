"""The files of a release over HTTP: a request is a look-up among prepared answers.

No path that a client sends ever reaches the file system: what the manifest does not name is not
there. Nothing here knows a framework; WSGI, ASGI and Flask only translate.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from assetpipe.errors import ManifestError
from assetpipe.headers import FOREVER, REVALIDATE, Policy, vary
from assetpipe.manifest import FILE_NAME, HISTORY, Asset, Manifest, load
from assetpipe.names import SIBLING_SUFFIXES, is_fingerprinted
from assetpipe.serve.answers import NOT_ALLOWED, NOT_FOUND, OPTIONS, PREFLIGHT, Response
from assetpipe.serve.counts import BYTES, MISSING_HASHED, Counts
from assetpipe.serve.fields import IDENTITY, Choice, TypeChoice
from assetpipe.serve.handover import Handover
from assetpipe.serve.representation import Representation, is_conditional

MEMORY = 32 << 20
"""Bytes of kept bodies per process, unless configured otherwise."""

# What leads out of the folder on some operating system, and what the build keeps there for itself.
_FOREIGN = re.compile(
    r"(?:^|[/\\])\.{0,2}(?:[/\\]|\Z)"  # an empty segment, "." or ".."
    r"|\0|^[A-Za-z]:"
    rf"|^(?:{re.escape(FILE_NAME)}|{re.escape(HISTORY)}|\.lock)(?:[/\\]|\Z)",
    re.IGNORECASE,
)

# In the order in which their dates are told apart.
_CODINGS = (IDENTITY, *SIBLING_SUFFIXES)

_LOG = logging.getLogger("assetpipe")


class _Named(NamedTuple):
    """An asset, its name, and the assets that may be sent in its place."""

    name: str
    asset: Asset
    alternates: tuple[Asset, ...]


class _Entry:
    """What one path answers with: a representation for each of its content codings.

    Attributes:
        choice: the coding to answer with, by ``Accept-Encoding``.
        representations: by coding.
        types: the type to answer with, by ``Accept``, where there are several.
        alternates: by type, but for the usual one.
    """

    __slots__ = ("alternates", "choice", "representations", "types")

    def __init__(
        self,
        choice: Choice,
        representations: Mapping[str, Representation],
        types: TypeChoice | None,
        alternates: Mapping[str, Representation],
    ) -> None:
        self.choice = choice
        self.representations = representations
        self.types = types
        self.alternates = alternates

    def chosen(self, fields: Mapping[str, Any]) -> Representation:
        """Return what to answer with."""
        if self.types is not None and (type_ := self.types[fields.get("HTTP_ACCEPT")]):
            return self.alternates[type_]
        return self.representations[self.choice[fields.get("HTTP_ACCEPT_ENCODING")]]


class StaticFiles:
    """Answers requests for the files of a release.

    Fingerprinted names may be cached for ever. Names that stay the same are revalidated; so are
    the logical names of fingerprinted assets, which give the same bytes, so that a URL written
    by hand still works. What other releases call immutable is found too, as long as their
    manifests are kept: pages from before a deploy still ask for it, and so do pages from after
    it where this process has not been restarted yet.

    Args:
        out: folder that the release lies in.
        manifest: the release.
        memory: bytes of small bodies to keep.
        handover: how the server in front sends the others, if it does.
        counts: where answers are counted.
    """

    def __init__(
        self,
        out: Path,
        manifest: Manifest,
        *,
        memory: int = MEMORY,
        handover: Handover | None = None,
        counts: Counts | None = None,
    ) -> None:
        self._out = out
        self._manifest = manifest
        self._names = {asset.file: name for name, asset in manifest.assets.items()}
        self._others = _Others(out / HISTORY)
        self._policy = Policy(manifest.headers)
        self._handover = handover
        self._entries: dict[str, _Entry] = {}
        self._choices: dict[tuple[str, ...], Choice] = {}
        self._memory = _Memory(memory)
        self._unreadable: set[str] = set()
        self._counts = counts or Counts()

    def __contains__(self, path: str) -> bool:
        """Say whether a path has an answer of its own, relative to the prefix of the files."""
        return path in self._entries or self._prepare(path) is not None

    def respond(self, method: str, path: str, fields: Mapping[str, Any]) -> Response:
        """Answer a request.

        Args:
            method: the request's method.
            path: decoded and relative to the URL prefix of the files.
            fields: header fields by their CGI names, such as ``HTTP_RANGE`` (RFC 3875, 4.1.18);
                several lines of one are joined by commas.
        """
        entry = self._entries.get(path) or self._prepare(path)
        if entry is None:
            response = NOT_FOUND
            if is_fingerprinted(path):
                self._counts.values[MISSING_HASHED] += 1
        elif method == "GET":
            representation = entry.chosen(fields)
            kept = representation.kept
            # Most requests ask for the whole of something small, without conditions.
            if kept is not None and not is_conditional(fields):
                response = kept
            else:
                response = self._get(entry, representation, fields)
        else:
            response = self._answer(entry, method, fields)
        counts, slot = self._counts.values, response.slot
        counts[slot] += 1
        counts[slot + BYTES] += response.length
        return response

    def _answer(self, entry: _Entry, method: str, fields: Mapping[str, Any]) -> Response:
        if method == "HEAD":
            # Ranges mean something for GET only (RFC 9110, 14.2).
            fields = {name: value for name, value in fields.items() if name != "HTTP_RANGE"}
            response = self._get(entry, entry.chosen(fields), fields, hand_over=False)
            return response.without_body()
        if method == "OPTIONS":
            return PREFLIGHT if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in fields else OPTIONS
        return NOT_ALLOWED

    def _get(
        self,
        entry: _Entry,
        representation: Representation,
        fields: Mapping[str, Any],
        *,
        hand_over: bool = True,
    ) -> Response:
        refusal = representation.refuse(fields)
        if refusal is not None:
            return refusal
        # A sibling may be missing for an instant during a build, or lost in a copy.
        for candidate in dict.fromkeys((representation, entry.representations[IDENTITY])):
            if self._handover and hand_over and candidate.is_for_others(fields):
                header = self._handover.header(candidate.file)
                if header is not None:
                    return candidate.handed_over(header)
            try:
                response = candidate.answer(fields)
            except OSError as error:
                self._report(candidate.path, error)
                continue
            if candidate.kept is not None:
                self._memory.note(candidate)
            return response
        return NOT_FOUND

    def _report(self, path: str, error: OSError) -> None:
        if path not in self._unreadable:
            self._unreadable.add(path)
            _LOG.error(
                "%s: named by a manifest, but cannot be read: %s; run `assetpipe build` again",
                path,
                error.strerror,
            )

    def _prepare(self, path: str) -> _Entry | None:
        """Prepare what a path answers with, at its first request; ``None`` if nothing names it."""
        # Where a file has the logical name of another asset, the file wins.
        name = self._names.get(path, path)
        if name in self._manifest.assets:
            named = _named(self._manifest, name)
        else:
            other = self._others.get(path)
            if other is None:
                return None
            named = other
        if _FOREIGN.search(named.asset.file):
            return None
        is_fixed = named.asset.immutable and path == named.asset.file
        entry = self._entries[path] = self._entry(named, is_fixed=is_fixed)
        return entry

    def _entry(self, named: _Named, *, is_fixed: bool) -> _Entry:
        asset = named.asset
        sizes = {IDENTITY: asset.size}
        sizes.update((c, size) for c, size in asset.encodings.items() if c in SIBLING_SUFFIXES)
        codings = tuple(sorted(sizes, key=sizes.__getitem__))
        alternates = {each.type: each for each in named.alternates}

        def representation(sent: Asset, coding: str, size: int, number: int) -> Representation:
            fields = self._policy.fields(named.name, sent.type, FOREVER if is_fixed else REVALIDATE)
            if asset.immutable and not is_fixed:
                # Whatever the rules say of the asset: what this path gives changes with every
                # release.
                fields = (*(each for each in fields if each[0] != REVALIDATE[0]), REVALIDATE)
            modified = self._modified(sent)
            return Representation(
                str(self._out),
                sent,
                coding,
                size,
                fields=fields,
                vary=vary(asset, named.alternates),
                is_fixed=is_fixed,
                # A date then names one of them, as an entity tag does.
                modified=modified and modified - number,
            )

        known = [coding for coding in _CODINGS if coding in sizes]
        return _Entry(
            self._choices.setdefault(codings, Choice(codings)),
            {
                coding: representation(asset, coding, sizes[coding], number)
                for number, coding in enumerate(known)
            },
            TypeChoice(asset.type, tuple(alternates)) if alternates else None,
            {
                type_: representation(each, IDENTITY, each.size, number)
                for number, (type_, each) in enumerate(alternates.items(), len(_CODINGS))
            },
        )

    def _modified(self, asset: Asset) -> int:
        """Return when an asset got its bytes, in seconds since 1970; 0 where that is not known."""
        paths = [self._out / asset.file]
        if not asset.immutable:
            paths.append(self._out / FILE_NAME)  # a rollback may bring back an older file
        try:
            times = [int(os.stat(path).st_mtime) for path in paths]
        except OSError:
            return 0
        # Tools that pack files reproducibly write a constant instead of a time.
        return 0 if min(times) < _FIRST_TIME else min(max(times), int(time.time()))


_FIRST_TIME = 315_619_200  # 1980-01-02: archives know no earlier date than the day before


class _Memory:
    """The bodies that are kept; the first ones make room for new ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: dict[Representation, None] = {}
        self._lock = Lock()

    def note(self, representation: Representation) -> None:
        """Count a representation that keeps its body now."""
        with self._lock:
            if representation not in self._kept:
                self._kept[representation] = None
                self._size += representation.size
            while self._size > self._limit:
                first = next(iter(self._kept))
                del self._kept[first]
                first.forget()
                self._size -= first.size


class _Others:
    """What other releases call immutable, as far as their manifests are kept.

    The folder is looked at whenever a name is missed, which costs 2 microseconds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = -1
        self._read: dict[Path, Mapping[str, _Named]] = {}
        self._lock = Lock()

    def get(self, file: str) -> _Named | None:
        """Return the name and the asset of an immutable file, if a kept manifest names it."""
        try:
            seen = os.stat(self._folder).st_mtime_ns
        except OSError:
            return None
        if seen != self._seen:
            with self._lock:
                if seen != self._seen:
                    self._read = {path: self._files(path) for path in self._folder.glob("*.json")}
                    self._seen = seen
        return next((files[file] for files in self._read.values() if file in files), None)

    def _files(self, path: Path) -> Mapping[str, _Named]:
        if path in self._read:  # a manifest never changes under its name, which is its hash
            return self._read[path]
        try:
            release = load(path)
        except ManifestError as error:
            _LOG.warning("another release is not served: %s", error)
            return {}
        return {
            asset.file: _named(release, name)
            for name, asset in release.assets.items()
            if asset.immutable
        }


def _named(release: Manifest, name: str) -> _Named:
    asset = release.assets[name]
    alternates = release.alternates(asset)
    return _Named(name, asset, tuple(x for x in alternates if not _FOREIGN.search(x.file)))
