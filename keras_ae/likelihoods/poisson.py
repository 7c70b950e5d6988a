"""The Poisson likelihood of counts."""

from __future__ import annotations

import keras

from keras_ae.distributions import poisson, special
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.counts import Counts, mean_of
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Poisson(Counts):
    """Counts with the rate exp(decoded): rate^x e^-rate / x!, the logarithm bounded to +-20.

    Reference:
        Loader (2000), https://www.r-project.org/doc/reports/CLoader-dbinom-2002.pdf, section 2,
        for an evaluation that is exact at any count.

    Example:
        >>> import numpy as np
        >>> float(Poisson().log_prob(np.zeros((1, 1)), np.zeros((1, 1)))[0])
        -1.0
    """

    def __init__(self) -> None:
        super().__init__()

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return the logarithm of each count's mass."""
        return special.log_poisson(x, mean_of(decoded))

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the rate."""
        return mean_of(self.blocks(decoded)[0])

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return counts."""
        return poisson.sample(self.mean(decoded), noise)
