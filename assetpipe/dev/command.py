"""The command beside the watch, such as the app: started, told of signals, never outlived."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence

from assetpipe.errors import ConfigError

_ON_ITS_OWN = 0.5  # seconds that a command has to end by itself, where it got the signal, too
_GRACE = 3.0  # seconds between being asked to end and being ended
_POLL = 0.02  # seconds


class Command:
    """A program that runs in the foreground together with this one.

    It shares the terminal and the process group, so that a debugger in it can read what is typed,
    and Ctrl-C reaches both.

    Args:
        arguments: the program and its arguments; nothing for no program.
        environment: variables to add to this process's own.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def __bool__(self) -> bool:
        """Say whether there is a program to run."""
        return bool(self._arguments)

    def start(self) -> None:
        """Start the program, unless it has been started.

        Raises:
            ConfigError: there is no such program, or it cannot be run.
        """
        if self._process is not None or not self:
            return
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command line
                self._arguments, env=self._environment
            )
        except OSError as error:
            raise ConfigError(
                f"cannot be started: {error.strerror}",
                where=self._arguments[0],
                hint="write the command after -- as you would without assetpipe",
            ) from error

    def poll(self) -> int | None:
        """Return the exit status as a shell would give it; ``None`` while the program runs."""
        status = None if self._process is None else self._process.poll()
        return status if status is None or status >= 0 else 128 - status

    def stop(self, *, is_told: bool) -> None:
        """End the program, by SIGTERM and then by force; a second signal ends it at once.

        Not by the signal that this process got: what does not know that one would end without
        ending those that it has started.

        Args:
            is_told: Ctrl-C has reached it, too, so it may end by itself.
        """
        process = self._process
        if process is None:
            return
        try:
            if not (is_told and self._ends_within(_ON_ITS_OWN)):
                process.terminate()
                if not self._ends_within(_GRACE):
                    process.kill()
        except KeyboardInterrupt:
            process.kill()
        process.wait()

    def _ends_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > end:
                return False
            time.sleep(_POLL)
        return True
