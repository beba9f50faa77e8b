"""Fixtures that more than one test module uses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import settings

from tests.corpus import TreeName, require_tree

if TYPE_CHECKING:
    from tests.weed import Weed

# The same examples on every run, so that a change does not fail for what it did not touch.
# Locally every run tries others.
settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes run tests: more than cores, as many tests wait for others."""
    return (os.cpu_count() or 1) * 3 // 2


class Built(NamedTuple):
    """A build by the command line: its source, its output folder, and how it ended."""

    source: Path
    out: Path
    done: subprocess.CompletedProcess[str]


def build(folder: Path, *arguments: str | Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run ``assetpipe build`` in a folder, with no setting of the user's own."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ASSETPIPE_")
    }
    return subprocess.run(
        [sys.executable, "-m", "assetpipe", "build", *arguments],
        cwd=folder,
        env=environment | {"ASSETPIPE_CACHE": str(cache)},
        capture_output=True,
        encoding="utf-8",
    )


@pytest.fixture(scope="session")
def built_tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[TreeName], Built]:
    """Return a function that builds a tree of the corpus, once in a session."""

    @cache
    def built(name: TreeName) -> Built:
        source = require_tree(name)
        folder = tmp_path_factory.mktemp(name)
        # Brotli on all of it would take most of the suite's time; the small tree has both.
        encodings = "gzip,br" if name == "small" else "gzip"
        if name != "small":
            # So would its images, which are not what it is for.
            (folder / "assetpipe.toml").write_text(
                "[images]\noptimize = false\nplaceholder = false\n"
            )
        options: list[str | Path] = ["-o", folder / "out", "--encodings", encodings]
        done = build(folder, source, *options, cache=folder / "cache")
        return Built(source, folder / "out", done)

    return built


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """Return an object store that runs for the session."""
    from tests.weed import running  # imports boto3, which most tests do without

    with running(tmp_path_factory.mktemp("weed")) as weed:
        yield weed


@pytest.fixture
def cloud(weed: Weed, monkeypatch: pytest.MonkeyPatch) -> Weed:
    """Return the object store, with its credentials in the environment and no others."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in weed.environment().items():
        monkeypatch.setenv(name, value)
    return weed


_LONGEST = ("test_corpus_build.py", "test_js_acorn.py", "test_publish_faults.py", "test_crash.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold the longest tests, so that none is left to run alone."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where ``CI`` is true and a test was skipped: what is not run there is never run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("CI") == "true" and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
