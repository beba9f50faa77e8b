"""The command that builds whenever something changes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assetpipe.build import Config, load_config
from assetpipe.build.model import printable
from assetpipe.cli.build import build_options, settings
from assetpipe.cli.report import (
    Bar,
    complain,
    print_warnings,
    release_as_json,
    say_note,
    say_waiting,
)
from assetpipe.errors import AssetpipeError, need

if TYPE_CHECKING:
    from assetpipe.dev.watch import Rebuild

F = TypeVar("F", bound=Callable[..., None])

_SHOWN_NAMES = 3
_OPTIONS = (
    click.option("--poll", is_flag=True, help="Look at all files again and again, for disks that "
                 "tell of no changes (network, bind mounts)."),
    click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
                 help="Where browsers reach this process."),
    click.option("-p", "--port", type=click.IntRange(0, 65535),
                 help="Port for browsers; 35729 by default, or any that is free."),
)  # fmt: skip


_COMMAND = "assetpipe.command"  # in the context's meta


class Accompanied(click.Command):
    """A command after whose arguments ``--`` and another program's command line may follow."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Keep the other program's command line from being taken for options."""
        own = [*takewhile(lambda argument: argument != "--", args)]
        context.meta[_COMMAND] = tuple(args[len(own) + 1 :])
        return super().parse_args(context, own)

    def collect_usage_pieces(self, context: click.Context) -> list[str]:
        """Name the other program in the line of usage, too."""
        return [*super().collect_usage_pieces(context), "[-- COMMAND…]"]


def watch_options(command: F) -> F:
    """Give a command all options of a watch."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class Terminal:
    """Tells a person: a line for each build, and what is new in it."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Bar | None = None

    def listening(self, url: str) -> None:
        """Say where the release can be seen."""
        self._say(f"Watching; the release is on {url}/ (Ctrl-C ends it).")

    def building(self, done: int, total: int, what: str) -> None:
        """Show how far a build is that takes its time."""
        self._bar = self._bar or Bar("Building", shown=not self._quiet)
        self._bar(done, total, what)

    def waiting(self) -> None:
        """Say that another build holds the output folder."""
        self._end_bar()
        say_waiting()

    def built(self, rebuild: Rebuild) -> None:
        """Print a line of a build, and the warnings that are new."""
        self._end_bar()
        release = rebuild.release
        count, files = len(release.warnings), release.totals.files
        warnings = f", {count} warning{'s' * (count != 1)}" if count else ""
        took = f"{rebuild.seconds * 1000:.0f} ms"
        what = _listed(rebuild.changed) if rebuild.changed else f"{files} file{'s' * (files != 1)}"
        print_warnings(rebuild.fresh)
        self._say(f"{what} → release {release.id[:12]} in {took}{warnings}")

    def failed(self, error: AssetpipeError, changed: tuple[str, ...]) -> None:
        """Print why there is no new release."""
        self._end_bar()
        if changed:
            self._say(f"{_listed(changed)} → no release; the last one stays")
        complain(error, as_json=False)

    def reloaded(self, changed: tuple[str, ...]) -> None:
        """Print a line of pages that load again."""
        self._say(f"{_listed(changed)} → pages load again")

    def noted(self, text: str) -> None:
        """Print what is worth knowing."""
        self._end_bar()
        say_note(text)

    def _say(self, text: str) -> None:
        if not self._quiet:
            click.echo(text)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.__exit__()
            self._bar = None


class Lines:
    """Tells a program: a line of JSON for each thing that happens."""

    def listening(self, url: str) -> None:
        """Say where the release can be seen."""
        self._say("start", url=url)

    def building(self, done: int, total: int, what: str) -> None:
        """Say nothing: only what is done counts."""

    def waiting(self) -> None:
        """Say that another build holds the output folder."""
        self._say("wait")

    def built(self, rebuild: Rebuild) -> None:
        """Print a build."""
        said = release_as_json(rebuild.release, rebuild.seconds)
        self._say("build", **(said | {"changed": rebuild.changed}))

    def failed(self, error: AssetpipeError, changed: tuple[str, ...]) -> None:
        """Print why there is no new release."""
        fields = {"message": error.message, "where": error.where, "hint": error.hint}
        self._say("error", changed=changed, error=fields)

    def reloaded(self, changed: tuple[str, ...]) -> None:
        """Print that pages load again."""
        self._say("reload", changed=changed)

    def noted(self, text: str) -> None:
        """Print what is worth knowing."""
        self._say("note", message=text)

    def _say(self, event: str, **fields: object) -> None:
        click.echo(json.dumps({"event": event, **fields}))


def draft(**options: Any) -> dict[str, Any]:
    """Return the keys of the configuration that options set, and those of development."""
    from assetpipe.dev.watch import DRAFT

    given = {key: value for key, value in settings(**options).items() if value is not None}
    return {**DRAFT, **given}


def run_watch(
    configure: Callable[[], Config],
    project: Path,
    *,
    poll: bool,
    host: str,
    port: int | None,
    quiet: bool,
    in_json: bool,
) -> int:
    """Watch until Ctrl-C, or the end of the command after ``--``; return the exit status.

    Raises:
        AssetpipeError: the configuration is wrong, or the port is taken.
    """
    context = click.get_current_context()
    if not poll:
        need("watchdog", feature="watching", extra="watch")
    from assetpipe.dev.command import Command  # which builds alone do without
    from assetpipe.dev.pages import Pages
    from assetpipe.dev.watch import Ended, Watch

    reporter = Lines() if in_json else Terminal(quiet=quiet)
    pages = Pages(host=host, port=port)
    beside = Command(context.meta[_COMMAND], {"ASSETPIPE_WATCH": pages.url})
    watch = Watch(configure, project, reporter, pages, beside, poll=poll)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _frame: watch.end(number))
    try:
        return watch.run()
    except Ended as ended:
        return 0 if ended.number == signal.SIGINT else 128 + ended.number


def _listed(names: tuple[str, ...]) -> str:
    shown, more = names[:_SHOWN_NAMES], len(names) - _SHOWN_NAMES
    return printable(", ".join(shown)) + (f" and {more} more" if more > 0 else "")


@click.command(name="watch", cls=Accompanied, short_help="Build again whenever something changes.")
@click.argument("source", nargs=-1, type=click.Path(path_type=Path))
@watch_options
@build_options
def watch_command(
    source: tuple[Path, ...],
    poll: bool,
    host: str,
    port: int | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Build the SOURCE folders again whenever something changes, and tell the pages that are open.

    What is written is for development: neither minified nor compressed unless options say so.
    After -- a COMMAND may follow that runs beside it, such as: assetpipe watch -- flask run
    --debug.
    """
    flags = draft(**options) | {"source": list(source) or None}
    project = Path.cwd()
    status = run_watch(
        lambda: load_config(project, os.environ, flags),
        project,
        poll=poll,
        host=host,
        port=port,
        quiet=quiet,
        in_json=as_json,
    )
    click.get_current_context().exit(status)
