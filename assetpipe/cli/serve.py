"""The command that shows a release in a browser."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import click

from assetpipe.build import load_config
from assetpipe.build.sources import place_of
from assetpipe.errors import OutsideError
from assetpipe.manifest import FILE_NAME, load


@click.command(name="serve", short_help="Show the release in a browser.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Output folder of the build.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=8000, show_default=True,
              help="Port of 127.0.0.1; 0 for any that is free.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def serve_command(out: Path | None, port: int, as_json: bool) -> None:
    """Serve the release on this machine, with the header fields that it has in production.

    The page / lists all assets. A new build is seen at once. Ctrl-C ends it.
    """
    from assetpipe.serve.preview import listen, preview  # other commands need no server

    config = load_config(Path.cwd(), os.environ, {"out": out})
    release = load(config.out / FILE_NAME).release
    try:
        server = listen(preview(config.out, config.public_path), port)
    except OSError as error:
        raise OutsideError(
            f"cannot listen on 127.0.0.1:{port}: {error.strerror}", hint="choose another --port"
        ) from error
    url = f"http://127.0.0.1:{server.server_port}/"
    if as_json:
        click.echo(json.dumps({"release": release, "url": url, "prefix": config.public_path}))
    else:
        place = place_of(str(config.out))
        click.echo(f"Serving release {release} of {place} on {url} (Ctrl-C ends it).")
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
