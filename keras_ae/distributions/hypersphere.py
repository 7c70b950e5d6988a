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


def geodesic(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Return points on the shorter great circles from a to b, `(..., d)`.

    (sin((1 - t) w) a + sin(t w) b) / sin(w), with w the angle between a and b; where it is near 0
    the straight line, and between opposite points the way that rounding decides.

    Args:
        a: Points of norm 1, `(..., d)`.
        b: Points of norm 1, `(..., d)`.
        share: t in [0, 1], broadcastable.

    Reference: Shoemake (1985), https://doi.org/10.1145/325165.325242, section 3.3.
    """
    # The angle's sine and cosine from sum and difference, exact at small angles.
    apart = ops.sqrt(ops.sum(ops.square(a - b), axis=-1, keepdims=True))
    together = ops.sqrt(ops.sum(ops.square(a + b), axis=-1, keepdims=True))
    angle = 2.0 * ops.arctan2(apart, together)
    near = angle < 1e-3
    wide = ops.where(near, 1.0, angle)
    first = ops.where(near, 1.0 - share, ops.sin((1.0 - share) * wide) / ops.sin(wide))
    second = ops.where(near, share + 0.0 * angle, ops.sin(share * wide) / ops.sin(wide))
    return onto(first * a + second * b)


def onto(x: Tensor) -> Tensor:
    """Return x / |x|, `(..., d)`; 0 where x is 0, with a finite gradient.

    The largest coordinate is divided out first: no square over- or underflows.
    """
    largest = ops.stop_gradient(ops.max(ops.abs(x), axis=-1, keepdims=True))
    scaled = x / ops.where(largest > 0, largest, 1.0)
    # A scaled vector other than 0 has a square of at least 1: the bound holds for 0 alone.
    square = ops.maximum(ops.sum(ops.square(scaled), axis=-1, keepdims=True), 0.5)
    return scaled / ops.sqrt(square)
