"""Draws of the Gamma distribution."""

from __future__ import annotations

from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.distributions.rejection import first_accepted
from keras_ae.typing import Tensor

ROUNDS = 8
"""Proposals for each number; one in twenty is refused at most, so all are once in 10^10 draws."""

LEAST = 1e-37
"""Smallest draw."""


def sample(concentration: Tensor, noise: Draws, training: bool = False) -> Tensor:
    """Return one draw of Gamma(concentration, rate 1) for each number, without gradients.

    Args:
        concentration: Positive numbers, any shape.
        noise: Where the normal and uniform draws come from.
        training: Whose state they advance.
    """
    return ops.maximum(ops.exp(log_sample(concentration, noise, training)), LEAST)


def log_sample(concentration: Tensor, noise: Draws, training: bool = False) -> Tensor:
    """Return the logarithm of such a draw, which is finite where the draw itself underflows.

    Reference:
        Marsaglia and Tsang (2000), https://doi.org/10.1145/358407.358414, with a fixed number of
        proposals, and their U^(1/a) boost for concentrations a below 1.
    """
    concentration = ops.stop_gradient(ops.cast(concentration, "float32"))
    shape = ops.shape(concentration)
    normal = noise.normal((*shape, ROUNDS), training=training)
    uniform = noise.uniform((*shape, ROUNDS), training=training)
    power = noise.uniform(shape, training=training)
    boosted = concentration < 1.0
    draw = _at_least_one(ops.where(boosted, concentration + 1.0, concentration), normal, uniform)
    # The complement is never 0. Where nothing is boosted the quotient must not overflow.
    boost = ops.log(1.0 - power) / ops.where(boosted, concentration, 1.0)
    log_draw = ops.log(draw)
    return ops.stop_gradient(ops.where(boosted, log_draw + boost, log_draw))


def _at_least_one(concentration: Tensor, normal: Tensor, uniform: Tensor) -> Tensor:
    d = ops.expand_dims(concentration, -1) - 1.0 / 3.0
    y = normal / ops.sqrt(9.0 * d)
    inside = ops.maximum(y, -0.99)
    # d - d v + d log(v) of v = (1 + y)^3, whose d and d v would cancel.
    log_ratio = 3.0 * (ops.log1p(inside) - inside * (1.0 + inside * (1.0 + inside / 3.0)))
    log_height = 0.5 * ops.square(normal) + d * log_ratio
    accepted = ops.logical_and(y > -0.99, ops.log1p(-uniform) <= log_height)
    return first_accepted(d * (1.0 + inside) ** 3, accepted)
