"""The command that builds."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from assetpipe import kinds
from assetpipe.build import Config, Release, build, load_config
from assetpipe.build.config import SOURCE_MAPS, VARIANTS
from assetpipe.cli.report import (
    Bar,
    print_summary,
    print_warnings,
    release_as_json,
    say_note,
    say_waiting,
)

F = TypeVar("F", bound=Callable[..., None])
IMAGE_PACKAGES = ("PIL", "oxipng", "mozjpeg_lossless_optimization")

_OPTIONS = (
    click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder."),
    click.option("--public-url", metavar="URL", help="Path or URL the release is served below."),
    click.option("--minify/--no-minify", default=None, help="Write text files smaller."),
    click.option("--source-maps", type=click.Choice(SOURCE_MAPS), help="Make source maps."),
    click.option("--encodings", metavar="LIST", help="Any of gzip,br,zstd; empty for none."),
    click.option(
        "--variants",
        type=click.Choice(VARIANTS),
        help="Images in other formats and widths: small, quickly, or none.",
    ),
    click.option("--strict", is_flag=True, help="A reference that matches no file is an error."),
    click.option("--no-cache", is_flag=True, help="Neither read nor keep earlier results."),
    click.option("-j", "--jobs", type=click.IntRange(min=1), help="Files to work on at once."),
    click.option("-q", "--quiet", is_flag=True, help="Print warnings and errors only."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)


def build_options(command: F) -> F:
    """Give a command all options of a build."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings(
    out: Path | None,
    public_url: str | None,
    minify: bool | None,
    source_maps: str | None,
    encodings: str | None,
    variants: str | None,
    strict: bool,
    no_cache: bool,
    jobs: int | None,
) -> dict[str, Any]:
    """Return the keys of the configuration that the options set; others are ``None``."""
    return {
        "out": out,
        "public_url": public_url,
        "minify": minify,
        "source_maps": source_maps,
        "encodings": None if encodings is None else [e for e in encodings.split(",") if e],
        "variants": variants,
        "missing": "error" if strict else None,
        "use_cache": False if no_cache else None,
        "jobs": jobs,
    }


def run_build(configure: Callable[[], Config], *, quiet: bool, in_json: bool) -> None:
    """Build, and print what came of it.

    Raises:
        AssetpipeError: the configuration or the input has a problem, or the disk.
    """
    started = time.perf_counter()
    config = configure()
    with Bar("Building", shown=not (quiet or in_json)) as bar:
        release = build(config, progress=bar, waiting=say_waiting)
    seconds = time.perf_counter() - started
    if in_json:
        click.echo(json.dumps(release_as_json(release, seconds), ensure_ascii=False))
        return
    print_warnings(release.warnings)
    if not quiet:
        print_summary(release, config, seconds)
        if release.changed and config.images.usual.optimize and _lacks_image_tools(release):
            say_note('images ship as they are; pip install "assetpipe[images]" makes them smaller')


def _lacks_image_tools(release: Release) -> bool:
    """Say whether there are images that packages would write smaller which are not installed."""
    return any(find_spec(package) is None for package in IMAGE_PACKAGES) and any(
        kinds.module_for(name) == kinds.IMAGE for name in release.assets
    )


@click.command(name="build", short_help="Build a release.")
@click.argument("source", nargs=-1, type=click.Path(path_type=Path))
@build_options
def build_command(source: tuple[Path, ...], quiet: bool, as_json: bool, **options: Any) -> None:
    """Build a release from the SOURCE folders (default: the configuration's, else static/).

    Settings come from flags, else ASSETPIPE_* variables, else assetpipe.toml or
    [tool.assetpipe] in pyproject.toml, else defaults.
    """
    flags = settings(**options) | {"source": list(source) or None}
    run_build(lambda: load_config(Path.cwd(), os.environ, flags), quiet=quiet, in_json=as_json)
