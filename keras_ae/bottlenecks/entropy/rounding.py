"""Rounding, and what stands for it in training."""

from __future__ import annotations

from keras import ops

from keras_ae.bottlenecks.quantizers.quantizer import straight_through
from keras_ae.typing import Tensor

LEAST_ALPHA = 1e-2
"""Hardness below which soft rounding is the identity to float32."""


def rounded(x: Tensor) -> Tensor:
    """Return the nearest whole numbers, of halves the even one, with the gradient of x."""
    return straight_through(x, ops.round(x))


def soft_round(x: Tensor, alpha: float) -> Tensor:
    """Return s(x) = floor(x) + 1/2 + tanh(alpha r) / (2 tanh(alpha / 2)), r = x - floor(x) - 1/2.

    Args:
        x: Any shape.
        alpha: Hardness: 0 for the identity; rounding as it grows.

    Reference:
        Agustsson & Theis (2020), https://arxiv.org/abs/2006.09952, equation 10.
    """
    if alpha < LEAST_ALPHA:
        return x
    middle = ops.floor(x) + 0.5
    return middle + 0.5 * ops.tanh(alpha * (x - middle)) / _edge(alpha)


def soft_round_inverse(y: Tensor, alpha: float) -> Tensor:
    """Return the x of which `soft_round` makes y.

    Args:
        y: Any shape.
        alpha: Hardness.

    Reference:
        Agustsson & Theis (2020), https://arxiv.org/abs/2006.09952, equation 11's s^-1.
    """
    if alpha < LEAST_ALPHA:
        return y
    middle = ops.floor(y) + 0.5
    # Rounding may lead to the edges, whose inverse hyperbolic tangent the bound keeps finite.
    u = ops.clip(2.0 * (y - middle) * _edge(alpha), -_edge(alpha), _edge(alpha))
    return middle + 0.5 * (ops.log1p(u) - ops.log1p(-u)) / alpha


def soft_round_mean(y: Tensor, alpha: float) -> Tensor:
    """Return E[x | s(x) + u = y] for u uniform in [-1/2, 1/2] and x locally uniform.

    Args:
        y: Soft-rounded numbers with uniform noise.
        alpha: Hardness.

    Reference:
        Agustsson & Theis (2020), https://arxiv.org/abs/2006.09952, equation 14.
    """
    if alpha < LEAST_ALPHA:
        return y
    return soft_round_inverse(y - 0.5, alpha) + 0.5


def _edge(alpha: float) -> Tensor:
    """Return tanh(alpha / 2)."""
    return ops.tanh(ops.convert_to_tensor(0.5 * alpha, "float32"))
