"""The coupling flow of rational-quadratic splines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_ae.flows.coupling import Coupling
from keras_ae.flows.scalars import positive
from keras_ae.parts import checked_size, is_number
from keras_ae.typing import Tensor

MIN_SHARE = 1e-3
"""The least share of the interval that a bin takes, and the least slope at a knot."""


class _Bins(NamedTuple):
    """The bin of each number: its edges, and the spline's slopes there; each `(batch, moved)`."""

    left: Tensor
    right: Tensor
    bottom: Tensor
    top: Tensor
    slope_left: Tensor
    slope_right: Tensor


@keras.saving.register_keras_serializable("keras_ae.flows")
class SplineCoupling(Coupling):
    """Moves the second half of the coordinates by monotone splines that the first half decides.

    In each bin the spline is a quotient of two quadratic functions; outside of +-`bound` it is the
    identity. It begins near the identity.

    Args:
        bins: Number of bins of a spline, from 2 to 500.
        bound: Where the splines end.
        hidden: Widths of the hidden layers of the network that gives the splines.
        activation: Their activation.

    Reference:
        Durkan et al. (2019), https://arxiv.org/abs/1906.04032, equations 4-8 and section 3.1.

    Example:
        >>> import numpy as np
        >>> z_next, log_det = SplineCoupling(4, hidden=(8,))(np.ones((4, 2), "float32"))
        >>> z_next.shape == (4, 2), log_det.shape == (4,)
        (True, True)
    """

    def __init__(
        self,
        bins: int = 8,
        bound: float = 5.0,
        *,
        hidden: Sequence[int] = (128, 128),
        activation: Any = "relu",
    ) -> None:
        if not 2 <= checked_size("bins", bins) <= 500:
            raise ValueError(f"`bins` must be from 2 to 500. Received: bins={bins}")
        if not is_number(bound) or not (bound > 0 and math.isfinite(bound)):
            raise ValueError(f"`bound` must be a positive number. Received: bound={bound}")
        super().__init__(3 * int(bins) - 1, hidden, activation)
        self.bins, self.bound = int(bins), float(bound)

    def move(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the splines at x and the logarithms of their slopes."""
        inside = ops.clip(x, -self.bound, self.bound)
        bins = self._bins_of(inside, raw, by_image=False)
        xi = (inside - bins.left) / (bins.right - bins.left)
        y, log_slope = _quotient(xi, bins)
        return self._with_tails(x, y, log_slope)

    def move_back(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the splines are y and the logarithms of their slopes there."""
        inside = ops.clip(y, -self.bound, self.bound)
        bins = self._bins_of(inside, raw, by_image=True)
        xi = _root((inside - bins.bottom) / (bins.top - bins.bottom), bins)
        x = bins.left + xi * (bins.right - bins.left)
        return self._with_tails(y, x, _quotient(xi, bins)[1])

    def _with_tails(self, given: Tensor, found: Tensor, log_slope: Tensor) -> tuple[Tensor, Tensor]:
        is_inside = ops.abs(given) <= self.bound
        return (
            ops.where(is_inside, found, given),
            ops.where(is_inside, log_slope, ops.zeros_like(log_slope)),
        )

    def _bins_of(self, numbers: Tensor, raw: Tensor, by_image: bool) -> _Bins:
        """Return the bin in which each number lies, or has its image."""
        widths, heights = raw[..., : self.bins], raw[..., self.bins : 2 * self.bins]
        across, up = self._edges(widths), self._edges(heights)
        one = ops.ones_like(raw[..., :1])
        slopes = positive(raw[..., 2 * self.bins :], MIN_SHARE)
        slopes = ops.concatenate([one, slopes, one], axis=-1)
        edges = up if by_image else across
        # 1 for each edge between two bins that the number has passed: 1, ..., 1, 0, ..., 0.
        passed = ops.cast(ops.expand_dims(numbers, -1) >= edges[..., 1:-1], "float32")
        is_here = ops.concatenate([one, passed], axis=-1) - ops.concatenate(
            [passed, ops.zeros_like(one)], axis=-1
        )
        ends = (end for knots in (across, up, slopes) for end in (knots[..., :-1], knots[..., 1:]))
        return _Bins(*(ops.sum(is_here * end, axis=-1) for end in ends))

    def _edges(self, raw: Tensor) -> Tensor:
        """Return the edges of bins, `(..., bins + 1)`, from -bound to bound."""
        shares = MIN_SHARE + (1.0 - MIN_SHARE * self.bins) * ops.softmax(raw, axis=-1)
        between = self.bound * (2.0 * ops.cumsum(shares, axis=-1)[..., :-1] - 1.0)
        end = self.bound * ops.ones_like(raw[..., :1])
        return ops.concatenate([-end, between, end], axis=-1)


def _quotient(xi: Tensor, bins: _Bins) -> tuple[Tensor, Tensor]:
    """Return the spline at the share `xi` of its bin, and the logarithm of its slope.

    Reference: Durkan et al. (2019), equations 4-5, their denominator as a sum of positive terms.
    """
    height, d0, d1 = bins.top - bins.bottom, bins.slope_left, bins.slope_right
    s = height / (bins.right - bins.left)
    both = xi * (1.0 - xi)
    below = s * (1.0 - 2.0 * both) + (d0 + d1) * both
    y = bins.bottom + height * (s * ops.square(xi) + d0 * both) / below
    above = d1 * ops.square(xi) + 2.0 * s * both + d0 * ops.square(1.0 - xi)
    return y, 2.0 * (ops.log(s) - ops.log(below)) + ops.log(above)


def _root(eta: Tensor, bins: _Bins) -> Tensor:
    """Return the share of the bin at which the spline is at the share `eta` of its height.

    Reference: Durkan et al. (2019), equations 6-8, divided by the bin's height. With
    q = d0 (1 - eta) - d1 eta the discriminant is q^2 + 4 s^2 eta (1 - eta) and b = q + 2 s eta:
    nothing is a difference but q, and seen from the bin's other end q changes its sign.
    """
    d0, d1 = bins.slope_left, bins.slope_right
    s = (bins.top - bins.bottom) / (bins.right - bins.left)
    rest = 1.0 - eta
    q = d0 * rest - d1 * eta
    # The discriminant is positive: q is not 0 at an end of the bin.
    common = ops.abs(q) + ops.sqrt(ops.square(q) + 4.0 * ops.square(s) * eta * rest)
    from_left = 2.0 * s * eta / (common + 2.0 * s * eta)
    from_right = 2.0 * s * rest / (common + 2.0 * s * rest)
    return ops.where(q >= 0.0, from_left, 1.0 - from_right)
