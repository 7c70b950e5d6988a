"""Networks of dense layers in NumPy, from their weights."""

from __future__ import annotations

from typing import Any

import numpy as np


def leaky_stack(weights: list[np.ndarray], z: np.ndarray) -> np.ndarray:
    """Return dense layers with leaky rectifiers of slope 0.2 between them."""
    weights = [np.array(w, "f8") for w in weights]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        a = z @ kernel + bias
        z = np.where(a > 0, a, 0.2 * a)
    found: np.ndarray = z @ weights[-2] + weights[-1]
    return found


def relu_stack(weights: list[np.ndarray], z: np.ndarray, last: bool = False) -> np.ndarray:
    """Return dense layers with rectifiers between them, and behind the last one if `last`."""
    weights = [np.array(w, "f8") for w in weights]
    for i in range(0, len(weights), 2):
        z = z @ weights[i] + weights[i + 1]
        if last or i + 2 < len(weights):
            z = np.maximum(z, 0)
    return z


def mean_cost(logits: np.ndarray, truth: bool) -> float:
    """Return the mean of -log sigmoid(l), or of -log(1 - sigmoid(l)) where the truth is no."""
    return float(np.mean(np.logaddexp(0, -logits if truth else logits)))


def weights_of(layer: Any) -> list[np.ndarray]:
    """Return a layer's weights, float64."""
    return [np.array(w, "f8") for w in layer.get_weights()]
