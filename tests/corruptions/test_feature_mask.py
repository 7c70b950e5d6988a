from __future__ import annotations

import numpy as np
from keras import ops

from keras_ae.corruptions import FeatureMask


def test_a_share_of_the_numbers_becomes_the_value_and_the_rest_stays() -> None:
    x = np.random.default_rng(3).random((300, 100)).astype("float32")
    noisy = ops.convert_to_numpy(FeatureMask(0.25, value=-7.0)(x, training=True))
    hit = noisy == -7.0
    assert abs(hit.mean() - 0.25) < 0.01
    np.testing.assert_array_equal(noisy[~hit], x[~hit])
