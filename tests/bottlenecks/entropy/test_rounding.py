from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.backend.gradients import gradient_of
from keras_ae.bottlenecks.entropy import rounding

X = np.linspace(-3.2, 3.2, 65).astype("float32")


def soft(x: np.ndarray, alpha: float) -> np.ndarray:
    r = x - np.floor(x) - 0.5
    return np.asarray(np.floor(x) + 0.5 + np.tanh(alpha * r) / (2 * np.tanh(alpha / 2)))


@pytest.mark.parametrize("alpha", [0.5, 3.0, 12.0])
def test_soft_rounding_is_the_papers_and_undone(alpha: float) -> None:
    """Agustsson and Theis (2020), section 4."""
    got = rounding.soft_round(ops.convert_to_tensor(X), alpha)
    np.testing.assert_allclose(ops.convert_to_numpy(got), soft(X.astype("f8"), alpha), atol=1e-6)
    near = X if alpha < 10 else X[:0]  # flat there: what is rounded away cannot be undone
    back = rounding.soft_round_inverse(
        rounding.soft_round(ops.convert_to_tensor(near), alpha), alpha
    )
    np.testing.assert_allclose(ops.convert_to_numpy(back), near, atol=1e-4)


def test_without_hardness_it_is_the_identity_and_with_much_it_rounds() -> None:
    x = ops.convert_to_tensor(X)
    for function in (rounding.soft_round, rounding.soft_round_inverse):
        np.testing.assert_array_equal(ops.convert_to_numpy(function(x, 0.0)), X)
    off = np.abs(X - np.floor(X) - 0.5) > 0.05
    hard = ops.convert_to_numpy(rounding.soft_round(x, 200.0))
    np.testing.assert_allclose(hard[off], np.round(X)[off], atol=1e-4)


def test_the_mean_is_that_of_what_noise_was_added_to() -> None:
    """E[x | s(x) + u = y] for x uniform over [-4, 4], by counting draws."""
    rng, alpha = np.random.default_rng(0), 4.0
    x = rng.uniform(-4, 4, 4_000_000)
    y = soft(x, alpha) + rng.uniform(-0.5, 0.5, x.shape)
    for at in (-0.8, 0.1, 0.5, 1.3):
        near = np.abs(y - at) < 0.01
        got = rounding.soft_round_mean(ops.convert_to_tensor(np.float32(at)), alpha)
        assert abs(float(ops.convert_to_numpy(got)) - x[near].mean()) < 0.01


def test_at_whole_numbers_the_mean_is_the_number() -> None:
    whole = np.arange(-3.0, 4.0).astype("float32")
    got = rounding.soft_round_mean(ops.convert_to_tensor(whole), 7.0)
    np.testing.assert_allclose(ops.convert_to_numpy(got), whole, atol=1e-3)


def test_rounded_numbers_have_the_gradient_of_what_was_rounded() -> None:
    x = ops.convert_to_tensor(X)
    np.testing.assert_array_equal(ops.convert_to_numpy(rounding.rounded(x)), np.round(X))
    slope = gradient_of(lambda v: 2.0 * rounding.rounded(v), x)
    np.testing.assert_array_equal(ops.convert_to_numpy(slope), np.full_like(X, 2.0))
