from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.largest import largest


@pytest.mark.parametrize("count", [1, 5, 12])
def test_the_largest_of_each_row_are_found(count: int) -> None:
    values = np.random.default_rng(0).normal(size=(6, 12)).astype("float32")
    got = ops.convert_to_numpy(largest(ops.convert_to_tensor(values), count))
    wanted = values >= np.sort(values, axis=1)[:, -count, None]
    np.testing.assert_array_equal(got, wanted)


def test_of_equal_numbers_no_more_are_taken() -> None:
    rows = [[3, -1, 2, 5, 2, 2], [0, 0, 0, 0, 0, 0], [1, 1, 0, 2, 1, 1], [-1, -2, -1, -1, -3, -9]]
    got = ops.convert_to_numpy(largest(ops.convert_to_tensor(np.array(rows, "float32")), 3))
    assert got.sum(axis=1).tolist() == [3, 3, 3, 3]
    assert got[0, [0, 3]].all()
    assert not got[0, 1]
    assert got[2, 3]
    assert not got[3, [1, 4, 5]].any()
    if keras.backend.backend() != "torch":
        first = [[1, 0, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0], [1, 0, 1, 1, 0, 0]]
        np.testing.assert_array_equal(got, first)
