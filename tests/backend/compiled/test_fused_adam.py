from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's fused kernel"
)


def test_it_moves_weights_by_adam() -> None:
    import torch

    from keras_ae.backend.compiled.fused_adam import FusedAdam

    rng = np.random.default_rng(0)
    weights = [keras.Variable(rng.normal(size=shape), dtype="float32") for shape in ((3, 2), (4,))]
    wanted = [keras.ops.convert_to_numpy(weight).astype("float64") for weight in weights]
    rate, first, second, epsilon = 0.01, 0.8, 0.95, 1e-3
    optimizer = keras.optimizers.Adam(rate, beta_1=first, beta_2=second, epsilon=epsilon)
    optimizer.build(weights)
    fused = FusedAdam(optimizer, weights)
    means = [np.zeros_like(w) for w in wanted]
    squares = [np.zeros_like(w) for w in wanted]
    for step in range(1, 6):
        gradients = [rng.normal(size=w.shape) for w in wanted]
        fused([torch.tensor(g, dtype=torch.float32) for g in gradients])
        # Kingma and Ba (2015), section 2: alpha_t, and epsilon behind the root of v_t.
        alpha = rate * np.sqrt(1 - second**step) / (1 - first**step)
        for i, gradient in enumerate(gradients):
            means[i] = first * means[i] + (1 - first) * gradient
            squares[i] = second * squares[i] + (1 - second) * gradient**2
            wanted[i] = wanted[i] - alpha * means[i] / (np.sqrt(squares[i]) + epsilon)
    for weight, value in zip(weights, wanted, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), value, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == 5


@pytest.mark.parametrize(
    "options", [{"amsgrad": True}, {"clipnorm": 1.0}, {"weight_decay": 0.1}, {"use_ema": True}]
)
def test_more_than_adam_is_not_its_own(options: dict[str, Any]) -> None:
    from keras_ae.backend.compiled.fused_adam import FusedAdam

    assert FusedAdam.fits(keras.optimizers.Adam(0.1))
    assert not FusedAdam.fits(keras.optimizers.Adam(0.1, **options))
    assert not FusedAdam.fits(keras.optimizers.SGD(0.1))
