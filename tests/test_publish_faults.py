"""Publishing to a real server over a network that fails, by processes that die or compete."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from assetpipe import manifest
from assetpipe.errors import OutsideError
from tests.faults import BROKEN, BUSY, DENIED, Fault, Faults, nth
from tests.nursery import Nursery
from tests.place import Place
from tests.release import write_release
from tests.weed import Weed

KILLS = 50
ROUNDS = 20

FAULTS: dict[str, Fault] = {
    "500": BROKEN,
    "503 with Retry-After": BUSY,
    "403": DENIED,
    "a reset before it is sent": "reset",
    "a reset in mid-body": "reset in the request",
    "a reset after it was done": "reset after",
    "a truncated answer": "truncated",
    "a slow answer": "slow",
}


def release(out: Path, number: int, *, size: int = 300) -> Path:
    """Write one of many releases: five scripts, three of them shared with its neighbours."""
    shutil.rmtree(out, ignore_errors=True)
    files = {f"js/{n}.js": b"%06d\n" % n * size for n in range(number, number + 5)}
    write_release(out, {**files, "robots.txt": b"# %03d\n" % number * 40}, compressed=())
    return out


def id_of(out: Path) -> str:
    return manifest.load(out / manifest.FILE_NAME).release


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_request_fails_once_in_turn(cloud: Weed, tmp_path: Path, fault: Fault) -> None:
    """The old release stays whole, nothing is deleted, and the next run puts what is missing.

    With no retries, each fault at each request of a publish. What succeeds all the same, as the
    fault came after all that counts, is whole. All others fail with status 3, and what they have
    put is not put again.
    """
    bucket = cloud.bucket()
    old, new = release(tmp_path / "old", 0), release(tmp_path / "new", 2)
    with Faults(cloud.url, patience=0.6) as proxy:
        settings = {"endpoint_url": proxy.url, "retries": 0, "timeout": 0.3, "connections": 1}
        for position in range(1, 100):
            place = Place(cloud.destination(f"s3://{bucket}/{position}"))
            broken = Place(replace(place.destination, **settings))  # type: ignore[arg-type]
            place.publish(old)
            before = place.store.sizes()
            wanted = {put.key for put in place.publish(new, dry_run=True).puts}
            proxy.requests.clear()
            proxy.choose = nth(position, fault)
            failure: OutsideError | None = None
            try:
                broken.publish(new, minutes=1)
            except OutsideError as error:
                failure = error
            if failure is None:
                assert place.flaws(new) == []
                if proxy.count() < position:
                    break
                continue
            assert failure.exit_code == 3
            assert failure.hint
            assert "s3://" in str(failure)
            assert "Debug source" not in str(failure)
            assert before.keys() <= place.store.sizes().keys()
            assert place.flaws(old) in ([], ["robots.txt is missing or another"])
            assert place.state.current == id_of(old)
            there = wanted & place.store.sizes().keys() - {"robots.txt"}
            again = {put.key for put in place.publish(new, minutes=2).puts}
            assert again - {"robots.txt"} == wanted - there - {"robots.txt"}
            assert place.flaws(new) == []
    assert position >= 10


@pytest.mark.parametrize("fault", [f for f in FAULTS.values() if f != DENIED],
                         ids=[name for name in FAULTS if name != "403"])  # fmt: skip
def test_a_passing_fault_is_got_over(cloud: Weed, tmp_path: Path, fault: Fault) -> None:
    """With retries, a publish whose every fourth request fails once succeeds."""
    place = Place(cloud.destination(f"s3://{cloud.bucket()}/site"))
    out = release(tmp_path / "out", 0)
    with Faults(cloud.url, patience=0.6) as proxy:
        proxy.choose = lambda request: fault if request.number % 4 == 2 else None
        settings = {"endpoint_url": proxy.url, "retries": 4, "timeout": 0.4}
        Place(replace(place.destination, **settings)).publish(out)  # type: ignore[arg-type]
    assert place.flaws(out) == []


def test_an_unchanged_publish_is_one_request(cloud: Weed, tmp_path: Path) -> None:
    """It reads the state, and nothing else; a changed one reads one more object."""
    place = Place(cloud.destination(f"s3://{cloud.bucket()}/site"))
    place.publish(release(tmp_path / "out", 0))
    with Faults(cloud.url) as proxy:
        seen = Place(replace(place.destination, endpoint_url=proxy.url))
        seen.publish(tmp_path / "out", minutes=1)
        assert [request.method for request in proxy.requests] == ["GET"]
        seen.publish(release(tmp_path / "out", 1), minutes=2)
        assert proxy.count("GET") == 3
        # Script, plain file, inventory, manifest, and the state before and after.
        assert proxy.count("PUT") == 6


WORK = """
import os, time
from datetime import UTC, datetime
from pathlib import Path
import obstore, obstore.store
from assetpipe.destination import Destination
from assetpipe.publish import Moment, open_store, prune, publish

def work(job):
    verb, settings, out = job
    destination = Destination(**settings)
    moment = Moment(datetime.now(UTC), f"{os.getpid()}-{time.time_ns()}")
    store = open_store(destination)
    if verb == "publish":
        publish(Path(out), store, destination, moment)
    else:
        prune(store, destination, moment)
"""


def job(verb: str, place: Place, out: Path) -> list[object]:
    """Return a publish or a prune as something for the nursery to do."""
    return [verb, asdict(place.destination), str(out)]


@pytest.fixture
def nursery(cloud: Weed) -> Iterator[Nursery]:
    with Nursery(WORK) as nursery:
        yield nursery


def test_a_publish_that_is_killed_leaves_the_old_release_and_the_next_one_completes(
    cloud: Weed, tmp_path: Path, nursery: Nursery
) -> None:
    """Fifty ``kill -9``, from the first moment of a publish to its last, one after another."""
    place = Place(cloud.destination(f"s3://{cloud.bucket()}/site", connections=3))
    outs = [release(tmp_path / str(number), number, size=6000) for number in range(8)]
    assert nursery.run(job("publish", place, outs[0])) == [0]
    started = time.perf_counter()
    assert nursery.run(job("publish", place, outs[5])) == [0]
    duration = time.perf_counter() - started
    chance = random.Random(4)
    killed, current = 0, outs[5]
    for _ in range(4 * KILLS):
        out = chance.choice([other for other in outs if other != current])
        before = place.store.sizes().keys()
        (end,) = nursery.run(job("publish", place, out), kill_after=chance.uniform(0, duration))
        if end == -signal.SIGKILL:
            killed += 1
            assert before <= place.store.sizes().keys()
            assert set(place.flaws(current)) <= {"robots.txt is missing or another"} or (
                place.flaws(out) == []
            )
        else:
            assert end == 0
        if chance.random() < 0.5 or place.state.current != id_of(current):
            assert nursery.run(job("publish", place, out)) == [0]
            assert place.flaws(out) == []
            current = out
        if killed == KILLS:
            return
    pytest.fail(f"all but {killed} finished before they were killed")


def test_two_publishers_at_once_both_succeed(cloud: Weed, tmp_path: Path, nursery: Nursery) -> None:
    """Twenty times: both releases are whole, and the one that is current has its plain files."""
    place = Place(cloud.destination(f"s3://{cloud.bucket()}/site"))
    outs = [release(tmp_path / str(number), number) for number in range(4)]
    chance = random.Random(5)
    for _ in range(ROUNDS):
        one, other = chance.sample(outs, 2)
        assert nursery.run(job("publish", place, one), job("publish", place, other)) == [0, 0]
        state = place.state
        assert {record.release for record in state.releases[-2:]} == {id_of(one), id_of(other)}
        assert state.current == state.releases[-1].release
        last = one if state.current == id_of(one) else other
        assert place.flaws(last) == []
        there = place.store.sizes()
        assert whole(one, there)
        assert whole(other, there)
        assert not state.attempts


def test_a_prune_during_a_publish_takes_nothing_that_either_needs(
    cloud: Weed, tmp_path: Path, nursery: Nursery
) -> None:
    """Twenty times, with no time of grace: every release that is kept is whole."""
    place = Place(
        cloud.destination(
            f"s3://{cloud.bucket()}/site", keep=1, younger_than=0, grace=0, max_delete=1
        )
    )
    outs = [release(tmp_path / str(number), number) for number in range(6)]
    chance = random.Random(6)
    place.publish(outs[0])
    for _ in range(ROUNDS):
        out = chance.choice(outs)
        ends = nursery.run(
            job("publish", place, out), job("prune", place, out), job("prune", place, out)
        )
        assert ends == [0, 0, 0]
        assert place.flaws(out) == []
        there = place.store.sizes()
        kept = {record.release for record in place.state.releases}
        assert all(whole(other, there) for other in outs if id_of(other) in kept)


def whole(out: Path, there: dict[str, int]) -> bool:
    """Say whether all files of a release are there."""
    found = manifest.load(out / manifest.FILE_NAME)
    return {asset.file for asset in found.assets.values()} <= there.keys()
