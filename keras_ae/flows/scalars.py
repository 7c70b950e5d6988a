"""Scalar functions that flows share: bounds, logarithms of slopes, and a + k tanh(a)."""

from __future__ import annotations

import math

from keras import ops

from keras_ae.backend.loops import repeat
from keras_ae.typing import Tensor

UNIT = math.log(math.e - 1.0)
"""Where softplus is 1."""

NEWTON_STEPS = 14
"""Enough for float32 with any slope of at least 1e-6; 12 are, found on a grid of k and targets."""


def bounded(x: Tensor, bound: float) -> Tensor:
    """Return x, softly kept within +-`bound`: bound * tanh(x / bound)."""
    return bound * ops.tanh(x / bound)


def positive(x: Tensor, least: float = 1e-6) -> Tensor:
    """Return a number above `least` that rises with x and is 1 at 0."""
    return least + (1.0 - least) * ops.softplus(x + UNIT)


def log_one_plus(x: Tensor, one_plus_x: Tensor) -> Tensor:
    """Return log(1 + x) from whichever of x and 1 + x is exact.

    Args:
        x: More than -1; exact near 0.
        one_plus_x: Positive; exact where x is near -1, and where the sum would be a difference.
    """
    # By its series in t = x / (2 + x), as ONNX has no log1p; the next term is less than 1e-8.
    small = ops.clip(x, -0.25, 0.25)
    t = small / (2.0 + small)
    square = ops.square(t)
    series = 2.0 * t * (1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square / 7.0)))
    return ops.where(ops.abs(x) < 0.25, series, ops.log(one_plus_x))


def log_tanh_slope(a: Tensor, k: Tensor, one_plus_k: Tensor) -> Tensor:
    """Return log(1 + k / cosh(a)^2), the logarithm of the slope of a + k tanh(a).

    Args:
        a: Points.
        k: More than -1, broadcastable to `a`.
        one_plus_k: 1 + k, exact where k is near -1.
    """
    return log_one_plus(k * _sech_squared(a), tanh_slope(a, k, one_plus_k))


def tanh_slope(a: Tensor, k: Tensor, one_plus_k: Tensor) -> Tensor:
    """Return 1 + k / cosh(a)^2 without a difference; arguments as in `log_tanh_slope`."""
    falling = one_plus_k - k * ops.square(ops.tanh(a))
    return ops.where(k < 0.0, falling, 1.0 + k * _sech_squared(a))


def solve_tanh(target: Tensor, k: Tensor, one_plus_k: Tensor) -> Tensor:
    """Return the a with a + k tanh(a) = target, a monotone equation; differentiable.

    Args:
        target: Right-hand sides.
        k: More than -1, broadcastable to `target`.
        one_plus_k: 1 + k, exact where k is near -1.
    """
    a = ops.stop_gradient(_root(*(ops.stop_gradient(value) for value in (target, k, one_plus_k))))
    # A Newton step at the root is the implicit function theorem; two hold second derivatives too.
    for _ in range(2):
        a = a - (a + k * ops.tanh(a) - target) / tanh_slope(a, k, one_plus_k)
    return a


def _root(target: Tensor, k: Tensor, one_plus_k: Tensor) -> Tensor:
    """Return the root by Newton's method from the side from which its steps never overshoot.

    On the half-line of the root the left side is convex for k < 0 and concave for k > 0: the
    steps fall from an upper bound in the one case and rise from a lower bound in the other.
    """
    size = ops.abs(target)
    least = ops.maximum(size - ops.maximum(k, 0.0), size / ops.maximum(one_plus_k, 1.0))
    most = ops.minimum(size - ops.minimum(k, 0.0), size / ops.minimum(one_plus_k, 1.0))

    def step(_: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (a,) = state
        moved = a - (a + k * ops.tanh(a) - size) / tanh_slope(a, k, one_plus_k)
        return (ops.minimum(ops.maximum(moved, least), most),)

    (root,) = repeat(NEWTON_STEPS, step, (ops.where(k < 0.0, most, least),))
    return ops.sign(target) * root


def _sech_squared(a: Tensor) -> Tensor:
    # 1 - tanh(a)^2 has no correct digit left from |a| = 9 on.
    e = ops.exp(-2.0 * ops.abs(a))
    return 4.0 * e / ops.square(1.0 + e)
