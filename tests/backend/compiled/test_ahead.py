from __future__ import annotations

import itertools
import threading
import time
import traceback
from collections.abc import Iterator

import pytest

from keras_ae.backend.compiled.ahead import DEPTH, Ahead


def test_items_come_in_order_and_the_thread_ends_with_them() -> None:
    before = threading.active_count()
    reader = Ahead(iter(range(20)))
    assert list(reader) == list(range(20))
    reader.close()
    assert threading.active_count() == before


def test_no_more_is_read_ahead_than_said() -> None:
    read: list[int] = []
    reader = Ahead(map(lambda n: read.append(n) or n, itertools.count()))
    items = iter(reader)
    assert next(items) == 0
    time.sleep(0.05)
    assert len(read) <= 1 + DEPTH + 1  # taken, waiting, in hand
    reader.close()


def test_a_thread_that_waits_for_a_place_ends_when_closed() -> None:
    before = threading.active_count()
    reader = Ahead(itertools.count())
    time.sleep(0.02)
    reader.close()
    assert threading.active_count() == before


def test_what_a_stream_raises_comes_after_its_items_with_its_traceback() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("the stream's own")

    items = iter(Ahead(broken()))
    assert next(items) == 1
    with pytest.raises(KeyError, match="the stream's own") as caught:
        next(items)
    assert "broken" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
