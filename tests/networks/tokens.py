"""Networks over tokens, written in NumPy from their papers, given the weights of each layer."""

from __future__ import annotations

import numpy as np
from scipy.special import erf, expit, log_softmax, softmax

Weights = dict[str, list[np.ndarray]]
"""The weights of each layer by its name, in the order of `get_weights`."""


def transformer(weights: Weights, tokens: np.ndarray, *, causal: bool) -> np.ndarray:
    """Return the logits `(batch, length, outputs)` of Vaswani et al. (2017), section 3.

    The normalisation comes before each layer and once at the end, Xiong et al. (2020), figure 1 b.
    """
    w = {name: [v.astype("f8") for v in values] for name, values in weights.items()}
    x = w["embedding"][0][tokens] + w["positions"][0]
    depth = sum(name.startswith("attention_") for name in w)
    for i in range(depth):
        x = x + attention(w[f"attention_{i}"], normed(w[f"norm_{i}"], x), causal)
        hidden = gelu(dense(w[f"mlp_{i}"], normed(w[f"mlp_norm_{i}"], x)))
        x = x + dense(w[f"mlp_out_{i}"], hidden)
    return dense(w["logits"], normed(w["norm"], x))


def attention(weights: list[np.ndarray], x: np.ndarray, causal: bool) -> np.ndarray:
    """Return MultiHead(x, x, x) of equation 1 and section 3.2.2; the masked of section 3.2.3."""
    query, query_bias, key, key_bias, value, value_bias, out, out_bias = weights
    length, total = x.shape[1], np.zeros_like(x)
    for head in range(query.shape[1]):
        q, k, v = (
            x @ kernel[:, head] + bias[head]
            for kernel, bias in ((query, query_bias), (key, key_bias), (value, value_bias))
        )
        scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
        if causal:
            scores = np.where(np.tri(length, dtype="bool"), scores, -np.inf)
        total = total + softmax(scores, axis=-1) @ v @ out[head]
    return total + out_bias


def normed(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return mean 0 and variance 1 over the last axis, then scaled and moved."""
    gamma, beta = weights
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) + beta


def dense(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return x W + b."""
    return x @ weights[0] + weights[1]


def gelu(x: np.ndarray) -> np.ndarray:
    """Return x times the normal distribution function at x."""
    return x * (1 + erf(x / np.sqrt(2))) / 2


def pixel_cnn(weights: Weights, tokens: np.ndarray) -> np.ndarray:
    """Return the logits `(batch, height, width, outputs)` of van den Oord et al. (2016), figure 2.

    Row y of the vertical stack has seen rows up to y, and is moved down by one where it joins.
    """
    w = {name: [v.astype("f8") for v in values] for name, values in weights.items()}
    depth = sum(name.startswith("above_") for name in w)
    reach = w["above_0"][0].shape[0] - 1
    above = left = w["embedding"][0][tokens]
    for i in range(depth):
        vertical = convolved(w[f"above_{i}"], above, reach, reach)
        above = gated(vertical)
        moved = np.pad(vertical, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :-1]
        # Mask A in the first layer: what is to the left alone; mask B, with the place, after it.
        horizontal = convolved(w[f"left_{i}"], left, 0, reach + 1 if i == 0 else reach)
        new = placewise(w[f"out_{i}"], gated(horizontal + placewise(w[f"join_{i}"], moved)))
        left = new if i == 0 else left + new
    last = np.maximum(placewise(w["mix"], np.maximum(left, 0)), 0)
    return placewise(w["logits"], last)


def convolved(weights: list[np.ndarray], x: np.ndarray, up: int, back: int) -> np.ndarray:
    """Return a map whose place (y, x) sees the kernel's size from (y - up, x - back) on."""
    kernel, bias = weights
    rows, columns = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (up, 0), (back, kernel.shape[1]), (0, 0)))
    total = np.zeros((*x.shape[:3], kernel.shape[-1])) + bias
    for i, j in np.ndindex(kernel.shape[:2]):
        total = total + padded[:, i : i + rows, j : j + columns] @ kernel[i, j]
    return total


def placewise(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return a convolution of one place."""
    return x @ weights[0][0, 0] + weights[1]


def gated(x: np.ndarray) -> np.ndarray:
    """Return equation 2, tanh(a) sigmoid(b), of the two halves of the channels."""
    a, b = np.split(x, 2, axis=-1)
    return np.tanh(a) * expit(b)


def log_prob(logits: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the log-probability of each number, of the shape of the numbers."""
    chosen = np.take_along_axis(log_softmax(logits, axis=-1), numbers[..., None], axis=-1)
    return chosen[..., 0]
