"""The log-cosh likelihood: squared errors where they are small, absolute ones where not."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_ae.distributions import gamma
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.parts import checked_positive
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class LogCosh(Elementwise):
    """Real numbers around the decoder's output with the loss (1 / a) log cosh(a t) as a density.

    With t = (x - mu) / s the density is cosh(a t)^(-1 / a) / (s Z); Z is its integral,
    sqrt(pi) Gamma(1 / (2 a)) / (a Gamma(1 / (2 a) + 1 / 2)), so that likelihoods compare.

    Args:
        sharpness: a, positive; large is the absolute error.
        scale: s in normalised data units, positive.

    Reference:
        Chen et al. (2019), "Log hyperbolic cosine loss improves variational auto-encoder",
        https://openreview.net/forum?id=rkglvsC9Ym, section 3. The constants are ours.

    Example:
        >>> import numpy as np
        >>> float(LogCosh().log_prob(np.zeros((1, 1)), np.zeros((1, 1)))[0])  # doctest: +ELLIPSIS
        -1.144...
    """

    def __init__(self, sharpness: float = 1.0, scale: float = 1.0) -> None:
        super().__init__()
        self.sharpness = checked_positive("sharpness", sharpness)
        self.scale = checked_positive("scale", scale)
        half = 0.5 / self.sharpness
        self._log_constant = (
            0.5 * math.log(math.pi)
            + math.lgamma(half)
            - math.lgamma(half + 0.5)
            - math.log(self.sharpness)
            + math.log(self.scale)
        )

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return -(1 / a) log cosh(a (x - mu) / s) - log(s Z)."""
        t = self.sharpness / self.scale * (x - decoded)
        return -log_cosh(t) / self.sharpness - self._log_constant

    def mean(self, decoded: Tensor) -> Tensor:
        """Return mu."""
        return ops.cast(decoded, "float32")

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return mu + s log(g / g') / (2 a), two draws of Gamma(1 / (2 a))."""
        location = self.mean(decoded)
        half = 0.5 / self.sharpness * ops.ones_like(location)
        log_odds = gamma.log_sample(half, noise) - gamma.log_sample(half, noise)
        return location + 0.5 * self.scale / self.sharpness * log_odds


def log_cosh(t: Tensor) -> Tensor:
    """Return log cosh(t), exact for small t and finite for large."""
    near = ops.abs(t) < 1.0
    half = 0.5 * ops.where(near, t, 0.0)
    sinh = 0.5 * (ops.expm1(half) - ops.expm1(-half))
    far = t + ops.softplus(-2.0 * t) - math.log(2.0)
    return ops.where(near, ops.log1p(2.0 * ops.square(sinh)), far)
