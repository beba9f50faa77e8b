"""What is watched for one configuration, and what a change in it means."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from assetpipe.build import Config
from assetpipe.build.config import CONFIG_FILES
from assetpipe.build.sources import place_of
from assetpipe.live.messages import Change, kind_of
from assetpipe.live.watcher import Changed

_MAP_SUFFIX = ".map"


@dataclass(frozen=True, slots=True)
class News:
    """What a number of changes mean.

    Attributes:
        names: what changed, as people read it: logical names of sources, paths of all else.
        sources: what pages that use the sources are told.
        pages: something beside the sources changed that pages are made of, such as a template.
        config: the configuration changed.
        build: a build may come to another result.
    """

    names: tuple[str, ...]
    sources: tuple[Change, ...]
    pages: bool
    config: bool
    build: bool


class Scope:
    """The folders and files that are watched for one configuration.

    Args:
        config: the configuration.
        project: the folder with the configuration file.
        needs: returns the paths of other files that a build reads.
    """

    def __init__(self, config: Config, project: Path, needs: Callable[[], Container[str]]) -> None:
        self._needs = needs
        self._roots = [(_folder(root.path), root.prefix) for root in config.roots]
        self._pages = [_folder(path) for path in config.reload]
        self.config_files = tuple(str(project / name) for name in CONFIG_FILES)
        self.folders = tuple(dict.fromkeys([*(r.path for r in config.roots), *config.reload]))

    def read(self, changed: Iterable[Changed]) -> News:
        """Return what changes mean; what came and went means nothing."""
        names: list[str] = []
        sources: list[Change] = []
        pages = config = build = False
        for each in changed:
            if each.is_new and each.removed:
                continue
            root = next((r for r in self._roots if each.path.startswith(r[0])), None)
            if each.path in self.config_files:
                names.append(place_of(each.path))
                config = build = True
            elif root is not None:
                names.append(f"{root[1]}/{each.name}" if root[1] else each.name)
                sources += _told(each)
                build = True
            else:
                names.append(place_of(each.path))
                is_page = any(each.path.startswith(folder) for folder in self._pages)
                pages |= is_page
                build |= not is_page or each.path in self._needs()
        return News(tuple(sorted(names)), tuple(sources), pages, config, build)


def _told(changed: Changed) -> list[Change]:
    if changed.name.endswith(_MAP_SUFFIX):
        return []  # which no page has loaded
    return [Change(changed.name, "other" if changed.removed else kind_of(changed.name))]


def _folder(path: Path) -> str:
    return os.path.realpath(path) + os.sep
