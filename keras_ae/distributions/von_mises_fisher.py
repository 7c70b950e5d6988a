"""The von Mises-Fisher distribution on the sphere: density proportional to exp(k <mean, x>)."""

from __future__ import annotations

import math

from keras import ops

from keras_ae.distributions import axial, bessel, hypersphere
from keras_ae.distributions.noise import Draws
from keras_ae.distributions.rejection import first_accepted
from keras_ae.typing import Tensor

ROUNDS = 24
"""Proposals for each draw; one in three is refused at most, so all are once in 10^11 draws."""


def log_prob(x: Tensor, mean: Tensor, concentration: Tensor) -> Tensor:
    """Return the log-density with respect to the surface measure, `(...,)`, nats.

    Args:
        x: Points of norm 1, `(..., d)`.
        mean: Unit vectors, `(..., d)`.
        concentration: k >= 0, `(..., 1)`.

    Reference: Davidson et al. (2018), https://arxiv.org/abs/1804.00891, section 3.1.
    """
    d = mean.shape[-1]
    # k <mean, x> - k by the chord: the product itself loses k * 1e-7 nats in float32. Their
    # gradients are equal along the sphere, not across it.
    chord = ops.sum(ops.square(x - mean), axis=-1)
    k = ops.squeeze(concentration, -1)
    return bessel.growth(k, d).lag - 0.5 * k * chord - hypersphere.log_area(d)


def kl_uniform(concentration: Tensor, d: int) -> Tensor:
    """Return KL(vMF || uniform on S^(d-1)) = k A_d(k) - log E_uniform[exp(k t)], `(...,)`, nats.

    Args:
        concentration: k >= 0, `(..., 1)`.
        d: Dimension of the space around the sphere.

    Reference: Davidson et al. (2018), https://arxiv.org/abs/1804.00891, section 3.2.
    """
    k = ops.squeeze(concentration, -1)
    growth = bessel.growth(k, d)
    # Differences of what is small where k is small, and where it is large.
    low = k * growth.slope - growth.value
    return ops.where(k < bessel.JOINT, low, growth.lag - k * growth.gap)


def mean_length(concentration: Tensor, d: int) -> Tensor:
    """Return A_d(k), the length of the mean of x, in [0, 1), `(..., 1)`.

    Args:
        concentration: k >= 0, `(..., 1)`.
        d: Dimension of the space around the sphere.
    """
    return bessel.growth(concentration, d).slope


def sample(mean: Tensor, concentration: Tensor, noise: Draws, training: bool = False) -> Tensor:
    """Return one draw for each row, `(..., d)`, of norm 1, with unbiased gradients in both.

    Args:
        mean: Unit vectors, `(..., d)`, d >= 2.
        concentration: k >= 0, `(..., 1)`.
        noise: Where the draws come from.
        training: Whose state they advance.

    Reference:
        Davidson et al. (2018), https://arxiv.org/abs/1804.00891, algorithm 1, who differentiate
        the proposal and correct for its acceptance; here the accepted height is differentiated.
    """
    d = mean.shape[-1]
    mean = mean + ops.zeros_like(concentration)
    k = ops.stop_gradient(concentration) + ops.zeros_like(mean[..., :1])
    gap = _gap(k, d, noise, training)
    mean_gap = bessel.growth(k, d).gap
    turn = axial.implicit_turn(gap, mean_gap, lambda low, _: mean_gap - low, d, tilt=k)
    tangent = axial.tangent(mean, noise, training)
    return axial.assemble(mean, tangent, gap, concentration, turn)


def _gap(k: Tensor, d: int, noise: Draws, training: bool) -> Tensor:
    """Return 1 - t of accepted heights t, `(..., 1)`.

    Reference: Wood (1994), https://doi.org/10.1080/03610919408813161, algorithm VM*, with a fixed
    number of proposals.
    """
    shape = (*ops.shape(k)[:-1], ROUNDS)
    radius, angle, height = (noise.uniform(shape, training=training) for _ in range(3))
    b = (d - 1.0) / (2.0 * k + ops.sqrt(4.0 * k * k + (d - 1.0) ** 2))
    low, high = _symmetric_beta(d, radius, angle)
    gap = 2.0 * b * low / (high + b * low)
    mode_gap = 2.0 * b / (1.0 + b)
    # log((1 - x0 t) / (1 - x0^2)) of the mode x0, by distances from 1.
    mode = 1.0 - mode_gap
    log_ratio = ops.log((mode_gap + mode * gap) / (mode_gap * (1.0 + mode)))
    accepted = k * (mode_gap - gap) + (d - 1.0) * log_ratio >= ops.log1p(-height)
    return ops.expand_dims(first_accepted(gap, accepted), -1)


def _symmetric_beta(d: int, radius: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Return draws of Beta((d - 1)/2, (d - 1)/2) and their complements, both exact near 0.

    Reference: Ulrich (1984), https://doi.org/10.2307/2347441, theorem on symmetric beta variables:
    the height of a uniform point is sqrt(1 - U^(2 / (d - 2))) cos(2 pi V).
    """
    square = ops.power(radius, 2.0 / (d - 2)) if d > 2 else ops.zeros_like(radius)
    root = ops.sqrt(1.0 - square)
    # 1 - root and 1 - cos, which cancel.
    rest = square / (1.0 + root)
    low = 0.5 * rest + root * ops.square(ops.sin(math.pi * angle))
    high = 0.5 * rest + root * ops.square(ops.cos(math.pi * angle))
    return low, high
