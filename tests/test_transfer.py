"""Many transfers at once: how they end, and how much memory they take."""

from __future__ import annotations

import threading
import time

import pytest

from assetpipe.publish.transfer import Room, every


@pytest.mark.parametrize("count", [0, 1, 2, 50])
@pytest.mark.parametrize("connections", [1, 3, 64])
def test_results_come_in_order(count: int, connections: int) -> None:
    """However long each takes."""

    def slow_first(number: int) -> int:
        time.sleep(0.002 * (number == 0))
        return number * 2

    done = every(list(range(count)), slow_first, connections=connections)
    assert done == [2 * number for number in range(count)]


def test_the_first_failure_ends_it() -> None:
    """What is under way ends; what has not begun never does."""
    begun = []

    def act(number: int) -> None:
        begun.append(number)
        time.sleep(0.01)
        if number == 3:
            raise ValueError(number)

    with pytest.raises(ValueError, match="3"):
        every(list(range(1000)), act, connections=4)
    assert len(begun) < 50
    assert threading.active_count() < 10


def test_files_in_memory_have_room() -> None:
    """No more at once than there is room for; one that is too large for it goes alone."""
    room = Room(100)
    inside = most = 0
    guard = threading.Lock()

    def hold(size: int) -> None:
        nonlocal inside, most
        with room.take(size):
            with guard:
                inside += size
                most = max(most, inside)
            time.sleep(0.001)
            with guard:
                inside -= size

    every([30, 60, 30, 10, 90, 20, 40] * 10, hold, connections=16)
    assert most <= 100
    every([30, 500, 30], hold, connections=3)
    assert most == 500
