"""How the static folders of blueprints lie in the release."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from flask.sansio.app import App

from assetpipe.serve.project import project_folder

_PACKAGES = frozenset({"dist-packages", "site-packages"})


class Mount(NamedTuple):
    """How the static folder of a blueprint, or of the app, lies in the release.

    Attributes:
        prefix: what leads its logical names, empty or with a slash at its end.
        arguments: values that the blueprint's own URL needs, and the release's has no place for.
    """

    prefix: str = ""
    arguments: frozenset[str] = frozenset()


APP_MOUNT = Mount()


class Mounts:
    """The static folders of an app's blueprints, found as they are asked for.

    Args:
        app: the app.
        names: all logical names of the release.
    """

    def __init__(self, app: App, names: Collection[str]) -> None:
        self._app = app
        self._names = names
        self._found: dict[str, Mount | None] = {}

    def get(self, blueprint: str) -> Mount | None:
        """Return how a blueprint's static folder lies in the release, if it does."""
        if blueprint not in self._found and blueprint in self._app.blueprints:
            self._found[blueprint] = self._find(blueprint)
        return self._found.get(blueprint)

    def _find(self, blueprint: str) -> Mount | None:
        prefix = prefix_of(self._app, blueprint)
        if prefix is None or not any(asset.startswith(prefix) for asset in self._names):
            return None  # a third-party extension's: its files are not in the sources
        rules = self._app.url_map.iter_rules(f"{blueprint}.static")
        arguments = frozenset[str]().union(*(rule.arguments for rule in rules))
        return Mount(prefix, arguments - {"filename"})


def configured_prefixes(app: App) -> Mapping[str, str | None]:
    """Return what ``ASSETPIPE_BLUEPRINTS`` says, by blueprint; ``None`` leaves one alone."""
    return app.config.get("ASSETPIPE_BLUEPRINTS") or {}


def prefix_of(app: App, blueprint: str) -> str | None:
    """Return what leads the logical names of a blueprint's files; ``None`` if it has none."""
    prefix = configured_prefixes(app).get(blueprint, blueprint.replace(".", "/"))
    if prefix is None or not app.blueprints[blueprint].has_static_folder:
        return None
    return f"{prefix.strip('/')}/".lstrip("/")


class Folder(NamedTuple):
    """A folder of sources.

    Attributes:
        blueprint: whose it is; empty for the app's own.
        prefix: what leads its logical names, empty or with a slash at its end.
        path: the folder.
    """

    blueprint: str
    prefix: str
    path: Path

    @property
    def endpoint(self) -> str:
        """The endpoint of the static route that serves it in source mode."""
        return f"{self.blueprint}.static" if self.blueprint else "static"

    def has(self, name: str) -> bool:
        """Say whether it has the file of a logical name."""
        return name.startswith(self.prefix) and self.file(name).is_file()

    def file(self, name: str) -> Path:
        """Return the path of a logical name."""
        return self.path / name.removeprefix(self.prefix)

    def is_within(self, project: Path) -> bool:
        """Say whether it belongs to a project, and not to a package that the project uses."""
        return _is_within(self.path, project)


def folders(app: App) -> Iterator[Folder]:
    """Yield the static folders of an app's blueprints, the longest prefixes first, then its own."""
    found = []
    for name, blueprint in app.blueprints.items():
        prefix = prefix_of(app, name)
        if prefix is not None and blueprint.static_folder:
            path = Path(os.path.normpath(blueprint.static_folder))
            found.append(Folder(name, prefix, path))
    yield from sorted(found, key=lambda folder: (-len(folder.prefix), folder.prefix))
    if app.static_folder:
        yield Folder("", "", Path(os.path.normpath(app.static_folder)))


def is_built(app: App, folder: Folder) -> bool:
    """Say whether a build takes a folder of the app.

    A blueprint whose files lie outside of the project belongs to a package that it uses; it is
    left out unless ``ASSETPIPE_BLUEPRINTS`` names it.
    """
    named = configured_prefixes(app)
    return folder.blueprint in {"", *named} or folder.is_within(_project(app))


def template_folders(app: App) -> Iterator[Path]:
    """Yield the folders of an app's templates, and of those of its blueprints in the project.

    They need not be there.
    """
    for each in (app, *app.blueprints.values()):
        if each.template_folder:
            path = Path(os.path.normpath(os.path.join(each.root_path, each.template_folder)))
            if each is app or _is_within(path, _project(app)):
                yield path


def _project(app: App) -> Path:
    return project_folder(Path(app.root_path))


def _is_within(path: Path, project: Path) -> bool:
    # The project itself may be installed, too: only what lies below it counts.
    return project in path.parents and _PACKAGES.isdisjoint(path.relative_to(project).parts)
