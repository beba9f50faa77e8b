"""The commands of ``flask assetpipe``, which know the app and its folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, ParamSpec

import click
from flask import current_app
from flask.cli import with_appcontext

from assetpipe.cli.build import build_options, run_build, settings
from assetpipe.cli.doctor import examine, explain
from assetpipe.cli.report import complain
from assetpipe.cli.sources import app_config, named_by
from assetpipe.cli.watch import Accompanied, draft, run_watch, watch_options
from assetpipe.errors import AssetpipeError, ConfigError, OutsideError
from assetpipe.flask.assets import EXTENSION
from assetpipe.flask.config import check_config, manifest_path
from assetpipe.manifest import FILE_NAME
from assetpipe.serve.project import project_folder

P = ParamSpec("P")


def _reported(command: Callable[P, None]) -> Callable[P, None]:
    """Make a command print an error as people read it, instead of a traceback."""

    def reported(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except (AssetpipeError, OSError) as caught:
            error = caught
            if isinstance(error, OSError):
                error = OutsideError(error.strerror or str(error), where=error.filename)
            complain(error, as_json=bool(options.get("as_json")))
            click.get_current_context().exit(error.exit_code)

    return update_wrapper(reported, command)


@click.command("build", short_help="Build a release of the app's static files.")
@build_options
@with_appcontext
@_reported
def build_command(quiet: bool, as_json: bool, **options: Any) -> None:
    """Build a release of the app's static folder and those of its blueprints.

    Where the project's configuration names `source`, that is built instead. All else is as for
    `assetpipe build`.
    """
    app, flags = current_app, settings(**options)
    check_config(app.config)
    manifest = manifest_path(app)
    if flags["out"] is None and manifest.name != FILE_NAME:
        raise ConfigError(
            f"the app looks for {manifest.name}, and a build writes {FILE_NAME}",
            where="ASSETPIPE_MANIFEST",
            hint="name the file so, or remove the key and set ASSETPIPE_OUT to its folder",
        )
    place = named_by(app)
    if place and not (quiet or as_json):
        click.echo(f"Building what `source` names in {place}, not the folders of the app.")
    run_build(lambda: app_config(app, flags), quiet=quiet, in_json=as_json)


@click.command("watch", cls=Accompanied, short_help="Build again whenever a static file changes.")
@watch_options
@build_options
@with_appcontext
@_reported
def watch_command(
    poll: bool, host: str, port: int | None, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Build the app's static files again whenever something changes, and tell open pages.

    What is built is as for `flask assetpipe build`, and how as for `assetpipe watch`. After -- a
    COMMAND may follow that runs beside it, such as: flask run --debug.
    """
    app, flags = current_app, draft(**options)
    check_config(app.config)
    status = run_watch(
        lambda: app_config(app, flags),
        project_folder(Path(app.root_path)),
        poll=poll,
        host=host,
        port=port,
        quiet=quiet,
        in_json=as_json,
    )
    click.get_current_context().exit(status)


@click.command("doctor", short_help="Say what the app does with its static files, and why.")
@click.argument("url", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
@_reported
def doctor_command(url: tuple[str, ...], as_json: bool) -> None:
    """Say what the app does with its static files, or why each URL is as it is.

    A URL may be a path, a whole URL, or a name as in url_for. The exit status is 1 if something
    is wrong.
    """
    app = current_app
    if EXTENSION not in app.extensions:
        raise ConfigError(
            f"the app {app.name!r} does not use assetpipe",
            hint="call AssetPipe(app) where it is made",
        )
    check_config(app.config)
    findings = [explain(app, each) for each in url] or examine(app)
    if as_json:
        said = [{"ok": each.is_well, "message": each.text} for each in findings]
        click.echo(json.dumps({"findings": said}, ensure_ascii=False))
    else:
        for each in findings:
            click.secho("ok     " if each.is_well else "wrong  ", nl=False,
                        fg="green" if each.is_well else "red")  # fmt: skip
            click.echo(each.text)
    click.get_current_context().exit(0 if all(each.is_well for each in findings) else 1)
