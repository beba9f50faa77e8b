"""The build side: from source folders to a release in an output folder."""

from __future__ import annotations

from collections.abc import Callable

from assetpipe.build import sources, stamp
from assetpipe.build.cache import opened
from assetpipe.build.config import MIB, Config, Root, load_config
from assetpipe.build.memory import Memory
from assetpipe.build.model import Problem, Progress, Release, Totals
from assetpipe.build.output import Output
from assetpipe.errors import ConfigError
from assetpipe.manifest import FILE_NAME, STATE

__all__ = ["Config", "Memory", "Problem", "Release", "Root", "Totals", "build", "load_config"]


def _silent(done: int, total: int, what: str) -> None:
    """Show nothing."""


def _unheard() -> None:
    """Tell nobody."""


def build(
    config: Config,
    *,
    progress: Progress = _silent,
    waiting: Callable[[], None] = _unheard,
    memory: Memory | None = None,
) -> Release:
    """Build a release, or find that the last one is still right.

    Args:
        config: what to build and how.
        progress: is told how far the work is. What it raises ends the build; the last release
            stays.
        waiting: is called once if another build holds the output folder.
        memory: what earlier builds of this process left, for who builds again and again; it is to
            be saved by who gave it. Without one, a build reads and writes the cache.

    Returns:
        The release. ``release.assets`` is its manifest's content.

    Raises:
        InputError: a source cannot be built; with ``missing = "error"``, a reference matches
            no file. The last release stays.
        ConfigError: the configuration asks for what cannot be done.
        OutsideError: the disk is full, a folder cannot be written, or another build holds it.
    """
    found = sources.find(config.roots, config.ignore, (config.out, config.cache))
    limit = config.cache_limit * MIB
    with opened(config.cache, enabled=config.use_cache, limit=limit) as cache:
        if (config.out / STATE).exists():
            raise ConfigError(
                "releases are published to this folder: a build would write over them",
                where=str(config.out),
                hint="build into another folder, and publish that",
            )
        output = Output(config.out)
        output.scan()
        # Who has a memory builds because something changed.
        if memory is None or memory.is_empty:
            last = stamp.load_release(cache, config, found, output.files)
            if last is not None:
                return last
        # What follows loads three times as many modules as a build without changes needs.
        from assetpipe.build.pipeline import rebuild

        current = output.files.get(FILE_NAME)
        with output.locked(config.lock_timeout, waiting) as waited:
            if waited or output.signature(FILE_NAME) != current:
                output.scan()  # somebody else was here meanwhile
            kept = Memory() if memory is None else memory
            release = rebuild(config, found, cache, output, progress, kept)
            if memory is None:
                kept.save(cache)
            return release
