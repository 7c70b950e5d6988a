"""The layers of networks over maps, written in NumPy for any number of spatial axes."""

from __future__ import annotations

from typing import Any

import numpy as np

ACTIVATIONS: dict[str, Any] = {"relu": lambda a: np.maximum(a, 0), "tanh": np.tanh}


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int = 1) -> np.ndarray:
    """Return the "same" convolution, whose padding has its odd zero at the end."""
    rank = kernel.ndim - 2
    pads = []
    for n, k in zip(x.shape[1:-1], kernel.shape, strict=False):
        pad = max((-(-n // stride) - 1) * stride + k - n, 0)
        pads.append((pad // 2, pad - pad // 2))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    axes = tuple(range(1, rank + 1))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:rank], axes)
    windows = windows[:, *[slice(None, None, stride)] * rank]  # (batch, *map, channels, *kernel)
    window_axes = list(range(rank + 1, 2 * rank + 2))
    return np.tensordot(windows, kernel, (window_axes, [rank, *range(rank)])) + bias


def transposed(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the adjoint of the "same" convolution of stride 2 over a map twice as large."""
    spatial, size = kernel.shape[:-2], kernel.shape[-2]
    full = np.zeros(
        (len(x), *(2 * n + k for n, k in zip(x.shape[1:-1], spatial, strict=True)), size)
    )
    for offset in np.ndindex(spatial):
        places = (slice(o, o + 2 * n, 2) for o, n in zip(offset, x.shape[1:-1], strict=True))
        full[:, *places] += x @ kernel[offset].T
    firsts = [(k - 2) // 2 for k in spatial]
    inner = (slice(f, f + 2 * n) for f, n in zip(firsts, x.shape[1:-1], strict=True))
    return full[:, *inner] + bias


def layer_normed(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return each place of the map at mean 0 and variance 1 over its channels, then scaled."""
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3) + beta


def fill(model: Any, rng: np.random.Generator) -> dict[str, list[np.ndarray]]:
    """Give every weight a random value and return the weights of each layer by its name."""
    model.set_weights([rng.normal(scale=0.5, size=w.shape) for w in model.get_weights()])
    return {layer.name: layer.get_weights() for layer in model.layers}
