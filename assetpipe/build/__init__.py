"""The build side: from source folders to a release in an output folder."""

from __future__ import annotations

from collections.abc import Callable

from assetpipe.build import sources, stamp
from assetpipe.build.cache import opened
from assetpipe.build.config import MIB, Config, Root, load_config
from assetpipe.build.model import Problem, Progress, Release, Totals
from assetpipe.build.output import Output
from assetpipe.errors import ConfigError
from assetpipe.manifest import FILE_NAME, STATE

__all__ = ["Config", "Problem", "Release", "Root", "Totals", "build", "load_config"]


def _silent(done: int, total: int) -> None:
    """Show nothing."""


def _unheard() -> None:
    """Tell nobody."""


def build(
    config: Config, *, progress: Progress = _silent, waiting: Callable[[], None] = _unheard
) -> Release:
    """Build a release, or find that the last one is still right.

    Args:
        config: what to build and how.
        progress: is told how far the work is.
        waiting: is called once if another build holds the output folder.

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
        last = stamp.load_release(cache, config, found, output.scan())
        if last is not None:
            return last
        # What follows loads three times as many modules as a build without changes needs.
        from assetpipe.build.pipeline import rebuild

        current = output.files.get(FILE_NAME)
        with output.locked(config.lock_timeout, waiting) as waited:
            if waited or output.signature(FILE_NAME) != current:
                output.scan()  # somebody else was here meanwhile
            return rebuild(config, found, cache, output, progress)
