"""Special functions, made of elementary operations that every format knows.

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

_SHIFT = 3
"""Stirling's series is exact to float32 from here on; smaller arguments are moved up to it."""

_TINY = 1e-18  # its square is a float32 too

_NEAR = 0.1
"""Relative distance within which the deviance is summed as a series."""


def log_softmax(logits: Tensor, axis: int = -1) -> Tensor:
    """Return logits minus the logarithm of the sum of their exponentials along an axis.

    OpenVINO's converter takes Keras's own, and the logarithm of a sum of exponentials spelt out,
    for one along the last of several axes.
    """
    # The largest comes off first: beside it a logarithm of the sum would be rounded away.
    logits = logits - ops.stop_gradient(ops.max(logits, axis=axis, keepdims=True))
    return logits - ops.logsumexp(logits, axis=axis, keepdims=True)


def log_gamma(x: Tensor) -> Tensor:
    """Return log Gamma(x) for x > 0, elementwise."""
    return (x - 0.5) * ops.log(x) - x + HALF_LOG_TWO_PI + stirling_error(x)


def log_gamma_ratio(x: Tensor, shift: Tensor | float) -> Tensor:
    """Return log Gamma(x + shift) - log Gamma(x), without taking a difference of large numbers.

    Args:
        x: Positive numbers.
        shift: Numbers that are not negative, broadcastable to `x`.
    """
    large = (x - 0.5) * ops.log1p(shift / x) + shift * (ops.log(x + shift) - 1.0)
    return large + stirling_error(x + shift) - stirling_error(x)


def stirling_error(x: Tensor) -> Tensor:
    """Return log Gamma(x + 1) minus Stirling's approximation of it, for x > 0.

    That is log Gamma(x + 1) - (x + 1/2) log(x) + x - log(2 pi) / 2, about 1 / (12 x). One at x is
    that at x + 1 and (x + 1/2) log(1 + 1/x) - 1 more.
    """
    small = x < _SHIFT
    low = ops.where(small, x, 1.0)
    steps = (low + 0.5) * ops.log1p(1.0 / low) - 1.0
    for k in range(1, _SHIFT):
        steps = steps + _step(low + k)
    inverse = 1.0 / ops.where(small, low + _SHIFT, x)
    square = inverse * inverse
    series = square * (1 / 1260 - square * (1 / 1680 - square / 1188))
    series = inverse * (1 / 12 - square * (1 / 360 - series))
    return series + ops.where(small, steps, 0.0)


def _step(x: Tensor) -> Tensor:
    """Return (x + 1/2) log(1 + 1/x) - 1 for x >= 1, as a series of small terms."""
    square = ops.square(1.0 / (2.0 * x + 1.0))
    total = square / 15
    for odd in (13, 11, 9, 7, 5, 3):
        total = square * (1 / odd + total)
    return total


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
