"""The Gaussian likelihood, with a fixed or a learned variance."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.parts import checked_claim, checked_positive
from keras_ae.typing import Tensor

MAX_LOG_VAR = 20.0


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Gaussian(Elementwise):
    """Real numbers around the decoder's output: N(x; mu(z), sigma^2).

    With the default `scale` of 1 the negative log-density is half the squared error plus
    `0.5 log(2 pi)` for each number.

    Args:
        scale: Standard deviation sigma in normalised data units, positive; the starting point of
            the learned one.
        learned_variance: Whether the decoder also gives log sigma^2 of every number, as the
            second half of its last axis, bounded to +-20 around 2 log(scale).

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, appendix C.2, equation 12.

    Example:
        >>> import numpy as np
        >>> Gaussian().log_prob(np.zeros((2, 3)), np.ones((2, 3))).shape == (2,)
        True
    """

    def __init__(self, scale: float = 1.0, learned_variance: bool = False) -> None:
        super().__init__()
        self.scale = checked_positive("scale", scale)
        self.learned_variance = checked_claim("learned_variance", learned_variance)
        self.channels = 2 if self.learned_variance else 1

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return log N(x; mu, sigma^2) of every number."""
        mean, log_var = self._mean_and_log_var(decoded)
        return diagonal_gaussian.log_prob(x, mean, log_var)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return mu."""
        return self._mean_and_log_var(ops.cast(decoded, "float32"))[0]

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return mu + sigma * epsilon."""
        mean, log_var = self._mean_and_log_var(ops.cast(decoded, "float32"))
        return diagonal_gaussian.sample(mean, log_var, noise.normal(ops.shape(mean)))

    def _mean_and_log_var(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        log_var = ops.convert_to_tensor(2.0 * math.log(self.scale), dtype="float32")
        if not self.learned_variance:
            return decoded, log_var
        mean, offset = ops.split(decoded, 2, axis=-1)
        # exp(-log_var) overflows float32 below -88; a variance of e^-20 is noise-free already.
        return mean, log_var + ops.clip(offset, -MAX_LOG_VAR, MAX_LOG_VAR)
