"""The categorical likelihood of one-hot vectors."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions import gumbel, special
from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Likelihood, inside
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class OneHotCategorical(Likelihood):
    """Vectors along the last axis of which one entry is 1: a softmax over their logits.

    Shares of several categories that sum to 1 are scored by their cross-entropy. A vector with a
    missing entry is missing.

    Reference:
        Nazabal et al. (2020), https://arxiv.org/abs/1807.03653, section 2.2, categorical data.

    Example:
        >>> import numpy as np
        >>> onehot = np.eye(4, dtype="float32")[:1]
        >>> round(float(OneHotCategorical().log_prob(np.zeros((1, 4)), onehot)[0]), 4)
        -1.3863
    """

    masses = True
    support = (0.0, 1.0)

    def __init__(self) -> None:
        super().__init__()

    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the sum over vectors of sum_k x_k log softmax(logits)_k, `(batch,)`, nats."""
        decoded = ops.cast(decoded, "float32")
        x, penalty = inside(ops.cast(x, "float32"), self.support, self.whole)
        values = x * special.log_softmax(decoded, axis=-1) - penalty
        values = ops.sum(values, axis=-1, keepdims=True)
        if mask is not None:
            mask = ops.min(expand_mask(mask, x) * ops.ones_like(x), axis=-1, keepdims=True)
        return sum_event(values, mask)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the probabilities."""
        return ops.softmax(ops.cast(decoded, "float32"), axis=-1)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return one-hot vectors."""
        decoded = ops.cast(decoded, "float32")
        return gumbel.one_hot(decoded, noise.uniform(ops.shape(decoded)))
