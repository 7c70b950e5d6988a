"""Reparameterised draws of densities on the sphere that turn about an axis: their mean.

A point is x = cos(a) mean + sin(a) tangent, with a tangent that is uniform on the directions
orthogonal to the mean. The height t = cos(a) has a density of the form

    f(t) = (1 - t)^((d - 3) / 2) (1 + t)^((d - 3) / 2 + power) exp(tilt * t) / normaliser,

with tilt = k for von Mises-Fisher and power = k for power spherical densities. The draw of t has
no gradient of its own: a turn of the point by da/dk, the implicit derivative of its angle, has.

Reference:
    Figurnov, Mohamed and Mnih (2018), https://arxiv.org/abs/1805.08498, section 3.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from keras import ops

from keras_ae.distributions import hypersphere
from keras_ae.distributions.noise import Draws
from keras_ae.typing import Tensor

NODES = 16
"""Points of each of the three Gauss-Legendre rules: the implicit derivative errs by 2e-6."""


def tangent(mean: Tensor, noise: Draws, training: bool = False) -> Tensor:
    """Return uniform directions orthogonal to the mean, smooth in it, `(..., d)`.

    A direction orthogonal to the first axis is reflected by the Householder matrix that takes
    that axis to the mean or to its opposite, whichever is farther: its derivative is bounded.

    Reference: Davidson et al. (2018), https://arxiv.org/abs/1804.00891, algorithm 1, which
    reflects to the mean itself, without a bound near the first axis.
    """
    d = mean.shape[-1]
    flat = hypersphere.uniform((*ops.shape(mean)[:-1], d - 1), noise, training)
    first, rest = mean[..., :1], mean[..., 1:]
    sign = ops.where(first >= 0, 1.0, -1.0)
    along = ops.sum(rest * flat, axis=-1, keepdims=True)
    return ops.concatenate([-sign * along, flat - rest * (along / (1.0 + sign * first))], axis=-1)


def assemble(
    mean: Tensor, tangent: Tensor, gap: Tensor, concentration: Tensor, turn: Tensor
) -> Tensor:
    """Return the points of given heights, `(..., d)`, with their gradients.

    Args:
        mean: Unit vectors, `(..., d)`.
        tangent: Unit vectors orthogonal to them, `(..., d)`.
        gap: 1 - t, the drawn heights' distance from 1, `(..., 1)`.
        concentration: `(..., 1)`.
        turn: da/dk, the derivative of the angle in the concentration, `(..., 1)`.
    """
    gap, turn = ops.stop_gradient(gap), ops.stop_gradient(turn)
    cosine, sine = 1.0 - gap, ops.sqrt(gap * (2.0 - gap))
    # 0 in value: it carries the gradient.
    angle = (concentration - ops.stop_gradient(concentration)) * turn
    point = (cosine - sine * angle) * mean + (sine + cosine * angle) * tangent
    return hypersphere.onto(point)


def implicit_turn(
    gap: Tensor,
    mean_gap: Tensor,
    score: Callable[[Tensor, Tensor], Tensor],
    d: int,
    tilt: Tensor | float = 0.0,
    power: Tensor | float = 0.0,
) -> Tensor:
    """Return da/dk at a fixed quantile: the integral of f * score from -1 to t over f(t) sin(a).

    Since the score has mean 0, the integral from t to 1 is its opposite. The side of the mean on
    which t lies is taken, where nothing cancels, in the logarithm of the distance from its pole.

    Args:
        gap: 1 - t, `(..., 1)`.
        mean_gap: 1 - E[t], `(..., 1)`.
        score: d log f / dk as a function of 1 - t and 1 + t.
        d: Dimension of the space around the sphere.
        tilt: Of the density, `(..., 1)`.
        power: Of the density, `(..., 1)`.
    """
    half = 0.5 * (d - 1)
    upper = gap < mean_gap
    near, far = ops.where(upper, gap, 2.0 - gap), ops.where(upper, 2.0 - gap, gap)
    near_power = half + ops.where(upper, 0.0, power)
    far_power = half - 1.0 + ops.where(upper, power, 0.0)
    steps, weights = _rule(half, near_power, near * tilt)
    fall = -near * ops.expm1(-steps)
    log_ratio = far_power * ops.log1p(fall / far) - near_power * steps
    log_ratio = log_ratio + ops.where(upper, tilt, -tilt) * fall
    short, long = near * ops.exp(-steps), far + fall
    scores = score(ops.where(upper, short, long), ops.where(upper, long, short))
    integral = ops.sum(weights * ops.exp(log_ratio) * scores, axis=-1, keepdims=True)
    return ops.where(upper, -1.0, 1.0) * ops.sqrt(near / far) * integral


def _rule(half: float, near_power: Tensor, tilted: Tensor) -> tuple[Tensor, Tensor]:
    """Return nodes and weights, `(..., 3 * NODES)`, for integrands exp(-near_power * step - ...).

    They go on until less than e^-18 of the integrand is left, in three intervals: two are as
    short as the tilt makes the integrand, the last reaches the pole.
    """
    reach = 18.0 + 6.0 * half**0.5
    bulk, whole = reach / (near_power + tilted), reach / near_power
    starts = ops.concatenate([ops.zeros_like(bulk), bulk / 4.0, bulk], axis=-1)
    lengths = ops.concatenate([bulk / 4.0, 0.75 * bulk, whole - bulk], axis=-1)
    shape = (*ops.shape(bulk)[:-1], 3 * NODES)
    nodes, weights = (ops.convert_to_tensor(values) for values in _gauss_legendre())
    starts, lengths = ops.expand_dims(starts, -1), ops.expand_dims(lengths, -1)
    return ops.reshape(starts + lengths * nodes, shape), ops.reshape(lengths * weights, shape)


@functools.cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (0.5 * nodes + 0.5).astype("float32"), (0.5 * weights).astype("float32")
