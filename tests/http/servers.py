"""The servers that the cases are asked of: how each is started, and what it gets wrong itself."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.http.client import Connection, ProtocolError
from tests.node import unavailable

ROOT = Path(__file__).parents[2]
_DOCS = ROOT / "docs" / "servers.md"
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_START_TIME = 30.0  # seconds
_END_TIME = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Deviation:
    """What a server makes of a case before or after the application.

    Attributes:
        reason: why the application cannot help it.
        status: the code that comes instead; ``None`` if only fields differ or nothing comes.
    """

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """One server, as docs/servers.md starts it.

    Attributes:
        name: the heading that its command stands below.
        deviations: cases that the server itself breaks, by name.
        keeps_alive: it answers several requests on one connection.
        app: what it serves instead of the app in the command.
    """

    name: str
    deviations: Mapping[str, Deviation] = field(default_factory=dict)
    keeps_alive: bool = True
    app: str = ""


_ABSOLUTE_TARGET = {
    "9112 3.2.2: an absolute target names the same": Deviation(
        "hands the target on as it is; only proxies are sent such targets", 404
    ),
}
_LOWER_CASE_METHOD = {
    "9110 9.1: methods are told apart by letter case": Deviation(
        "refuses methods in lower case", 400
    ),
}
_UNDERSCORE = {
    "9110 5.1: a name with an underscore is another field": Deviation(
        "CGI has one name for both; a proxy in front drops such fields"
    ),
}
_FLASK = {
    "9110 15.5.5: the prefix itself": Deviation("no route of Flask matches it", 404),
    "9110 15.5.5: a line break": Deviation("no route of Flask matches it", 404),
    "9110 15.5.5: two slashes before the prefix are another path": Deviation(
        "Werkzeug takes several slashes at the start for one", 200
    ),
    "9110 15.5.5: an empty segment": Deviation("Flask redirects to one slash", 308),
    "9110 15.5.5: an absolute path": Deviation("Flask redirects to one slash", 308),
    "9110 15.5.5: an absolute path, its slash encoded": Deviation(
        "Flask redirects to one slash", 308
    ),
}
_CLOSES = Deviation("closes a connection after what has no content and no length")
_NORMALIZES = "resolves dots in paths before the application sees them"

SERVERS = [
    Server("gunicorn, threads", _LOWER_CASE_METHOD),
    Server("gunicorn, sync", _LOWER_CASE_METHOD, keeps_alive=False),
    Server("gunicorn, Flask", {**_LOWER_CASE_METHOD, **_FLASK}),
    Server("gunicorn, ASGI", {**_LOWER_CASE_METHOD, **_ABSOLUTE_TARGET}),
    Server(
        "uWSGI",
        {
            **_ABSOLUTE_TARGET,
            **_UNDERSCORE,
            "9110 6.6.1: answers say the time": Deviation("has no clock in its answers"),
            "9110 15.5.5: a parent folder": Deviation(_NORMALIZES, 404),
            "9110 15.5.5: a parent folder from within": Deviation(_NORMALIZES, 404),
            "9110 15.5.5: a way around through a parent folder": Deviation(_NORMALIZES, 200),
            "9110 15.5.5: the current folder": Deviation(_NORMALIZES, 200),
        },
    ),
    Server(
        "waitress",
        {
            **_LOWER_CASE_METHOD,
            "9110 15.5.5: two slashes before the prefix are another path": Deviation(
                "takes several slashes at the start for one", 200
            ),
            "9112 9.3: a 304": _CLOSES,
            "9112 9.3: a 304 of a large file": _CLOSES,
        },
    ),
    Server(
        "granian, WSGI",
        {
            **_UNDERSCORE,
            "9110 12.5.3: bytes beyond ASCII are nonsense": Deviation(
                "drops fields with bytes beyond ASCII", 200
            ),
        },
    ),
    Server("granian, ASGI"),
    Server("uvicorn", _ABSOLUTE_TARGET),
    Server(
        "hypercorn",
        {
            **_ABSOLUTE_TARGET,
            "9110 9.1: methods are told apart by letter case": Deviation(
                "turns methods into capitals", 200
            ),
        },
    ),
    Server(
        "Flask's development server",
        {
            **_FLASK,
            "9110 9.1: methods are told apart by letter case": Deviation(
                "Flask turns methods into capitals", 200
            ),
        },
        keeps_alive=False,
        app="hooked_app",
    ),
]


@cache
def documented(language: str) -> Mapping[str, str]:
    """Return the fenced blocks of a language in docs/servers.md, by the heading above them."""
    blocks = {}
    _, *sections = re.split(r"^#+ (.*)$", _DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for heading, text in zip(sections[::2], sections[1::2], strict=True):
        for block in _BLOCK.finditer(text):
            if block["language"] == language:
                blocks[heading] = block["text"]
    return blocks


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(server: Server, out: Path, *, sendfile: str = "") -> Iterator[int]:
    """Start a server by its documented command, and return its port once it answers.

    The test is skipped, or fails in CI, where the server is not installed.
    """
    port = free_port()
    command = documented("sh")[server.name].replace("\\\n", "")
    command = command.replace("8000", str(port)).replace("shop:", "tests.http.apps:")
    command = re.sub(r"(?<=apps:)\w+", server.app or r"\g<0>", command)
    environment = {"ASSETPIPE_TEST_OUT": str(out), "ASSETPIPE_TEST_SENDFILE": sendfile}
    with started(shlex.split(command), port, environment):
        yield port


@contextmanager
def started(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program for as long as the context lasts, once it answers on its port.

    Raises:
        RuntimeError: it ended, or did not answer in time; the message is what it printed.
    """
    here = Path(sys.executable).parent
    program = shutil.which(command[0], path=f"{here}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        unavailable(f"needs {command[0]}")
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": _import_path(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            if not _answers(process, port):
                log.seek(0)
                printed = log.read().decode(errors="replace")
                raise RuntimeError(f"{shlex.join(command)}: {printed[-2000:]}")
            yield
        finally:
            _end(process)


def _import_path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + _START_TIME
    while process.poll() is None and time.monotonic() < until:
        try:
            with Connection(port) as connection:
                return connection.ask().status < 500
        except (OSError, ProtocolError):
            time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started: it leads a process group of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_END_TIME)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    process.wait()
