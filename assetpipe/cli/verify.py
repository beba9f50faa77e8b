"""The command that looks at a release as browsers get it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assetpipe.build import Config, load_config
from assetpipe.cli.destination import find_destination
from assetpipe.cli.report import Bar
from assetpipe.errors import ConfigError
from assetpipe.manifest import FILE_NAME, Manifest, load

if TYPE_CHECKING:
    from assetpipe.publish.verify import Finding, Report

_SHOWN = 3


@click.command(name="verify", short_help="Ask a server or CDN for the files of the release.")
@click.argument("target", required=False)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder of the build.")
@click.option("--all", "everything", is_flag=True, help="Ask for all files, not for a sample.")
@click.option("--sample", type=click.IntRange(min=1), default=200, show_default=True,
              metavar="N", help="How many assets to ask for.")  # fmt: skip
@click.option("--origin", default="https://example.com", show_default=True, metavar="URL",
              help="Origin of the pages that use the files.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0,
              show_default=True, metavar="S", help="Seconds to wait for an answer.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify_command(
    context: click.Context,
    target: str | None,
    out: Path | None,
    everything: bool,
    sample: int,
    origin: str,
    timeout: float,
    as_json: bool,
) -> None:
    """Ask for the release's files as browsers do, and say what is wrong with them.

    TARGET is the URL where the release of the output folder was published, such as
    https://cdn.example.com/static/ (by default the configured public_url), or the name of a
    destination, whose current release is asked for at its `url`. The exit status is 1 if
    something is wrong.
    """
    from assetpipe.publish.verify import verify  # other commands need no HTTP

    started = time.perf_counter()
    config = load_config(Path.cwd(), os.environ, {"out": out})
    asked, manifest = _question(config, target)
    with Bar("Asking", shown=not as_json) as bar:
        report = verify(
            manifest,
            asked,
            count=None if everything else sample,
            timeout=timeout,
            origin=origin,
            progress=bar,
        )
    seconds = time.perf_counter() - started
    if as_json:
        fields = {"ok": report.is_well} | asdict(report) | {"seconds": round(seconds, 3)}
        click.echo(json.dumps(fields, ensure_ascii=False))
    else:
        _print(report, seconds)
    context.exit(0 if report.is_well else 1)


def _question(config: Config, target: str | None) -> tuple[str, Manifest]:
    """Return the URL to ask below, and for which release."""
    if target and target not in config.publish and "://" not in target and config.publish:
        find_destination(config, target)  # a misspelt name is said to be one
    if target not in config.publish:
        url = target or config.public_url
        if url.startswith("/"):
            raise ConfigError(
                "there is no URL to ask",
                where="TARGET",
                hint="write where the release was published: https://cdn.example.com/static/",
            )
        return url, load(config.out / FILE_NAME)
    from assetpipe.publish import current, open_store

    destination = find_destination(config, target)
    if not destination.url:
        raise ConfigError(
            f"the destination {target!r} has no `url`",
            where="TARGET",
            hint="write into its table below which URL browsers see it",
        )
    return destination.url, current(open_store(destination))


def _print(report: Report, seconds: float) -> None:
    """Print findings, those of one matter together, and the sum."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault((finding.severity, finding.why), []).append(finding)
    # What is wrong comes first, and of that what most files have.
    for (severity, why), found in sorted(
        groups.items(), key=lambda item: (item[0][0] != "wrong", -len(item[1]))
    ):
        _print_group(severity, why, found)
    wrong = sum(finding.severity == "wrong" for finding in report.findings)
    remarks = len(report.findings) - wrong
    click.echo(
        f"Verified release {report.release} at {report.url}: {report.checked} of {report.total} "
        f"assets, {wrong} wrong, {remarks} remark{'s' * (remarks != 1)}, {seconds:.2f} s"
    )


def _print_group(severity: str, why: str, found: Iterable[Finding]) -> None:
    whats: dict[str, list[str]] = {}
    for finding in found:
        whats.setdefault(finding.what, []).append(finding.file)
    color = "red" if severity == "wrong" else "yellow"
    for what, files in list(whats.items())[:_SHOWN]:
        more = len(files) - 1
        others = f" and {more} more" if more else ""
        click.secho(f"{severity:<8}", fg=color, nl=False)
        click.echo(f"{files[0]}{others}: {what}" if files[0] else what)
    rest = list(whats.values())[_SHOWN:]
    if rest:
        click.echo(f"        … and {sum(map(len, rest))} more alike; --json lists them all")
    click.echo(f"        {why}.")
