"""Masses of intervals of length 1, in the logarithm, wherever the interval lies.

What rounds to k lies in [k - 1/2, k + 1/2], and a draw that had uniform noise added has that mass
as its density.

Reference:
    Balle et al. (2018), https://arxiv.org/abs/1802.01436, equation 6 and appendix 6.2.
"""

from __future__ import annotations

import math

from keras import ops

from keras_ae.typing import Tensor

LEAST_STEP = 1e-9
"""Least difference of logits at an interval's ends, which float32 may not tell apart."""

_ERFC = (
    *(-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806),
    *(0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277),
)
"""Chebyshev fit of log(erfc(z)) + z^2 - log(t), t = 1 / (1 + z / 2), as a polynomial of t."""


def normal(y: Tensor, scale: Tensor) -> Tensor:
    """Return log[Phi((y + 1/2) / scale) - Phi((y - 1/2) / scale)], elementwise, nats.

    Args:
        y: Middle of the interval.
        scale: Standard deviation, positive, broadcastable.
    """
    # Seen from the other side both ends lie where the tail is, whose logarithm is exact.
    away = ops.abs(y)
    upper = log_normal_cdf((0.5 - away) / scale)
    lower = log_normal_cdf((-0.5 - away) / scale)
    return upper + log_complement(lower - upper)


def logistic(y: Tensor, scale: Tensor) -> Tensor:
    """Return log[sigmoid((y + 1/2) / scale) - sigmoid((y - 1/2) / scale)], elementwise, nats.

    Args:
        y: Middle of the interval.
        scale: Positive, broadcastable; the standard deviation is pi / sqrt(3) times as much.
    """
    return between_logits((y - 0.5) / scale, (y + 0.5) / scale)


def between_logits(low: Tensor, high: Tensor) -> Tensor:
    """Return log[sigmoid(high) - sigmoid(low)] for high > low, nats.

    It is written as sigmoid(high) sigmoid(-low) (1 - exp(low - high)), which has no difference of
    nearly equal numbers.
    """
    step = ops.maximum(high - low, LEAST_STEP)
    return ops.log_sigmoid(high) + ops.log_sigmoid(-low) + log_complement(-step)


def log_complement(x: Tensor) -> Tensor:
    """Return log(1 - e^x) for x < 0."""
    x = ops.minimum(x, -LEAST_STEP)
    near = x > -math.log(2.0)
    # Each branch is given what it can take, so that neither spoils the other's gradient.
    small = ops.log(-ops.expm1(ops.where(near, x, -1.0)))
    return ops.where(near, small, ops.log1p(-ops.exp(ops.where(near, -1.0, x))))


def log_normal_cdf(x: Tensor) -> Tensor:
    """Return log Phi(x), to 2e-7 of Phi(x) or of 1 - Phi(x), whichever is less.

    Reference:
        Press et al. (1992), "Numerical Recipes in Fortran 77", section 6.2: `erfcc`.
    """
    # Not the modulus, whose gradient at 0 is none.
    z = ops.where(x < 0, -x, x) * math.sqrt(0.5)
    t = 1.0 / (1.0 + 0.5 * z)
    series: Tensor = t * 0.0
    for coefficient in reversed(_ERFC):
        series = series * t + coefficient
    tail = ops.log(0.5 * t) - z * z + series
    return ops.where(x < 0, tail, ops.log1p(-ops.exp(tail)))
