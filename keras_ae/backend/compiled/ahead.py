"""Reading ahead: what is slow to come is asked for before it is needed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

DEPTH = 2
"""Items that may wait."""

LEAVE_SECONDS = 5.0
"""How long the thread may need for the item it is at, when nobody wants it any more."""


class Ahead:
    """Iterates over something in a thread of its own, `DEPTH` items ahead.

    What is raised there is raised here, after the items that came before it, with its traceback.

    Args:
        items: What is iterated over.
    """

    def __init__(self, items: Iterator[Any]) -> None:
        self._queue: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(DEPTH)
        self._stop = threading.Event()
        # A thread that hangs in the user's stream must not keep the process alive.
        self._thread = threading.Thread(target=self._read, args=(items,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the items."""
        while True:
            item, end = self._queue.get()
            if isinstance(end, _End):
                return
            if end is not None:
                raise end
            yield item

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        while not self._queue.empty():  # The thread may be waiting for a place.
            self._queue.get_nowait()
        self._thread.join(LEAVE_SECONDS)

    def _read(self, items: Iterator[Any]) -> None:
        end: BaseException = _End()
        try:
            for item in items:
                if self._stop.is_set():
                    return
                self._queue.put((item, None))
        except BaseException as error:
            end = error
        if not self._stop.is_set():
            self._queue.put((None, end))


class _End(Exception):
    """Says that there are no more items."""
