"""From save to message to changed style: ``python -m bench.watch``, beside Vite's dev server.

Prints Markdown tables; README.md says how it is measured.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.request import urlopen

from bench.measure import resident_bytes
from tests.corpus import tree
from tests.node import NodeUnavailableError, installed

VITE = {"vite": "8.3.8"}
SAVES = 50
WARM = 5
"""Saves before those that count."""

_PAUSE = 0.25  # seconds between saves: nobody types faster, and each is done with before the next
_PATIENCE = 20.0  # seconds
_LINK, _LEAF = "own/link.css", "own/leaf.css"
_OWN = {
    "own/page.css": '@import "../bootstrap/css/bootstrap.css";\n@import "leaf.css";\n',
    _LEAF: "#leaf { color: rgb(0, 0, 0) }\n",
    _LINK: "#link { color: rgb(0, 0, 0) }\n",
}
_PAGE = """<!doctype html>
<html><head>
<link rel="stylesheet" href="{base}own/link.css">
<link rel="stylesheet" href="{base}own/page.css">
</head><body><p id="link">link</p><p id="leaf">leaf</p></body></html>
"""
_APP = """
from flask import Flask, render_template_string
from assetpipe.flask import AssetPipe
app = Flask(__name__)
AssetPipe(app)

@app.route("/")
def page():
    return {page!r}
"""

# Looks every few milliseconds, as a style changes without an event.
_PROBE = """
(() => {
  const seen = (window.seen = {});
  const look = () => {
    for (const id of ["link", "leaf"]) {
      const element = document.getElementById(id);
      const color = element && getComputedStyle(element).color;
      if (color && seen[id]?.color !== color)
        seen[id] = { color, at: performance.timeOrigin + performance.now() };
    }
  };
  setInterval(look, 1);
})();
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A dev server, and the tree that it serves.

    Attributes:
        name: as the tables call it.
        folder: the tree.
        page: the URL of its page.
        messages: when its messages came, as ``time.time()``.
        pid: of its process.
    """

    name: str
    folder: Path
    page: str
    messages: Queue[float]
    pid: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", nargs="*", default=["saves", "releases", "start", "idle"])
    parser.add_argument("--saves", type=int, default=SAVES)
    arguments = parser.parse_args()
    measures: dict[str, Callable[[int], None]] = {
        "saves": saves, "releases": releases, "start": start, "idle": idle,
    }  # fmt: skip
    for name in arguments.measure:
        measures[name](arguments.saves)


def saves(count: int) -> None:
    """Save stylesheets of the medium tree; time the message and the style in Chromium."""
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assetpipe-bench-")))
        contenders = [stack.enter_context(ours(work))]
        try:
            contenders.append(stack.enter_context(vite(work)))
        except NodeUnavailableError as error:
            print(f"Vite is left out: {error}", file=sys.stderr)
        driver = stack.enter_context(sync_playwright())
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        stack.callback(browser.close)
        pages: dict[str, Any] = {}
        for contender in contenders:
            page = pages[contender.name] = browser.new_page()
            page.add_init_script(_PROBE)
            page.goto(contender.page)
            page.wait_for_function("window.seen.leaf && window.seen.link")
            time.sleep(1)
        times: dict[tuple[str, str, str], list[float]] = {}
        for number, name in itertools.product(range(WARM + count), (_LINK, _LEAF)):
            for contender in contenders:
                said, seen = _save(contender, pages[contender.name], name, number)
                if number >= WARM:
                    times.setdefault((contender.name, name, "message"), []).append(said)
                    times.setdefault((contender.name, name, "style"), []).append(seen)
    print(f"\nSaves of one stylesheet on `medium`, {count} each, milliseconds\n")
    print("| | save to message (p95) | to changed style (p95) | behind an `@import` (p95) |")
    print("| --- | --- | --- | --- |")
    for contender in contenders:
        cells = [
            _cell(times[contender.name, *key])
            for key in ((_LINK, "message"), (_LINK, "style"), (_LEAF, "style"))
        ]
        print(f"| {contender.name} | {' | '.join(cells)} |")


def _save(contender: Contender, page: Any, name: str, number: int) -> tuple[float, float]:
    """Save a sheet with another colour; return seconds to the message and to the style."""
    time.sleep(_PAUSE)
    _drain(contender.messages)
    which, color = Path(name).stem, f"rgb({number + 1}, 2, 3)"
    saved = time.time()
    (contender.folder / name).write_text(f"#{which} {{ color: {color} }}\n")
    said = contender.messages.get(timeout=_PATIENCE)
    page.wait_for_function(f"window.seen.{which}.color === {color!r}", polling=20)
    seen = page.evaluate(f"window.seen.{which}.at") / 1000
    return said - saved, seen - saved


def releases(count: int) -> None:
    """Save a stylesheet; time until the release with it is written, and told of."""
    print(f"\nSave to the rebuilt release, {count} saves each, milliseconds\n")
    print("| | median | p95 |\n| --- | --- | --- |")
    for size in ("small", "medium"):
        with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as temporary:
            work = Path(temporary)
            static = shutil.copytree(tree(size), work / "static", symlinks=True)
            sheet = min(static.rglob("*.css"))
            with _watch(work) as (url, _), _listening(f"{url}/events?mode=manifest") as messages:
                times = []
                for number in range(WARM + count):
                    time.sleep(_PAUSE)
                    _drain(messages)
                    saved = time.time()
                    sheet.write_text(f"a {{ color: rgb({number}, 0, 0) }}\n")
                    times.append(messages.get(timeout=_PATIENCE) - saved)
        print(f"| `{size}` | {_ms(statistics.median(times[WARM:]))} | {_ms(_p95(times[WARM:]))} |")


def start(count: int) -> None:
    """Start on the medium tree with a warm cache; time until the first page."""
    print(f"\nStart to the first page on `medium`, {count} starts each, milliseconds\n")
    print("| | median | p95 |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as temporary:
        work = Path(temporary)
        shutil.copytree(tree("medium"), work / "static", symlinks=True)
        commands = {"assetpipe watch": _watch_command}
        try:
            program = installed(VITE) / ".bin" / "vite"
            (work / "static" / "index.html").write_text(_PAGE.format(base="/"))
            commands["Vite"] = lambda port: [str(program), "static", f"--port={port}"]
        except NodeUnavailableError as error:
            print(f"Vite is left out: {error}", file=sys.stderr)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _, (name, command) in itertools.product(range(1 + count), commands.items()):
            port = _free_port()
            began = time.perf_counter()
            process = subprocess.Popen(
                command(port), cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _wait_for_page(f"http://localhost:{port}/")
            times[name].append(time.perf_counter() - began)
            time.sleep(1)  # the cache is written
            process.send_signal(signal.SIGINT)
            process.wait(_PATIENCE)
        for name, each in times.items():
            print(f"| {name} | {_ms(statistics.median(each[1:]))} | {_ms(_p95(each[1:]))} |")


def idle(_count: int) -> None:
    """Let it watch the medium tree, and ten thousand folders, for a minute without a change."""
    print("\nIdle for a minute, after one save\n")
    print("| | CPU | memory |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="assetpipe-bench-") as temporary:
        work = Path(temporary)
        static = shutil.copytree(tree("medium"), work / "static", symlinks=True)
        many = work / "many"
        for number in range(10_000):
            (many / "static" / str(number // 100) / str(number)).mkdir(parents=True)
        (many / "static" / "a.css").write_text("a{}")
        for name, folder, sheet in (
            ("`medium`", work, min(static.rglob("*.css"))),
            ("10,000 folders", many, many / "static" / "a.css"),
        ):
            with _watch(folder) as (url, process):
                with _listening(f"{url}/events?mode=manifest") as messages:
                    sheet.write_text("a { color: red }\n")
                    messages.get(timeout=_PATIENCE)
                time.sleep(5)
                before = _cpu(process.pid)
                time.sleep(60)
                share = (_cpu(process.pid) - before) / 60
                memory = resident_bytes(process.pid) / 1e6
            print(f"| {name} | {share:.3%} | {memory:.0f} MB |")


@contextmanager
def ours(work: Path) -> Iterator[Contender]:
    """Run a Flask app in debug beside the watch, its page served from the sources."""
    site = work / "flask"
    static = _plant(site / "static")
    (site / "app.py").write_text(_APP.format(page=_PAGE.format(base="/static/")))
    port = _free_port()
    beside = ["--", sys.executable, "-m", "flask", "run", "--debug", f"--port={port}"]
    with _watch(site, *beside) as (url, process):
        _wait_for_page(f"http://127.0.0.1:{port}/")
        with _listening(f"{url}/events?mode=source") as messages:
            yield Contender("assetpipe", static, f"http://127.0.0.1:{port}/", messages, process.pid)


@contextmanager
def vite(work: Path) -> Iterator[Contender]:
    """Run Vite's dev server on the same tree."""
    program = installed(VITE) / ".bin" / "vite"
    site = _plant(work / "vite")
    (site / "index.html").write_text(_PAGE.format(base="/"))
    port = _free_port()
    process = subprocess.Popen(
        [program, f"--port={port}", "--host=127.0.0.1"], cwd=site, stdout=subprocess.DEVNULL
    )
    try:
        page = f"http://127.0.0.1:{port}/"
        _wait_for_page(page)
        with _hot(port) as messages:
            yield Contender("Vite", site, page, messages, process.pid)
    finally:
        process.terminate()
        process.wait()


def _plant(folder: Path) -> Path:
    shutil.copytree(tree("medium"), folder, symlinks=True)
    for name, text in _OWN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def _watch_command(port: int) -> list[str]:
    return [sys.executable, "-m", "assetpipe", "watch", "--json", f"--port={port}"]


@contextmanager
def _watch(folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the watch until it has built; give its URL and process."""
    process = subprocess.Popen(
        [*_watch_command(0), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        lines = (json.loads(line) for line in process.stdout if line.startswith("{"))
        url = next(line["url"] for line in lines if line["event"] == "start")
        next(line for line in lines if line["event"] == "build")
        Thread(target=lambda: [*lines], daemon=True).start()
        yield url, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_PATIENCE)


@contextmanager
def _listening(url: str) -> Iterator[Queue[float]]:
    """Listen to server-sent events; give the times of updates."""
    times: Queue[float] = Queue()

    def listen() -> None:
        for line in stream:
            if line.startswith(b"data:") and b'"update"' in line:
                times.put(time.time())

    with urlopen(url) as stream:
        Thread(target=listen, daemon=True).start()
        time.sleep(0.3)
        yield times


@contextmanager
def _hot(port: int) -> Iterator[Queue[float]]:
    """Listen to Vite's web socket (RFC 6455); give the times of updates."""
    times: Queue[float] = Queue()
    with urlopen(f"http://127.0.0.1:{port}/@vite/client") as answer:
        token = re.search(r'wsToken = "([^"]+)"', answer.read().decode())
    assert token is not None
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            f"GET /?token={token[1]} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: vite-hmr\r\n"
            f"Origin: http://127.0.0.1:{port}\r\n\r\n".encode()
        )

        def listen() -> None:
            # Messages are small: each comes in one piece.
            while data := connection.recv(1 << 16):
                if b'"type":"update"' in data:
                    times.put(time.time())

        Thread(target=listen, daemon=True).start()
        yield times


def _drain(messages: Queue[float]) -> None:
    try:
        while True:
            messages.get_nowait()
    except Empty:
        pass


def _wait_for_page(url: str) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            with urlopen(url) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.005)
    sys.exit(f"nothing answers at {url}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process (proc(5), ``/proc/pid/stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _p95(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def _cell(times: Sequence[float]) -> str:
    return f"{_ms(statistics.median(times))} ({_ms(_p95(times))})"


if __name__ == "__main__":
    main()
