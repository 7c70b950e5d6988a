"""Leapfrog steps of Hamiltonian dynamics, which keep volume, and their tempering."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from keras import ops

from keras_ae.distributions.kernel_metric import KernelMetric
from keras_ae.typing import Tensor

MAX_IMPULSE = 10.0
"""Largest norm of a potential's push in one step."""

ITERATIONS = 3
"""Fixed-point iterations for each implicit equation."""

Slope = Callable[[Tensor], Tensor]


def cooling(beta_zero: Tensor, steps: int) -> list[Tensor]:
    """Return what momenta are multiplied by after each step: sqrt(beta_{k-1} / beta_k).

    sqrt(beta_k) = 1 / ((1 - 1 / sqrt(beta_0)) k^2 / K^2 + 1 / sqrt(beta_0)), from beta_0 to 1, so
    that the product of all is sqrt(beta_0).

    Args:
        beta_zero: beta_0, a scalar in (0, 1].
        steps: K.

    Reference:
        Caterini et al. (2018), https://arxiv.org/abs/1805.11328, section 3 and
        algorithm 1, the quadratic scheme.
    """
    start = ops.rsqrt(beta_zero)
    heat = [(1.0 - start) * (k / steps) ** 2 + start for k in range(steps + 1)]
    return [heat[k] / heat[k - 1] for k in range(1, steps + 1)]


def leapfrog(
    z: Tensor, momentum: Tensor, slope: Slope, step: Tensor, factors: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return place and momentum after tempered leapfrog steps, `(batch, d)` each.

    Each half of a step moves one of the two by a function of the other, so that whatever the push
    is, the steps keep volume and can be taken back; only the factors change it.

    Args:
        z: Places `(batch, d)`.
        momentum: Momenta, as many.
        slope: The potential's gradient at places.
        step: Length of a step, positive, of each coordinate `(d,)` or of all.
        factors: What momenta are multiplied by after each step; as many as there are steps.

    Reference:
        Caterini et al. (2018), https://arxiv.org/abs/1805.11328, algorithm 1.
    """
    push = impulse(slope(z), step)
    for factor in factors:
        momentum = momentum + 0.5 * push
        z = z + step * momentum
        push = impulse(slope(z), step)
        momentum = factor * (momentum + 0.5 * push)
    return z, momentum


def generalised_leapfrog(
    z: Tensor,
    momentum: Tensor,
    slope: Slope,
    metric: KernelMetric,
    step: Tensor,
    factors: Sequence[Tensor],
    iterations: int = ITERATIONS,
) -> tuple[Tensor, Tensor]:
    """Return place and momentum after tempered steps under a metric, `(batch, d)` each.

    Two of a step's three equations are implicit. The steps keep volume and can be taken back as
    far as the fixed-point iterations solve them.

    Args:
        z: Places `(batch, d)`.
        momentum: Momenta, as many.
        slope: The potential's gradient at places.
        metric: The metric.
        step: Length of a step, positive, of each coordinate `(d,)` or of all.
        factors: What momenta are multiplied by after each step; as many as there are steps.
        iterations: For each implicit equation.

    Reference:
        Girolami and Calderhead (2011), https://doi.org/10.1111/j.1467-9868.2010.00765.x, section
        5; Chadebec et al. (2020), https://arxiv.org/abs/2010.11518, section 3.
    """
    half, push, place = 0.5 * step, impulse(slope(z), step), metric.at(z)
    for factor in factors:
        pushed = momentum = momentum + 0.5 * push
        for _ in range(iterations):
            momentum = pushed - half * place.slope(momentum)
        moved = z + half * place.velocity(momentum)
        for _ in range(iterations):
            place = metric.at(moved + half * place.velocity(momentum))
        z = place.z
        push = impulse(slope(z), step)
        momentum = factor * (momentum + 0.5 * push - half * place.slope(momentum))
    return z, momentum


def impulse(slope: Tensor, step: Tensor) -> Tensor:
    """Return -step * slope, at most `MAX_IMPULSE` long, `(batch, d)`."""
    push = -step * slope
    # Squares of large numbers overflow, and a root's slope at 0 is infinite.
    largest = ops.max(ops.abs(push), axis=-1, keepdims=True)
    largest = ops.stop_gradient(ops.maximum(largest, 1e-6))
    squares = ops.sum(ops.square(push / largest), axis=-1, keepdims=True)
    length = largest * ops.sqrt(ops.maximum(squares, 1e-12))
    return push * (MAX_IMPULSE / ops.maximum(length, MAX_IMPULSE))
