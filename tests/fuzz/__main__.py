"""Look for inputs that break a property, guided by coverage: ``python -m tests.fuzz KIND``.

Needs the package ``atheris``, which nothing else does. Everything behind the kind goes to
libFuzzer: folders of inputs to begin with, the first of which keeps the new ones,
``-max_total_time=600``, ``-rss_limit_mb=2000``, ``-timeout=20``.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path


def main(kind: str, *arguments: str) -> None:
    """Fuzz one kind until something is found, or for ever."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["assetpipe.kinds"]):
        targets = importlib.import_module("tests.fuzz.targets")
    from tests.fuzz.vocabulary import WORDS

    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "words"
        words.write_text("".join(map(entry, WORDS[kind])))
        atheris.Setup([sys.argv[0], *arguments, f"-dict={words}"], targets.CHECKS[kind])
        atheris.Fuzz()


def entry(word: str) -> str:
    """Return a word as a line of libFuzzer's dictionary."""
    quoted = "".join(f"\\x{byte:02x}" for byte in word.encode())
    return f'"{quoted}"\n' if word else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
