"""The negative binomial likelihood with more zeros."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods import negative_binomial
from keras_ae.likelihoods.counts import Counts, mean_of
from keras_ae.likelihoods.scale import bounded_exp
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class ZeroInflatedNegativeBinomial(Counts):
    """Counts that are 0 with a probability pi, and negative binomial otherwise.

    The decoder gives log m, log r (bounded as `NegativeBinomial`'s) and the logit of pi.

    Reference:
        Eraslan et al. (2019), https://doi.org/10.1038/s41467-018-07931-2, methods.

    Example:
        >>> ZeroInflatedNegativeBinomial().decoded_shape((3,))
        (9,)
    """

    channels = 3

    def __init__(self) -> None:
        super().__init__()

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return log((x == 0) pi + (1 - pi) NB(x)), in logarithms throughout."""
        mean, size, logit = self.blocks(decoded)
        counted = ops.log_sigmoid(-logit) + negative_binomial.log_mass(
            x, mean_of(mean), bounded_exp(size)
        )
        return ops.where(x > 0, counted, ops.logaddexp(ops.log_sigmoid(logit), counted))

    def mean(self, decoded: Tensor) -> Tensor:
        """Return (1 - pi) m."""
        mean, _, logit = self.blocks(decoded)
        return ops.sigmoid(-logit) * mean_of(mean)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return counts."""
        mean, size, logit = self.blocks(decoded)
        counted = negative_binomial.draw(mean_of(mean), bounded_exp(size), noise)
        inflated = noise.uniform(ops.shape(logit)) < ops.sigmoid(logit)
        return ops.where(inflated, 0.0, counted)
