"""The commands of ``flask assetpipe``, which know the app and its folders."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, ParamSpec

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from assetpipe.build import Config, Root, load_config
from assetpipe.cli.build import build_options, run_build, settings
from assetpipe.cli.doctor import examine, explain
from assetpipe.cli.report import complain
from assetpipe.errors import AssetpipeError, ConfigError
from assetpipe.flask.assets import EXTENSION
from assetpipe.flask.config import check_config, manifest_path
from assetpipe.flask.mounts import folders
from assetpipe.serve.project import configured, project_folder

P = ParamSpec("P")

commands = AppGroup("assetpipe", help="Build the app's static files, or see what is wrong.")


def _reported(command: Callable[P, None]) -> Callable[P, None]:
    """Make a command print an error as people read it, instead of a traceback."""

    def reported(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except AssetpipeError as error:
            complain(error, as_json=bool(options.get("as_json")))
            click.get_current_context().exit(error.exit_code)

    return update_wrapper(reported, command)


@commands.command("build", short_help="Build a release of the app's static files.")
@build_options
@_reported
def build_command(quiet: bool, as_json: bool, **options: Any) -> None:
    """Build a release of the app's static folder and those of its blueprints.

    Where the project's configuration names `source`, that is built instead. All else is as for
    `assetpipe build`.
    """
    flags = settings(**options)
    run_build(lambda: app_config(current_app, flags), quiet=quiet, in_json=as_json)


@commands.command("doctor", short_help="Say what the app does with its static files, and why.")
@click.argument("url", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
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
    findings = [each for one in url for each in explain(app, one)] or examine(
        app, app_config(app, {})
    )
    if as_json:
        said = [{"ok": each.is_well, "message": each.text} for each in findings]
        click.echo(json.dumps({"findings": said}, ensure_ascii=False))
    else:
        for each in findings:
            click.secho("ok     " if each.is_well else "wrong  ", nl=False,
                        fg="green" if each.is_well else "red")  # fmt: skip
            click.echo(each.text)
    click.get_current_context().exit(0 if all(each.is_well for each in findings) else 1)


def app_config(app: Flask, flags: dict[str, Any]) -> Config:
    """Return the configuration of a build of an app's static files.

    The sources are those that the project's configuration names, else the static folder of the
    app and those of its blueprints. A blueprint whose files lie outside of the project belongs
    to a package that it uses; it is left out unless ``ASSETPIPE_BLUEPRINTS`` names it. The output
    folder is where the app looks for the release.

    Args:
        app: the app.
        flags: what the command line says, by key.

    Raises:
        ConfigError: there is no folder to build, or the configuration is wrong.
    """
    check_config(app.config)
    project = project_folder(Path(app.root_path))
    if flags.get("out") is None:
        flags = flags | {"out": manifest_path(app).parent}
    if configured(project, "source", None)[0] is None and "ASSETPIPE_SOURCE" not in os.environ:
        named = app.config.get("ASSETPIPE_BLUEPRINTS") or {}
        roots = [
            Root(each.path, each.prefix.rstrip("/"))
            for each in folders(app, named)
            if each.path.is_dir() and (each.blueprint in {"", *named} or each.is_within(project))
        ]
        if not roots:
            raise ConfigError(
                f"neither the app {app.name!r} nor its blueprints have a folder of static files",
                hint="make the folder static/ beside the app",
            )
        flags = flags | {"source": roots}
    return load_config(project, os.environ, flags)
