"""A prior over sequences of codes that remember the one before."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class AutoregressiveNormal(Prior):
    """z_t = alpha z_(t-1) + sqrt(1 - alpha^2) epsilon along a code's first axis, z_1 ~ N(0, I).

    A posterior with independent coordinates cannot match it: the divergence never falls below
    `committed_rate`, so that a decoder cannot learn to ignore the code. A code that is a vector
    is one such sequence; of maps `(steps, channels)` every channel is one.

    Args:
        correlation: alpha, in (-1, 1).

    Reference:
        Razavi et al. (2019), https://arxiv.org/abs/1901.03416, section 2.2.

    Example:
        >>> round(AutoregressiveNormal(0.9).committed_rate((16,)), 3)
        4.984
    """

    def __init__(self, correlation: float = 0.9) -> None:
        super().__init__()
        if not -1.0 < correlation < 1.0:
            raise ValueError(
                f"`correlation` must be in (-1, 1). Received: correlation={correlation}"
            )
        self.correlation = float(correlation)

    def committed_rate(self, latent_shape: Shape) -> float:
        """Return the least divergence of an independent normal from it, nats."""
        steps, square = latent_shape[0], self.correlation**2
        if steps == 1:
            return 0.0
        one = 0.5 * ((steps - 2) * math.log1p(square) - math.log1p(-square))
        return one * math.prod(latent_shape[1:])

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return log N(z_1; 0, I) + sum_t log N(z_t; alpha z_(t-1), 1 - alpha^2)."""
        z = ops.cast(z, "float32")
        log_var = math.log1p(-(self.correlation**2))
        first, later = z[:, :1], z[:, 1:] - self.correlation * z[:, :-1]
        start = diagonal_gaussian.log_prob(first, 0.0, 0.0 * first)
        steps = diagonal_gaussian.log_prob(later, 0.0, 0.0 * later + log_var)
        return sum_event(start) + sum_event(steps)

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return sequences: the recursion written as one product with a triangular matrix."""
        epsilon = noise.normal(shape, training=training)
        steps = np.arange(epsilon.shape[1])
        lag = np.maximum(steps[:, None] - steps, 0)
        scale = np.where(steps == 0, 1.0, math.sqrt(1.0 - self.correlation**2))
        weights = np.tril(self.correlation**lag) * scale
        flat = ops.reshape(epsilon, (shape[0], epsilon.shape[1], -1))
        sequences = ops.matmul(ops.convert_to_tensor(weights, "float32"), flat)
        return ops.reshape(sequences, shape)
