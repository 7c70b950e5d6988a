from __future__ import annotations

import numpy as np
from keras import ops
from scipy import special, stats

from keras_ae.distributions import gumbel

RNG = np.random.default_rng(0)


def test_the_noise_is_that_of_gumbel_even_at_the_ends() -> None:
    uniform = RNG.random(5_000).astype("float32")
    noise = ops.convert_to_numpy(gumbel.noise(ops.convert_to_tensor(uniform)))
    np.testing.assert_allclose(
        noise, stats.gumbel_r.ppf(uniform.astype("f8")), rtol=1e-4, atol=1e-5
    )
    ends = ops.convert_to_tensor(np.array([0.0, 1.0 - 2**-24], "float32"))
    assert np.isfinite(ops.convert_to_numpy(gumbel.noise(ends))).all()


def test_categories_are_drawn_by_their_probabilities_along_any_axis() -> None:
    logits = np.array([1.0, -1.0, 0.5, -100.0], "float32")
    uniform = ops.convert_to_tensor(RNG.random((4, 20_000)).astype("float32"))
    columns = ops.convert_to_tensor(np.repeat(logits[:, None], 20_000, axis=1))
    drawn = ops.convert_to_numpy(gumbel.category(columns, uniform, axis=-2))
    shares = np.bincount(drawn.astype(int), minlength=4) / 20_000
    np.testing.assert_allclose(shares, special.softmax(logits), atol=0.015)
    hot = ops.convert_to_numpy(gumbel.one_hot(columns, uniform, axis=-2))
    np.testing.assert_array_equal(hot.argmax(0), drawn)
    assert (hot.sum(0) == 1).all()


def test_of_equal_values_the_first_is_the_largest() -> None:
    values = ops.convert_to_tensor(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], "float32"))
    got = ops.convert_to_numpy(gumbel.one_hot_of_largest(values))
    np.testing.assert_array_equal(got, [[0, 1, 0], [1, 0, 0]])
