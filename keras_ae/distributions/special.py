"""Special functions of positive numbers, made of elementary operations that every format knows.

Logarithms of gamma functions of large numbers are large and nearly equal where a density takes
their difference: at a count of a million float32 would lose a whole nat. What densities need is
therefore written in the saddle-point form, whose terms are small.

Reference:
    Loader (2000), "Fast and accurate computation of binomial probabilities",
    https://www.r-project.org/doc/reports/CLoader-dbinom-2002.pdf, section 2.
"""

from __future__ import annotations

import math

from keras import ops

from keras_ae.typing import Tensor

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)

_SHIFT = 8
"""Stirling's series is exact to float32 from here on; smaller arguments are moved up to it."""

_TINY = 1e-18  # its square is a float32 too

_NEAR = 0.1
"""Relative distance within which the deviance is summed as a series."""


def log_gamma(x: Tensor) -> Tensor:
    """Return log Gamma(x) for x > 0, elementwise."""
    small = x < _SHIFT
    low = ops.where(small, x, 1.0)
    product = low
    for k in range(1, _SHIFT):
        product = product * (low + k)
    y = ops.where(small, x + _SHIFT, x)
    stirling = (y - 0.5) * ops.log(y) - y + HALF_LOG_TWO_PI + _series(y)
    return stirling - ops.log(ops.where(small, product, 1.0))


def digamma(x: Tensor) -> Tensor:
    """Return the derivative of log Gamma at x > 0, elementwise."""
    small = x < _SHIFT
    low = ops.where(small, x, 1.0)
    reciprocals = sum((1.0 / (low + k) for k in range(1, _SHIFT)), 1.0 / low)
    y = ops.where(small, x + _SHIFT, x)
    inverse = 1.0 / y
    square = inverse * inverse
    series = square * (1 / 12 - square * (1 / 120 - square / 252))
    return ops.log(y) - 0.5 * inverse - series - ops.where(small, reciprocals, 0.0)


def log_gamma_ratio(x: Tensor, shift: Tensor | float) -> Tensor:
    """Return log Gamma(x + shift) - log Gamma(x), without taking a difference of large numbers.

    Args:
        x: Positive numbers.
        shift: Numbers that are not negative, broadcastable to `x`.
    """
    small = x < _SHIFT
    low = ops.where(small, x, 1.0)
    moved = sum((ops.log1p(shift / (low + k)) for k in range(1, _SHIFT)), ops.log1p(shift / low))
    y = ops.where(small, x + _SHIFT, x)
    large = (y - 0.5) * ops.log1p(shift / y) + shift * (ops.log(y + shift) - 1.0)
    return large + _series(y + shift) - _series(y) - ops.where(small, moved, 0.0)


def stirling_error(x: Tensor) -> Tensor:
    """Return log Gamma(x + 1) minus Stirling's approximation of it, for x > 0.

    That is log Gamma(x + 1) - (x + 1/2) log(x) + x - log(2 pi) / 2, about 1 / (12 x).
    """
    small = x < _SHIFT
    low, high = ops.where(small, x, 1.0), ops.where(small, 1.0 * _SHIFT, x)
    exact = log_gamma(low + 1.0) - (low + 0.5) * ops.log(low) + low - HALF_LOG_TWO_PI
    return ops.where(small, exact, _series(high))


def deviance(x: Tensor, mean: Tensor, log_mean: Tensor | None = None) -> Tensor:
    """Return x log(x / mean) + mean - x for x >= 0 and mean > 0: 0 where both are equal.

    Args:
        x: Numbers that are not negative.
        mean: Positive numbers; 0 where `log_mean` is given and float32 cannot hold the mean.
        log_mean: Logarithms of the means, for means near 0.
    """
    if log_mean is not None:
        mean = ops.maximum(mean, _TINY)
    v = (x - mean) / (x + mean)
    near = ops.abs(v) < _NEAR
    w = ops.where(near, v, 0.0)
    square = w * w
    # The logarithm of (1 + v) / (1 - v), whose first term joins mean - x to a product.
    tail = square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square * (1 / 9 + square / 11))))
    series = (x - mean) * w + 2.0 * x * w * tail
    count = ops.maximum(x, _TINY)
    log_ratio = ops.log(ops.where(near, 1.0, count / mean))
    if log_mean is not None:
        log_ratio = ops.where(mean > _TINY, log_ratio, ops.log(count) - log_mean)
    direct = x * log_ratio + mean - x
    return ops.where(near, series, direct)


def log_poisson(x: Tensor, mean: Tensor) -> Tensor:
    """Return log(mean^x e^-mean / Gamma(x + 1)), for x >= 0 and mean > 0.

    Reference: Loader (2000), the Poisson case of section 2.
    """
    positive = x > 0
    count = ops.where(positive, x, 1.0)
    saddle = -stirling_error(count) - deviance(count, mean)
    return ops.where(positive, saddle - HALF_LOG_TWO_PI - 0.5 * ops.log(count), -mean)


def log_binomial(a: Tensor, b: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """Return log(Gamma(a + b + 1) / (Gamma(a + 1) Gamma(b + 1)) p^a q^b), for a, b > 0.

    Args:
        a: Successes, whole or not.
        b: Failures.
        p: Probability of a success, in (0, 1).
        q: 1 - p, given since it may be small.

    Reference: Loader (2000), the binomial case of section 2.
    """
    n = a + b
    errors = stirling_error(n) - stirling_error(a) - stirling_error(b)
    spread = 0.5 * (ops.log(n) - ops.log(a) - ops.log(b)) - HALF_LOG_TWO_PI
    return errors + spread - deviance(a, n * p) - deviance(b, n * q)


def _series(y: Tensor) -> Tensor:
    """Return Stirling's series 1 / (12 y) - 1 / (360 y^3) + 1 / (1260 y^5)."""
    inverse = 1.0 / y
    square = inverse * inverse
    return inverse * (1 / 12 - square * (1 / 360 - square / 1260))
