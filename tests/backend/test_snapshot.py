from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.snapshot import Snapshot


def as_floats(variable: keras.Variable) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(variable.value, "float32")).copy()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_what_moves_afterwards_does_not_move_a_snapshot(dtype: str) -> None:
    variables = [
        keras.Variable(np.arange(6.0).reshape(2, 3), dtype=dtype, trainable=dtype != "int32"),
        keras.Variable(3.0, dtype=dtype, trainable=False),
    ]
    before = [as_floats(v) for v in variables]
    snapshot = Snapshot(variables)
    for variable in variables:
        variable.assign(variable.value + 1)
    snapshot.restore()
    for variable, value in zip(variables, before, strict=True):
        assert keras.backend.standardize_dtype(variable.dtype) == dtype
        np.testing.assert_array_equal(as_floats(variable), value)


def test_a_snapshot_can_be_restored_again() -> None:
    variable = keras.Variable(np.ones(3))
    snapshot = Snapshot([variable])
    for number in (2.0, 3.0):
        variable.assign(np.full(3, number))
        snapshot.restore()
        np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), 1.0)
