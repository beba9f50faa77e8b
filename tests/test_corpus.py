"""The corpus is fetched once, checked, and never silently left out in CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import corpus


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty corpus folder, and no program to fetch with."""
    monkeypatch.setenv("ASSETPIPE_CORPUS", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    return tmp_path


def test_a_tree_that_is_there_is_used_as_it_is(folder: Path) -> None:
    (folder / "small").mkdir()
    assert corpus.tree("small") == folder / "small"


def test_says_what_is_missing() -> None:
    with pytest.raises(corpus.CorpusUnavailableError, match="npm is not on PATH"):
        corpus.tree("small")


def test_refuses_an_archive_that_is_not_the_pinned_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object) -> None:
        (folder / ".cache" / "jquery.tgz").write_bytes(b"something else")

    monkeypatch.setattr(corpus, "_download", download)
    with pytest.raises(corpus.CorpusUnavailableError, match="another SHA-256"):
        corpus.tree("small")
    assert not (folder / "small").exists()


def test_skips_a_test_for_want_of_a_tree_but_fails_it_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="needs the small corpus"):
        corpus.require_tree("small")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs the small corpus"):
        corpus.require_tree("small")
