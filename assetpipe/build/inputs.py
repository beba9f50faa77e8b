"""Inputs: what transforms begin with, read from a file, compiled, or joined from several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assetpipe import kinds
from assetpipe.build import bundles, plugins, sources
from assetpipe.build.cache import Cache
from assetpipe.build.compilers import compile_source
from assetpipe.build.config import Config
from assetpipe.build.model import Input, Source
from assetpipe.build.plugins import Plugin
from assetpipe.build.workers import Workers
from assetpipe.errors import InputError
from assetpipe.globs import matcher
from assetpipe.names import split_suffix


class Inputs:
    """All that a build makes assets of.

    Args:
        config: names the bundles.
        found: the files of the source folders.
        cache: keeps what compilers made.
        workers: processes to compile in.

    Attributes:
        found: the files of the source folders, by their names there.
        sources: what ships, by logical name and sorted by it: the files that were found, less
            those that only serve compilers; compiled ones under the names of their results;
            and bundles.

    Raises:
        ConfigError: a bundle has no members, or the name of a file; a plug-in cannot be used.
        InputError: a compiler's result has the name of another file.
    """

    def __init__(
        self, config: Config, found: Sequence[Source], cache: Cache, workers: Workers
    ) -> None:
        self.found = {source.name: source for source in found}
        self._is_html = matcher(config.html)
        self._cache = cache
        self._workers = workers
        self._plugins = plugins.load(cache)
        self._compiled: dict[str, tuple[Source, Plugin]] = {}
        self._members: dict[str, list[str]] = {}
        shipped = dict(self._shipped(found))
        for name, globs in config.bundles.items():
            self._members[name] = bundles.members(name, globs, shipped)
        shipped |= {
            name: bundles.source(name, [shipped[member] for member in members])
            for name, members in self._members.items()
        }
        self.sources = dict(sorted(shipped.items()))

    def module(self, name: str) -> str | None:
        """Return the module of the kind that handles a logical name, or ``None``."""
        if self._is_html(name):
            return "assetpipe.kinds.html"
        plugin = self._plugins.get(split_suffix(name)[1].lower())
        return plugin.reference if plugin else kinds.module_for(name)

    def is_made(self, name: str) -> bool:
        """Say whether a logical name stands for what the build makes of other files."""
        return name in self._members or name in self._compiled

    def place(self, name: str) -> str:
        """Return where what a logical name stands for is to be mended, as a person would write."""
        if name in self._members:
            return bundles.place(name)
        return sources.place_of(self.sources[name].path)

    def is_settled(self, name: str, now_ns: int) -> bool:
        """Say whether a later write of what a name stands for would surely change its signature."""
        return all(
            sources.is_settled(self.sources[each].signature, now_ns)
            for each in self._members.get(name, (name,))
        )

    def read(self, name: str) -> Input:
        """Return the input of a logical name.

        Raises:
            InputError: it cannot be read, compiled or joined.
        """
        if name in self._members:
            inputs = {member: self.read(member) for member in self._members[name]}
            return bundles.join(name, inputs, self.place, self._workers)
        if name in self._compiled:
            return compile_source(*self._compiled[name], self._cache, self._workers)
        plugin = self._plugins.get(split_suffix(name)[1].lower())
        return Input(sources.read(self.sources[name]), needs=plugin.needs() if plugin else ())

    def _shipped(self, found: Sequence[Source]) -> Iterator[tuple[str, Source]]:
        for source in found:
            stem, suffix = split_suffix(source.name)
            plugin = self._plugins.get(suffix.lower())
            produces = getattr(plugin.kind(), "produces", None) if plugin else None
            if plugin is None or produces is None:
                yield source.name, source
                continue
            if kinds.compiler(plugin.reference).is_partial(source.name):
                continue
            name = stem + produces
            other = self.found.get(name) or self._compiled.get(name, (None,))[0]
            if other is not None:
                raise InputError(
                    f"both {other.path} and {source.path} would be {name!r}",
                    where=source.path,
                    hint="rename or ignore one of the two",
                )
            self._compiled[name] = source, plugin
            yield name, source._replace(name=name)
