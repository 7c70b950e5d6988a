from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import TopK
from tests.bottlenecks.sparse.made import X, latent, made, pre_activations
from tests.gradients import gradient


def top(values: np.ndarray, k: int) -> np.ndarray:
    kept = np.zeros_like(values)
    for row, out in zip(values, kept, strict=True):
        best = np.argsort(row)[-k:]
        out[best] = row[best]
    return kept


@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_the_largest_are_kept(rectify: bool, training: bool) -> None:
    code = made(TopK(8, 3, inference_k=5, rectify=rectify))
    kept = top(pre_activations(code), 3 if training else 5)
    wanted = np.maximum(kept, 0) if rectify else kept
    assert (kept < 0).any()
    np.testing.assert_allclose(latent(code, training=training), wanted, rtol=1e-4, atol=1e-5)


def test_the_gradient_passes_to_what_is_kept_alone() -> None:
    code = made(TopK(8, 3))
    weights = np.random.default_rng(5).normal(size=8).astype("f4")

    def function(x: Any) -> Any:
        return ops.sum(code(x, training=True)["latent"] * ops.convert_to_tensor(weights))

    on = top(pre_activations(code), 3) > 0
    wanted = (on * weights) @ np.array(ops.convert_to_numpy(code.kernel)).T
    np.testing.assert_allclose(gradient(function, X), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [0, 9, 1.5, "2"])
def test_impossible_counts_are_refused(count: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`k`"):
        TopK(8, count)
    with pytest.raises((TypeError, ValueError), match="`inference_k`"):
        TopK(8, 2, inference_k=count)
