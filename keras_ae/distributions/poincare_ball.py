"""The Poincaré ball: hyperbolic space of sectional curvature -c within the radius 1 / sqrt(c).

Near the rim 1 - c |x|^2 is all that tells points apart. The formulas of the literature are
therefore rearranged by one identity,

    1 + 2 c <x, y> + c^2 |x|^2 |y|^2 = (1 - c |x|^2)(1 - c |y|^2) + c |x + y|^2,

into sums that do not cancel; no inverse hyperbolic tangent of a number near 1 is left.

Reference:
    Ganea, Bécigneul and Hofmann (2018), https://arxiv.org/abs/1805.09112, section 2.
    Mathieu et al. (2019), https://arxiv.org/abs/1901.06033, section 2.
"""

from __future__ import annotations

import math

from keras import ops

from keras_ae.typing import Tensor

RIM = 1e-5
"""Share of the radius that points keep from the rim: float32 must see it in 1 - c |x|^2."""

_LEAST_ROOM = 1e-6
"""Bound of 1 - c |x|^2, for points that were never projected."""

_TINY = 1e-20


def project(x: Tensor, curvature: float) -> Tensor:
    """Return x, drawn in to a norm of (1 - RIM) / sqrt(c) where it is longer, `(..., d)`.

    Args:
        x: Points of R^d, `(..., d)`.
        curvature: c > 0.
    """
    longest = (1.0 - RIM) / math.sqrt(curvature)
    norm = _norm(x)
    outside = norm > longest
    return ops.where(outside, x * (longest / ops.where(outside, norm, 1.0)), x)


def mobius_add(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """Return the Möbius sum of x and y, projected into the ball, `(..., d)`.

    Args:
        x: Points of the ball, `(..., d)`.
        y: Points of the ball, `(..., d)`.
        curvature: c > 0.

    Reference: Ganea, Bécigneul and Hofmann (2018), section 2.3.
    """
    room = _room(x, curvature)
    step = x + y
    square = curvature * _square(step)
    total = (room * step + square * x) / (room * _room(y, curvature) + square)
    return project(total, curvature)


def conformal_factor(x: Tensor, curvature: float) -> Tensor:
    """Return lambda = 2 / (1 - c |x|^2), hyperbolic per Euclidean length at x, `(..., 1)`.

    Args:
        x: Points of the ball, `(..., d)`.
        curvature: c > 0.
    """
    return 2.0 / _room(x, curvature)


def exp_map(x: Tensor, v: Tensor, curvature: float) -> Tensor:
    """Return where the geodesic that leaves x with velocity v is after one unit of time.

    Args:
        x: Points of the ball, `(..., d)`.
        v: Tangent vectors at x in Euclidean coordinates, `(..., d)`.
        curvature: c > 0.

    Returns:
        Points of the ball, `(..., d)`, projected.

    Reference: Ganea, Bécigneul and Hofmann (2018), section 2.4, lemma 2.
    """
    scaled = math.sqrt(curvature) * v
    # A bound above 0 gives the ratio its limit, and the limit's gradient, at v = 0.
    norm = ops.sqrt(ops.maximum(_square(scaled), _TINY))
    ratio = ops.tanh(norm / _room(x, curvature)) / norm
    return mobius_add(x, ratio * v, curvature)


def log_map(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """Return the velocity with which the geodesic from x is at y after one unit of time.

    Args:
        x: Points of the ball, `(..., d)`.
        y: Points of the ball, `(..., d)`.
        curvature: c > 0.

    Returns:
        Tangent vectors at x in Euclidean coordinates, `(..., d)`: the inverse of `exp_map`.

    Reference: Ganea, Bécigneul and Hofmann (2018), section 2.4, lemma 2, the Möbius sum put in.
    """
    room, other_room = _room(x, curvature), _room(y, curvature)
    step = y - x
    square = curvature * _square(step)
    u = ops.sqrt(ops.maximum(square / (room * other_room), _TINY))
    shrinkage = arcsinh(u) / (u * ops.sqrt(1.0 + u * u))
    return (room * step - square * x) * (shrinkage / other_room)


def geodesic(x: Tensor, y: Tensor, share: Tensor, curvature: float) -> Tensor:
    """Return points on the geodesics from x to y, projected, `(..., d)`.

    Args:
        x: Points of the ball, `(..., d)`.
        y: Points of the ball, `(..., d)`.
        share: Of the way that lies behind, in [0, 1], broadcastable.
        curvature: c > 0.
    """
    return exp_map(x, share * log_map(x, y, curvature), curvature)


def distance(x: Tensor, y: Tensor, curvature: float) -> Tensor:
    """Return the length of the geodesic between x and y, `(...,)`.

    Args:
        x: Points of the ball, `(..., d)`.
        y: Points of the ball, `(..., d)`.
        curvature: c > 0.

    Reference: Ganea, Bécigneul and Hofmann (2018), section 2.3, as an area hyperbolic sine.
    """
    root = math.sqrt(curvature)
    rooms = _room(x, curvature) * _room(y, curvature)
    u = root * _norm(x - y) / ops.sqrt(rooms)
    return ops.squeeze(2.0 / root * arcsinh(u), -1)


def _square(x: Tensor) -> Tensor:
    return ops.sum(ops.square(x), axis=-1, keepdims=True)


def _norm(x: Tensor) -> Tensor:
    """Return |x|, `(..., 1)`, whose gradient at 0 is 0."""
    square = _square(x)
    positive = square > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, square, 1.0)), 0.0)


def _room(x: Tensor, curvature: float) -> Tensor:
    """Return 1 - c |x|^2, `(..., 1)`."""
    return ops.maximum(1.0 - curvature * _square(x), _LEAST_ROOM)


def arcsinh(u: Tensor) -> Tensor:
    """Return arsinh(u) by operations that every format knows, to float32's last digits near 0."""
    sign = ops.where(u < 0.0, -1.0, 1.0)
    size, square = sign * u, ops.square(u)
    return sign * ops.log1p(size + square / (1.0 + ops.sqrt(1.0 + square)))
