"""The group ``flask assetpipe``, which Flask loads for each of its own commands, too."""

from __future__ import annotations

import click
from flask.cli import AppGroup


class _Commands(AppGroup):
    """Imports its commands, and with them the build side, when one is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        from assetpipe.cli.app import build_command, doctor_command, watch_command

        for command in (build_command, doctor_command, watch_command):
            self.add_command(command)


commands = _Commands("assetpipe", help="Build the app's static files, or see what is wrong.")
