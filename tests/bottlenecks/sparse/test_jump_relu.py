from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import JumpReLU
from tests.bottlenecks.sparse.made import X, latent, made, pre_activations
from tests.gradients import gradient, weight_gradients

THETA = np.linspace(0.1, 0.8, 8)
WEIGHTS = np.random.default_rng(5).normal(size=8).astype("f4")


def jumping(bandwidth: float = 0.4) -> Any:
    code = made(JumpReLU(8, bandwidth=bandwidth))
    code.log_threshold.assign(np.log(THETA))
    return code


def test_numbers_above_their_thresholds_are_kept_as_they_are() -> None:
    code = jumping()
    pre = pre_activations(code)
    np.testing.assert_allclose(latent(code), np.where(pre > THETA, pre, 0), rtol=1e-4, atol=1e-5)
    active = ops.convert_to_numpy(code(ops.convert_to_tensor(X))["active"])
    np.testing.assert_array_equal(active, (pre > THETA).astype("f4"))
    np.testing.assert_allclose(
        ops.convert_to_numpy(made(JumpReLU(8, threshold=0.3)).threshold), 0.3, rtol=1e-6
    )


@pytest.mark.parametrize("key", ["latent", "active"])
def test_thresholds_learn_by_a_rectangle_around_them(key: str) -> None:
    """Rajamanoharan et al. (2024), equations 11 and 12, times theta: their logarithms learn."""
    bandwidth = 0.4
    code = jumping(bandwidth)

    def function() -> Any:
        return ops.sum(
            code(ops.convert_to_tensor(X), training=True)[key] * ops.convert_to_tensor(WEIGHTS)
        )

    (got,) = weight_gradients(function, [code.log_threshold])
    near = (abs(pre_activations(code) - THETA) < bandwidth / 2) / bandwidth
    each = -(THETA if key == "latent" else 1.0) * near * WEIGHTS
    assert near.any(0).all()
    np.testing.assert_allclose(got, each.sum(0) * THETA, rtol=1e-4)


def test_pre_activations_learn_where_they_are_kept() -> None:
    code = jumping()

    def function(x: Any) -> Any:
        outputs = code(x, training=True)
        return ops.sum(outputs["latent"] * ops.convert_to_tensor(WEIGHTS)) + ops.sum(
            outputs["active"]
        )

    on = pre_activations(code) > THETA
    wanted = (on * WEIGHTS) @ np.array(ops.convert_to_numpy(code.kernel)).T
    np.testing.assert_allclose(gradient(function, X), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["threshold", "bandwidth"])
def test_what_is_not_positive_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        JumpReLU(8, **{name: 0.0})
