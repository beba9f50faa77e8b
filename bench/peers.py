"""Two peers, each run as its users run it, in a virtual environment of their own."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Contender
from tests.node import user_cache

PACKAGES = ("django==5.2.8", "flask-static-digest==0.4.1", "whitenoise[brotli]==6.12.0")

Sizes = dict[str, dict[str, int]]
"""Bytes of each precompressed sibling, by logical name, then by content coding."""

_DJANGO = """\
SECRET_KEY = "bench"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = "out"
STATICFILES_DIRS = ["tree"]
STORAGES = {"staticfiles": {"BACKEND": "storage.Tolerant"}}
"""

# Without this, collectstatic stops at the first of the many real files that name a missing one.
_STORAGE = """\
from whitenoise.storage import CompressedManifestStaticFilesStorage


class Tolerant(CompressedManifestStaticFilesStorage):
    def hashed_name(self, name, content=None, filename=None):
        try:
            return super().hashed_name(name, content, filename)
        except ValueError:
            return name
"""

_FLASK = """\
from flask import Flask
from flask_static_digest import FlaskStaticDigest

app = Flask(__name__, static_folder="tree")
app.config["FLASK_STATIC_DIGEST_COMPRESSION"] = ["gzip", "brotli"]
FlaskStaticDigest(app)
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer to measure, and the function that tells what its last run made."""

    contender: Contender
    sizes: Callable[[], Sizes]


def peers(tree: Path, work: Path) -> list[Peer]:
    """Return the peers, each with a project in ``work`` that builds a fresh copy of the tree."""
    bin_folder = environment(PACKAGES) / "bin"
    return [
        _peer("WhiteNoise collectstatic", tree, work / "whitenoise",
              {"settings.py": _DJANGO, "storage.py": _STORAGE},
              [bin_folder / "django-admin", "collectstatic", "--no-input", "--verbosity=0",
               "--settings=settings", "--pythonpath=."], "out", "staticfiles.json"),
        _peer("Flask-Static-Digest", tree, work / "digest", {"app.py": _FLASK},
              [bin_folder / "flask", "--app", "app", "digest", "compile"],
              "tree", "cache_manifest.json"),
    ]  # fmt: skip


def _peer(
    name: str,
    tree: Path,
    folder: Path,
    files: dict[str, str],
    command: list[str | Path],
    out: str,
    manifest: str,
) -> Peer:
    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        shutil.copytree(tree, folder / "tree")

    def sizes() -> Sizes:
        names = json.loads((folder / out / manifest).read_bytes())
        return _sizes(names.get("paths", names), folder / out)

    return Peer(Contender(name, command, prepare, folder=folder), sizes)


def _sizes(names: dict[str, str], out: Path) -> Sizes:
    found: Sizes = {}
    for name, file in names.items():
        siblings = {"gzip": out / f"{file}.gz", "br": out / f"{file}.br"}
        found[name] = {
            coding: path.stat().st_size for coding, path in siblings.items() if path.is_file()
        }
    return found


def environment(packages: Sequence[str]) -> Path:
    """Return a virtual environment with these packages; make it on first use."""
    key = hashlib.sha256(" ".join((sys.version, *packages)).encode()).hexdigest()[:12]
    home = user_cache("assetpipe-bench") / key
    ready = home / "ready"
    if not ready.exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *packages], check=True)
        ready.touch()
    return home
