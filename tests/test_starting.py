"""The rows of a training, for what is taken from them beside its steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from keras_ae.batches import ArrayBatches
from keras_ae.starting import TrainingRows

X = np.arange(20.0, dtype="float32").reshape(10, 2)


class Endless:
    """A stream that can be read again and has no end."""

    def __iter__(self) -> Iterator[Any]:
        """Yield one batch again and again."""
        return itertools.cycle([({"x": X[:4], "condition": np.arange(4)},)])


def test_arrays_give_their_first_rows_with_what_belongs_to_them() -> None:
    rows = TrainingRows({"x": X, "condition": np.arange(10), "mask": X > 3})
    assert rows.number == 10
    found = rows.first(3)
    np.testing.assert_array_equal(found["x"], X[:3])
    np.testing.assert_array_equal(found["condition"], [0, 1, 2])
    np.testing.assert_array_equal(found["mask"], X[:3] > 3)
    np.testing.assert_array_equal(TrainingRows(X).first(), X)


def test_rows_that_are_held_out_are_not_among_them() -> None:
    rows = TrainingRows(X, held=0.25)
    assert rows.number == 7
    np.testing.assert_array_equal(rows.first(), X[:7])


def test_a_stream_without_an_end_gives_an_epochs_rows() -> None:
    rows = TrainingRows(Endless(), steps=3)
    assert rows.number is None
    found = rows.first()
    np.testing.assert_array_equal(found["x"], np.tile(X[:4], (3, 1)))
    np.testing.assert_array_equal(found["condition"], np.tile(np.arange(4), 3))
    assert len(rows.first(5)["x"]) == 5


def test_batches_of_arrays_give_all_of_their_rows() -> None:
    rows = TrainingRows(ArrayBatches(X, batch_size=3))
    assert rows.number == 10
    np.testing.assert_array_equal(np.sort(rows.first(), axis=0), X)


def test_a_generator_is_not_read() -> None:
    rows = TrainingRows((X,) for _ in range(2))
    assert not rows.are_readable
    with pytest.raises(ValueError, match="more than once, and a generator is not"):
        rows.first(1)
    assert len(list(rows.x)) == 2
