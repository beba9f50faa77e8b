"""Several people at one target: publishes and prunes, interleaved request by request."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from assetpipe import manifest
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError
from assetpipe.headers import Headers
from assetpipe.manifest import Manifest
from assetpipe.objectstore.model import Store, Stored, Version
from assetpipe.publish import journal, prune, publish, rollback
from assetpipe.publish.state import KEY, State
from tests.place import Place, moment
from tests.release import write_release

ROUNDS = 150
ALL = Destination(target="memory:///", keep=1, younger_than=0, grace=0, max_delete=1, connections=1)


class Killed(BaseException):
    """The end of a process, as it sees it itself."""


class Turns:
    """A store for one of several actors: each request waits until it is that actor's turn."""

    is_local = False

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = store.name
        self.ready = threading.Event()
        self.turn = threading.Event()
        self.is_over = False
        self.fate: Callable[[Callable[[], object]], object] | None = None

    def _wait(self, do: Callable[[], object]) -> object:
        if self.is_over:
            raise Killed
        self.ready.set()
        self.turn.wait()
        self.turn.clear()
        fate, self.fate = self.fate, None
        return fate(do) if fate else do()

    def pause(self) -> None:
        """Wait for a turn, and do nothing with it."""
        self._wait(lambda: None)

    def read(self, key: str) -> Stored | None:
        return self._wait(lambda: self.store.read(key))  # type: ignore[return-value]

    def put(self, key: str, data: bytes, fields: Headers) -> None:
        self._wait(lambda: self.store.put(key, data, fields))

    def put_fields(self, key: str, fields: Headers) -> bool:
        return self._wait(lambda: self.store.put_fields(key, fields))  # type: ignore[return-value]

    def swap(self, key: str, data: bytes, fields: Headers, version: Version | None) -> Version:
        return self._wait(  # type: ignore[return-value]
            lambda: self.store.swap(key, data, fields, version)
        )

    def sizes(self) -> dict[str, int]:
        return self._wait(self.store.sizes)  # type: ignore[return-value]

    def delete(self, keys: Collection[str]) -> None:
        # One by one, so that somebody else may come between.
        for key in keys:
            self._wait(lambda key=key: self.store.delete([key]))  # type: ignore[misc]


class Race:
    """Actors at one store, who take turns in an order that a seed decides."""

    def __init__(self, place: Place, chance: random.Random) -> None:
        self.place = place
        self.chance = chance
        self.actors: list[tuple[Turns, threading.Thread]] = []
        self.failures: list[BaseException] = []

    def add(self, act: Callable[[Store], object]) -> None:
        """Add somebody; the act begins with its first request."""
        turns = Turns(self.place.store)

        def run() -> None:
            local.turns = turns
            try:
                act(turns)
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001  # looked at by the test
                self.failures.append(error)
            finally:
                turns.is_over = True
                turns.ready.set()

        thread = threading.Thread(target=run, daemon=True)
        self.actors.append((turns, thread))
        thread.start()

    def run(self, after_each: Callable[[], None], *, kill: bool) -> None:
        """Give turns until everybody is done."""
        victim = self.chance.choice(self.actors)[0] if kill else None
        doom = self.chance.randrange(1, 25)
        while True:
            alive = []
            for turns, _ in self.actors:
                turns.ready.wait(10)
                if not turns.is_over:
                    alive.append(turns)
            if not alive:
                break
            turns = self.chance.choice(alive)
            if turns is victim:
                doom -= 1
                if doom == 0:
                    turns.fate = self.chance.choice([_die_before, _die_after])
            turns.ready.clear()
            turns.turn.set()
            turns.ready.wait(10)
            after_each()
        for _, thread in self.actors:
            thread.join(10)


def _die_before(do: Callable[[], object]) -> object:
    killed.set()
    raise Killed


def _die_after(do: Callable[[], object]) -> object:
    do()
    killed.set()
    raise Killed


local = threading.local()


class Clock:
    """The clock of those who wait: it stands still, until somebody dies."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        local.turns.pause()
        self.now += 60 * killed.is_set()


killed = threading.Event()


@pytest.fixture(autouse=True)
def _time_is_in_our_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "time", Clock())


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Manifest]]:
    """Five releases that share some files, and each have their own robots.txt."""
    made = []
    for number in range(5):
        out = tmp_path_factory.mktemp("release") / "out"
        files = {f"js/{(number + step) % 5}.js": b"%d" % ((number + step) % 5) for step in range(3)}
        files["shared.css"] = b"a{}"
        files["robots.txt"] = b"%d" % number
        made.append((out, write_release(out, files, compressed=())))
    return made


def whole(place: Place, releases: list[tuple[Path, Manifest]]) -> Callable[[], None]:
    """Return the check that every release that the state names is whole."""
    by_id = {release.release: (out, release) for out, release in releases}

    def check() -> None:
        stored = place.store.read(KEY)
        state = State.parse(stored.data, where=KEY) if stored else State()
        there = place.store.sizes()
        for record in state.releases:
            _, release = by_id[record.release]
            wanted = {asset.file for asset in release.assets.values()}
            wanted.add(f"{manifest.HISTORY}/{record.release}.json")
            assert wanted <= there.keys(), f"{record.release} lacks {wanted - there.keys()}"
        assert not state.current or state.record(state.current), "the current release is forgotten"

    return check


@pytest.mark.parametrize("kill", [False, True], ids=["all live", "one dies"])
def test_every_release_is_whole_at_every_moment(
    releases: list[tuple[Path, Manifest]], kill: bool
) -> None:
    """Whatever two publishes, a prune and a rollback do in whichever order.

    Every release that the state names is whole after every single request. Who is not killed
    succeeds. One is plainly last, and its plain files are there; so they are after one more
    publish if somebody died.
    """
    for seed in range(ROUNDS):
        chance = random.Random(seed)
        killed.clear()
        place = Place(ALL)
        check = whole(place, releases)
        for out, _ in chance.sample(releases, chance.randrange(3)):
            publish(out, place.store, ALL, moment(0))
        race = Race(place, chance)
        for out, _ in chance.sample(releases, 2):
            race.add(lambda store, out=out: publish(out, store, ALL, moment(2)))  # type: ignore[misc]
        race.add(lambda store: prune(store, ALL, moment(3)))
        if len(place.state.releases) > 1:
            race.add(rollback_quietly)
        try:
            race.run(check, kill=kill)
            assert not race.failures
            state = place.state
            last = (
                next(
                    out
                    for out, release in releases
                    if release.release == state.releases[-1].release
                )
                if state.releases
                else None
            )
            if kill:
                last = releases[seed % 5][0]
                # Somebody who died while deleting is waited for no longer after ten minutes.
                publish(last, place.store, ALL, moment(20))
                check()
                assert place.flaws(last) == []
            else:
                assert last is not None
                assert place.content("robots.txt") == (last / "robots.txt").read_bytes()
            assert [attempt for attempt in place.state.attempts if not kill] == []
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def rollback_quietly(store: Store) -> None:
    """Roll back, if there still is something to go back to."""
    with contextlib.suppress(ConfigError):
        rollback(store)
