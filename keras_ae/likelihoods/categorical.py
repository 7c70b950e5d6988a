"""The categorical likelihood of whole numbers: a probability for each."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions import gumbel, special
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise, by_channel
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Categorical(Elementwise):
    """Whole numbers from 0 to K - 1, such as the levels of a pixel, with K logits each.

    For columns that hold one category each as K zeros and ones, see `OneHotCategorical`.

    Args:
        categories: K, at least 2.

    Reference:
        van den Oord et al. (2016), https://arxiv.org/abs/1601.06759, section 2.2, for pixels.

    Example:
        >>> Categorical(4).decoded_shape((3,))
        (12,)
    """

    masses = True
    whole = True

    def __init__(self, categories: int) -> None:
        super().__init__()
        if checked_size("categories", categories) < 2:
            raise ValueError(f"`categories` must be at least 2. Received: categories={categories}")
        self.categories = self.channels = int(categories)
        self.support = (0.0, categories - 1.0)

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return the numbers scaled to [0, 1]."""
        return x / (self.categories - 1.0)

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return log softmax(logits) at the number."""
        log_probs = self._log_probs(decoded)
        chosen = ops.expand_dims(x, -2) == self._numbers()
        return ops.sum(ops.where(chosen, log_probs, 0.0), axis=-2)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the expected number."""
        return ops.sum(ops.exp(self._log_probs(decoded)) * self._numbers(), axis=-2)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return the number whose logit and Gumbel noise are largest together."""
        log_probs = self._log_probs(decoded)
        return gumbel.category(log_probs, noise.uniform(ops.shape(log_probs)), axis=-2)

    def _log_probs(self, decoded: Tensor) -> Tensor:
        """Return log-probabilities `(batch, ..., categories, width)`."""
        decoded = ops.cast(decoded, "float32")
        return special.log_softmax(by_channel(decoded, self.categories), axis=-2)

    def _numbers(self) -> Tensor:
        numbers = ops.arange(self.categories, dtype="float32")
        return ops.reshape(numbers, (self.categories, 1))
