"""Pruning: what goes, what stays, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assetpipe import manifest
from assetpipe.destination import DAY, HOUR, Destination
from assetpipe.errors import InputError, OutsideError
from assetpipe.headers import Headers
from assetpipe.objectstore.model import Version
from assetpipe.publish import rollback
from assetpipe.publish.inventory import key_of
from assetpipe.publish.state import KEY, Attempt, Condemned, Lease
from tests.place import START, Place, moment
from tests.release import write_release
from tests.weed import Weed

NOW = 100 * 24 * 60  # minutes after the first release
AT_ONCE: dict[str, Any] = {"keep": 1, "younger_than": 0.0, "grace": 0.0, "max_delete": 1.0}


@pytest.fixture(scope="module")
def outs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six releases: a script of its own, one shared with the next, one shared by all."""
    folders = []
    for number in range(6):
        out = tmp_path_factory.mktemp("release")
        files = {f"js/own{number}.js": b"%d" % number, "js/all.js": b"all"}
        files |= {f"js/{n}.js": b"%d" % n for n in (number, number + 1)}
        write_release(out, files | {"robots.txt": b"%d" % number}, compressed=())
        folders.append(out)
    return folders


@pytest.fixture(params=["memory", "folder", "seaweedfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A new target of each kind."""
    if request.param == "folder":
        return Place(Destination(target=str(tmp_path / "target")))
    if request.param == "memory":
        return Place(Destination(target="memory:///"))
    weed: Weed = request.getfixturevalue("cloud")
    return Place(weed.destination(f"s3://{weed.bucket()}/site"))


def names(out: Path) -> set[str]:
    """Return the files of a release."""
    release = manifest.load(out / manifest.FILE_NAME)
    return {asset.file for asset in release.assets.values()}


def publish_all(place: Place, outs: list[Path], *, every: float = 24 * 60) -> None:
    for number, out in enumerate(outs):
        place.publish(out, minutes=number * every)


def test_only_what_no_kept_release_names_goes(place: Place, outs: list[Path]) -> None:
    """The last releases stay whole; of the others, nothing is left, nor of their lists."""
    publish_all(place, outs)
    place.store.put("uploads/somebody.png", b"not ours", ())
    done = place.prune(NOW, **{**AT_ONCE, "keep": 2})
    kept = names(outs[4]) | names(outs[5])
    assert place.assets() == kept | {"uploads/somebody.png"}
    assert [record.release for record in done.kept] == [
        manifest.load(out / manifest.FILE_NAME).release for out in outs[4:]
    ]
    assert len(done.dropped) == 4
    assert set(done.deleted) == set().union(*map(names, outs[:4])) - kept
    own = {key for key in place.store.sizes() if key.startswith((".assetpipe/", ".releases/"))}
    assert len(own) == 2 * 2 + 1
    assert not holder(place)
    assert place.flaws(outs[5]) == []


def test_what_goes_is_marked_first_and_deleted_after_a_time(place: Place, outs: list[Path]) -> None:
    """In the time of grace nothing is deleted, and a publish may need it again."""
    publish_all(place, outs[:3])
    before = place.assets()
    settings: dict[str, Any] = {**AT_ONCE, "grace": HOUR}
    marked = place.prune(NOW, **settings)
    assert (len(marked.dropped), marked.deleted) == (2, ())
    assert marked.waiting == len(before - names(outs[2]))
    assert place.assets() == before
    place.publish(outs[0], minutes=NOW + 10)
    early = place.prune(NOW + 59, **settings)
    assert early.deleted == ()
    done = place.prune(NOW + 61, **settings)
    assert names(outs[0]) <= place.assets()
    assert "js/own1.js" in {key[:7] + ".js" for key in done.deleted}
    assert not names(outs[1]) <= place.assets()
    assert place.flaws(outs[0]) == []


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        pytest.param({"keep": 1}, [5], id="only the current one"),
        pytest.param({"keep": 3}, [3, 4, 5], id="the last three"),
        pytest.param({"keep": 9}, [0, 1, 2, 3, 4, 5], id="more than there are"),
        pytest.param({"keep": 1, "younger_than": 98 * DAY}, [3, 4, 5], id="young ones"),
        pytest.param({"keep": 4, "younger_than": 98 * DAY}, [2, 3, 4, 5], id="whichever is more"),
    ],
)
def test_what_is_kept(outs: list[Path], settings: dict[str, Any], kept: list[int]) -> None:
    """The last so many, and all that are young."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs)
    place.prune(NOW, **{**AT_ONCE, **settings})
    there = place.assets()
    assert there == set().union(*(names(outs[number]) for number in kept))


def test_the_current_release_stays_however_old(place: Place, outs: list[Path]) -> None:
    """After a rollback the current one is not among the last."""
    publish_all(place, outs)
    first = manifest.load(outs[0] / manifest.FILE_NAME).release
    rollback(place.store, first)
    place.prune(NOW, **AT_ONCE)
    assert names(outs[0]) | names(outs[5]) == place.assets()
    assert place.state.current == first


def test_a_dry_run_deletes_nothing(place: Place, outs: list[Path]) -> None:
    """It says what would go, and marks nothing."""
    publish_all(place, outs[:3])
    before, state = place.store.sizes(), place.state
    done = place.prune(NOW, dry_run=True, **AT_ONCE)
    assert done.deleted
    assert (place.store.sizes(), place.state) == (before, state)


def test_too_much_is_refused(place: Place, outs: list[Path]) -> None:
    """More than the configured share is a mistake, until somebody says that it is none."""
    publish_all(place, outs)
    before, state = place.store.sizes(), place.state
    with pytest.raises(InputError, match=r"\d+ of \d+ objects would be deleted"):
        place.prune(NOW, **{**AT_ONCE, "max_delete": 0.5})
    assert (place.store.sizes(), place.state) == (before, state)


def change_state(place: Place, **changes: object) -> None:
    """Change the state behind everybody's back."""
    state = replace(place.state, **changes)  # type: ignore[arg-type]
    place.store.put(KEY, state.render(), ())


def holder(place: Place) -> str:
    """Return who has the leave to delete."""
    lease = place.state.lease
    return lease.id if lease else ""


def test_a_publish_under_way_is_spared(outs: list[Path]) -> None:
    """What it has put already, and what it found there, stays, until a day has passed."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs[:2])
    record = place.state.releases[0]
    at = moment(NOW - 60).at
    attempt = Attempt(record.release, record.inventory, "alive", at, "bob", ())
    change_state(place, attempts=(attempt,))
    place.prune(NOW, **AT_ONCE)
    assert names(outs[0]) <= place.assets()
    place.prune(NOW + 24 * 60, **AT_ONCE)
    assert place.assets() == names(outs[1])
    assert not place.state.attempts


def test_a_lost_list_stops_a_prune(outs: list[Path]) -> None:
    """Who cannot tell what a kept release needs deletes nothing."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs[:3])
    before = place.assets()
    place.store.delete([key_of(place.state.releases[-1].inventory)])
    with pytest.raises(OutsideError, match="lost the list of its objects"):
        place.prune(NOW, **AT_ONCE)
    assert place.assets() == before


def test_a_prune_that_fails_is_finished_by_the_next(
    outs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives its leave to delete back, so that nobody waits for it."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs[:3])

    def die(keys: object) -> None:
        raise OutsideError("the network is down")

    with monkeypatch.context() as patch:
        patch.setattr(place.store, "delete", die, raising=False)
        with pytest.raises(OutsideError):
            place.prune(NOW, **AT_ONCE)
    assert not holder(place)
    place.prune(NOW + 1, **AT_ONCE)
    assert place.assets() == names(outs[2])


def test_a_prune_whose_leave_is_gone_stops(
    outs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has stopped waiting for it relies on what it would delete."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs[:3])
    before = place.assets()
    whole = place.store.swap

    def swap(key: str, data: bytes, fields: Headers, version: Version | None) -> Version:
        done = whole(key, data, fields, version)
        if holder(place):
            change_state(place, lease=None)
        return done

    monkeypatch.setattr(place.store, "swap", swap, raising=False)
    with pytest.raises(OutsideError, match="took so long"):
        place.prune(NOW, **AT_ONCE)
    assert place.assets() == before


def test_a_list_is_spared_until_after_a_time_of_all_that_name_it(outs: list[Path]) -> None:
    """A file of two condemned releases goes with the younger one."""
    place = Place(Destination(target="memory:///"))
    settings: dict[str, Any] = {**AT_ONCE, "grace": HOUR}
    publish_all(place, [outs[0], outs[1], outs[3]])
    records = place.state.releases
    shared = names(outs[0]) & names(outs[1]) - names(outs[3])
    assert shared
    at = [moment(NOW - 90).at, moment(NOW - 30).at]
    change_state(
        place,
        releases=records[2:],
        condemned=tuple(
            Condemned(record.inventory, record.release, when)
            for record, when in zip(records, at, strict=False)
        ),
    )
    place.prune(NOW, **settings)
    assert names(outs[1]) <= place.assets()
    place.prune(NOW + 40, **settings)
    assert place.assets() == names(outs[3])


def test_a_prune_that_died_is_waited_for_no_longer_than_it_may_take(outs: list[Path]) -> None:
    """Its leave to delete ends; one of long ago is none."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs[:3])
    change_state(place, lease=Lease("dead", moment(NOW - 61).at))
    place.prune(NOW, **AT_ONCE)
    assert not holder(place)
    assert place.assets() == names(outs[2])


@pytest.mark.parametrize(
    "age", [pytest.param(-50, id="a clock is fast"), pytest.param(50, id="or slow")]
)
def test_clocks_of_two_machines_may_differ(
    outs: list[Path], age: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leave to delete is over when it has been seen unchanged for ten minutes."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs[:2])
    change_state(place, lease=Lease("other", moment(NOW + age).at))
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += 60

    monkeypatch.setattr("assetpipe.publish.journal.time.sleep", sleep)
    monkeypatch.setattr("assetpipe.publish.journal.time.monotonic", lambda: clock[0])
    place.publish(outs[2], minutes=NOW)
    assert clock[0] > 600
    assert not holder(place)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda place, out: place.publish(out, minutes=NOW), id="a publish"),
        pytest.param(lambda place, _: place.prune(NOW, **AT_ONCE), id="another prune"),
    ],
)
def test_who_comes_while_somebody_deletes_waits(
    outs: list[Path],
    act: Callable[[Place, Path], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until the other one has ended, looking again and again."""
    place = Place(Destination(target="memory:///"))
    publish_all(place, outs[:2])
    change_state(place, lease=Lease("other", moment(NOW).at))
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            change_state(place, lease=None)

    monkeypatch.setattr("assetpipe.publish.journal.time.sleep", sleep)
    act(place, outs[2])
    assert len(pauses) == 3
    assert not holder(place)


def test_pruning_nothing_is_fine(place: Place) -> None:
    """Where nothing was published, there is nothing to do, and nothing is written."""
    done = place.prune(NOW, **AT_ONCE)
    assert (done.deleted, done.kept) == ((), ())
    assert place.store.sizes() == {}


def test_thousands_of_objects_are_published_and_pruned(cloud: Weed, tmp_path: Path) -> None:
    """More than a page of a listing, and more than a batch of deletions."""
    place = Place(cloud.destination(f"s3://{cloud.bucket()}/site"))
    many = {f"n/{number % 30}/{number}.txt": b"%d" % number for number in range(2300)}
    write_release(tmp_path / "many", many, compressed=())
    write_release(tmp_path / "few", {"a.txt": b"a"}, compressed=())
    place.publish(tmp_path / "many")
    # Somebody's publish did not end, so that what is there is listed.
    attempt = Attempt("f" * 16, "gone", "dead", START.isoformat(), "", ())
    change_state(place, attempts=(attempt,))
    assert place.publish(tmp_path / "many", minutes=1).puts == ()
    assert len(place.publish(tmp_path / "few", minutes=2).puts) == 1
    change_state(place, attempts=())
    assert len(place.prune(NOW, **AT_ONCE).deleted) == 2300
    assert len(place.assets()) == 1
