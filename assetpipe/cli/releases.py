"""The commands about what is at a target: list its releases, and go back to one of them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path

import click

from assetpipe.build import Config, load_config
from assetpipe.cli.destination import destination_options, find_destination
from assetpipe.cli.report import at, say_note, size
from assetpipe.errors import ConfigError

_RELEASE = re.compile(r"[0-9a-f]{4,16}")


@click.command(name="releases", short_help="List the releases that are at a target.")
@click.argument("target", required=False)
@destination_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def releases_command(target: str | None, as_json: bool, **reach: str | None) -> None:
    """List the releases at TARGET, the newest first: when, who, from which revision, how large."""
    from assetpipe.publish import open_store, releases

    config = load_config(Path.cwd(), os.environ)
    destination = find_destination(config, target, **reach)
    state = releases(open_store(destination))
    newest_first = list(reversed(state.releases))
    if as_json:
        rows = [asdict(record) for record in newest_first]
        click.echo(json.dumps({"current": state.current, "releases": rows}, ensure_ascii=False))
        return
    if not newest_first:
        click.echo(f"Nothing has been published to {destination.target}.")
    for record in newest_first:
        mark = "*" if record.release == state.current else " "
        click.echo(
            f"{mark} {record.release}  {at(record.at)}  {record.by or '-':<12}  "
            f"{record.revision or '-':<12}  {record.files:>6} files  {size(record.size):>10}"
        )
    if state.attempts:
        count = len(state.attempts)
        say_note(
            f"{count} publish{'es have' if count > 1 else ' has'} begun and not ended, the last "
            f"at {at(state.attempts[-1].at)}; every publish looks at what may be left of it, and "
            "forgets it after a day"
        )


@click.command(name="rollback", short_help="Make an earlier release the current one.")
@click.argument("arguments", nargs=-1, metavar="[TARGET] [RELEASE]")
@destination_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rollback_command(arguments: tuple[str, ...], as_json: bool, **reach: str | None) -> None:
    """Make RELEASE the current one at TARGET; without it, the one before the current one.

    Nothing is sent: all its files are still there. Files with fixed names keep the content of
    the release that was published last.
    """
    from assetpipe.publish import open_store, rollback

    config = load_config(Path.cwd(), os.environ)
    target, release = _target_and_release(config, arguments)
    destination = find_destination(config, target, **reach)
    done = rollback(open_store(destination), release)
    if as_json:
        click.echo(json.dumps(asdict(done), ensure_ascii=False))
        return
    place = target or destination.target
    if done.record.release == done.previous:
        click.echo(f"Release {done.previous} is current at {place} already; nothing was changed.")
    else:
        click.echo(f"Release {done.record.release} is current at {place}; it was {done.previous}.")
    if done.plain:
        say_note(
            f"with the content of the release that was published last: {', '.join(done.plain)}; "
            "to bring back the earlier one, build it again and publish it"
        )


def _target_and_release(config: Config, arguments: tuple[str, ...]) -> tuple[str | None, str]:
    if len(arguments) > 2:
        raise ConfigError(
            "too many arguments", where="RELEASE", hint="name one target, one release"
        )
    if len(arguments) == 2:
        return arguments
    for argument in arguments:
        if argument in config.publish or not _RELEASE.fullmatch(argument):
            return argument, ""
        return None, argument
    return None, ""
