"""The continuous Bernoulli likelihood of numbers in [0, 1], in logits."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.typing import Tensor

NEAR_FLAT = 0.5
"""Logits below which the series of the density's constant is more exact than its closed form."""


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class ContinuousBernoulli(Elementwise):
    """Numbers in [0, 1] with the density proportional to exp(eta x), eta a logit.

    What `Bernoulli` lacks to be a density of grey pixels: the constant of its integral.

    Reference:
        Loaiza-Ganem and Cunningham (2019), https://arxiv.org/abs/1907.06845, equations 5 to 8.

    Example:
        >>> import numpy as np
        >>> float(ContinuousBernoulli().log_prob(np.zeros((1, 1)), np.ones((1, 1)))[0])
        0.0
    """

    support = (0.0, 1.0)

    def __init__(self) -> None:
        super().__init__()

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return eta x - log((e^eta - 1) / eta), finite for any logit."""
        near, size = _split(decoded)
        square = ops.square(ops.where(near, decoded, 0.0))
        series = square * (1 / 24 - square * (1 / 2880 - square * (1 / 181440)))
        closed = 0.5 * size + ops.log(-ops.expm1(-size) / size)
        # The integral is exp(eta / 2) times an even function of eta.
        return decoded * (x - 0.5) - ops.where(near, series, closed)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return 1 / (1 - e^-eta) - 1 / eta."""
        decoded = ops.cast(decoded, "float32")
        near, size = _split(decoded)
        small = ops.where(near, decoded, 0.0)
        square = ops.square(small)
        series = small * (1 / 12 - square * (1 / 720 - square * (1 / 30240)))
        closed = ops.sign(decoded) * (0.5 - 1.0 / size - 1.0 / ops.expm1(-size) - 1.0)
        return 0.5 + ops.where(near, series, closed)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return draws by the inverse of the distribution function."""
        decoded = ops.cast(decoded, "float32")
        uniform = noise.uniform(ops.shape(decoded))
        near, size = _split(decoded)
        # For eta > 0 the mass is at 1; below, the same draw from the other end.
        drawn = 1.0 + ops.log(uniform + (1.0 - uniform) * ops.exp(-size)) / size
        falling = ops.clip(ops.where(decoded > 0, drawn, 1.0 - drawn), 0.0, 1.0)
        eta = ops.where(near, decoded, 0.0)
        # Exact to the square of a logit that small, and exact at 0.
        flat = uniform - 0.5 * eta * uniform * (uniform - 1.0)
        return ops.where(ops.abs(decoded) < 1e-3, flat, falling)


def _split(decoded: Tensor) -> tuple[Tensor, Tensor]:
    """Return where a logit is near 0, and sizes of logits that are safe to divide by."""
    size = ops.abs(decoded)
    near = size < NEAR_FLAT
    return near, ops.where(size < 1e-3, 1e-3, size)
