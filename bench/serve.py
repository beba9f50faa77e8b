"""What serving costs: ``python -m bench.serve calls|workers|start``."""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from assetpipe.build import Config, build
from assetpipe.manifest import Asset, Manifest, line, load, render
from assetpipe.names import SIBLING_SUFFIXES
from bench.apps import BODY, CONTENDERS, OUT, PREFIX, noop
from tests.http.servers import free_port, started

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_ACCEPT = "gzip, deflate, br, zstd"
_WORDS = 4_000


def plant(folder: Path) -> Path:
    """Build a release to serve, of a small file, one that is 30 KB of Brotli, and some more."""
    dice = random.Random(0)
    words = ["".join(dice.choices("abcdefghijklmnop", k=dice.randint(3, 9))) for _ in range(_WORDS)]
    source = folder / "source"
    source.mkdir(parents=True)
    (source / "small.txt").write_text(" ".join(dice.choices(words, k=150))[:1000])
    (source / "large.js").write_text(
        "".join(f"f('{a}','{b}');\n" for a, b in zip(words, reversed(words), strict=True))
    )
    for number in range(50):
        (source / f"other{number}.css").write_text(f".other{number}{{color:red}}")
    out = folder / "out"
    build(Config(source=source, out=out, cache=folder / "cache"))
    return out


# In process


def calls(out: Path, rounds: int) -> str:
    """Measure one call of each contender for each sort of request."""
    assets = load(out / "manifest.json").assets
    small, large = assets["small.txt"], assets["large.js"]
    print(f"large.js as Brotli: {large.encodings['br']} bytes", file=sys.stderr)
    paths = {"small": small.file, "large": large.file, "miss": "none.000000000000.css"}
    body = (out / small.file).read_bytes()
    apps = {name: make(out, noop(body)) for name, make in CONTENDERS.items()}
    for name, app in apps.items():
        if _fetch(app, _environ(small.file, {"HTTP_ACCEPT_ENCODING": ""}))[1] != body:
            sys.exit(f"{name} does not serve the file")
    sorts: dict[str, tuple[str, dict[str, str]]] = {
        "1 KB": (paths["small"], {}),
        "30 KB br": (paths["large"], {}),
        "304": (paths["large"], {"HTTP_IF_NONE_MATCH": "{etag}"}),
        "range": (paths["large"], {"HTTP_RANGE": "bytes=0-99"}),
        "miss": (paths["miss"], {}),
    }
    rows = ["| | " + " | ".join(sorts) + " |", "| --- |" + " --- |" * len(sorts)]
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for sort, (path, fields) in sorts.items():
            base = noop(_fetch(apps["assetpipe"], _environ(path, {}))[1])
            for name, app in {"no-op": base, **apps}.items():
                environ = _environ(path, fields)
                if "HTTP_IF_NONE_MATCH" in fields:
                    etag = _fetch(app, _environ(path, {}))[0].get("etag", "")
                    environ["HTTP_IF_NONE_MATCH"] = etag
                times.setdefault((name, sort), []).append(_time(app, environ))
    medians = {key: statistics.median(found) for key, found in times.items()}
    for name in ("no-op", *apps):
        cells = []
        for sort in sorts:
            own = medians[name, sort]
            over = own - medians["no-op", sort]
            cells.append(f"{own:.2f}" if name == "no-op" else f"+{over:.2f}")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _environ(path: str, fields: Mapping[str, str]) -> dict[str, Any]:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    return environ | {
        "PATH_INFO": PREFIX + path,
        "HTTP_ACCEPT_ENCODING": _ACCEPT,
        "HTTP_USER_AGENT": agent,
        **fields,
    }


def _fetch(app: WSGIApplication, environ: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    headers: dict[str, str] = {}

    def start_response(_status: str, found: list[tuple[str, str]], *_: object) -> Any:
        headers.update((name.lower(), value) for name, value in found)

    content = app(environ, start_response)
    body = b"".join(content)
    getattr(content, "close", lambda: None)()
    return headers, body


def _time(app: WSGIApplication, environ: dict[str, Any]) -> float:
    """Return the microseconds of one call, its body read and closed."""

    def start_response(*_: object) -> Any:
        return None

    def run(number: int) -> float:
        start = time.perf_counter()
        for _ in range(number):
            content = app(environ, start_response)
            for _chunk in content:
                pass
            close = getattr(content, "close", None)
            if close is not None:
                close()
        return time.perf_counter() - start

    number = max(50, int(0.02 / max(run(20) / 20, 1e-7)))
    return min(run(number) for _ in range(3)) / number * 1e6


# Under a server


def workers(out: Path, rounds: int, seconds: int) -> str:
    """Measure the CPU time of a request under gunicorn with threads, and of nginx."""
    assets = load(out / "manifest.json").assets
    times: dict[tuple[str, str], list[float]] = {}
    names = ("no-op", *CONTENDERS, "nginx")
    for sort, name in (("1 KB", "small.txt"), ("30 KB", "large.js")):
        asset = assets[name]
        # nginx has no Brotli of its own: all are asked for gzip, where there is a sibling.
        coding = "gzip" if "gzip" in asset.encodings else ""
        body = out / (asset.file + SIBLING_SUFFIXES.get(coding, ""))
        for _ in range(rounds):
            for contender in names:
                with _served(contender, out, body) as port:
                    url = f"http://127.0.0.1:{port}{PREFIX}{asset.file}"
                    _wrk(url, coding, 1)
                    before = _cpu(_descendants())
                    requests = _wrk(url, coding, seconds)
                    cost = (_cpu(_descendants()) - before) / requests * 1e6
                times.setdefault((contender, sort), []).append(cost)
                print(f"{contender}, {sort}: {cost:.0f} microseconds", file=sys.stderr)
    sorts = sorted({sort for _, sort in times})
    rows = ["| | " + " | ".join(f"{sort} | ×" for sort in sorts) + " |"]
    rows.append("| --- |" + " --- | --- |" * len(sorts))
    for contender in names:
        cells = []
        for sort in sorts:
            own, base = (statistics.median(times[each, sort]) for each in (contender, "no-op"))
            cells.append(f"{own:.0f} | {own / base:.2f}")
        rows.append(f"| {contender} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


@contextmanager
def _served(contender: str, out: Path, body: Path) -> Iterator[int]:
    """Run a contender, and yield its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "4",
            "--keep-alive", "60", "--bind", f"127.0.0.1:{port}", "--log-level", "error",
            f"bench.apps:application({contender!r})",
        ]  # fmt: skip
        if contender == "nginx":
            configuration = Path(folder) / "nginx.conf"
            configuration.write_text(
                _NGINX.format(folder=folder, port=port, out=out, user=getuser())
            )
            command = [_program("nginx"), "-c", str(configuration), "-g", "daemon off;"]
        environment = {OUT: str(out), BODY: str(body)}
        with started(command, port, environment):
            yield port


_NGINX = """\
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    types {{ text/plain txt; text/javascript js; text/css css; }}
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location /static/ {{
            alias {out}/;
            gzip_static on;
            gzip_vary on;
            add_header Cache-Control "public, max-age=31536000, immutable";
        }}
    }}
}}
"""


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    return found or sys.exit(f"{name} is not installed")


def _descendants() -> list[int]:
    """Return the processes that this one has started, and those that they have."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
    found = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return sorted(found - {os.getpid()})


def _cpu(pids: list[int]) -> float:
    """Return the seconds of user and system time of some processes."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _wrk(url: str, coding: str, seconds: int) -> int:
    """Ask for a URL for some seconds; return how many answers there were."""
    fields = ["-H", f"Accept-Encoding: {coding}"] if coding else []
    said = subprocess.run(
        [_program("wrk"), "-t", "1", "-c", "8", "-d", f"{seconds}s", *fields, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"{url}:\n{said}")
    match = re.search(r"(\d+) requests in", said)
    return int(match[1]) if match else sys.exit(said)


# At start


def start(folder: Path, rounds: int) -> str:
    """Measure what reading a manifest of ten thousand assets takes, as each worker does."""
    assets = {
        f"folder{number % 100}/file{number}.js": Asset(
            f"folder{number % 100}/file{number}.0123456789ab.js",
            "text/javascript; charset=utf-8",
            12_345,
            "sha384-" + "A" * 64,
            immutable=True,
            encodings={"br": 3_000, "gzip": 3_500},
            references=("folder1/file1.js", "folder2/file2.js") if number % 3 == 0 else (),
        )
        for number in range(10_000)
    }
    path = folder / "manifest.json"
    path.write_bytes(render(line(name, assets[name]) for name in sorted(assets))[1])
    from assetpipe.serve.static import StaticFiles

    def run() -> Manifest:
        manifest = load(path)
        StaticFiles(folder, manifest)
        return manifest

    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1e3)
    size = path.stat().st_size / 1e6
    return (
        f"10,000 assets, {size:.1f} MB: {statistics.median(times):.0f} ms (least {min(times):.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("calls", "workers", "start"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each run under a server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "start":
            print(start(Path(folder), arguments.runs))
            return
        out = plant(Path(folder))
        if arguments.what == "calls":
            print(calls(out, arguments.runs))
        else:
            print(workers(out, arguments.runs, arguments.seconds))


if __name__ == "__main__":
    main()
