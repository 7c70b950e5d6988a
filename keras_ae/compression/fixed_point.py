"""A network in whole numbers: the same result wherever it runs.

What selects the tables of an entropy coder must not differ in one bit between the machine that
writes and the one that reads. Here every number is a whole multiple of a power of two, small enough
that float64 holds it and every sum of them exactly: in whatever order a library adds them up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

FRACTION = 10
"""Binary digits after the point, of what flows between layers."""
LIMIT = 2.0**15
"""Numbers between layers are kept within it."""
WEIGHT_FRACTION = 16
"""At most so many binary digits has a weight after the point."""
EXACT = 53 - FRACTION - int(math.log2(LIMIT)) - 1
"""Weights of one sum are in total less than two to this, in their own units."""

Step = Callable[[np.ndarray], np.ndarray]


class FixedPoint:
    """Runs a network of dense and convolutional layers and ReLUs in whole numbers.

    Args:
        network: A functional model whose layers follow one another.

    Raises:
        ValueError: A layer is none that is known.
    """

    def __init__(self, network: keras.Model) -> None:
        self._steps = [_step(layer) for layer in network.layers if not _is_input(layer)]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return what the network makes of inputs, to 2^-10, float64.

        Args:
            x: `(batch, *input_shape)`, multiples of 2^-10, as `on_grid` returns them.
        """
        for step in self._steps:
            x = np.clip(step(x), -LIMIT, LIMIT)
        return x


def on_grid(x: np.ndarray) -> np.ndarray:
    """Return the nearest multiples of 2^-10 within the limit, float64."""
    return np.clip(_scaled(np.asarray(x, "float64"), FRACTION), -LIMIT, LIMIT)


def _scaled(x: np.ndarray, fraction: int) -> np.ndarray:
    """Return the nearest multiples of 2^-fraction; of two the greater."""
    return np.asarray(np.floor(np.ldexp(x, fraction) + 0.5) * 2.0**-fraction)


def _is_input(layer: Any) -> bool:
    return isinstance(layer, keras.layers.InputLayer)


def _step(layer: Any) -> Step:
    kind = type(layer).__name__
    if kind == "Dense":
        return _then(_dense(layer), layer.activation)
    if kind.startswith("Conv") and kind.endswith("Transpose"):
        return _then(_transposed(layer), layer.activation)
    if kind.startswith("Conv"):
        return _then(_convolution(layer), layer.activation)
    if kind == "Activation":
        return _activation(layer.activation)
    if kind == "ReLU" and layer.max_value is None and not (layer.threshold or layer.negative_slope):
        return lambda x: np.maximum(x, 0.0)
    if kind.startswith("Cropping"):
        return _crop(layer)
    if kind in ("Flatten", "Reshape"):
        shape = tuple(layer.output.shape[1:])
        return lambda x: x.reshape(len(x), *shape)
    raise ValueError(
        "what selects tables must consist of dense and convolutional layers and ReLUs. "
        f"Received: a layer {kind} named {layer.name!r}"
    )


def _then(step: Step, activation: Any) -> Step:
    after = _activation(activation)
    return lambda x: after(_scaled(step(x), FRACTION))


def _activation(activation: Any) -> Step:
    name = getattr(activation, "__name__", str(activation))
    if name == "relu":
        return lambda x: np.maximum(x, 0.0)
    if name == "linear":
        return lambda x: x
    raise ValueError(
        f"what selects tables must have ReLUs or no activations. Received: the activation {name!r}"
    )


def _weights(layer: Any, summed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias as multiples of a power of two, of which sums are exact.

    Args:
        layer: With a kernel.
        summed: The kernel's axes over which products are summed up.
    """
    kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float64")
    most = float(np.abs(kernel).sum(axis=summed).max())
    fraction = min(WEIGHT_FRACTION, EXACT - 1 - math.ceil(math.log2(max(most, 1.0))))
    if fraction < 0 or not math.isfinite(most):
        raise ValueError(
            f"weights of one sum must be less than 2^{EXACT - 1} in total. Received: {most} in the "
            f"layer {layer.name!r}"
        )
    bias = np.zeros(()) if layer.bias is None else keras.ops.convert_to_numpy(layer.bias)
    return _scaled(kernel, fraction), on_grid(bias)


def _dense(layer: Any) -> Step:
    kernel, bias = _weights(layer, (0,))
    return lambda x: x @ kernel + bias


def _convolution(layer: Any) -> Step:
    rank = layer.rank
    kernel, bias = _weights(layer, tuple(range(rank + 1)))
    taps, strides = kernel.shape[:rank], layer.strides

    def run(x: np.ndarray) -> np.ndarray:
        sizes = [-(-n // s) for n, s in zip(x.shape[1:-1], strides, strict=True)]
        pads = [(0, 0)]
        for n, out, tap, stride in zip(x.shape[1:-1], sizes, taps, strides, strict=True):
            extra = max((out - 1) * stride + tap - n, 0)
            pads.append((extra // 2, extra - extra // 2))
        x = np.pad(x, [*pads, (0, 0)])
        total = np.zeros((len(x), *sizes, kernel.shape[-1]))
        for tap in itertools.product(*map(range, taps)):
            places = tuple(
                slice(t, t + (n - 1) * s + 1, s)
                for t, n, s in zip(tap, sizes, strides, strict=True)
            )
            total += x[(slice(None), *places)] @ kernel[tap]
        return total + bias

    return run


def _transposed(layer: Any) -> Step:
    rank = layer.rank
    kernel, bias = _weights(layer, (*range(rank), rank + 1))
    taps, strides = kernel.shape[:rank], layer.strides

    def run(x: np.ndarray) -> np.ndarray:
        sizes = x.shape[1:-1]
        padded = [(n - 1) * s + max(t, s) for n, s, t in zip(sizes, strides, taps, strict=True)]
        total = np.zeros((len(x), *padded, kernel.shape[-2]))
        for tap in itertools.product(*map(range, taps)):
            places = tuple(
                slice(t, t + (n - 1) * s + 1, s)
                for t, n, s in zip(tap, sizes, strides, strict=True)
            )
            total[(slice(None), *places)] += x @ kernel[tap].T
        for axis, (n, s, t) in enumerate(zip(sizes, strides, taps, strict=True)):
            first = max(t - s, 0) // 2
            total = total.take(range(first, first + n * s), axis=axis + 1)
        return total + bias

    return run


def _crop(layer: Any) -> Step:
    crops = layer.cropping if isinstance(layer.cropping[0], tuple) else (layer.cropping,)

    def run(x: np.ndarray) -> np.ndarray:
        places = tuple(
            slice(low, n - high) for n, (low, high) in zip(x.shape[1:-1], crops, strict=True)
        )
        return x[(slice(None), *places)]

    return run
