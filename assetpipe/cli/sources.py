"""What of an app ``flask assetpipe build`` builds."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from flask import Flask

from assetpipe.build import Config, Root, load_config
from assetpipe.build.sources import place_of
from assetpipe.errors import ConfigError
from assetpipe.flask.config import manifest_path
from assetpipe.flask.mounts import folders, is_built, template_folders
from assetpipe.serve.project import configured, project_folder


def app_config(app: Flask, flags: dict[str, Any]) -> Config:
    """Return the configuration of a build of an app's static files.

    Beside them, changes in the app's folders of templates reload pages while sources are watched.
    The sources are those that the project's configuration names, else the static folder of the
    app and those of its blueprints. The output folder is where the app looks for the release, and
    ``public_url`` is where it serves it, unless configured.

    Args:
        app: the app.
        flags: what the command line says, by key; ``None`` for nothing.

    Raises:
        ConfigError: there is no folder to build, or the configuration is wrong.
    """
    project = project_folder(Path(app.root_path))
    found: dict[str, Any] = {"out": manifest_path(app).parent}
    if not named_by(app):
        found["source"] = _roots(app)
    if not _named(project, "reload"):
        found["reload"] = [*template_folders(app)]
    route = _static_route(app)
    # At the root, every link to a page would look like one to a missing file.
    if route not in (None, "/") and not _named(project, "public_url"):
        found["public_url"] = route
    given = {key: value for key, value in flags.items() if value is not None}
    return load_config(project, os.environ, found | given)


def named_by(app: Flask) -> str:
    """Return what names the sources instead of the app: a file or a variable; or nothing."""
    return _named(project_folder(Path(app.root_path)), "source")


def _named(project: Path, key: str) -> str:
    """Return what sets a key of the configuration; empty if nothing does."""
    variable = f"ASSETPIPE_{key.upper()}"
    if variable in os.environ:
        return variable
    value, place = configured(project, key, None)
    return "" if value is None else place_of(place)


def _roots(app: Flask) -> list[Root]:
    roots = dict.fromkeys(
        Root(each.path, each.prefix.rstrip("/"))
        for each in folders(app)
        if each.path.is_dir() and is_built(app, each)
    )
    if not roots:
        raise ConfigError(
            f"neither the app {app.name!r} nor its blueprints have a folder of static files",
            hint="make the folder static/ beside the app",
        )
    return [root for root in roots if not any(_holds(other, root) for other in roots)]


def _holds(other: Root, root: Root) -> bool:
    """Say whether all files of a root are in another one, too, under the same names."""
    prefix = PurePosixPath(root.prefix)
    return (
        other != root
        and prefix.is_relative_to(other.prefix)
        and other.path / prefix.relative_to(other.prefix) == root.path
    )


def _static_route(app: Flask) -> str | None:
    rules = app.url_map.iter_rules("static") if "static" in app.view_functions else iter(())
    return next((rule.rule.partition("<")[0] for rule in rules), None)
