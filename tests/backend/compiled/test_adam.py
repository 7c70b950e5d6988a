from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.backend.compiled.adam import FlatAdam, FusedAdam, is_adam


def fused_steps(optimizer: Any, weights: list[Any], gradients: list[list[np.ndarray]]) -> None:
    import torch

    fused = FusedAdam(optimizer, weights)
    *tensors, counts, rates, epsilons, betas = fused.arguments(len(gradients))
    for rate, epsilon, of_step in zip(rates, epsilons, gradients, strict=True):
        counts[0].add_(1.0)
        torch._fused_adam_(
            tensors[0],
            [torch.tensor(gradient, dtype=torch.float32) for gradient in of_step],
            *tensors[1:],
            [],
            counts,
            lr=rate,
            beta1=betas[0],
            beta2=betas[1],
            weight_decay=0.0,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )


def flat_steps(optimizer: Any, weights: list[Any], gradients: list[list[np.ndarray]]) -> None:
    flat = FlatAdam(optimizer, weights)
    moments = flat.read()
    for of_step in gradients:
        with flat.standing_in(moments):
            optimizer.apply([keras.ops.cast(g, "float32") for g in of_step], weights)
        moments = flat.moments
    flat.write(moments)


@pytest.mark.parametrize("steps", [flat_steps, fused_steps])
def test_it_moves_weights_by_adam(steps: Any) -> None:
    if steps is fused_steps and keras.backend.backend() != "torch":
        pytest.skip("is torch's kernel")

    rng = np.random.default_rng(0)
    weights = [keras.Variable(rng.normal(size=shape), dtype="float32") for shape in ((3, 2), (4,))]
    wanted = [keras.ops.convert_to_numpy(weight).astype("float64") for weight in weights]
    rate, first, second, epsilon = 0.01, 0.8, 0.95, 1e-3
    optimizer = keras.optimizers.Adam(rate, beta_1=first, beta_2=second, epsilon=epsilon)
    optimizer.build(weights)
    gradients = [[rng.normal(size=w.shape) for w in wanted] for _ in range(5)]
    steps(optimizer, weights, gradients)
    means = [np.zeros_like(w) for w in wanted]
    squares = [np.zeros_like(w) for w in wanted]
    for step in range(1, 6):
        # Kingma and Ba (2015), section 2: alpha_t, and epsilon behind the root of v_t.
        alpha = rate * np.sqrt(1 - second**step) / (1 - first**step)
        for i, gradient in enumerate(gradients[step - 1]):
            means[i] = first * means[i] + (1 - first) * gradient
            squares[i] = second * squares[i] + (1 - second) * gradient**2
            wanted[i] = wanted[i] - alpha * means[i] / (np.sqrt(squares[i]) + epsilon)
    for weight, value in zip(weights, wanted, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), value, rtol=1e-5, atol=1e-6)
    assert int(optimizer.iterations) == 5
    for variable, value in zip(optimizer._momentums, means, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(variable), value, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize(
    "options", [{"amsgrad": True}, {"clipnorm": 1.0}, {"weight_decay": 0.1}, {"use_ema": True}]
)
def test_more_than_adam_is_not_its_own(options: dict[str, Any]) -> None:
    weights = [keras.Variable([1.0, 2.0])]
    assert is_adam(keras.optimizers.Adam(0.1), weights)
    assert not is_adam(keras.optimizers.Adam(0.1, **options), weights)
    assert not is_adam(keras.optimizers.SGD(0.1), weights)


def test_a_constraint_is_more_than_adam() -> None:
    layer = keras.layers.Dense(2, kernel_constraint=keras.constraints.NonNeg())
    layer.build((None, 3))
    assert not is_adam(keras.optimizers.Adam(0.1), layer.trainable_variables)
