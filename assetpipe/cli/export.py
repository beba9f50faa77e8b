"""The command that prints configurations for servers at the edge."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assetpipe import manifest
from assetpipe.build import load_config
from assetpipe.errors import ConfigError

if TYPE_CHECKING:
    from assetpipe.publish.edge import Part

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(name="export", short_help="Print a configuration for nginx, Caddy or CloudFront.")
def export_group() -> None:
    """Print a configuration that serves the current release as assetpipe itself does.

    It holds for the releases before and after as well. See docs/edge.md.
    """


def _common(command: _Command) -> _Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--prefix", default="/static/", show_default=True,
                     help="Prefix of the files' URLs."),
        click.option("-o", "--out", type=click.Path(path_type=Path),
                     help="Output folder of the build."),
    ):  # fmt: skip
        command = option(command)
    return command


_root = click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Folder that the server reads. [default: the output folder]",
)
_name = click.option(
    "--name",
    default="assetpipe",
    show_default=True,
    help="What names of the configuration begin with; each site of a server needs its own.",
)


@export_group.command(name="nginx")
@_common
@_root
@_name
@click.option(
    "--part",
    type=click.Choice(["all", "http", "server"]),
    default="all",
    show_default=True,
    help="A whole site, or one of the two parts to include.",
)
@click.option("--brotli-module", is_flag=True, help="nginx has the module brotli_static.")
def export_nginx(
    out: Path | None,
    prefix: str,
    as_json: bool,
    root: Path | None,
    name: str,
    part: Part,
    brotli_module: bool,
) -> None:
    """Print a configuration for nginx."""
    from assetpipe.publish.edge import nginx

    folder, release = _release(out)
    text = nginx(
        release,
        root=_folder(root or folder),
        prefix=_prefix(prefix),
        name=name,
        part=part,
        brotli_module=brotli_module,
        about=_about("nginx", release),
    )
    _print(release, text, as_json=as_json)


@export_group.command(name="caddy")
@_common
@_root
@_name
def export_caddy(
    out: Path | None, prefix: str, as_json: bool, root: Path | None, name: str
) -> None:
    """Print a snippet for a Caddyfile."""
    from assetpipe.publish.edge import caddy

    folder, release = _release(out)
    text = caddy(
        release,
        root=_folder(root or folder),
        prefix=_prefix(prefix),
        name=name,
        about=_about("caddy", release),
    )
    _print(release, text, as_json=as_json)


@export_group.command(name="cloudfront")
@_common
@click.option("--key-value-store", is_flag=True, help="A function that asks a key value store.")
@click.option("--data", is_flag=True, help="The content of that store instead of the function.")
def export_cloudfront(
    out: Path | None, prefix: str, as_json: bool, key_value_store: bool, data: bool
) -> None:
    """Print a CloudFront Function that chooses between a file and its compressed siblings."""
    from assetpipe.publish import edge

    _, release = _release(out)
    if data:
        text = edge.key_value_store(release)
    else:
        text = edge.cloudfront(
            release,
            prefix=_prefix(prefix),
            stored=key_value_store,
            about=_about("cloudfront", release),
        )
    _print(release, text, as_json=as_json)


def _release(out: Path | None) -> tuple[Path, manifest.Manifest]:
    folder = load_config(Path.cwd(), os.environ, {"out": out}).out
    return folder, manifest.load(folder / manifest.FILE_NAME)


def _about(what: str, release: manifest.Manifest) -> str:
    return f"Made by `assetpipe export {what}` for release {release.release}."


def _folder(path: Path) -> str:
    folder = path.absolute().as_posix()
    if any(character < " " or character == "\x7f" for character in folder):
        raise ConfigError(f"{folder!r} cannot stand in a configuration", where="--root")
    return folder


def _prefix(prefix: str) -> str:
    path = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
    if not path.isascii() or any(character in path for character in " \"'`{}$\\*?#%;"):
        raise ConfigError(
            f"{prefix!r} cannot be the prefix of URLs here",
            where="--prefix",
            hint="give plain path segments, such as /static/",
        )
    return path


def _print(release: manifest.Manifest, text: str, *, as_json: bool) -> None:
    if as_json:
        text = json.dumps({"release": release.release, "configuration": text}) + "\n"
    click.echo(text, nl=False)
