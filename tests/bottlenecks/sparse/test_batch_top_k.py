from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import BatchTopK
from tests.bottlenecks.sparse.made import X, latent, made, pre_activations
from tests.gradients import gradient


def largest_of_all(code: Any, x: np.ndarray, k: int) -> np.ndarray:
    positive = np.maximum(pre_activations(code, x), 0)
    least = np.sort(positive.ravel())[::-1][k * len(x) - 1]
    return np.where(positive >= least, positive, 0)


def test_the_largest_of_the_batch_are_kept() -> None:
    code = made(BatchTopK(8, 2))
    wanted = largest_of_all(code, X, 2)
    counts = (wanted > 0).sum(1)
    assert counts.sum() == 2 * len(X)
    assert len(np.unique(counts)) > 2  # some rows have more
    np.testing.assert_allclose(latent(code, training=True), wanted, rtol=1e-4, atol=1e-5)


def test_the_threshold_is_the_mean_of_the_least_that_were_kept() -> None:
    code, decay = made(BatchTopK(8, 2, decay=0.8)), 0.8
    total = weight = 0.0
    for start in (0, 10, 20):
        x = X[start : start + 10]
        kept = largest_of_all(code, x, 2)
        total = decay * total + (1 - decay) * kept[kept > 0].min()
        weight = decay * weight + 1 - decay
        latent(code, x, training=True)
    threshold = total / weight
    assert float(ops.convert_to_numpy(code.threshold)) == pytest.approx(threshold, rel=1e-4)
    pre = pre_activations(code)
    wanted = np.where(pre > threshold, pre, 0)
    np.testing.assert_allclose(latent(code), wanted, rtol=1e-4, atol=1e-5)


def test_outside_of_training_a_row_is_coded_alone_and_nothing_moves() -> None:
    code = made(BatchTopK(8, 2))
    latent(code, training=True)
    before = float(ops.convert_to_numpy(code.threshold))
    whole = latent(code)
    np.testing.assert_allclose(np.concatenate([latent(code, X[:1]), latent(code, X[1:])]), whole)
    assert float(ops.convert_to_numpy(code.threshold)) == before > 0


def test_before_the_first_step_all_that_is_positive_is_kept() -> None:
    code = made(BatchTopK(8, 2))
    np.testing.assert_allclose(
        latent(code), np.maximum(pre_activations(code), 0), rtol=1e-4, atol=1e-5
    )


def test_a_batch_of_too_few_positive_numbers_keeps_them_all() -> None:
    code = made(BatchTopK(8, 7))
    code.bias.assign(np.full(8, -1.5))
    pre = pre_activations(code)
    assert 0 < (pre > 0).sum() < 7 * len(X)
    np.testing.assert_allclose(
        latent(code, training=True), np.maximum(pre, 0), rtol=1e-4, atol=1e-5
    )
    least = pre[pre > 0].min()
    assert float(ops.convert_to_numpy(code.threshold)) == pytest.approx(least, rel=1e-3)


def test_a_batch_of_none_is_all_zero_and_finite() -> None:
    code = made(BatchTopK(8, 2))
    code.bias.assign(np.full(8, -50.0))
    assert not latent(code, training=True).any()
    assert float(ops.convert_to_numpy(code.threshold)) == 0.0


def test_the_gradient_passes_to_what_is_kept_alone() -> None:
    code = made(BatchTopK(8, 2))
    weights = np.random.default_rng(5).normal(size=8).astype("f4")

    def function(x: Any) -> Any:
        return ops.sum(code(x, training=True)["latent"] * ops.convert_to_tensor(weights))

    on = largest_of_all(code, X, 2) > 0
    wanted = (on * weights) @ np.array(ops.convert_to_numpy(code.kernel)).T
    np.testing.assert_allclose(gradient(function, X), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("decay", [1.0, -0.1, "x"])
def test_impossible_decays_are_refused(decay: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`decay`"):
        BatchTopK(8, 2, decay=decay)
