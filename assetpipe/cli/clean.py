"""The command that removes what only old releases name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from assetpipe.build import load_config
from assetpipe.build.output import Output
from assetpipe.build.sources import place_of
from assetpipe.cli.report import say_waiting
from assetpipe.errors import ConfigError
from assetpipe.manifest import STATE


@click.command(name="clean", short_help="Remove files that only old releases name.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder.")
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True, metavar="N",
              help="Releases to keep, the current one included.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def clean_command(out: Path | None, keep: int, as_json: bool) -> None:
    """Remove from the output folder what no kept release names; touch nothing else."""
    config = load_config(Path.cwd(), os.environ, {"out": out})
    if (config.out / STATE).exists():
        raise ConfigError(
            "is a folder that releases are published to",
            where=place_of(str(config.out)),
            hint="`assetpipe prune` removes what its old releases need",
        )
    output = Output(config.out)
    with output.locked(config.lock_timeout, say_waiting):
        removed = output.clean(keep)
    if as_json:
        click.echo(json.dumps({"removed": removed}, ensure_ascii=False))
    else:
        click.echo(f"Removed {len(removed)} files from {place_of(str(config.out))}.")
