"""The power spherical distribution: density proportional to (1 + <mean, x>)^k on the sphere."""

from __future__ import annotations

from keras import ops

from keras_ae.distributions import axial, gamma, hypersphere
from keras_ae.distributions.noise import Draws
from keras_ae.typing import Tensor

_SHIFT = 8
"""Stirling's series is exact to float32 from arguments of 8 on; all are moved up by as much."""

_LEAST = 1e-16
"""Bound of a height above the opposite of the mean: what rounding leaves of 0."""


def log_prob(x: Tensor, mean: Tensor, concentration: Tensor) -> Tensor:
    """Return the log-density with respect to the surface measure, `(...,)`, nats.

    Args:
        x: Points of norm 1, `(..., d)`.
        mean: Unit vectors, `(..., d)`.
        concentration: k >= 0, `(..., 1)`.

    Reference: De Cao and Aziz (2020), https://arxiv.org/abs/2006.04437, the density and its
    normaliser, the latter as a ratio to the sphere's area.
    """
    d = mean.shape[-1]
    k = ops.squeeze(concentration, -1)
    # (1 + t) / 2 by the chord to the nearer of the mean and its opposite: neither cancels.
    gap = 0.25 * ops.sum(ops.square(x - mean), axis=-1)
    height = 0.25 * ops.sum(ops.square(x + mean), axis=-1)
    upper = gap < height
    log_height = ops.where(
        upper,
        ops.log1p(-ops.where(upper, gap, 0.0)),
        ops.log(ops.maximum(height, _LEAST)),
    )
    return k * log_height - _growth(k, d) - hypersphere.log_area(d)


def kl_uniform(concentration: Tensor, d: int) -> Tensor:
    """Return KL(power spherical || uniform on S^(d-1)), `(...,)`, nats.

    Args:
        concentration: k >= 0, `(..., 1)`.
        d: Dimension of the space around the sphere.

    Reference: De Cao and Aziz (2020), https://arxiv.org/abs/2006.04437, the divergence from the
    uniform distribution.
    """
    k = ops.squeeze(concentration, -1)
    return k * _mean_log_height(k, d) - _growth(k, d)


def mean_length(concentration: Tensor, d: int) -> Tensor:
    """Return k / (k + d - 1), the length of the mean of x, in [0, 1), `(..., 1)`.

    Args:
        concentration: k >= 0, `(..., 1)`.
        d: Dimension of the space around the sphere.
    """
    return concentration / (concentration + (d - 1.0))


def sample(mean: Tensor, concentration: Tensor, noise: Draws, training: bool = False) -> Tensor:
    """Return one draw for each row, `(..., d)`, of norm 1, with unbiased gradients in both.

    Args:
        mean: Unit vectors, `(..., d)`, d >= 2.
        concentration: k >= 0, `(..., 1)`.
        noise: Where the draws come from.
        training: Whose state they advance.

    Reference:
        De Cao and Aziz (2020), https://arxiv.org/abs/2006.04437, algorithm 1; its gradient through
        the beta variable is taken implicitly here.
    """
    d = mean.shape[-1]
    half = 0.5 * (d - 1)
    mean = mean + ops.zeros_like(concentration)
    k = ops.stop_gradient(concentration) + ops.zeros_like(mean[..., :1])
    high = gamma.sample(k + half, noise, training)
    low = gamma.sample(ops.full_like(k, half), noise, training)
    gap = 2.0 * low / (high + low)
    mean_log_height = _mean_log_height(k, d)

    def score(low: Tensor, high: Tensor) -> Tensor:
        near = low < 1.0
        far_log = ops.log(0.5 * ops.maximum(high, _LEAST))
        return ops.where(near, ops.log1p(-0.5 * low), far_log) - mean_log_height

    mean_gap = 2.0 * half / (k + 2.0 * half)
    turn = axial.implicit_turn(gap, mean_gap, score, d, power=k)
    tangent = axial.tangent(mean, noise, training)
    return axial.assemble(mean, tangent, gap, concentration, turn)


def _growth(k: Tensor, d: int) -> Tensor:
    """Return log E[((1 + t) / 2)^k] over uniform points, elementwise.

    With b = (d - 1) / 2 it is log(Gamma(b + k) Gamma(2 b) / (Gamma(b) Gamma(2 b + k))). Each of
    the terms into which Stirling's formula and the recurrence part that is of the order of k for
    small k, and of the order of log(k) for large k: nothing cancels.
    """
    b = 0.5 * (d - 1)
    moved = sum(ops.log1p(k * b / ((b + j) * (2.0 * b + k + j))) for j in range(_SHIFT))
    # A tensor, so that the four series cancel to the last bit at k = 0.
    x = ops.full_like(k, b + _SHIFT)
    large = (x - 0.5) * ops.log1p(k * b / (x * (x + b + k)))
    large = large - k * ops.log1p(b / (x + k)) - b * ops.log1p(k / (x + b))
    series = _series(x + k) - _series(x) + _series(x + b) - _series(x + b + k)
    return large + series - moved


def _mean_log_height(k: Tensor, d: int) -> Tensor:
    """Return E[log((1 + t) / 2)] = digamma(b + k) - digamma(2 b + k), elementwise."""
    b = 0.5 * (d - 1)
    moved = sum(b / ((b + k + j) * (2.0 * b + k + j)) for j in range(_SHIFT))
    low, high = b + k + _SHIFT, 2.0 * b + k + _SHIFT
    inverse, least = 1.0 / low, 1.0 / high
    # Differences of powers of the inverses, whose factor is b / (low * high).
    first = b * inverse * least
    second = first * (inverse + least)
    fourth = second * (inverse**2 + least**2)
    return -(ops.log1p(b / low) + first / 2.0 + second / 12.0 - fourth / 120.0) - moved


def _series(y: Tensor) -> Tensor:
    """Return Stirling's series for y >= 8, log Gamma(y) less its leading terms."""
    inverse = 1.0 / y
    return inverse * (1.0 / 12.0 - inverse**2 / 360.0)
