"""The command that publishes."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assetpipe.build import load_config
from assetpipe.build.cache import Cache
from assetpipe.build.destinations import ENCODINGS
from assetpipe.build.stamp import made_otherwise
from assetpipe.cli.destination import destination_options, find_destination
from assetpipe.cli.report import PutBar, say_note, size
from assetpipe.manifest import FILE_NAME, load

if TYPE_CHECKING:
    from assetpipe.publish import Published


@click.command(name="publish", short_help="Publish the release to a bucket or a folder.")
@click.argument("target", required=False)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder of the build.")
@click.option("--dry-run", is_flag=True, help="Only say what would be put, and why.")
@click.option("--check", is_flag=True, help="Look at what is really there, and mend it.")
@click.option("--allow", multiple=True, metavar="GLOB",
              help="Publish what matches, though it looks like a secret.")  # fmt: skip
@click.option("--encodings", type=click.Choice(ENCODINGS),
              help="Put compressed files, too, or leave compression to the CDN.")  # fmt: skip
@destination_options
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def publish_command(
    target: str | None,
    out: Path | None,
    dry_run: bool,
    check: bool,
    allow: tuple[str, ...],
    encodings: str | None,
    quiet: bool,
    as_json: bool,
    **reach: str | None,
) -> None:
    """Publish the current release to TARGET: a configured name, s3://bucket/prefix, or a path.

    Only what is missing is put: new names first, fixed names next, and only when all of them
    are there does the release become the current one. A publish that stops half way leaves
    the last release whole; the next one goes on where it stopped.
    """
    from assetpipe.cli.moment import this_moment  # asks git
    from assetpipe.publish import open_store, publish
    from assetpipe.publish.folder import folder_of, refuse_overlap

    started = time.perf_counter()
    config = load_config(Path.cwd(), os.environ, {"out": out})
    destination = find_destination(config, target, allow=allow, encodings=encodings, **reach)
    if destination.scheme == "file":
        refuse_overlap(folder_of(destination), (root.path for root in config.roots))
    other = made_otherwise(Cache(config.cache), config)
    if other and other == load(config.out / FILE_NAME).release:
        say_note(
            "this release was made by `assetpipe watch`, with flags, or before the configuration "
            "was changed: for one as it is configured, run `assetpipe build` first"
        )
    with PutBar("Publishing", shown=not quiet and not as_json) as bar:
        done = publish(
            config.out,
            open_store(destination),
            destination,
            this_moment(),
            dry_run=dry_run,
            look=check,
            progress=bar,
        )
    seconds = time.perf_counter() - started
    if as_json:
        click.echo(json.dumps(_as_json(done, dry_run, seconds), ensure_ascii=False))
    elif not quiet:
        _print(done, target or destination.target, dry_run, seconds)


def _as_json(done: Published, dry_run: bool, seconds: float) -> dict[str, Any]:
    puts = [asdict(put) | {"fields": dict(put.fields)} for put in done.puts]
    return asdict(done) | {
        "puts": puts,
        "dry_run": dry_run,
        "seconds": round(seconds, 3),
    }


def _print(done: Published, target: str, dry_run: bool, seconds: float) -> None:
    for put in done.puts if dry_run else ():
        click.echo(f"{put.key}  {size(put.size)}  {put.reason}")
    verb = "Would publish" if dry_run else "Published"
    bodies = [put.size for put in done.puts if not put.fields_only]
    mended = len(done.puts) - len(bodies)
    fields = f"header fields of {mended} mended, " if mended else ""
    click.echo(
        f"{verb} release {done.release} to {target}: {len(bodies)} files put "
        f"({size(sum(bodies))}), {fields}{done.unchanged} there already, {seconds:.2f} s"
    )
    if done.previous not in {done.release, ""} and not dry_run:
        click.echo(f"  It is current now, instead of {done.previous}.")
    for words in done.invalidated:
        click.echo(f"  {words}")
    if not done.conditional:
        say_note("this store has no conditional writes: let no two people publish at the same time")
    if done.edge:
        say_note(
            f"objects cannot have the header fields {', '.join(done.edge)}: let the CDN add them"
        )
