from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.corruptions import GaussianNoise


def test_noise_has_the_scale_and_no_bias() -> None:
    x = np.full((200, 100), 2.0, "float32")
    noise = ops.convert_to_numpy(GaussianNoise(0.3)(x, training=True)) - x
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.3) < 0.01


def test_each_call_draws_anew() -> None:
    corruption, x = GaussianNoise(), np.zeros((2, 3), "float32")
    first, second = (ops.convert_to_numpy(corruption(x, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)


def test_a_negative_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="`scale` must not be negative"):
        GaussianNoise(-0.1)
