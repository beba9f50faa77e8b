"""The group of all commands, and how they end."""

from __future__ import annotations

import gc
import os
import sys
from itertools import takewhile

import click

import assetpipe
from assetpipe.cli.build import build_command
from assetpipe.cli.cache import cache_group
from assetpipe.cli.clean import clean_command
from assetpipe.cli.export import export_group
from assetpipe.cli.prune import prune_command
from assetpipe.cli.publish import publish_command
from assetpipe.cli.releases import releases_command, rollback_command
from assetpipe.cli.report import complain
from assetpipe.cli.serve import serve_command
from assetpipe.cli.verify import verify_command
from assetpipe.cli.watch import watch_command
from assetpipe.errors import AssetpipeError, ConfigError, OutsideError


def run() -> None:
    """Run the command line and leave with its exit status."""
    # A path or a message may hold what the terminal cannot show.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    as_json = "--json" in takewhile(lambda argument: argument != "--", sys.argv[1:])
    # What a command makes lives until its end: looking for garbage costs a rebuild a seventh.
    gc.disable()
    try:
        status = main.main(prog_name="assetpipe", standalone_mode=False)
    except AssetpipeError as error:
        complain(error, as_json=as_json)
        status = error.exit_code
    except click.ClickException as error:
        if as_json:
            complain(ConfigError(error.format_message()), as_json=True)
        else:
            error.show()
        status = ConfigError.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Stopped; the last release is untouched.", err=True)
        status = 130
    except BrokenPipeError:
        status = 0
    except OSError as error:
        complain(OutsideError(error.strerror or str(error), where=error.filename), as_json=as_json)
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


for command in (
    build_command,
    watch_command,
    serve_command,
    publish_command,
    releases_command,
    rollback_command,
    prune_command,
    verify_command,
    export_group,
    clean_command,
    cache_group,
):
    main.add_command(command)
