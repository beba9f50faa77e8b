"""The Node packages that some tests compare with: pinned, installed once, never shipped.

assetpipe itself needs no Node. The tests ask acorn and es-module-lexer for a second opinion on
every script, and trace-mapping and remapping on every source map, because independent code is what
finds the faults of our own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "@jridgewell/remapping": "2.3.5",
    "@jridgewell/trace-mapping": "0.3.31",
    "acorn": "8.19.0",
    "acorn-walk": "8.3.5",
    "es-module-lexer": "3.0.5",
    "esbuild": "0.28.2",
}
SCRIPTS = Path(__file__).parent / "js"
MODULES_VARIABLE = "ASSETPIPE_NODE_MODULES"


class NodeUnavailableError(Exception):
    """Node, npm or the network is missing; the message says which."""


def user_cache(name: str) -> Path:
    """Return a folder for what tests keep between runs (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / name


@cache
def node_modules() -> Path:
    """Return a ``node_modules`` folder that holds ``PACKAGES``; install it on first use.

    The environment variable ``ASSETPIPE_NODE_MODULES`` names a ready folder to use instead.

    Raises:
        NodeUnavailableError: there is no Node or npm, or npm could not install the packages.
    """
    if ready := os.environ.get(MODULES_VARIABLE):
        return Path(ready)
    return installed(PACKAGES)


def installed(packages: Mapping[str, str]) -> Path:
    """Return a ``node_modules`` folder that holds packages, by name their version.

    Raises:
        NodeUnavailableError: there is no Node or npm, or npm could not install the packages.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NodeUnavailableError(f"{program} is not on PATH")
    pins = "_".join(f"{name.rpartition('/')[2]}-{version}" for name, version in packages.items())
    home = user_cache("assetpipe-node") / pins
    if not home.is_dir():
        _install(home, packages)
    return home / "node_modules"


def _install(home: Path, packages: Mapping[str, str]) -> None:
    # Installed aside and renamed, so that no run ever sees half of it, two at once included.
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        aside = Path(folder) / "install"
        aside.mkdir()
        (aside / "package.json").write_text(json.dumps({"private": True, "dependencies": packages}))
        command = ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=aside, capture_output=True, text=True)
        if done.returncode:
            raise NodeUnavailableError(f"npm install failed: {done.stderr.strip()[-500:]}")
        try:
            aside.rename(home)
        except OSError:
            if not home.is_dir():  # else another run was faster, with the same result
                raise


def run_node(script: str, *arguments: str, text: str = "") -> str:
    """Run a script of ``tests/js`` with ``text`` as its input; return what it printed.

    Raises:
        NodeUnavailableError: see ``node_modules``.
        RuntimeError: the script failed; the message is its standard error.
    """
    environment = os.environ | {MODULES_VARIABLE: str(node_modules())}
    done = subprocess.run(
        ["node", str(SCRIPTS / script), *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        env=environment,
    )
    if done.returncode:
        raise RuntimeError(f"node {script} failed:\n{done.stderr.strip()}")
    return done.stdout


def unavailable(reason: str) -> NoReturn:
    """Skip the test with a reason; where ``CI`` is true fail it, as CI must not skip silently."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def require_node() -> None:
    """Skip the test (fail it in CI) where the Node packages cannot be had."""
    try:
        node_modules()
    except NodeUnavailableError as error:
        unavailable(f"needs Node packages: {error}")
