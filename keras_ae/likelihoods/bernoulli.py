"""The Bernoulli likelihood of binary data, in logits."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Bernoulli(Elementwise):
    """Numbers in [0, 1] as probabilities of a one: x log p + (1 - x) log(1 - p).

    For grey pixels this is the cross-entropy that the literature reports as an ELBO; it is a
    density only for binary data.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, appendix C.1, equation 11.

    Example:
        >>> import numpy as np
        >>> Bernoulli().log_prob(np.zeros((2, 3)), np.ones((2, 3))).shape == (2,)
        True
    """

    masses = True
    support = (0.0, 1.0)

    def __init__(self) -> None:
        super().__init__()

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return x * logit - softplus(logit), finite for any logit."""
        return x * decoded - ops.softplus(decoded)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the probability of a one."""
        return ops.sigmoid(ops.cast(decoded, "float32"))

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return zeros and ones."""
        probability = self.mean(decoded)
        return ops.cast(noise.uniform(ops.shape(probability)) < probability, "float32")
