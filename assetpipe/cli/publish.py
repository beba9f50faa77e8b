"""The command that publishes."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import click

from assetpipe.build import load_config
from assetpipe.cli.report import say_waiting, size


@click.command(name="publish", short_help="Publish the release to a folder.")
@click.argument("target")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder of the build.")
@click.option("--dry-run", is_flag=True, help="Only say what would be put, and why.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def publish_command(
    target: str, out: Path | None, dry_run: bool, quiet: bool, as_json: bool
) -> None:
    """Publish the current release to TARGET: file:///srv/static, or a path.

    Only what is missing is put: new names first, fixed names and the manifest last, so that
    the target's last release stays whole until this one is.
    """
    from assetpipe.publish import publish, target_folder

    started = time.perf_counter()
    config = load_config(Path.cwd(), os.environ, {"out": out})
    done = publish(
        config.out,
        target_folder(target),
        dry_run=dry_run,
        lock_timeout=config.lock_timeout,
        waiting=say_waiting,
    )
    seconds = time.perf_counter() - started
    if as_json:
        puts = [asdict(put) for put in done.puts]
        fields = {"release": done.release, "dry_run": dry_run, "put": puts}
        fields |= {"unchanged": done.unchanged, "seconds": round(seconds, 3)}
        click.echo(json.dumps(fields, ensure_ascii=False))
    elif not quiet:
        for put in done.puts if dry_run else ():
            click.echo(f"{put.file}  {size(put.size)}  {put.reason}")
        verb = "Would publish" if dry_run else "Published"
        total = size(sum(put.size for put in done.puts))
        click.echo(
            f"{verb} release {done.release} to {target}: {len(done.puts)} files put ({total}), "
            f"{done.unchanged} there already, {seconds:.2f} s"
        )
