"""The beta likelihood of shares in (0, 1)."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions import gamma, special
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.likelihoods.scale import bounded_exp
from keras_ae.typing import Tensor

MARGIN = 1e-6
"""Data are kept so far from 0 and 1, where the density may be zero or infinite."""


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Beta(Elementwise):
    """Numbers in [0, 1] with the density x^(alpha - 1) (1 - x)^(beta - 1) / B(alpha, beta).

    The decoder gives log alpha and log beta of every number, each bounded to +-10. Data at the
    very ends are moved inside by 1e-6.

    Reference:
        Johnson, Kotz and Balakrishnan (1995), "Continuous univariate distributions" vol. 2,
        chapter 25; `scipy.stats.beta`.

    Example:
        >>> import numpy as np
        >>> likelihood = Beta()
        >>> round(float(likelihood.log_prob(np.zeros((1, 2)), np.full((1, 1), 0.3))[0]), 4) + 0.0
        0.0
    """

    support = (0.0, 1.0)
    channels = 2

    def __init__(self) -> None:
        super().__init__()

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return log Beta(x; alpha, beta), by the binomial it is a multiple of."""
        alpha, beta = self._blocks(decoded)
        x = ops.clip(x, MARGIN, 1.0 - MARGIN)
        harmonic = ops.log(alpha) + ops.log(beta) - ops.log(alpha + beta)
        return harmonic - ops.log(x) - ops.log1p(-x) + special.log_binomial(alpha, beta, x, 1 - x)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return alpha / (alpha + beta)."""
        alpha, beta = self._blocks(decoded)
        return alpha / (alpha + beta)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return g / (g + g'), a draw of Gamma(alpha) and one of Gamma(beta)."""
        first, second = (gamma.log_sample(block, noise) for block in self._blocks(decoded))
        return ops.sigmoid(first - second)

    def _blocks(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        alpha, beta = self.blocks(decoded)
        return bounded_exp(alpha), bounded_exp(beta)
