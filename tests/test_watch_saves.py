"""Saving with real editors and tools, while ``assetpipe watch`` runs: one release for each save."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.site import assets, plant
from tests.watching import Watching

OUT = Path("build/static")
OLD, NEW = "body { color: red }\n", "body { color: blue }\n"
MANY = 1000
_QUIET = 0.15  # seconds without a change, after which what comes is another save
_PATIENCE = 0.5  # seconds for which a build waits for more

Save = Callable[[Path], object]


def run(*command: str | Path, folder: Path) -> None:
    """Run a tool with no setting of the user's own; skip where it is missing, but not in CI."""
    if shutil.which(command[0]) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{command[0]} is missing")
        pytest.skip(f"{command[0]} is not installed")
    own = {"HOME": str(folder.parent), "GIT_CONFIG_GLOBAL": os.devnull, "TERM": "dumb"}
    subprocess.run(
        command, cwd=folder, env=os.environ | own, check=True, capture_output=True, timeout=60
    )


def vim(*options: str) -> Save:
    """Save with vim, options as in its ``set``."""

    def save(path: Path) -> None:
        sets = [argument for option in options for argument in ("-c", f"set {option}")]
        edit = ["-c", "%s/red/blue/", "-c", "wq"]
        run("vim", "-N", "-u", "NONE", "-es", *sets, *edit, path, folder=path.parent)

    return save


def emacs(*settings: str) -> Save:
    """Save with Emacs, after evaluating these settings."""

    def save(path: Path) -> None:
        find = f'(find-file "{path}")'
        edit = '(search-forward "red") (replace-match "blue") (save-buffer)'
        forms = f"(progn {' '.join(settings)} {find} {edit})"
        run("emacs", "--batch", "-Q", "--eval", forms, folder=path.parent)

    return save


def tool(*command: str) -> Save:
    """Save by a command line; ``{file}`` is the source file, ``{new}`` one with the new text."""

    def save(path: Path) -> None:
        new = path.parents[2] / "new.css"
        new.write_text(NEW)
        run(*(part.format(file=path, new=new) for part in command), folder=path.parent)

    return save


def tar(path: Path) -> None:
    """Unpack an archive over the file."""
    project = path.parents[2]
    packed = plant(project / "packed", {path.name: NEW})
    with tarfile.open(project / "new.tar", "w") as archive:
        archive.add(packed / path.name, path.name)
    run("tar", "xf", project / "new.tar", folder=path.parent)


SAVES: dict[str, Save] = {
    "vim": vim(),
    "vim, no backup": vim("nobackup", "nowritebackup"),
    "vim, backup by renaming": vim("backup", "writebackup", "backupcopy=no"),
    "vim, backup by copying": vim("backup", "writebackup", "backupcopy=yes"),
    "vim, backup while it writes": vim("nobackup", "writebackup", "backupcopy=no"),
    "vim, copy while it writes": vim("nobackup", "writebackup", "backupcopy=yes"),
    "Emacs": emacs(),
    "Emacs, no backup": emacs("(setq make-backup-files nil)"),
    "Emacs, backup by copying": emacs("(setq backup-by-copying t)"),
    "Emacs, precious": emacs("(setq file-precious-flag t)"),
    "sed": tool("sed", "-i", "s/red/blue/", "{file}"),
    "sed with backup": tool("sed", "-i~", "s/red/blue/", "{file}"),
    "cp": tool("cp", "{new}", "{file}"),
    "cp that removes": tool("cp", "--remove-destination", "{new}", "{file}"),
    "mv": tool("mv", "{new}", "{file}"),
    "install": tool("install", "-m", "644", "{new}", "{file}"),
    "rsync": tool("rsync", "{new}", "{file}"),
    "dd": tool("dd", "if={new}", "of={file}", "bs=1"),
    "perl": tool("perl", "-pi", "-e", "s/red/blue/", "{file}"),
    "tar": tar,
}


NAMES = {style: f"css/{number}.css" for number, style in enumerate(SAVES)}
MARK = "mark.txt"


class Project:
    """A project that is watched."""

    def __init__(self, folder: Path) -> None:
        self.static = plant(folder / "static", dict.fromkeys(NAMES.values(), OLD))
        self.out = folder / OUT
        self.watching = Watching(folder)
        self._marks = 0

    def mark(self) -> None:
        """Save once more, and see that nothing was built in between."""
        time.sleep(_QUIET)
        self._marks += 1
        (self.static / MARK).write_text(str(self._marks))
        assert self.watching.next("build")["changed"] == [MARK]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Watch one project while many tests save in it."""
    project = Project(tmp_path_factory.mktemp("saves") / "project")
    with project.watching:
        yield project


@pytest.mark.parametrize("style", SAVES)
def test_one_save_is_one_release(project: Project, style: str) -> None:
    """However it is done, it is built once, and the file ships as it was saved."""
    name = NAMES[style]
    SAVES[style](project.static / name)
    assert project.watching.next("build")["changed"] == [name]
    project.mark()
    assert (project.static / name).read_text() == NEW
    assert (project.out / assets(project.out)[name]["file"]).read_text() == NEW


def test_a_checkout_is_one_release(tmp_path: Path) -> None:
    """Two branches differ in a thousand files; a tool that takes longer than half a second to go
    from one to the other may be seen half way."""
    project = tmp_path / "project"
    first = {f"d{number % 10}/{number}.css": f"p{number}{{}}\n" for number in range(MANY)}
    second = {name: text.replace("p", "q") for name, text in first.items()}

    def git(*arguments: str) -> None:
        run("git", "-c", "user.name=A", "-c", "user.email=a@b", *arguments, folder=project)

    plant(project / "static", first)
    plant(project, {".gitignore": "build\n.assetpipe*\n"})
    git("init", "-q", "-b", "first")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    git("checkout", "-q", "-b", "second")
    plant(project / "static", second)
    git("commit", "-q", "-a", "-m", "second")
    with Watching(project) as watching:
        started = time.monotonic()
        git("checkout", "-q", "first")
        took = time.monotonic() - started
        builds, changed = [], set[str]()
        while len(changed) < MANY:
            builds.append(watching.next("build"))
            changed.update(builds[-1]["changed"])
        assert changed == first.keys()
        assert watching.rest() == []
        assert len(builds) <= 1 + took / _PATIENCE
        out, shipped = project / OUT, assets(project / OUT)
        for name, text in first.items():
            assert (out / shipped[name]["file"]).read_text() == text
