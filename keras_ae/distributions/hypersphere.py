"""Points of norm 1 in d dimensions: the sphere S^(d-1)."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.typing import Tensor


def log_area(d: int) -> float:
    """Return the logarithm of the area of S^(d-1) in R^d, 2 pi^(d/2) / Gamma(d/2).

    The uniform density is exp(-log_area(d)), so that its entropy is log_area(d) nats.
    """
    return math.log(2.0) + 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d)


def uniform(shape: Any, noise: Draws, training: bool = False) -> Tensor:
    """Return independent uniform points of norm 1.

    Args:
        shape: `(..., d)`.
        noise: Where the normal draws come from.
        training: Whose state they advance.

    Reference: Muller (1959), https://doi.org/10.1145/377939.377946.
    """
    return onto(noise.normal(shape, training=training))


def onto(x: Tensor) -> Tensor:
    """Return x / |x|, `(..., d)`; 0 where x is 0, with a finite gradient.

    The largest coordinate is divided out first: no square over- or underflows.
    """
    largest = ops.stop_gradient(ops.max(ops.abs(x), axis=-1, keepdims=True))
    scaled = x / ops.where(largest > 0, largest, 1.0)
    # A scaled vector other than 0 has a square of at least 1: the bound holds for 0 alone.
    square = ops.maximum(ops.sum(ops.square(scaled), axis=-1, keepdims=True), 0.5)
    return scaled / ops.sqrt(square)
