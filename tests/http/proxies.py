"""Servers in front, which send large files themselves: as docs/servers.md configures them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.http.servers import Deviation, Server, documented, free_port, running, started


@dataclass(frozen=True, slots=True)
class Proxy:
    """A server in front.

    Attributes:
        name: the heading that its configuration stands below.
        language: of that block.
        command: what runs it; ``{file}`` is its configuration, ``{folder}`` a place of its own.
        frame: the configuration around the documented block, ``{block}``.
        sendfile: what ``Assets`` is told.
        deviations: cases that it breaks itself, by name.
        keeps_alive: it answers several requests on one connection.
    """

    name: str
    language: str
    command: tuple[str, ...]
    frame: str
    sendfile: str
    deviations: Mapping[str, Deviation] = field(default_factory=dict)
    keeps_alive: bool = True


_NGINX = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
{block}
}}
"""
_CADDY = """\
{{
	admin off
	auto_https off
}}
{block}
"""

_TARGETS = {
    f"9110 15.5.5: {what}": Deviation("refuses the target before the application sees it", 400)
    for what in ("half a percent-encoding", "a percent-encoding of no digits")
}
_RANGES = {
    "9110 15.5.17: a start at the end of a large file": Deviation("says so in a text", 416),
    "9110 14.2: a range backwards of a large file": Deviation("calls it unsatisfiable", 416),
}

PROXIES = [
    Proxy(
        "nginx in front",
        "nginx",
        ("nginx", "-e", "stderr", "-p", "{folder}", "-c", "{file}"),
        _NGINX,
        "X-Accel-Redirect=/internal/",
        {
            **_TARGETS,
            **_RANGES,
            "9110 5.3: in a list of several lines": Deviation("refuses several lines", 400),
            "9110 9.1: methods are told apart by letter case": Deviation(
                "refuses methods in lower case", 400
            ),
            "9110 15.5.6: TRACE": Deviation("refuses the method without Allow", 405),
            "9110 15.5.5: a NUL at the end": Deviation("refuses the target", 400),
            "9110 15.5.5: a NUL within": Deviation("refuses the target", 400),
        },
    ),
    Proxy(
        "Caddy in front",
        "caddyfile",
        ("caddy", "run", "--adapter", "caddyfile", "--config", "{file}"),
        _CADDY,
        "X-Accel-Redirect=/",
        {
            **_TARGETS,
            **_RANGES,
            "9110 9.1: methods are told apart by letter case": Deviation(
                "leaves the method to the server behind, which refuses it", 400
            ),
            "9110 14.2: several ranges of a large file": Deviation("sends them all", 206),
            "9110 14.2: another unit for a large file": Deviation("calls it unsatisfiable", 416),
        },
    ),
]


@contextmanager
def in_front(proxy: Proxy, behind: Server, out: Path, folder: Path) -> Iterator[int]:
    """Start a server and one in front of it; return the port of the latter once it answers.

    The test is skipped, or fails in CI, where one of them is not installed.
    """
    with running(behind, out, sendfile=proxy.sendfile) as upstream:
        port = free_port()
        block = documented(proxy.language)[proxy.name]
        for documented_value, value in (
            ("listen 80;", f"listen 127.0.0.1:{port};"),
            (":80 {", f"http://127.0.0.1:{port} {{"),
            ("127.0.0.1:8000", f"127.0.0.1:{upstream}"),
            ("/srv/shop/build/static", str(out)),
        ):
            block = block.replace(documented_value, value)
        # Workers of nginx give up the rights of root, and could not read the tests' folders.
        user = "user root;" if os.geteuid() == 0 else ""
        file = folder / "config"
        file.write_text(proxy.frame.format(block=block, folder=folder, user=user))
        command = [part.format(file=file, folder=folder) for part in proxy.command]
        environment = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder))
        with started(command, port, environment):
            yield port
