"""Mixtures of binned logistics: levels of a pixel with several modes."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions import gumbel, special
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods import logistic_bins
from keras_ae.likelihoods.likelihood import Elementwise, by_channel
from keras_ae.likelihoods.logistic_bins import checked_levels
from keras_ae.likelihoods.scale import MAX_LOG
from keras_ae.parts import checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class DiscretizedLogisticMixture(Elementwise):
    """Levels k / (levels - 1) in [0, 1], each from its own mixture of binned logistics.

    The decoder gives K logits, K means and K log-scales of every number, in this order.

    Args:
        components: K, at least 1.
        levels: Number of levels, at least 2; 256 for bytes divided by 255.

    Reference:
        Salimans et al. (2017), https://arxiv.org/abs/1701.05517, equation 2. The channels of a
        pixel are independent given the code; the paper makes the later ones depend on the first.

    Example:
        >>> DiscretizedLogisticMixture(3).decoded_shape((28, 28, 1))
        (28, 28, 9)
    """

    masses = True
    support = (0.0, 1.0)

    def __init__(self, components: int = 5, levels: int = 256) -> None:
        super().__init__()
        self.components = checked_size("components", components)
        self.levels = checked_levels(levels)
        self.channels = 3 * self.components

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return the logarithm of the mixture's mass of each number's bin."""
        log_weights, location, log_scale = self._blocks(decoded)
        masses = logistic_bins.log_mass(ops.expand_dims(x, -2), location, log_scale, self.levels)
        return ops.logsumexp(log_weights + masses, axis=-2)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the weighted mean of the clipped logistics: exact to half a level."""
        log_weights, location, log_scale = self._blocks(decoded)
        means = logistic_bins.clipped_mean(location, log_scale)
        return ops.sum(ops.exp(log_weights) * means, axis=-2)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return levels, as numbers in [0, 1]."""
        log_weights, location, log_scale = self._blocks(decoded)
        uniform = noise.uniform(ops.shape(log_weights))
        chosen = gumbel.one_hot(log_weights, uniform, axis=-2)
        location, log_scale = (ops.sum(chosen * a, axis=-2) for a in (location, log_scale))
        uniform = noise.uniform(ops.shape(location))
        return logistic_bins.draw(uniform, location, log_scale, self.levels)

    def _blocks(self, decoded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-weights, locations and log-scales, `(batch, ..., components, width)`."""
        logits, location, log_scale = self.blocks(decoded, 3)
        logits, location, log_scale = (
            by_channel(block, self.components) for block in (logits, location, log_scale)
        )
        log_weights = special.log_softmax(logits, axis=-2)
        return log_weights, location, ops.clip(log_scale, -MAX_LOG, MAX_LOG)
