from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.datasets import ArrayBatches

X = np.arange(10.0, dtype="float32")[:, None]


def rows(batches: ArrayBatches) -> list[float]:
    return [float(v) for i in range(len(batches)) for v in batches[i][0][:, 0]]


def test_every_row_comes_once_and_the_last_batch_holds_the_rest() -> None:
    batches = ArrayBatches(X, batch_size=4)
    assert [len(batches[i][0]) for i in range(len(batches))] == [4, 4, 2]
    assert sorted(rows(batches)) == list(range(10))


def test_without_shuffling_the_order_is_the_arrays() -> None:
    batches = ArrayBatches(X, batch_size=3, shuffle=False)
    for _ in range(2):
        assert rows(batches) == list(range(10))
        batches.on_epoch_end()


def test_the_order_of_an_epoch_depends_on_the_seed_and_its_number_alone() -> None:
    batches = ArrayBatches(X, batch_size=4, seed=5)
    orders = []
    for _ in range(3):
        orders.append(rows(batches))
        batches.on_epoch_end()
    assert orders[0] != orders[1] != orders[2]
    assert rows(ArrayBatches(X, batch_size=4, seed=5, epoch=2)) == orders[2]
    assert rows(ArrayBatches(X, batch_size=4, seed=6, epoch=2)) != orders[2]


def test_targets_and_weights_follow_their_rows() -> None:
    batches = ArrayBatches(X, X * 2, X[:, 0] * 3, batch_size=4)
    for i in range(len(batches)):
        x, y, weight = batches[i]
        np.testing.assert_array_equal(y, x * 2)
        np.testing.assert_array_equal(weight, x[:, 0] * 3)
    assert [len(ArrayBatches(X, y, batch_size=4)[0]) for y in (None, X)] == [1, 2]


class Noting(ArrayBatches):
    """Notes which rows each epoch of training was given."""

    def __init__(self, *arrays: np.ndarray, **options: Any) -> None:
        super().__init__(*arrays, **options)
        self.orders: dict[int, list[float]] = {}

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Note the rows of a batch and return it."""
        batch = super().__getitem__(index)
        # Keras looks at the first batches once more, to build the model.
        seen = self.orders.setdefault(self.epoch, [])
        seen += [row for row in batch[0][:, 0].tolist() if row not in seen]
        return batch


def fitted(batches: Noting, model: keras.Model | None = None, epochs: int = 1) -> keras.Model:
    if model is None:
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
    first = batches.epoch
    model.fit(batches, initial_epoch=first, epochs=first + epochs, shuffle=False, verbose=0)
    return model


def test_fit_gives_each_epoch_its_own_order() -> None:
    batches = Noting(X, X, batch_size=3, seed=3)
    fitted(batches, epochs=3)
    expected = {e: rows(ArrayBatches(X, batch_size=3, seed=3, epoch=e)) for e in range(3)}
    assert {epoch: batches.orders[epoch] for epoch in range(3)} == expected
    assert batches.epoch == 3


def test_fit_resumed_at_an_epoch_sees_what_it_would_have_seen(tmp_path: Path) -> None:
    whole, begun = Noting(X, X, batch_size=3, seed=3), Noting(X, X, batch_size=3, seed=3)
    fitted(whole, epochs=3)
    fitted(begun).save(tmp_path / "model.keras")
    resumed = Noting(X, X, batch_size=3, seed=3, epoch=1)
    fitted(resumed, keras.saving.load_model(tmp_path / "model.keras"), epochs=2)
    for epoch in (1, 2):
        assert resumed.orders[epoch] == whole.orders[epoch]


def test_fit_called_twice_goes_on_with_the_next_epoch() -> None:
    batches = Noting(X, X, batch_size=3, seed=3)
    model = fitted(batches)
    fitted(batches, model, epochs=2)
    assert batches.epoch == 3
    expected = rows(ArrayBatches(X, batch_size=3, seed=3, epoch=1))
    assert batches.orders[1] == expected


def test_an_epoch_ends_only_when_all_its_batches_were_taken() -> None:
    batches = ArrayBatches(X, batch_size=4)
    batches.on_epoch_end()
    assert batches.epoch == 0
    rows(batches)
    batches.on_epoch_end()
    assert batches.epoch == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, r"`batch_size` must be at least 1\. Received: batch_size=0"),
        ({"batch_size": 2, "sample_weight": X[:, 0]}, "`sample_weight` needs a y"),
        ({"batch_size": 2, "y": X[:5]}, r"same rows, 1 or more\. Received: \[10, 5\]"),
    ],
)
def test_what_cannot_be_batched_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ArrayBatches(X, **arguments)


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 or more\. Received: \[0\] rows"):
        ArrayBatches(X[:0], batch_size=2)
