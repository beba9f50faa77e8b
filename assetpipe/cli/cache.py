"""The commands that look at the cache."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from assetpipe.build import Config, load_config
from assetpipe.build.cache import Cache
from assetpipe.build.config import MIB
from assetpipe.build.sources import place_of
from assetpipe.cli.report import size


@click.group(name="cache", short_help="Look at the cache, or make it smaller.")
def cache_group() -> None:
    """Look at the cache of earlier results, or make it smaller.

    Losing the cache loses time only.
    """


def _cache() -> tuple[Cache, Config]:
    config = load_config(Path.cwd(), os.environ)
    return Cache(config.cache), config


@cache_group.command(name="info")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cache_info(as_json: bool) -> None:
    """Say where the cache is and how much it holds."""
    cache, config = _cache()
    _print_usage(cache, config, {}, as_json=as_json)


@cache_group.command(name="prune")
@click.option("--limit", type=click.IntRange(min=0), metavar="MIB", help="Size to prune down to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cache_prune(limit: int | None, as_json: bool) -> None:
    """Remove the entries that were not used for longest (default: down to `cache_limit`)."""
    cache, config = _cache()
    before = cache.usage()
    cache.prune((config.cache_limit if limit is None else limit) * MIB)
    after = cache.usage()
    removed = {"removed": before.entries - after.entries, "freed": before.size - after.size}
    _print_usage(cache, config, removed, as_json=as_json)


def _print_usage(cache: Cache, config: Config, extra: Mapping[str, int], *, as_json: bool) -> None:
    usage = cache.usage()
    if as_json:
        fields = {"folder": str(config.cache), "limit": config.cache_limit * MIB}
        click.echo(json.dumps(fields | asdict(usage) | dict(extra), ensure_ascii=False))
        return
    if extra:
        click.echo(f"Removed {extra['removed']} entries, {size(extra['freed'])}.")
    click.echo(
        f"{place_of(str(config.cache))}: {usage.entries} entries, {size(usage.size)} of at most "
        f"{config.cache_limit} MiB"
    )
