"""The command line: the only place that prints, and the only one that looks at the clock."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

import assetpipe
from assetpipe.build import Config, Problem, Release, build, load_config
from assetpipe.build.cache import Cache
from assetpipe.build.config import MIB, SOURCE_MAPS
from assetpipe.build.output import Output
from assetpipe.build.sources import place_of
from assetpipe.errors import AssetpipeError, ConfigError, OutsideError

_SHOWN_WARNINGS = 20
_BAR_AFTER = 1.0  # seconds
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def run() -> None:
    """Run the command line and leave with its exit status."""
    # A path or a message may hold what the terminal cannot show.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    as_json = "--json" in sys.argv[1:]
    # What a command makes lives until its end: looking for garbage costs a rebuild a seventh.
    gc.disable()
    try:
        status = main.main(prog_name="assetpipe", standalone_mode=False)
    except AssetpipeError as error:
        _complain(error, as_json=as_json)
        status = error.exit_code
    except click.ClickException as error:
        if as_json:
            _complain(ConfigError(error.format_message()), as_json=True)
        else:
            error.show()
        status = ConfigError.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped; the last release is untouched.", err=True)
        status = 130
    except BrokenPipeError:
        status = 0
    except OSError as error:
        _complain(OutsideError(error.strerror or str(error), where=error.filename), as_json=as_json)
        status = OutsideError.exit_code
    _leave(status if isinstance(status, int) else 0)


def _leave(status: int) -> None:
    """Leave at once: tearing the interpreter down frees memory that the system frees anyway."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or OutsideError.exit_code
    os._exit(status)


def _complain(error: AssetpipeError, *, as_json: bool) -> None:
    if as_json:
        fields = {"message": error.message, "where": error.where, "hint": error.hint}
        click.echo(json.dumps({"error": fields, "exit_code": error.exit_code}))
    else:
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error), err=True)


class _Suggesting(click.Group):
    """A group that names the command that a misspelt one most likely meant."""

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:
            import difflib  # only for people who err

            close = difflib.get_close_matches(arguments[0], self.list_commands(context), n=1)
            if not close or "mean" in error.message:
                raise
            raise click.UsageError(f"{error.message} Did you mean {close[0]}?", context) from None


@click.group(cls=_Suggesting, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(assetpipe.__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Turn a folder of static files into a release: minified, fingerprinted, compressed.

    Exit status: 0 done, 1 the input has a problem, 2 wrong usage or configuration, 3 the
    outside failed (disk, network, permissions).
    """


@main.command(name="build", short_help="Build a release.")
@click.argument("source", nargs=-1, type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder.")
@click.option("--public-url", metavar="URL", help="Path or URL the release is served below.")
@click.option("--minify/--no-minify", default=None, help="Write text files smaller.")
@click.option("--source-maps", type=click.Choice(SOURCE_MAPS), help="Make source maps.")
@click.option("--encodings", metavar="LIST", help="Any of gzip,br,zstd; empty for none.")
@click.option("--strict", is_flag=True, help="A reference that matches no file is an error.")
@click.option("--no-cache", is_flag=True, help="Neither read nor keep earlier results.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Files to work on at once.")
@click.option("-q", "--quiet", is_flag=True, help="Print warnings and errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def build_command(
    source: tuple[Path, ...],
    out: Path | None,
    public_url: str | None,
    minify: bool | None,
    source_maps: str | None,
    encodings: str | None,
    strict: bool,
    no_cache: bool,
    jobs: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Build a release from the SOURCE folders (default: the configuration's, else static/).

    Settings come from flags, else ASSETPIPE_* variables, else assetpipe.toml or
    [tool.assetpipe] in pyproject.toml, else defaults.
    """
    started = time.perf_counter()
    config = load_config(
        Path.cwd(),
        os.environ,
        {
            "source": list(source) or None,
            "out": out,
            "public_url": public_url,
            "minify": minify,
            "source_maps": source_maps,
            "encodings": None if encodings is None else [e for e in encodings.split(",") if e],
            "missing": "error" if strict else None,
            "use_cache": False if no_cache else None,
            "jobs": jobs,
        },
    )
    with _Bar(shown=not (quiet or as_json)) as bar:
        release = build(config, progress=bar, waiting=_say_waiting)
    seconds = time.perf_counter() - started
    if as_json:
        click.echo(json.dumps(_as_json(release, seconds), ensure_ascii=False))
        return
    _print_warnings(release.warnings)
    if not quiet:
        _print_summary(release, config, seconds)


def _say_waiting() -> None:
    click.echo("Waiting for another build into the same folder …", err=True)


class _Bar:
    """A progress bar on a terminal, for work that takes longer than a second."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()
        self._started = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def __call__(self, done: int, total: int) -> None:
        if not self._shown or time.monotonic() - self._started < _BAR_AFTER:
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=total, label="Building", file=sys.stderr, show_pos=False
            )
            self._bar.render_progress()
        self._bar.length = total
        self._bar.update(done - self._bar.pos)


def _as_json(release: Release, seconds: float) -> dict[str, Any]:
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


def _print_warnings(warnings: tuple[Problem, ...]) -> None:
    for problem in warnings[:_SHOWN_WARNINGS]:
        click.secho("Warning: ", fg="yellow", nl=False, err=True)
        click.echo(str(problem), err=True)
    more = len(warnings) - _SHOWN_WARNINGS
    if more > 0:
        click.echo(f"… and {more} more warnings; --json lists them all", err=True)


def _print_summary(release: Release, config: Config, seconds: float) -> None:
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
    click.echo("  " + "  ".join(f"{_size(n):>{w}}" for (_, n), w in zip(rows, widths, strict=True)))
    click.echo(
        "  "
        + "  ".join(
            f"{_share(n, totals.source):>{w}}" for (_, n), w in zip(rows, widths, strict=True)
        )
    )


def _size(count: int) -> str:
    size = float(count)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


@main.command(name="publish", short_help="Publish the release to a folder.")
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
        waiting=_say_waiting,
    )
    seconds = time.perf_counter() - started
    if as_json:
        puts = [asdict(put) for put in done.puts]
        fields = {"release": done.release, "dry_run": dry_run, "put": puts}
        fields |= {"unchanged": done.unchanged, "seconds": round(seconds, 3)}
        click.echo(json.dumps(fields, ensure_ascii=False))
    elif not quiet:
        for put in done.puts if dry_run else ():
            click.echo(f"{put.file}  {_size(put.size)}  {put.reason}")
        verb = "Would publish" if dry_run else "Published"
        size = _size(sum(put.size for put in done.puts))
        click.echo(
            f"{verb} release {done.release} to {target}: {len(done.puts)} files put ({size}), "
            f"{done.unchanged} there already, {seconds:.2f} s"
        )


@main.command(short_help="Remove files that only old releases name.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder.")
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True, metavar="N",
              help="Releases to keep, the current one included.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def clean(out: Path | None, keep: int, as_json: bool) -> None:
    """Remove from the output folder what no kept release names; touch nothing else."""
    config = load_config(Path.cwd(), os.environ, {"out": out})
    output = Output(config.out)
    with output.locked(config.lock_timeout, _say_waiting):
        removed = output.clean(keep)
    if as_json:
        click.echo(json.dumps({"removed": removed}, ensure_ascii=False))
    else:
        click.echo(f"Removed {len(removed)} files from {place_of(str(config.out))}.")


@main.group(name="cache", short_help="Look at the cache, or make it smaller.")
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
        click.echo(f"Removed {extra['removed']} entries, {_size(extra['freed'])}.")
    click.echo(
        f"{place_of(str(config.cache))}: {usage.entries} entries, {_size(usage.size)} of at most "
        f"{config.cache_limit} MiB"
    )
