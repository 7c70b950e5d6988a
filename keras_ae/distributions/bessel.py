"""How exp(k t) grows on average over the sphere: the modified Bessel functions of vMF densities.

Over uniform points of S^(d-1), whose coordinate along an axis is t, and with v = d/2 - 1,

    growth(k) = log E[exp(k t)] = log(Gamma(v + 1) (2 / k)^v I_v(k)),
    growth'(k) = I_(v + 1)(k) / I_v(k) = A_d(k).

Up to a concentration of 12 the power series of I_v is summed; from there on, Debye's uniform
expansion is exact to float32 in every dimension. Its terms are written as what growth lacks to k
and its slope to 1, since float32 would lose these small differences of large numbers.

Reference:
    NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, 10.25.2 (series) and
    10.41.3, 10.41.9 and 10.41.10 (expansion).
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from keras import ops
from numpy.polynomial import Polynomial

from keras_ae.typing import Tensor

JOINT = 12.0
"""Concentration at which the series hands over to the expansion; both err by 1e-7 at most."""

_SERIES_TERMS = 22
_EXPANSION_TERMS = 6


class Growth(NamedTuple):
    """The growth of exp(k t) and its slope, each also as the distance from its bound.

    Args:
        value: log E[exp(k t)], nats, `(...,)`.
        lag: k - value.
        slope: A_d(k), the mean of t under the density that is proportional to exp(k t).
        gap: 1 - slope.
    """

    value: Tensor
    lag: Tensor
    slope: Tensor
    gap: Tensor


def growth(concentration: Tensor, d: int) -> Growth:
    """Return the growth over S^(d-1) of exp(concentration * t), elementwise.

    Args:
        concentration: k >= 0, any shape.
        d: Dimension of the space around the sphere, at least 2.
    """
    order = 0.5 * d - 1.0
    small = concentration < JOINT
    # Not `minimum` and `maximum`: at the joint itself each would pass half of the gradient.
    value, slope = _series(ops.where(small, concentration, JOINT), order)
    lag, gap = _expansion(ops.where(small, JOINT, concentration), order)
    return Growth(
        ops.where(small, value, concentration - lag),
        ops.where(small, concentration - value, lag),
        ops.where(small, slope, 1.0 - gap),
        ops.where(small, 1.0 - slope, gap),
    )


def _series(k: Tensor, order: float) -> tuple[Tensor, Tensor]:
    """Return growth and slope for k <= JOINT: E[exp(k t)] = sum (k^2/4)^m / (m! (v + 1)_m)."""
    m = np.arange(1, _SERIES_TERMS + 2)
    coefficients = np.cumprod(0.25 * JOINT**2 / (m * (order + m)))
    slopes = (m * coefficients)[1:] / coefficients[0]
    powers = ops.power(ops.expand_dims(ops.square(k / JOINT), -1), _constant(m[:-1]))
    excess = ops.sum(powers * _constant(coefficients[:-1]), axis=-1)
    slope = k / (2.0 * order + 2.0) * (1.0 + ops.sum(powers * _constant(slopes), axis=-1))
    return ops.log1p(excess), slope / (1.0 + excess)


def _expansion(k: Tensor, order: float) -> tuple[Tensor, Tensor]:
    """Return k - growth and 1 - slope for k >= JOINT.

    With R = sqrt(v^2 + k^2) and P the polynomial in 1 / R of DLMF 10.41.3,
    growth = R - v - v log((v + R) / 2v) - log(R) / 2 + constant + log(1 + P).
    """
    unit = max(order, JOINT)
    radius = ops.sqrt(k * k + order * order)
    coefficients = _debye(order, unit)
    m = np.arange(1, len(coefficients) + 1)
    terms = ops.power(ops.expand_dims(unit / radius, -1), _constant(m)) * _constant(coefficients)
    series = ops.sum(terms, axis=-1)
    series_slope = k / radius**2 * ops.sum(terms * _constant(m), axis=-1) / (1.0 + series)
    # k - (R - v), whose large terms R and k have been cancelled by hand.
    lag = k * order * (1.0 + order / (radius + k)) / (radius + order)
    lag = lag + 0.5 * ops.log(radius) - ops.log1p(series)
    gap = order**2 / (radius * (radius + k)) + 0.5 * k / radius**2 + series_slope
    constant = math.lgamma(order + 1.0) + order - 0.5 * math.log(2.0 * math.pi)
    if order > 0.0:
        constant -= order * math.log(order)
        lag = lag + order * ops.log1p(k * k / ((radius + order) * 2.0 * order))
        gap = gap + order * k / (radius * (radius + order))
    return lag - constant, gap


@functools.cache
def _debye(order: float, unit: float) -> np.ndarray:
    """Return the coefficients of (unit / R)^m, m = 1, 2, ..., in sum u_n(order / R) / order^n."""
    t = Polynomial([0.0, 1.0])
    coefficients = np.zeros(3 * _EXPANSION_TERMS + 1)
    u = Polynomial([1.0])
    for n in range(1, _EXPANSION_TERMS + 1):
        u = 0.5 * t**2 * (1.0 - t**2) * u.deriv() + ((1.0 - 5.0 * t**2) * u).integ() / 8.0
        for power in range(n, len(u.coef)):
            coefficients[power] += u.coef[power] * order ** (power - n) / unit**power
    return coefficients[1:]


def _constant(values: np.ndarray) -> Tensor:
    return ops.convert_to_tensor(values.astype("float32"))
