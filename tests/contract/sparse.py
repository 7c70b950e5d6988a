"""The rows of codes over a dictionary, and their objectives in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from tests.contract.cases import Arrays, Case, Objective, half_squared_error


def array(weight: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(weight), "f8")


def dictionary(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """The atoms, of length one where the model has such, and the decoder's bias."""
    layer = model.bottleneck.dictionary
    atoms = array(layer.vectors)
    if layer.unit_norm:
        atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    return atoms, array(layer.bias)


def pre_activations(x: np.ndarray, model: Any, centred: bool = True) -> np.ndarray:
    """(x - b) W + c."""
    code, bias = model.bottleneck, dictionary(model)[1]
    shifted = x.astype("f8") - bias if centred else x.astype("f8")
    return np.asarray(shifted @ array(code.kernel) + array(code.bias))


def top(values: np.ndarray, k: int) -> np.ndarray:
    """The k largest of each row, the others 0."""
    order = np.argsort(-values, axis=1)[:, :k]
    kept = np.zeros_like(values)
    np.put_along_axis(kept, order, np.take_along_axis(values, order, 1), 1)
    return kept


def half_error(x: np.ndarray, code: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log N(x; z D + b, I), of codes that are the model's."""
    np.testing.assert_allclose(outputs["latent"], code, atol=1e-5)
    atoms, bias = dictionary(model)
    np.testing.assert_allclose(outputs["decoded"], code @ atoms + bias, atol=1e-5)
    return half_squared_error(x, outputs, model)


def of_the_largest(k: int, rectify: bool = True, centred: bool = True) -> Objective:
    """-log p(x | the k largest), Gao et al. (2024), equation 4; Makhzani and Frey, algorithm 1."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        kept = top(pre_activations(x, model, centred), k)
        code = np.maximum(kept, 0) if rectify else kept
        return half_error(x, code, outputs, model)

    return objective


def above_the_threshold(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log p(x | what exceeds the threshold), Bussmann et al. (2024), equations 5 to 7."""
    code = np.maximum(pre_activations(x, model), 0)  # no step was taken: the threshold is 0
    return half_error(x, code, outputs, model)


def nested(sizes: list[int]) -> Objective:
    """The sum over the first atoms, Bussmann et al. (2025), equation 4."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        total = above_the_threshold(x, outputs, model)
        (atoms, bias), code = dictionary(model), outputs["latent"]
        for size in sizes:
            made = code[:, :size] @ atoms[:size] + bias
            total += half_squared_error(x, {"decoded": made}, model)
        return total

    return objective


def with_jumps(weight: float, threshold: float) -> Objective:
    """-log p(x | z) + weight |z|_0, Rajamanoharan et al. (2024), arXiv 2407.14435, equation 9."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        pre = pre_activations(x, model)
        code = np.where(pre > threshold, pre, 0)
        return half_error(x, code, outputs, model) + weight * float((code > 0).sum(1).mean())

    return objective


def with_gates(weight: float) -> Objective:
    """-log p + weight |relu(p)|_1 + |x - relu(p) D - b|^2 / 2, arXiv 2404.16014, equation 8."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        pre, code = pre_activations(x, model), model.bottleneck
        size = np.exp(array(code.log_scale)) * (pre - array(code.bias)) + array(code.magnitude_bias)
        latent = np.where(pre > 0, np.maximum(size, 0), 0)
        atoms, bias = dictionary(model)
        left = x - np.maximum(pre, 0) @ atoms - bias
        penalty = weight * np.maximum(pre, 0).sum(1) + 0.5 * (left**2).sum(1)
        return half_error(x, latent, outputs, model) + float(penalty.mean())

    return objective


SPARSE = [
    Case("k_sparse_autoencoder", of_the_largest(3, rectify=False), {"latent_dim": 12, "k": 3}),
    Case("top_k_sae", of_the_largest(3), {"latent_dim": 12, "k": 3}),
    Case("batch_top_k_sae", above_the_threshold, {"latent_dim": 12, "k": 3}),
    Case("matryoshka_sae", nested([2, 6]), {"latent_dim": 12, "k": 3, "sizes": [2, 6]}),
    Case(
        "jump_relu_sae",
        with_jumps(0.05, 0.1),
        {"latent_dim": 12, "sparsity": 0.05, "threshold": 0.1, "bandwidth": 0.5},
    ),
    Case("gated_sae", with_gates(0.05), {"latent_dim": 12, "sparsity": 0.05}),
    Case("transcoder", of_the_largest(3, centred=False), {"latent_dim": 12, "k": 3}),
]
