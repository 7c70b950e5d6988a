from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.batches import ArrayBatches

X = np.arange(10.0, dtype="float32")[:, None]


def rows(batches: ArrayBatches) -> list[float]:
    return [float(v) for i in range(len(batches)) for v in batches[i][0][:, 0]]


def test_every_row_comes_once_and_the_last_batch_holds_the_rest() -> None:
    batches = ArrayBatches(X, batch_size=4)
    assert [len(batches[i][0]) for i in range(len(batches))] == [4, 4, 2]
    assert sorted(rows(batches)) == list(range(10))


def order(seed: int, epoch: int, **options: Any) -> list[float]:
    batches = ArrayBatches(X, batch_size=3, seed=seed, **options)
    batches.start_epoch(epoch)
    return rows(batches)


def test_without_shuffling_the_order_is_the_arrays() -> None:
    for epoch in range(2):
        assert order(0, epoch, shuffle=False) == list(range(10))


def test_the_order_of_an_epoch_depends_on_the_seed_and_its_number_alone() -> None:
    batches = ArrayBatches(X, batch_size=3, seed=5)
    orders = []
    for epoch in range(3):
        batches.start_epoch(epoch)
        batches.on_epoch_end()  # Keras's hook changes nothing
        orders.append(rows(batches))
    assert orders[0] != orders[1] != orders[2]
    assert order(5, 2) == orders[2]
    assert order(6, 2) != orders[2]


def test_an_order_made_ahead_is_the_epochs_and_moves_nothing_yet() -> None:
    batches = ArrayBatches(X, batch_size=3, seed=5)
    first = rows(batches)
    batches.prepare_epoch(2)
    assert (rows(batches), batches.epoch) == (first, 0)
    batches.start_epoch(1)  # another than the one made ahead
    assert rows(batches) == order(5, 1)
    batches.prepare_epoch(2)
    batches.start_epoch(2)
    assert (rows(batches), batches.epoch) == (order(5, 2), 2)
    batches.seed = 6
    batches.start_epoch(2)
    assert rows(batches) == order(6, 2)


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


def make() -> keras.Model:
    model = keras_ae.create("vae", input_shape=(1,), latent_dim=1, hidden=[2])
    model.compile("sgd")
    return model


def test_fit_gives_each_epoch_its_own_order() -> None:
    for size in (3, len(X)):
        batches = Noting(X, batch_size=size, seed=3)
        make().fit(batches, epochs=3, verbose=0)
        assert {e: len(batches.orders[e]) for e in range(3)} == dict.fromkeys(range(3), 10)
        if size == 3:
            assert batches.orders == {e: order(3, e) for e in range(3)}


def test_fit_resumed_at_an_epoch_sees_what_it_would_have_seen() -> None:
    batches = Noting(X, batch_size=3, seed=3)
    make().fit(batches, initial_epoch=1, epochs=3, verbose=0)
    assert [batches.orders[e] for e in (1, 2)] == [order(3, e) for e in (1, 2)]


def test_looking_at_the_data_before_training_changes_no_order() -> None:
    batches = Noting(X, batch_size=3, seed=3)
    model = keras_ae.create("vq_vae", input_shape=(1,), num_codes=2, tokens=1, latent_dim=1)
    model.compile("sgd")
    model.fit(batches, epochs=2, verbose=0)  # the codebook's start reads all rows
    assert batches.orders[1] == order(3, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be a whole number of at least 1"),
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


def test_batches_of_a_file_are_floats_and_the_file_stays_as_it_is(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X.astype("int64"))
    batches = ArrayBatches(np.load(tmp_path / "x.npy", mmap_mode="r"), batch_size=4)
    assert batches.arrays[0].dtype == "int64"
    assert batches[0][0].dtype == "float32"
    assert sorted(rows(batches)) == list(range(10))
