from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_ae.bottlenecks import Gated
from tests.bottlenecks.sparse.made import X, latent, made, pre_activations
from tests.gradients import weight_gradients

SCALE = np.random.default_rng(2).normal(size=8) * 0.3
SHIFT = np.random.default_rng(3).normal(size=8) * 0.3


def gated() -> Any:
    code = made(Gated(8))
    code.log_scale.assign(SCALE)
    code.magnitude_bias.assign(SHIFT)
    return code


def magnitudes(code: Any) -> np.ndarray:
    linear = pre_activations(code) - np.array(ops.convert_to_numpy(code.bias), "f8")
    return np.asarray(np.maximum(np.exp(SCALE) * linear + SHIFT, 0))


def test_gates_say_what_is_there_and_magnitudes_how_much() -> None:
    code = gated()
    wanted = np.where(pre_activations(code) > 0, magnitudes(code), 0)
    np.testing.assert_allclose(latent(code), wanted, rtol=1e-4, atol=1e-5)


def test_at_the_start_it_is_a_rectifier() -> None:
    code = made(Gated(8))
    code.bias.assign(np.zeros(8))
    np.testing.assert_allclose(
        latent(code), np.maximum(pre_activations(code), 0), rtol=1e-4, atol=1e-5
    )


def test_codes_move_magnitudes_and_no_gate() -> None:
    """The encoder's bias opens gates alone; the matrix is both's."""
    code = gated()

    def function() -> Any:
        return ops.sum(code(ops.convert_to_tensor(X), training=True)["latent"])

    on = (pre_activations(code) > 0) & (magnitudes(code) > 0)
    linear = pre_activations(code) - np.array(ops.convert_to_numpy(code.bias), "f8")
    variables = [code.bias, code.magnitude_bias, code.log_scale]
    bias, shift, scale = weight_gradients(function, variables)
    np.testing.assert_allclose(bias, 0.0, atol=1e-4)
    np.testing.assert_allclose(shift, on.sum(0), rtol=1e-4)
    np.testing.assert_allclose(scale, (on * np.exp(SCALE) * linear).sum(0), rtol=1e-3, atol=1e-4)
