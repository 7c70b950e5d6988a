"""The deterministic variants that are regularised, and their objectives in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from tests.contract.cases import SMALL, Arrays, Case, Objective, half_squared_error
from tests.contract.dense import weights_of


def _with_norm(x: np.ndarray, outputs: Arrays, model: Any, beta: float) -> float:
    norm = 0.5 * float(np.mean((outputs["latent"].astype("f8") ** 2).sum(1)))
    return half_squared_error(x, outputs, model) + beta * norm


def with_small_weights(beta: float, weight: float) -> Objective:
    """Reconstruction + beta |z|^2 / 2 + weight |theta|^2, Ghosh et al. (2020), section 3.1."""
    return lambda x, outputs, model: (
        _with_norm(x, outputs, model, beta)
        + weight * float(sum((w**2).sum() for w in weights_of(model.decoder)))
    )


def with_flat_decoder(beta: float, weight: float) -> Objective:
    """Reconstruction + beta |z|^2 / 2 + weight |J|_F^2 of one hidden layer, by the chain rule."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        first, bias, last, _ = weights_of(model.decoder)
        on = outputs["latent"] @ first + bias > 0
        squares = [(((first * row) @ last) ** 2).sum() for row in on]
        return _with_norm(x, outputs, model, beta) + weight * float(np.mean(squares))

    return objective


def with_bounded_decoder(beta: float) -> Objective:
    """Reconstruction + beta |z|^2 / 2, decoded by W / (u^T W v) after a step from the stored v."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        h = outputs["latent"].astype("f8")
        layers = [layer for layer in model.decoder.layers if layer.weights]
        for i, layer in enumerate(layers):
            kernel, bias = (np.array(ops.convert_to_numpy(w), "f8") for w in layer.layer.weights)
            u = kernel @ np.array(ops.convert_to_numpy(layer.v), "f8")
            u /= np.linalg.norm(u)
            v = u @ kernel
            v /= np.linalg.norm(v)
            h = h @ (kernel / (u @ kernel @ v)) + bias
            h = np.maximum(h, 0) if i + 1 < len(layers) else h
        np.testing.assert_allclose(h, outputs["decoded"], rtol=1e-4, atol=1e-5)
        return _with_norm(x, outputs, model, beta)

    return objective


def behind_matrices(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Reconstruction from z = W_2 W_1 (W h + b), Jing et al. (2020), section 3."""
    kernel, bias = weights_of(model.encoder)
    z = np.maximum(x @ kernel + bias, 0)
    projection, offset = weights_of(model.bottleneck.projection)
    z = z @ projection + offset
    for matrix in model.bottleneck.matrices:
        z = z @ weights_of(matrix)[0]
    np.testing.assert_allclose(z, outputs["latent"], rtol=1e-4, atol=1e-5)
    return half_squared_error(x, outputs, model)


def of_chosen(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Reconstruction from the inputs with the largest logits, Abid et al. (2019), section 3."""
    logits = ops.convert_to_numpy(model.bottleneck.logits)
    chosen = [x[:, int(np.argmax(row))] for row in logits]
    np.testing.assert_array_equal(np.stack(chosen, 1), outputs["latent"])
    return half_squared_error(x, outputs, model)


REGULARISED = [
    Case(
        "rae_l2",
        with_small_weights(0.1, 0.01),
        {**SMALL, "beta": 0.1, "regularization": 0.01},
    ),
    Case(
        "rae_gp",
        with_flat_decoder(0.1, 0.05),
        {**SMALL, "beta": 0.1, "regularization": 0.05, "estimator": "exact"},
    ),
    Case("rae_sn", with_bounded_decoder(0.1), {**SMALL, "beta": 0.1}),
    Case("irmae", behind_matrices, {**SMALL, "layers": 2}),
    Case(
        "concrete_autoencoder",
        of_chosen,
        {"latent_dim": 3, "hidden": [8], "steps": 15, "start": 2.0},
    ),
]
