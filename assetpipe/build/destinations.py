"""The destinations of a configuration: the tables ``[tool.assetpipe.publish.NAME]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assetpipe.build import parsers
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError

ENCODINGS = ("siblings", "identity")


def _optional(parse: parsers.Parser) -> parsers.Parser:
    return lambda value, where, folder: value if value == "" else parse(value, where, folder)


_KEYS: dict[str, parsers.Parser] = {
    "target": parsers.text,
    "url": parsers.text,
    "encodings": _optional(parsers.one_of(ENCODINGS, "way to publish encodings")),
    "endpoint_url": parsers.text,
    "region": parsers.text,
    "profile": parsers.text,
    "role_arn": parsers.text,
    "addressing": _optional(parsers.one_of(("path", "virtual"), "addressing")),
    "checksums": _optional(parsers.one_of(("sha256", "off"), "checksum")),
    "acl": parsers.text,
    "invalidate": parsers.globs,
    "allow": parsers.globs,
    "record": parsers.boolean,
    "keep": parsers.count(1),
    "younger_than": parsers.duration,
    "grace": parsers.duration,
    "max_delete": parsers.share,
    "connections": parsers.count(1),
    "retries": parsers.count(0),
    "timeout": parsers.duration,
}


def destinations(value: Any, place: Callable[..., str], folder: Path) -> dict[str, Destination]:
    """Parse the destinations of a configuration, by name.

    Args:
        value: a table of tables, or what this function returned.
        place: what to name in an error about the key that its arguments lead to.
        folder: what a relative path of a target starts from.

    Raises:
        ConfigError: a key is unknown, or a value is wrong.
    """
    if not isinstance(value, Mapping):
        raise parsers.wrong(value, place(), "a table of destinations, each with a table of keys")
    return {name: _destination(name, table, place, folder) for name, table in value.items()}


def _destination(name: str, table: Any, place: Callable[..., str], folder: Path) -> Destination:
    if isinstance(table, Destination):
        return table
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"{table!r} is not a table of keys",
            where=place(name),
            hint="write the keys below a line [tool.assetpipe.publish.NAME], such as "
            "[tool.assetpipe.publish.production] (in assetpipe.toml: [publish.production])",
        )
    values = {}
    for key, value in table.items():
        where = place(name, key)
        if key not in _KEYS:
            raise parsers.unknown(f"unknown key {key!r}", key, list(_KEYS), where)
        try:
            values[key] = _KEYS[key](value, where, folder)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error.message}", where=where, hint=error.hint) from None
    if not values.get("target"):
        raise ConfigError(
            f"the destination {name!r} has no `target`",
            where=place(name),
            hint='give it one, such as target = "s3://bucket/prefix"',
        )
    destination = Destination(**values)
    try:
        is_path = destination.scheme == "file" and "://" not in destination.target
    except ConfigError as error:
        raise ConfigError(error.message, where=place(name, "target"), hint=error.hint) from None
    if is_path:
        values["target"] = str(parsers.path(destination.target, place(name, "target"), folder))
    return Destination(**values)
