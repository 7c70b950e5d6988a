"""Draws of the Poisson distribution."""

from __future__ import annotations

from keras import ops

from keras_ae.distributions import special
from keras_ae.distributions.noise import Draws
from keras_ae.distributions.rejection import first_accepted
from keras_ae.typing import Tensor

SMALL_RATE = 10.0
"""Rates below are drawn by inversion, since rejection needs a wide distribution."""

STEPS = 48
"""Counts that inversion looks at: at a rate of 10 a larger one has a probability of 1e-16."""

ROUNDS = 16
"""Proposals for each number; one in four is refused at most, so all are once in 10^9 draws."""


def sample(rate: Tensor, noise: Draws, training: bool = False) -> Tensor:
    """Return one count for each rate, whole numbers in float32, without gradients.

    Args:
        rate: Positive numbers, any shape.
        noise: Where the uniform draws come from.
        training: Whose state they advance.

    Reference:
        Hörmann (1993), https://doi.org/10.1016/0167-6687(93)90997-4, algorithm PTRS, with a fixed
        number of proposals; inversion for small rates.
    """
    rate = ops.stop_gradient(ops.cast(rate, "float32"))
    shape = ops.shape(rate)
    uniform = noise.uniform(shape, training=training)
    proposals = [noise.uniform((*shape, ROUNDS), training=training) for _ in range(2)]
    small = _by_inversion(ops.minimum(rate, SMALL_RATE), uniform)
    large = _by_rejection(ops.maximum(rate, SMALL_RATE), *proposals)
    return ops.where(rate < SMALL_RATE, small, large)


def _by_inversion(rate: Tensor, uniform: Tensor) -> Tensor:
    mass = ops.exp(-rate)
    below, count = mass, ops.zeros_like(rate)
    for k in range(1, STEPS):
        count = count + ops.cast(uniform >= below, "float32")
        mass = mass * rate / k
        below = below + mass
    return count


def _by_rejection(rate: Tensor, u: Tensor, v: Tensor) -> Tensor:
    rate = ops.expand_dims(rate, -1)  # (..., rounds)
    b = 0.931 + 2.53 * ops.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    u = u - 0.5
    us = ops.maximum(0.5 - ops.abs(u), 1e-7)
    count = ops.floor((2.0 * a / us + b) * u + rate + 0.43)
    inside = ops.maximum(count, 0.0)
    hat = ops.log(ops.maximum(v, 1e-30) * inverse_alpha / (a / (us * us) + b))
    accepted = ops.logical_and(count >= 0.0, hat <= special.log_poisson(inside, rate))
    return first_accepted(inside, accepted)
