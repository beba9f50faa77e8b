"""Noticing what changes: every style of saving, the gaps of what watches, and its limits."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assetpipe.build.config import Root
from assetpipe.build.sources import find
from assetpipe.errors import AssetpipeError
from assetpipe.globs import DEFAULT_IGNORE, matcher
from assetpipe.live import watcher as module
from assetpipe.live.tree import Tree
from assetpipe.live.watcher import Changed, Watcher
from tests.site import plant

IGNORED = matcher(DEFAULT_IGNORE)
PATIENCE = 10.0  # seconds that anything may take on a busy machine
PAUSE = 0.1  # seconds after which nothing more is to come
LONG = 30.0  # of a window that ends after no test

TREE = {
    "a.css": "a{}",
    "b.js": "b()",
    "d/c.css": "c{}",
    "d/e/f.css": "f{}",
    ".hidden/x.css": "x{}",
    "g.css~": "backup",
    "probe.css": "probe",
}


def wait_for(is_so: Callable[[], object], what: str = "it") -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.002)


class Listener:
    """Somebody who believes what a watcher tells, and nothing else.

    Attributes:
        calls: what each call told.
        believed: contents by name.
        notes: why it polls.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.calls: list[tuple[Changed, ...]] = []
        self.notes: list[str] = []
        self.believed: dict[str, bytes] = actual(folder)
        self.watcher = Watcher(
            options.pop("folders", [folder]), heard=self._hear, note=self.notes.append, **options
        )

    def __enter__(self) -> Self:
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.watcher.stop()

    def _hear(self, changed: Sequence[Changed]) -> None:
        for each in changed:
            try:
                self.believed[each.name] = Path(each.path).read_bytes()
            except OSError:
                self.believed.pop(each.name, None)
        self.calls.append(tuple(changed))

    @property
    def names(self) -> set[str]:
        """All names that it was told."""
        return {each.name for call in self.calls for each in call}

    def hears(self, *names: str) -> None:
        """Wait until it was told of these names; forget them."""
        wait_for(lambda: self.names >= set(names), f"{names} among {self.calls}")
        self.rests()
        self.calls.clear()

    def rests(self) -> None:
        """Wait until nothing more is to come."""
        count = -1
        while count != len(self.calls):
            count = len(self.calls)
            time.sleep(0.02)
            self.watcher.settle()

    def learns(self) -> None:
        """Wait until the watcher has read all files, and the system tells it of changes."""
        for thread in threading.enumerate():
            if thread.name == "assetpipe-learner":
                thread.join(PATIENCE)
        (self.folder / "probe.css").write_text("probed")
        self.hears("probe.css")


def actual(folder: Path) -> dict[str, bytes]:
    """Return the contents below a folder that count."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part[0] == "." for part in path.relative_to(folder).parts)
        and not IGNORED(path.name)
    }


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten every wait, so that so many tests are quick."""
    monkeypatch.setattr(module, "_QUIET", 0.02)
    monkeypatch.setattr(module, "_TICK", 0.1)
    monkeypatch.setattr(module, "_POLL", 0.03)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "static", TREE)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return plant(tmp_path / "outside", {"new/n.css": "n{}", "new/deep/m.css": "m{}", "o.css": "o"})


# Styles of saving: what an editor does to save `new` as the file.

Save = Callable[[Path, bytes], None]


def in_place(path: Path, new: bytes) -> None:
    path.write_bytes(new)


def in_two_steps(path: Path, new: bytes) -> None:
    path.write_bytes(b"")
    time.sleep(0.005)
    path.write_bytes(new)


def kept_open(path: Path, new: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        for byte in new:
            file.write(bytes([byte]))
        os.fsync(file.fileno())


def in_pieces(path: Path, new: bytes) -> None:
    path.write_bytes(new[:2])
    with path.open("ab") as file:
        file.write(new[2:])


def renamed(suffix: str) -> Save:
    def save(path: Path, new: bytes) -> None:
        temporary = path.with_name(path.name + suffix)
        temporary.write_bytes(new)
        temporary.replace(path)

    return save


def vim_with_backup(path: Path, new: bytes) -> None:
    (path.parent / "4913").write_bytes(b"")
    (path.parent / "4913").unlink()
    backup = path.with_name(path.name + "~")
    path.replace(backup)
    path.write_bytes(new)
    backup.unlink()


def vim_with_copy(path: Path, new: bytes) -> None:
    backup, swap = path.with_name(path.name + "~"), path.with_name(f".{path.name}.swp")
    swap.write_bytes(b"swap")
    shutil.copy2(path, backup)
    path.write_bytes(new)
    backup.unlink()
    swap.unlink()


def jetbrains(path: Path, new: bytes) -> None:
    temporary = path.with_name(path.name + "___jb_tmp___")
    old = path.with_name(path.name + "___jb_old___")
    temporary.write_bytes(new)
    path.replace(old)
    temporary.replace(path)
    old.unlink()


def vs_code(path: Path, new: bytes) -> None:
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(new)


def emacs(path: Path, new: bytes) -> None:
    lock, auto = path.with_name(f".#{path.name}"), path.with_name(f"#{path.name}#")
    lock.symlink_to("me@here.1:2")
    auto.write_bytes(new[:1])
    path.replace(path.with_name(path.name + "~"))
    path.write_bytes(new)
    auto.unlink()
    lock.unlink()


def deleted_and_made(path: Path, new: bytes) -> None:
    path.unlink()
    path.write_bytes(new)


def sed(path: Path, new: bytes) -> None:
    temporary = path.with_name("sedX8xpY1")
    temporary.touch()
    temporary.chmod(0o644)
    temporary.write_bytes(new)
    temporary.replace(path)


SAVES: dict[str, Save] = {
    "in place": in_place,
    "in two steps": in_two_steps,
    "kept open": kept_open,
    "in pieces": in_pieces,
    "temporary file that is ignored": renamed("~"),
    "temporary file that is not": renamed(".tmp"),
    "vim with backup": vim_with_backup,
    "vim with copy": vim_with_copy,
    "JetBrains": jetbrains,
    "VS Code": vs_code,
    "Emacs": emacs,
    "deleted and made": deleted_and_made,
    "sed": sed,
}

# Everything else that people do: what is done below the folder, and the names that are told.

Deed = Callable[[Path], object]


def many(root: Path) -> None:
    for number in range(1000):
        (root / "d" / f"{number}.css").write_text(f"x{number}")


def moved_up(root: Path) -> None:
    (root / "d/e").rename(root / "up")


def swapped(root: Path) -> None:
    away = root.parent / "away"
    (root / "d").rename(away)
    shutil.copytree(away, root / "d")
    (root / "d/e/f.css").write_text("swapped")


def exchanged(root: Path) -> None:
    prepared = shutil.copytree(root / "d", root.parent / "prepared")
    (prepared / "e/f.css").write_text("swapped")
    (root / "d").rename(root.parent / "away")
    prepared.rename(root / "d")


def folder_for_file(root: Path) -> None:
    (root / "a.css").unlink()
    plant(root / "a.css", {"x.css": ""})


DEEDS: dict[str, tuple[Deed, set[str]]] = {
    "a new file": (lambda root: (root / "n.css").write_text("n"), {"n.css"}),
    "a new file that is empty": (lambda root: (root / "n.css").touch(), {"n.css"}),
    "a file is emptied": (lambda root: (root / "a.css").write_text(""), {"a.css"}),
    "a thousand files": (many, {f"d/{number}.css" for number in range(1000)}),
    "new folders": (
        lambda root: plant(root / "n/m", {"x.css": "x", "o/y.css": "y"}),
        {"n/m/x.css", "n/m/o/y.css"},
    ),
    "a folder moved inside": (moved_up, {"d/e/f.css", "up/f.css"}),
    "a folder moved in": (
        lambda root: (root.parent / "outside/new").rename(root / "new"),
        {"new/n.css", "new/deep/m.css"},
    ),
    "a folder moved out": (
        lambda root: (root / "d").rename(root.parent / "away"),
        {"d/c.css", "d/e/f.css"},
    ),
    "a folder removed": (lambda root: shutil.rmtree(root / "d"), {"d/c.css", "d/e/f.css"}),
    "a folder in place of another": (exchanged, {"d/e/f.css"}),
    "a file deleted": (lambda root: (root / "a.css").unlink(), {"a.css"}),
    "a file moved in": (
        lambda root: (root.parent / "outside/o.css").rename(root / "o.css"),
        {"o.css"},
    ),
    "a file moved out": (lambda root: (root / "a.css").rename(root.parent / "a.css"), {"a.css"}),
    "a file renamed": (lambda root: (root / "a.css").rename(root / "z.css"), {"a.css", "z.css"}),
    "a folder in place of a file": (folder_for_file, {"a.css", "a.css/x.css"}),
    "touched": (lambda root: os.utime(root / "a.css"), set()),
    "other permissions": (lambda root: (root / "a.css").chmod(0o600), set()),
    "the same content in place": (lambda root: (root / "a.css").write_text("a{}"), set()),
    "the same content by a new file": (lambda root: renamed("~")(root / "a.css", b"a{}"), set()),
    "what is ignored": (lambda root: (root / "k.css~").write_text("k"), set()),
    "what is hidden": (lambda root: (root / ".hidden/x.css").write_text("k"), set()),
    "a broken link": (lambda root: (root / "l.css").symlink_to("nowhere"), {"l.css"}),
}


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("poll", [False, True], ids=["told", "polling"])
class TestWhatIsHeard:
    """What is heard is what changed, and who believes it knows the files as they are."""

    def test_of_saves(self, root: Path, poll: bool) -> None:
        """Each style tells of the one file, however it is saved."""
        with Listener(root, poll=poll) as listener:
            listener.learns()
            for number, (style, save) in enumerate(SAVES.items()):
                new = b"p{color:%d}" % number
                save(root / "d/c.css", new)
                wait_for(lambda new=new: listener.believed["d/c.css"] == new, style)  # type: ignore[misc]
                listener.rests()
                told = listener.names - {"d/c.css.tmp", "d/sedX8xpY1"}
                assert told == {"d/c.css"}, (style, listener.calls)
                assert listener.believed == actual(root), style
                listener.calls.clear()

    @pytest.mark.parametrize(("deed", "names"), DEEDS.values(), ids=DEEDS)
    def test_of_deeds(self, root: Path, poll: bool, deed: Deed, names: set[str]) -> None:
        """Everything else tells of the files that are others, and of no more."""
        with Listener(root, poll=poll) as listener:
            listener.learns()
            deed(root)
            wait_for(lambda: listener.names >= names, f"{names - listener.names}")
            listener.rests()
            assert listener.names == names
            assert listener.believed == actual(root)
            assert {each.path for each in listener.watcher.take()} >= {
                str(root / name) for name in names
            }
            fresh = Tree([root], IGNORED)
            fresh.scan()
            wait_for(lambda: listener.watcher.state == fresh.state)


@pytest.mark.usefixtures("outside")
class TestTime:
    """When it is heard."""

    @pytest.fixture
    def listener(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
        """Listen, in a window that does not end while the test runs."""
        with Listener(root) as listener:
            listener.learns()
            listener.watcher.take()
            monkeypatch.setattr(module, "_QUIET", LONG)
            monkeypatch.setattr(module, "_LONGEST", LONG)
            yield listener

    @pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
    def test_a_finished_write_is_told_at_once(
        self, root: Path, listener: Listener, save: Save
    ) -> None:
        """Whatever else belongs to the save, content is told without a wait."""
        save(root / "a.css", b"new{}")
        wait_for(lambda: listener.calls)
        assert listener.watcher.pending
        assert listener.names == {"a.css"}
        assert listener.believed["a.css"] in {b"new{}", b"ne"}

    @pytest.mark.parametrize(
        "deed",
        [
            pytest.param(lambda root: (root / "a.css").unlink(), id="deleted"),
            pytest.param(lambda root: (root / "a.css").write_bytes(b""), id="emptied"),
            pytest.param(lambda root: (root / "n.css").touch(), id="made empty"),
            pytest.param(lambda root: (root / "n.css").write_text("n"), id="new"),
            pytest.param(lambda root: (root / "d").rename(root / "z"), id="a folder renamed"),
            pytest.param(lambda root: os.utime(root / "a.css"), id="touched"),
            pytest.param(
                lambda root: (root.parent / "outside/new").rename(root / "new"), id="moved in"
            ),
        ],
    )
    def test_all_else_waits_for_a_quiet(self, root: Path, listener: Listener, deed: Deed) -> None:
        """It may be half of a save."""
        deed(root)
        time.sleep(PAUSE)
        assert not listener.calls
        assert not listener.watcher.pending

    def test_an_unfinished_write_waits(self, root: Path, listener: Listener) -> None:
        """What is still open for writing is looked at when it is closed."""
        with (root / "a.css").open("wb", buffering=0) as file:
            file.write(b"half")
            time.sleep(PAUSE)
            assert not listener.calls
            file.write(b"whole")
        wait_for(lambda: listener.believed["a.css"] == b"halfwhole")

    def test_the_second_file_is_pending_at_once_and_told_later(
        self, root: Path, listener: Listener
    ) -> None:
        """Whoever builds begins anew at once; pages are told of the rest in one message."""
        (root / "a.css").write_text("1")
        assert listener.watcher.wait(PATIENCE)
        assert [each.name for each in listener.watcher.take()] == ["a.css"]
        assert not listener.watcher.pending
        (root / "b.js").write_text("2")
        assert listener.watcher.wait(PATIENCE)
        assert [each.name for each in listener.watcher.take()] == ["b.js"]
        assert [[each.name for each in call] for call in listener.calls] == [["a.css"]]


def test_what_came_and_went_is_known_as_such(root: Path) -> None:
    """Between two times that somebody takes what changed."""
    with Listener(root) as listener:
        listener.learns()
        listener.watcher.take()
        for name, fate in (("n.css", (True, True)), ("a.css", (True, False))):
            (root / name).write_text("1")
            listener.hears(name)
            (root / name).unlink()
            listener.hears(name)
            (taken,) = listener.watcher.take()
            assert (taken.name, taken.removed, taken.is_new) == (name, *fate)
        for text in ("1", "2"):
            (root / "a.css").write_text(text)
            listener.hears("a.css")
        (taken,) = listener.watcher.take()
        assert (taken.removed, taken.is_new) == (False, True)


def test_what_comes_together_is_told_together(root: Path) -> None:
    """After the first of a thousand files, the rest comes in few calls."""
    with Listener(root) as listener:
        listener.learns()
        started = time.monotonic()
        many(root)
        wait_for(lambda: len(listener.names) == 1000)
        assert len(listener.calls) <= 3 + 2 * (time.monotonic() - started) / 0.5


def test_without_a_quiet_it_is_told_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window ends after half a second, whatever else comes."""
    with Listener(root) as listener:
        listener.learns()
        monkeypatch.setattr(module, "_QUIET", LONG)
        (root / "a.css").write_text("1")
        wait_for(lambda: listener.calls)
        (root / "b.js").write_text("2")
        wait_for(lambda: len(listener.calls) == 2)


class TestSettling:
    """Waiting until nothing more comes."""

    def test_at_once_where_nothing_comes(self, root: Path) -> None:
        with Listener(root) as listener:
            listener.learns()
            started = time.monotonic()
            listener.watcher.settle()
            assert time.monotonic() - started < 0.02

    def test_until_the_last_file(self, root: Path) -> None:
        """What settled is all that was saved, deleted files too."""
        with Listener(root) as listener:
            listener.learns()
            listener.watcher.take()
            (root / "a.css").write_text("1")
            assert listener.watcher.wait(PATIENCE)
            (root / "b.js").unlink()
            (root / "d/c.css").write_text("3")
            listener.watcher.settle()
            assert [each.name for each in listener.watcher.take()] == ["a.css", "b.js", "d/c.css"]
            assert listener.watcher.take() == ()

    def test_not_for_ever(self, root: Path) -> None:
        """Half a second at most, though somebody writes all the time."""
        with Listener(root) as listener:
            listener.learns()
            stopped = threading.Event()

            def scribble() -> None:
                while not stopped.wait(0.005):
                    (root / "a.css").write_text(str(time.monotonic()))

            thread = threading.Thread(target=scribble)
            thread.start()
            try:
                assert listener.watcher.wait(PATIENCE)
                started = time.monotonic()
                listener.watcher.settle()
                assert time.monotonic() - started < 2
            finally:
                stopped.set()
                thread.join()

    def test_nothing_to_wait_for(self, root: Path) -> None:
        """A wait ends after its time, or when the watcher stops."""
        with Listener(root) as listener:
            assert not listener.watcher.wait(0.01)
            threading.Timer(0.05, listener.watcher.stop).start()
            assert not listener.watcher.wait(PATIENCE)


@pytest.mark.usefixtures("outside")
class TestGaps:
    """What is seen although the system, or watchdog, does not tell of it."""

    @pytest.mark.parametrize(
        ("deed", "name"),
        [
            pytest.param(
                lambda root: (root.parent / "outside/new").rename(root / "new"),
                "new/deep/m.css",
                id="moved in",
            ),
            pytest.param(moved_up, "up/f.css", id="moved up"),
            pytest.param(lambda root: (root / "d").rename(root / "z"), "z/e/f.css", id="renamed"),
            pytest.param(swapped, "d/e/f.css", id="another in its place"),
            pytest.param(exchanged, "d/e/f.css", id="exchanged"),
            pytest.param(
                lambda root: plant(root / "n/m/o/p", {"x.css": "x"}), "n/m/o/p/x.css", id="made"
            ),
        ],
    )
    def test_a_save_in_a_folder_that_came(self, root: Path, deed: Deed, name: str) -> None:
        with Listener(root) as listener:
            listener.learns()
            deed(root)
            listener.hears(name)
            (root / name).write_text("edited")
            listener.hears(name)
            assert listener.believed == actual(root)

    def test_a_folder_that_left_and_another_in_its_place(self, root: Path) -> None:
        """What happens in the one that left is nothing to anybody."""
        with Listener(root) as listener:
            listener.learns()
            away = (root / "d").rename(root.parent / "away")
            (root.parent / "outside/new").rename(root / "d")
            listener.hears("d/c.css", "d/n.css")
            (away / "c.css").write_text("away")
            (root / "d/n.css").write_text("edited")
            wait_for(lambda: listener.calls)
            listener.rests()
            assert listener.names == {"d/n.css"}

    def test_files_in_folders_made_at_once(self, root: Path) -> None:
        """Files are written before anybody could watch their folders, and again after."""
        with Listener(root) as listener:
            listener.learns()
            for number in range(30):
                plant(root / f"n{number}/m/o", {"x.css": "x", "p/y.css": "y"})
            wait_for(lambda: listener.believed == actual(root))
            for number in range(30):
                (root / f"n{number}/m/o/p/y.css").write_text("edited")
            wait_for(lambda: listener.believed == actual(root))
            assert listener.notes == []

    def test_a_root_that_is_removed_and_made_again(self, root: Path) -> None:
        with Listener(root) as listener:
            listener.learns()
            for text in ("again", "and again"):
                shutil.rmtree(root)
                listener.hears("a.css", "d/e/f.css")
                assert listener.believed == {}
                plant(root, TREE)
                listener.hears("a.css", "d/e/f.css")
                (root / "d/c.css").write_text(text)
                listener.hears("d/c.css")
                assert listener.believed == actual(root)

    def test_a_root_that_is_replaced(self, root: Path) -> None:
        """Even if nobody noticed that it was away."""
        with Listener(root) as listener:
            listener.learns()
            root.rename(root.parent / "away")
            plant(root, TREE | {"a.css": "other"})
            listener.hears("a.css")
            (root / "d/c.css").write_text("edited")
            listener.hears("d/c.css")
            assert listener.believed == actual(root)

    def test_a_root_that_comes_later(self, tmp_path: Path) -> None:
        root = tmp_path / "later/static"
        with Listener(root) as listener:
            time.sleep(PAUSE)
            plant(root, TREE)
            listener.hears("a.css", "d/c.css")
            (root / "d/c.css").write_text("edited")
            listener.hears("d/c.css")
            assert listener.believed == actual(root)

    def test_a_root_that_is_a_link(self, root: Path, tmp_path: Path) -> None:
        """It may lead elsewhere later; only what differs there is told."""
        other = plant(tmp_path / "other", TREE | {"a.css": "other", "probe.css": "probed"})
        link = tmp_path / "link"
        link.symlink_to(root)
        with Listener(link) as listener:
            listener.learns()
            (root / "d/c.css").write_text("c{}")
            (root / "b.js").write_text("edited")
            listener.hears("b.js")
            link.unlink()
            link.symlink_to(other)
            wait_for(lambda: listener.calls)
            listener.rests()
            assert listener.names == {"a.css", "b.js"}
            listener.calls.clear()
            (other / "d/c.css").write_text("edited")
            listener.hears("d/c.css")
            assert listener.believed == actual(link)

    def test_links_inside(self, root: Path) -> None:
        """A file that is there under two names is told under both."""
        (root / "alias").symlink_to("d")
        (root / "one.css").symlink_to("a.css")
        with Listener(root) as listener:
            listener.believed |= {"alias/c.css": b"c{}", "alias/e/f.css": b"f{}", "one.css": b"a{}"}
            listener.learns()
            (root / "d/e/f.css").write_text("edited")
            listener.hears("d/e/f.css", "alias/e/f.css")
            (root / "a.css").write_text("edited")
            listener.hears("a.css", "one.css")
            (root / "alias").unlink()
            listener.hears("alias/c.css", "alias/e/f.css")
            assert listener.believed == actual(root)

    def test_a_save_after_a_file_moved_out(self, root: Path) -> None:
        """Nobody waits for where the other one may arrive."""
        with Listener(root) as listener:
            listener.learns()
            started = time.monotonic()
            (root / "a.css").rename(root.parent / "a.css")
            (root / "b.js").write_text("edited")
            wait_for(lambda: listener.names == {"a.css", "b.js"})
            assert time.monotonic() - started < 0.4

    @pytest.mark.parametrize("slowly", [0, 0.05])
    def test_threads_that_die(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, slowly: float
    ) -> None:
        """What watchdog's errors leave is noticed, and watched anew; however long that takes."""
        from watchdog.observers.api import EventEmitter

        scan = Tree.scan

        def scan_slowly(tree: Tree, emptied: set[str] | None = None) -> list[Changed]:
            time.sleep(slowly)
            return scan(tree, emptied)

        monkeypatch.setattr(Tree, "scan", scan_slowly)
        with Listener(root) as listener:
            listener.learns()
            emitters = [one for one in threading.enumerate() if isinstance(one, EventEmitter)]
            for emitter in emitters:
                emitter.stop()
                emitter.join()
            (root / "a.css").write_text("edited")
            listener.hears("a.css")
            (root / "d/c.css").write_text("edited")
            listener.hears("d/c.css")
            assert listener.notes == []


class Fake:
    """An observer that does what a test wants; the probe is always told of."""

    handlers: ClassVar[list[Any]] = []
    fails: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        Fake.handlers = []
        self._fail("made")

    def _fail(self, moment: str) -> None:
        if moment in self.fails:
            raise OSError(self.fails[moment], os.strerror(self.fails[moment]))

    def schedule(self, handler: Any, path: str, **options: Any) -> str:
        if options.get("recursive"):
            self.handlers.append(handler)
        else:
            self._fail("probed")
            if "deaf" not in self.fails:
                handler.dispatch(None)
        return path

    def unschedule(self, watch: str) -> None:
        """Forget a folder."""

    def start(self) -> None:
        """Begin."""
        self._fail("started")

    def stop(self) -> None:
        """End."""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    monkeypatch.setattr(module, "_new_observer", Fake)
    monkeypatch.setattr(module, "_PROBE", 0.05)
    Fake.fails = {}
    return Fake


def test_a_flood_of_events(root: Path, fake: type[Fake]) -> None:
    """Where so many came that the system may have dropped some, everything is looked at."""
    from watchdog.events import FileModifiedEvent

    with Listener(root) as listener:
        wait_for(lambda: fake.handlers)
        time.sleep(PAUSE)
        (root / "a.css").write_text("nobody tells")
        event = FileModifiedEvent(str(root / "ignored~"))
        for _ in range(999):
            fake.handlers[0].dispatch(event)
        time.sleep(PAUSE)
        assert listener.calls == []
        for _ in range(1000):
            fake.handlers[0].dispatch(event)
        listener.hears("a.css")


WATCHES, INSTANCES = "fs.inotify.max_user_watches=524288", "fs.inotify.max_user_instances=512"


class TestLimits:
    """Where the system cannot tell, everything is looked at, and people are told why."""

    @pytest.mark.parametrize(
        ("fails", "reason"),
        [
            ({"started": errno.ENOSPC}, f"sudo sysctl {WATCHES}"),
            ({"probed": errno.ENOSPC}, f"sudo sysctl {WATCHES}"),
            ({"made": errno.EMFILE}, f"sudo sysctl {INSTANCES}"),
            ({"started": errno.EMFILE}, f"sudo sysctl {INSTANCES}"),
            ({"made": errno.EACCES}, "Permission denied"),
            ({"deaf": 0}, "the system tells of no changes"),
        ],
    )
    def test_of_the_system(
        self, root: Path, fake: type[Fake], fails: dict[str, int], reason: str
    ) -> None:
        fake.fails = fails
        with Listener(root) as listener:
            wait_for(lambda: listener.notes)
            (root / "a.css").write_text("edited")
            listener.hears("a.css")
            (root / "d/e/f.css").unlink()
            listener.hears("d/e/f.css")
            assert listener.believed == actual(root)
        (note,) = listener.notes
        assert reason in note

    def test_the_probe_needs_no_instance(self, root: Path, fake: type[Fake]) -> None:
        """The folders themselves are watched where only the probe cannot be."""
        fake.fails = {"probed": errno.EMFILE}
        with Listener(root) as listener:
            time.sleep(PAUSE)
        assert listener.notes == []

    def test_watchdog_missing(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "watchdog"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "watchdog", None)
        with Listener(root) as listener:
            wait_for(lambda: listener.notes)
            (root / "a.css").write_text("edited")
            listener.hears("a.css")
        (note,) = listener.notes
        assert 'pip install "assetpipe[watch]"' in note

    def test_polling_that_is_wanted(self, root: Path) -> None:
        """Who asks for it need not be told."""
        with Listener(root, poll=True) as listener:
            (root / "a.css").write_text("edited")
            listener.hears("a.css")
        assert listener.notes == []


@pytest.mark.parametrize("poll", [False, True], ids=["told", "polling"])
class TestSingleFiles:
    """Files outside of the folders, such as a configuration."""

    def test_that_change_come_and_go(self, root: Path, tmp_path: Path, poll: bool) -> None:
        config, other = tmp_path / "assetpipe.toml", tmp_path / "other.scss"
        other.write_text("other")
        paths = [str(config), str(other)]
        with Listener(root, poll=poll, files=paths) as listener:
            config.write_text("1")
            listener.hears("assetpipe.toml")
            other.write_text("2")
            listener.hears("other.scss")
            os.utime(other)
            config.unlink()
            listener.hears("assetpipe.toml")
            changed = {each.path: each.removed for each in listener.watcher.take()}
            assert changed == {str(config): True, str(other): False}

    def test_in_mid_save(
        self, root: Path, tmp_path: Path, poll: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that is found empty is looked at again."""
        monkeypatch.setattr(module, "_QUIET", 0.2)
        other = tmp_path / "other.scss"
        other.write_text("other")
        with Listener(root, poll=poll, files=[str(other)]) as listener:
            for number in range(5):
                time.sleep(0.09)
                other.write_text("")
                time.sleep(0.005)
                other.write_text(f"saved {number}")
                wait_for(lambda number=number: listener.calls)  # type: ignore[misc]
                assert listener.believed["other.scss"] == b"saved %d" % number
                listener.calls.clear()
            other.write_text("")
            listener.hears("other.scss")

    def test_in_a_save_that_is_held_up(
        self, root: Path, tmp_path: Path, poll: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A busy disk may hold up a writer that has emptied a file for longer than a quiet."""
        monkeypatch.setattr(module, "_LONGEST", 2.0)
        other = tmp_path / "other.scss"
        other.write_text("other")
        with Listener(root, poll=poll, files=[str(other)]) as listener:
            time.sleep(0.1)
            other.write_text("")
            (root / "a.css").write_text("")
            time.sleep(0.2)
            assert not listener.calls
            other.write_text("saved")
            (root / "a.css").write_text("saved, too")
            listener.hears("other.scss", "a.css")
            assert listener.believed["other.scss"] == b"saved"
            assert listener.believed["a.css"] == b"saved, too"

    def test_that_are_named_later(self, root: Path, tmp_path: Path, poll: bool) -> None:
        """From then on they are looked at; that they are there is no change."""
        late = tmp_path / "late.scss"
        late.write_text("1")
        with Listener(root, poll=poll) as listener:
            listener.watcher.follow([str(late)])
            late.write_text("2")
            listener.hears("late.scss")
            listener.watcher.follow([])
            late.write_text("3")
            time.sleep(0.3)
            listener.watcher.follow([str(late)])
            time.sleep(0.3)
            assert listener.calls == []

    def test_inside_that_are_ignored(self, root: Path, poll: bool) -> None:
        """A compiler may read what is no source itself."""
        partial = root / "d/_p.scss"
        partial.write_text("1")
        with Listener(
            root, poll=poll, files=[str(partial)], ignored=lambda name: name == "d/_p.scss"
        ) as listener:
            partial.write_text("2")
            listener.hears("d/_p.scss")

    def test_inside_that_are_sources_too(self, root: Path, poll: bool) -> None:
        """They are told of once."""
        with Listener(root, poll=poll, files=[str(root / "a.css")]) as listener:
            listener.learns()
            (root / "a.css").write_text("2")
            wait_for(lambda: listener.calls)
            time.sleep(0.25)
            assert [[each.name for each in call] for call in listener.calls] == [["a.css"]]


class TestTheEnd:
    """Stopping, and those who fail when they are told."""

    def test_is_quick_and_final(self, root: Path) -> None:
        listener = Listener(root)
        with listener:
            listener.learns()
            started = time.monotonic()
            listener.watcher.stop()
            assert time.monotonic() - started < 0.1
            listener.watcher.stop()
            (root / "a.css").write_text("edited")
            listener.rests()
            assert listener.calls == []

    def test_before_the_start(self, root: Path) -> None:
        Listener(root).watcher.stop()

    def test_by_who_is_told(self, root: Path) -> None:
        """The watcher's own thread may stop it."""
        stopped = threading.Event()

        def heard(_: object) -> None:
            watcher.stop()
            stopped.set()

        watcher = Watcher([root], heard=heard, note=print, poll=True)
        watcher.start()
        (root / "a.css").write_text("edited")
        assert stopped.wait(PATIENCE)

    def test_leaves_no_thread(self, root: Path) -> None:
        before = set(threading.enumerate())
        with Listener(root) as listener:
            listener.learns()
        wait_for(lambda: {one for one in threading.enumerate() if one.daemon} <= before)

    def test_who_fails_is_told_of_the_next(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An error of theirs is logged."""
        told: list[int] = []

        def heard(changed: Sequence[Changed]) -> None:
            told.append(len(changed))
            raise RuntimeError("of mine")

        watcher = Watcher([root], heard=heard, note=print)
        watcher.start()
        try:
            (root / "a.css").write_text("1")
            wait_for(lambda: len(told) == 1)
            watcher.settle()
            (root / "a.css").write_text("2")
            wait_for(lambda: len(told) == 2)
        finally:
            watcher.stop()
        assert "of mine" in caplog.text
        assert {record.name for record in caplog.records} == {"assetpipe"}


# The tree alone.

NAMES = ["a", "b.css", "d", "d/a", "d/b.css", "d/d", "d/d/c.css", ".h", "x~", "out/y"]
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["write", "remove", "rename", "folder", "link", "touch", "keep"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.sampled_from(["", "1", "22"]),
        st.booleans(),
    ),
    max_size=20,
)


def operate(root: Path, deed: str, one: Path, other: Path, text: str) -> None:
    """Do one thing, if it can be done."""
    if deed == "write":
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_text(text)
    elif deed == "remove":
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()
    elif deed == "rename":
        one.rename(other)
    elif deed == "folder":
        one.mkdir(parents=True)
    elif deed == "link":
        one.symlink_to(os.path.relpath(other, one.parent))
    elif deed == "touch":
        os.utime(one)
    else:  # other content under the same size and time of modification
        before = one.stat()
        one.write_text("k" * before.st_size)
        os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=OPERATIONS)
def test_a_tree_is_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str, str, str, bool]]
) -> None:
    """Whether paths are looked at or all is scanned: who believes it knows what a build finds."""
    root = plant(tmp_path_factory.mktemp("tree") / "static", {"d/b.css": "1", "a": "2"})
    tree = Tree([root], IGNORED, [root / "out"])
    assert tree.scan() == []
    tree.learn(threading.Event())
    believed = {"d/b.css": b"1", "a": b"2"}

    def believe(changed: Sequence[Changed]) -> None:
        for each in changed:
            if each.removed:
                del believed[each.name]
            else:
                path = Path(each.path)
                believed[each.name] = path.read_bytes() if path.is_file() else b""

    for deed, one, other, text, scans in operations:
        try:
            operate(root, deed, root / one, root / other, text)
        except OSError:
            continue
        if scans:
            believe(tree.scan())
        else:
            believe(tree.look(*{str(root / one), str(root / other)}))
        fresh = Tree([root], IGNORED, [root / "out"])
        fresh.scan()
        try:
            found = find([Root(root)], [], [root / "out"])
        except AssetpipeError:
            continue  # a build refuses a link
        assert believed == {source.name: Path(source.path).read_bytes() for source in found}
        assert tree.state == fresh.state
        assert tree.scan() == []


class TestTree:
    """What a tree knows."""

    def test_a_state_survives(self, root: Path) -> None:
        """It is the same for the same names, sizes and times, in whatever order they came."""
        tree = Tree([root], IGNORED)
        tree.scan()
        first = tree.state
        again = Tree([root], IGNORED)
        again.scan()
        assert again.state == first
        times = (root / "a.css").stat()
        (root / "a.css").write_text("longer{}")
        tree.scan()
        longer = tree.state
        (root / "a.css").write_text("b{}")
        os.utime(root / "a.css", ns=(times.st_atime_ns, times.st_mtime_ns))
        tree.scan()
        assert longer != first == tree.state

    def test_a_touch_is_a_change_before_content_is_known(self, root: Path) -> None:
        tree = Tree([root], IGNORED)
        tree.scan()
        os.utime(root / "a.css")
        assert [each.name for each in tree.scan()] == ["a.css"]
        os.utime(root / "a.css")
        assert tree.scan() == []

    def test_a_change_under_the_same_times(self, root: Path) -> None:
        """Two writes within a tick of the clock are two contents."""
        tree = Tree([root], IGNORED)
        tree.scan()
        for number in range(200):
            (root / "a.css").write_text(f"{number:03}")
            assert [each.name for each in tree.look(str(root / "a.css"))] == ["a.css"]
            (root / "b.js").write_text(f"{number:03}")
            assert [each.name for each in tree.scan()] == ["b.js"]

    def test_folders_in_folders(self, root: Path) -> None:
        """A file belongs to the innermost."""
        tree = Tree([root, root / "d"], IGNORED)
        tree.scan()
        (root / "d/c.css").write_text("1")
        (root / "a.css").write_text("1")
        assert {each.name for each in tree.scan()} == {"c.css", "a.css"}
        (root / "d/e/f.css").write_text("2")
        assert [each.name for each in tree.look(str(root / "d/e"))] == ["e/f.css"]

    def test_what_is_excluded_is_never_entered(self, root: Path) -> None:
        tree = Tree([root], IGNORED, [root / "d"])
        tree.scan()
        (root / "d/c.css").write_text("1")
        assert tree.is_ignored(str(root / "d/c.css"))
        assert tree.scan() == tree.look(str(root / "d/c.css")) == tree.look(str(root / "d")) == []

    def test_what_cannot_be_read_comes_and_goes(self, root: Path, tmp_path: Path) -> None:
        """A build complains of it, and wants to know when it is mended."""
        tree = Tree([root], IGNORED)
        tree.scan()
        (root / "out.css").symlink_to(plant(tmp_path / "far", {"far.css": ""}) / "far.css")
        (root / "loop").symlink_to(".")
        os.mkfifo(root / "pipe")
        names = ["loop", "out.css", "pipe"]
        assert sorted(each.name for each in tree.scan()) == names
        assert tree.scan() == []
        for name in names:
            (root / name).unlink()
            assert tree.look(str(root / name)) == [Changed(name, str(root / name), removed=True)]

    def test_a_large_file_is_not_held(self, root: Path) -> None:
        import tracemalloc

        with (root / "video.mp4").open("wb") as file:
            file.truncate(64 << 20)
        tree = Tree([root], IGNORED)
        tree.scan()
        tracemalloc.start()
        tree.learn(threading.Event())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 << 20
