"""The command that deletes what no kept release names."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from assetpipe.build import load_config, parsers
from assetpipe.cli.destination import destination_options, find_destination
from assetpipe.cli.report import PutBar, at, size


def _parsed(parse: parsers.Parser) -> Any:
    def callback(_: click.Context, option: click.Parameter, value: str | None) -> Any:
        return None if value is None else parse(value, option.opts[0], Path.cwd())

    return callback


@click.command(name="prune", short_help="Delete what only old releases at a target need.")
@click.argument("target", required=False)
@click.option("--keep", type=click.IntRange(min=1), metavar="N",
              help="Releases to keep, the current one included.  [default: 5]")  # fmt: skip
@click.option("--younger-than", callback=_parsed(parsers.duration), metavar="AGE",
              help="Keep releases younger than this, too.  [default: 30d]")  # fmt: skip
@click.option("--grace", callback=_parsed(parsers.duration), metavar="TIME",
              help="Time between marking and deleting.  [default: 1h]")  # fmt: skip
@click.option("--max-delete", callback=_parsed(parsers.share), metavar="SHARE",
              help="Refuse to delete more than this share.  [default: 50%]")  # fmt: skip
@click.option("--dry-run/--yes", default=None,
              help="Only say what would be deleted, as on a terminal, or do it.")  # fmt: skip
@destination_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def prune_command(
    target: str | None,
    keep: int | None,
    younger_than: float | None,
    grace: float | None,
    max_delete: float | None,
    dry_run: bool | None,
    as_json: bool,
    **reach: str | None,
) -> None:
    """Delete from TARGET what only old releases need, in two steps.

    What is to go is marked by one prune, and deleted by the next one after a time of grace. A
    release is kept if it is current, or among the last ones, or young. Objects that a kept
    release names, or a publish that is under way, or that nobody has published, are not touched.
    """
    from assetpipe.cli.moment import this_moment  # asks git
    from assetpipe.publish import open_store, prune

    config = load_config(Path.cwd(), os.environ)
    destination = find_destination(
        config,
        target,
        keep=keep,
        younger_than=younger_than,
        grace=grace,
        max_delete=max_delete,
        **reach,
    )
    only_say = sys.stdout.isatty() if dry_run is None else dry_run
    with PutBar("Deleting", shown=not as_json) as bar:
        done = prune(
            open_store(destination), destination, this_moment(), dry_run=only_say, progress=bar
        )
    if as_json:
        click.echo(json.dumps(asdict(done) | {"dry_run": only_say}, ensure_ascii=False))
        return
    for record in done.dropped:
        click.echo(f"{record.release}  {at(record.at)}  is kept no longer")
    would = "Would delete" if only_say else "Deleted"
    place = target or destination.target
    click.echo(
        f"{would} {len(done.deleted)} files ({size(done.size)}) from {place}; "
        f"{len(done.kept)} releases kept, {done.waiting} files marked to go later"
    )
    if only_say and dry_run is None:
        click.echo("Nothing has been changed; add --yes to do it.")
