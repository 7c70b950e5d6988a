"""The normal distribution of a tangent space, wrapped onto the Poincaré ball.

Reference:
    Nagano et al. (2019), https://arxiv.org/abs/1902.02992, section 3.
    Mathieu et al. (2019), https://arxiv.org/abs/1901.06033, section 3.
"""

from __future__ import annotations

import math

from keras import ops

from keras_ae.distributions import diagonal_gaussian, poincare_ball
from keras_ae.typing import Tensor


def sample(mean: Tensor, log_var: Tensor, epsilon: Tensor, curvature: float) -> Tensor:
    """Return exp_mean(exp(log_var / 2) * epsilon / lambda_mean), the reparameterised draw.

    Args:
        mean: Points of the ball, `(..., d)`.
        log_var: Logarithms of the variances of hyperbolic lengths, `(..., d)`.
        epsilon: Draws of N(0, 1), `(..., d)`.
        curvature: c > 0.

    Returns:
        Points of the ball, `(..., d)`.
    """
    length = diagonal_gaussian.sample(0.0, log_var, epsilon)
    velocity = length / poincare_ball.conformal_factor(mean, curvature)
    return poincare_ball.exp_map(mean, velocity, curvature)


def log_prob(z: Tensor, mean: Tensor, log_var: Tensor, curvature: float) -> Tensor:
    """Return the log-density with respect to the Riemannian volume, `(...,)`, nats.

    It is log N(lambda_mean log_mean(z); 0, exp(log_var)) + (d - 1) log(s / sinh(s)), with
    s = sqrt(c) distance(mean, z).

    Args:
        z: Points of the ball, `(..., d)`.
        mean: Points of the ball, `(..., d)`.
        log_var: Logarithms of the variances, `(..., d)`.
        curvature: c > 0.

    Reference: Mathieu et al. (2019), section 3.
    """
    velocity = poincare_ball.log_map(mean, z, curvature)
    length = poincare_ball.conformal_factor(mean, curvature) * velocity
    normal = ops.sum(diagonal_gaussian.log_prob(length, 0.0, log_var), axis=-1)
    s = math.sqrt(curvature) * poincare_ball.distance(mean, z, curvature)
    return normal - (z.shape[-1] - 1) * _log_sinh_ratio(s)


def _log_sinh_ratio(s: Tensor) -> Tensor:
    """Return log(sinh(s) / s) for s >= 0, by its power series below 1."""
    near = s < 1.0
    square = ops.square(ops.where(near, s, 0.0))
    series = 1.0 / 467775.0 - square * (691.0 / 3831077250.0)
    for coefficient in (-1.0 / 37800.0, 1.0 / 2835.0, -1.0 / 180.0, 1.0 / 6.0):
        series = coefficient + square * series
    far = ops.where(near, 1.0, s)
    direct = far - ops.log(2.0 * far) + ops.log1p(-ops.exp(-2.0 * far))
    return ops.where(near, square * series, direct)
