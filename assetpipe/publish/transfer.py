"""The transfer: many objects at once, and an end at the first failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

_MEMORY = 64 << 20  # bytes of files in memory at once
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Room:
    """Room for files in memory; one that is larger than the whole of it gets it all.

    Args:
        size: bytes.
    """

    def __init__(self, size: int = _MEMORY) -> None:
        self._size = self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait for room, and give it back."""
        size = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


def every(
    items: Sequence[_Item], do: Callable[[_Item], _Result], *, connections: int
) -> list[_Result]:
    """Do something with every item, many at once; return the results in the same order.

    Raises:
        BaseException: the first one that was raised; what has not begun by then is not done.
    """
    if len(items) <= 1:
        return [do(item) for item in items]
    with ThreadPoolExecutor(min(connections, len(items))) as pool:
        futures = [pool.submit(do, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures if not future.cancelled()]
