"""What people read: warnings, sums, a progress bar, and what went wrong."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

import click

from assetpipe.build import Config, Problem, Release
from assetpipe.build.model import printable
from assetpipe.build.sources import place_of
from assetpipe.errors import AssetpipeError

_SHOWN_WARNINGS = 20
_BAR_AFTER = 1.0  # seconds
_LONGEST_NAME = 28  # characters beside a progress bar
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def complain(error: AssetpipeError, *, as_json: bool) -> None:
    """Print an error."""
    if as_json:
        fields = {"message": error.message, "where": error.where, "hint": error.hint}
        click.echo(json.dumps({"error": fields, "exit_code": error.exit_code}))
    else:
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error), err=True)


def say_waiting() -> None:
    """Say why nothing happens for a while."""
    click.echo("Waiting for another build into the same folder …", err=True)


class Bar:
    """A progress bar on a terminal, for work that takes longer than a second."""

    def __init__(self, label: str, *, shown: bool) -> None:
        self._label = label
        self._shown = shown and sys.stderr.isatty()
        self._started = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def __call__(self, done: int, total: int, what: str = "") -> None:
        """Show how much is done, and what is being worked on."""
        if not self._shown or time.monotonic() - self._started < _BAR_AFTER:
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=total,
                label=self._label,
                file=sys.stderr,
                show_pos=False,
                item_show_func=lambda item: item and _shortened(item),
            )
            self._bar.render_progress()
        self._bar.length = total
        self._bar.update(done - self._bar.pos, printable(what))


class PutBar(Bar):
    """A progress bar for what happens at a target."""

    def __enter__(self) -> PutBar:
        return self

    def waiting(self) -> None:
        """Say why nothing happens for a while."""
        click.echo("Waiting for a prune of the same target …", err=True)

    def put(self, done: int, total: int) -> None:
        """Show how much is done."""
        self(done, total)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"


def say_note(text: str) -> None:
    """Print what is worth knowing, and no problem."""
    click.secho("Note: ", fg="cyan", nl=False, err=True)
    click.echo(text, err=True)


def release_as_json(release: Release, seconds: float) -> dict[str, Any]:
    """Return what ``--json`` says of a build."""
    totals = release.totals
    return {
        "release": release.id,
        "out": str(release.out),
        "manifest": str(release.out / "manifest.json"),
        "changed": release.changed,
        "files": totals.files,
        "bytes": {"source": totals.source, "minified": totals.minified, **totals.encoded},
        "seconds": round(seconds, 3),
        "warnings": [{"where": problem.where} | asdict(problem) for problem in release.warnings],
    }


def print_warnings(warnings: tuple[Problem, ...]) -> None:
    """Print the first warnings, and how many more there are."""
    for problem in warnings[:_SHOWN_WARNINGS]:
        click.secho("Warning: ", fg="yellow", nl=False, err=True)
        click.echo(str(problem), err=True)
    more = len(warnings) - _SHOWN_WARNINGS
    if more > 0:
        click.echo(f"… and {more} more warnings; --json lists them all", err=True)


def print_summary(release: Release, config: Config, seconds: float) -> None:
    """Print a table of sizes."""
    totals = release.totals
    minified = ("minified" if config.minify else "shipped", totals.minified)
    rows = [("sources", totals.source), minified, *totals.encoded.items()]
    widths = [max(len(title), 9) for title, _ in rows]
    count = len(release.warnings)
    verb = "Built" if release.changed else "Up to date:"
    click.echo(
        f"{verb} release {release.id} in {place_of(str(release.out))}: {totals.files} "
        f"file{'s' * (totals.files != 1)}, {count} warning{'s' * (count != 1)}, {seconds:.2f} s"
    )
    click.echo("  " + "  ".join(f"{t:>{w}}" for (t, _), w in zip(rows, widths, strict=True)))
    click.echo("  " + "  ".join(f"{size(n):>{w}}" for (_, n), w in zip(rows, widths, strict=True)))
    click.echo(
        "  "
        + "  ".join(
            f"{_share(n, totals.source):>{w}}" for (_, n), w in zip(rows, widths, strict=True)
        )
    )


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    size = float(count)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def at(moment: str) -> str:
    """Return a time in ISO 8601 and UTC as people read it."""
    return f"{moment[:16].replace('T', ' ')} UTC"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
