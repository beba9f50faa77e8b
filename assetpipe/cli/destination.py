"""Which destination a command means: a configured name, a URL or a path."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from assetpipe.build import Config
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError

_NAME = re.compile(r"[\w-]+")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def destination_options(command: _Command) -> _Command:
    """Add the options that say how to reach a target."""
    options = [
        click.option("--endpoint-url", help="Service to talk to instead of the provider's own."),
        click.option("--region", help="Region of the bucket."),
        click.option("--profile", help="Section of the AWS configuration with credentials."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def find_destination(config: Config, target: str | None, **overrides: object) -> Destination:
    """Return the destination that a command's argument means.

    Args:
        config: with the configured destinations.
        target: name, URL or path; ``None`` for the only one that is configured.
        overrides: fields that flags have set; ``None`` where they have not.

    Raises:
        ConfigError: it means none.
    """
    given = {key: value for key, value in overrides.items() if value not in {None, ()}}
    names = sorted(config.publish)
    if target is None:
        if len(names) != 1:
            known = f"one of {', '.join(names)}, " if names else ""
            raise ConfigError(
                "which target?",
                where="TARGET",
                hint=f"name {known}a URL such as s3://bucket/prefix, or a folder",
            )
        target = names[0]
    if target in config.publish:
        return replace(config.publish[target], **given)  # type: ignore[arg-type]
    if names and _NAME.fullmatch(target) and not Path(target).exists():
        close = difflib.get_close_matches(target, names, n=1, cutoff=0.5)
        known = f"did you mean {close[0]}?" if close else f"known are: {', '.join(names)};"
        raise ConfigError(
            f"there is no destination {target!r}",
            where="TARGET",
            hint=f"{known} a new folder of that name is ./{target}",
        )
    destination = Destination(target=target, **given)  # type: ignore[arg-type]
    _ = destination.scheme
    return destination
