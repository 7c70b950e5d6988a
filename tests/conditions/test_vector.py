from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.conditions import Vector

C = np.random.default_rng(0).normal(size=(5, 2, 3)).astype("float32")


def test_numbers_are_flattened() -> None:
    vectors = ops.convert_to_numpy(Vector((2, 3)).embed(ops.convert_to_tensor(C)))
    np.testing.assert_array_equal(vectors, C.reshape(5, 6))
    whole = ops.convert_to_tensor(np.ones((2, 2, 3), "uint8"))
    assert ops.convert_to_numpy(Vector((2, 3)).embed(whole)).dtype == np.float32


def test_the_centre_is_zero_and_a_probe_is_of_the_shape() -> None:
    vector = Vector([2, 3])
    np.testing.assert_array_equal(vector.centre(), np.zeros(6))
    assert vector.probe(np.random.default_rng(0), 7).shape == (7, 2, 3)
    vector.check_values(C)
    assert Vector.from_config(vector.get_config()).shape == (2, 3)


def test_a_single_number_is_a_vector_of_one() -> None:
    assert Vector(1).shape == (1,)
    with pytest.raises(ValueError, match=r"Use \(1,\) for one number"):
        Vector(())
