"""A logistic distribution over the levels k / (levels - 1) of [0, 1]."""

from __future__ import annotations

from keras import ops

from keras_ae.parts import checked_size
from keras_ae.typing import Tensor


def checked_levels(levels: int) -> int:
    """Return a number of levels.

    Raises:
        ValueError: It is not a whole number of at least 2.
    """
    if checked_size("levels", levels) < 2:
        raise ValueError(f"`levels` must be at least 2. Received: levels={levels}")
    return int(levels)


def log_mass(x: Tensor, location: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """Return the log-mass of the bin of each level, the first and last open to their ends.

    With the bin's ends a > b in units of the scale its mass is
    sigmoid(a) - sigmoid(b) = (1 - exp(b - a)) sigmoid(a) sigmoid(-b), which has no difference of
    nearly equal numbers.
    """
    half = 0.5 / (levels - 1)
    steepness = ops.exp(-log_scale)
    upper, lower = (x + half - location) * steepness, (x - half - location) * steepness
    below, above = ops.log_sigmoid(upper), ops.log_sigmoid(-lower)
    inner = ops.log(-ops.expm1(-2.0 * half * steepness)) + below + above
    return ops.where(x < half, below, ops.where(x > 1.0 - half, above, inner))


def clipped_mean(location: Tensor, log_scale: Tensor) -> Tensor:
    """Return the mean of the logistic clipped to [0, 1]: 1 minus its integral over [0, 1]."""
    scale, steepness = ops.exp(log_scale), ops.exp(-log_scale)
    low, high = -location * steepness, (1.0 - location) * steepness
    # A wide logistic has both ends of the integral near one another.
    wide = steepness < 1.0
    width = ops.where(wide, steepness, 1.0)
    near = ops.log1p(ops.sigmoid(low) * ops.expm1(width))
    ends = ops.where(wide, near, ops.softplus(high) - ops.softplus(low))
    return ops.clip(1.0 - scale * ends, 0.0, 1.0)


def draw(uniform: Tensor, location: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """Return levels drawn with numbers of [0, 1)."""
    inside = ops.clip(uniform, 1e-7, 1.0 - 1e-7)
    drawn = location + ops.exp(log_scale) * (ops.log(inside) - ops.log1p(-inside))
    return ops.round(ops.clip(drawn, 0.0, 1.0) * (levels - 1)) / (levels - 1)
