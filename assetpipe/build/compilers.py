"""Compilers: files of other languages become files of ours, once for all that they read."""

from __future__ import annotations

import hashlib
import json
import os

from assetpipe import kinds
from assetpipe.build import sources
from assetpipe.build.cache import Cache, key
from assetpipe.build.model import Input, Source
from assetpipe.build.plugins import Plugin
from assetpipe.build.workers import Workers
from assetpipe.errors import InputError
from assetpipe.kinds.model import Compiled, CompileError


def compile_source(source: Source, plugin: Plugin, cache: Cache, workers: Workers) -> Input:
    """Compile a file, or find the result of the same file with the same imports.

    Raises:
        InputError: the file cannot be read, or the compiler does not accept it.
    """
    data = sources.read(source)
    version = kinds.compiler(plugin.reference).version()
    entry = key("compile", plugin.reference, plugin.package, version, source.name, data)
    folder = os.path.dirname(source.path)
    stored = cache.get("transform", entry)
    result = None if stored is None else _unpack(stored, folder)
    if result is None:
        result = _run(source, plugin, data, workers)
        cache.put("transform", entry, _pack(result, folder))
    return Input(
        result.data,
        ((result.source_map, source.name),) if result.source_map else (),
        needs=(*((path, sources.seen(path)) for path in result.needs), *plugin.needs()),
    )


def _run(source: Source, plugin: Plugin, data: bytes, workers: Workers) -> Compiled:
    try:
        return workers.call(len(data), kinds.compile_file, plugin.reference, source.path, data)
    except CompileError as error:
        place = sources.place_of(error.path)
        if error.line:
            place += f":{error.line}:{error.column or 1}"
        raise InputError(
            error.message, where=place, hint="mend it; the last release stays"
        ) from error


# A compiled file is kept as a line of JSON, its map, and its data. Paths are relative to the file,
# and whatever was imported must still have the same bytes.


def _pack(result: Compiled, folder: str) -> bytes:
    needs = [[os.path.relpath(path, folder), _digest(path)] for path in result.needs]
    head = json.dumps({"needs": needs, "map": len(result.source_map)}).encode()
    return b"\n".join((head, result.source_map + result.data))


def _unpack(stored: bytes, folder: str) -> Compiled | None:
    line, _, rest = stored.partition(b"\n")
    head = json.loads(line)
    needs = [(os.path.normpath(os.path.join(folder, path)), seen) for path, seen in head["needs"]]
    if any(_digest(path) != seen for path, seen in needs):
        return None
    at = head["map"]
    return Compiled(rest[at:], rest[:at], tuple(path for path, _ in needs))


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
