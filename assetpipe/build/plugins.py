"""Plug-ins: formats that other packages teach assetpipe, announced by entry points.

A package names its module by the file's suffix, without the dot::

    [project.entry-points."assetpipe.kinds"]
    scss = "my_package.scss"

The module defines ``KIND``: a ``Kind`` or a ``Compiler`` (``assetpipe.kinds.model``).
Specification: https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import NamedTuple

from assetpipe import kinds
from assetpipe.build.cache import Cache, key
from assetpipe.build.model import Need
from assetpipe.build.sources import seen
from assetpipe.build.stamp import SECTION, installed
from assetpipe.errors import ConfigError
from assetpipe.kinds.model import Compiler, Kind

GROUP = "assetpipe.kinds"


class Plugin(NamedTuple):
    """One suffix of a package's.

    Attributes:
        suffix: with its dot, in lower case.
        reference: module, and behind a colon the name in it if it is not ``KIND``.
        package: name and version of the distribution.
    """

    suffix: str
    reference: str
    package: str

    def kind(self) -> Kind | Compiler:
        """Import the plug-in.

        Raises:
            ConfigError: it cannot be imported.
        """
        try:
            return kinds.load(self.reference)
        except Exception as error:
            raise ConfigError(
                f"the plug-in {self.reference} for {self.suffix} cannot be used: {error!r}",
                where=self.package,
                hint="install its requirements, or uninstall it",
            ) from error

    def needs(self) -> tuple[Need, ...]:
        """Return its code once it was imported: its author may be working on it."""
        module = sys.modules.get(self.reference.partition(":")[0])
        path: str | None = getattr(module, "__file__", None)
        return ((path, seen(path)),) if path else ()


def load(cache: Cache) -> Mapping[str, Plugin]:
    """Return the plug-ins by suffix.

    Asking all installed packages takes a tenth of a second, so the answer is kept until packages
    are installed or removed.

    Raises:
        ConfigError: two packages claim one suffix, or one claims a suffix of assetpipe's own.
    """
    entry = key("plugins", sys.version, installed())
    stored = cache.get(SECTION, entry)
    if stored is None:
        found = _ask()
        cache.put(SECTION, entry, json.dumps(found).encode())
    else:
        found = [Plugin(*fields) for fields in json.loads(stored)]
    plugins: dict[str, Plugin] = {}
    for plugin in found:
        other = plugins.setdefault(plugin.suffix, plugin)
        if other is not plugin or kinds.module_for(f"x{plugin.suffix}"):
            owner = "assetpipe itself" if other is plugin else other.package
            raise ConfigError(
                f"{plugin.suffix} files belong to {owner} already",
                where=plugin.package,
                hint=f"uninstall {plugin.package.partition(' ')[0]}",
            )
    return plugins


def _ask() -> list[Plugin]:
    from importlib.metadata import entry_points  # takes thirty milliseconds to load

    return sorted(
        Plugin(
            f".{point.name.removeprefix('.').lower()}",
            point.value.replace(" ", ""),
            f"{point.dist.name} {point.dist.version}" if point.dist else point.value,
        )
        for point in entry_points(group=GROUP)
    )
