from __future__ import annotations

import numpy as np
from keras import ops
from scipy import stats

from keras_ae.networks.activations import gelu


def test_gelu_is_x_times_the_normal_distributions_function() -> None:
    x = np.linspace(-8.0, 8.0, 201).astype("float32")
    got = ops.convert_to_numpy(gelu(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(got, x * stats.norm.cdf(x), rtol=1e-5, atol=1e-6)


def test_it_keeps_the_type() -> None:
    half = ops.convert_to_tensor(np.ones(3, "float16"))
    assert "float16" in str(gelu(half).dtype)
