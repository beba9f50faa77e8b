"""Builds of one process with a memory: the same releases, without reading anything back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assetpipe.build import Config, Memory, build, stamp
from assetpipe.build.transforms import Transforms
from tests.site import contents, plant

TREE = {"a.css": "a{b:url(i.svg)}", "b.css": "@import 'a.css';", "i.svg": "<svg/>", "s.js": "a"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    source = plant(tmp_path / "static", TREE)
    return Config(source=source, out=tmp_path / "out", cache=tmp_path / "cache", encodings=())


@pytest.fixture
def transformed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by each file that is transformed."""
    names: list[str] = []
    run = Transforms.run

    def counted(self: Transforms, name: str, data: bytes, digest: str) -> Any:
        names.append(name)
        return run(self, name, data, digest)

    monkeypatch.setattr(Transforms, "run", counted)
    return names


def test_releases_are_those_of_clean_builds(config: Config, tmp_path: Path) -> None:
    """After each of several changes, file by file."""
    memory, source = Memory(), tmp_path / "static"
    for change in ({}, {"i.svg": "<svg> </svg>"}, {"c.css": "c{}"}, {"i.svg": "<svg/>"}):
        plant(source, change)
        release = build(config, memory=memory)
        clean = build(Config(source=source, out=tmp_path / "clean", use_cache=False, encodings=()))
        assert release.id == clean.id
        found = contents(config.out)
        for asset in clean.assets.values():
            assert found[asset.file] == (clean.out / asset.file).read_bytes()


def test_only_what_changed_is_read(config: Config, tmp_path: Path, transformed: list[str]) -> None:
    """And nothing is asked of the cache, nor written to it before that is wanted."""
    memory = Memory()
    build(config, memory=memory)
    transformed.clear()
    before = {name for name in contents(config.cache) if "/state/" in name}
    plant(tmp_path / "static", {"s.js": "b"})
    build(config, memory=memory)
    assert "s.js" in transformed
    assert {name for name in contents(config.cache) if "/state/" in name} == before


def test_who_has_a_memory_asks_the_cache_for_nothing(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It builds because something changed: to look whether that is so would cost as much."""
    memory = Memory()
    build(config, memory=memory)

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(stamp, "load_release", refuse)
    assert build(config, memory=memory).changed


def test_nothing_is_remembered_when_code_has_changed(
    config: Config, monkeypatch: pytest.MonkeyPatch, transformed: list[str]
) -> None:
    """As after an update of a library while a watch runs."""
    memory = Memory()
    build(config, memory=memory)
    monkeypatch.setattr(stamp, "tools", lambda _config: "other")
    transformed.clear()
    build(config, memory=memory)
    assert {*transformed} == {*TREE}


def test_the_next_process_knows_what_was_saved(config: Config, tmp_path: Path) -> None:
    """It finds that nothing changed, or changes only what did."""
    from assetpipe.build.cache import Cache

    memory = Memory()
    first = build(config, memory=memory)
    memory.save(Cache(config.cache))
    other = Memory()
    again = build(config, memory=other)
    assert again.id == first.id
    other.load(Cache(config.cache), config)
    assert other.files().keys() == TREE.keys()


def test_what_ends_a_build_leaves_the_last_release(config: Config, tmp_path: Path) -> None:
    """Whoever is told of the progress may give it up; nothing of it stays."""

    class EnoughError(Exception):
        pass

    def give_up(done: int, total: int, what: str) -> None:
        raise EnoughError

    memory = Memory()
    build(config, memory=memory)
    before = contents(config.out)
    plant(tmp_path / "static", {"a.css": "a{c:d}"})
    with pytest.raises(EnoughError):
        build(config, memory=memory, progress=give_up)
    assert contents(config.out) == before
    assert build(config, memory=memory).changed
