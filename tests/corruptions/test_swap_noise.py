from __future__ import annotations

import numpy as np
from keras import ops

from keras_ae.corruptions import SwapNoise


def corrupted(rate: float, x: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(SwapNoise(rate)(x, training=True))


def test_every_number_is_another_rows_in_its_own_column() -> None:
    # Column j holds 1000 j + row: each number names its row and its column.
    x = (np.arange(50)[:, None] + 1000.0 * np.arange(20)).astype("float32")
    noisy = corrupted(0.4, x)
    assert (noisy // 1000 == np.arange(20)).all()
    moved = noisy != x
    assert abs(moved.mean() - 0.4) < 0.05  # a swap never takes the row itself
    assert corrupted(1.0, x)[np.arange(50), 0].tolist() != x[:, 0].tolist()
    assert (corrupted(1.0, x) != x).all()


def test_each_number_picks_its_own_row_evenly() -> None:
    x = np.tile(np.arange(5, dtype="float32")[:, None], (1, 4000))
    sources = np.bincount(corrupted(1.0, x)[0].astype(int), minlength=5)
    assert sources[0] == 0
    assert (abs(sources[1:] / 4000 - 0.25) < 0.04).all()


def test_a_single_row_stays_as_it_is() -> None:
    x = np.ones((1, 3), "float32")
    np.testing.assert_array_equal(corrupted(1.0, x), x)


def test_images_are_swapped_place_by_place() -> None:
    x = np.arange(24, dtype="float32").reshape(2, 3, 2, 2)
    np.testing.assert_array_equal(corrupted(1.0, x), x[::-1])
