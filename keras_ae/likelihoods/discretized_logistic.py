"""The logistic distribution in bins: levels of a pixel in order."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods import logistic_bins
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.likelihoods.logistic_bins import checked_levels
from keras_ae.likelihoods.scale import MAX_LOG
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class DiscretizedLogistic(Elementwise):
    """Levels k / (levels - 1) in [0, 1] with the mass that a logistic gives to their bins.

    The decoder gives mu and log s of every number, in data units, log s bounded to +-10; the
    first and the last bin are open to their ends, so that the masses of all levels sum to 1.

    Args:
        levels: Number of levels, at least 2; 256 for bytes divided by 255.

    Reference:
        Salimans et al. (2017), https://arxiv.org/abs/1701.05517, equation 2, with one component;
        Kingma et al. (2016), https://arxiv.org/abs/1606.04934, appendix C.

    Example:
        >>> DiscretizedLogistic().decoded_shape((28, 28, 1))
        (28, 28, 2)
    """

    masses = True
    support = (0.0, 1.0)
    channels = 2

    def __init__(self, levels: int = 256) -> None:
        super().__init__()
        self.levels = checked_levels(levels)

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return the logarithm of the mass of each number's bin."""
        location, log_scale = self._blocks(decoded)
        return logistic_bins.log_mass(x, location, log_scale, self.levels)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the mean of the logistic clipped to [0, 1]: exact to half a level."""
        return logistic_bins.clipped_mean(*self._blocks(decoded))

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return levels, as numbers in [0, 1]."""
        location, log_scale = self._blocks(decoded)
        uniform = noise.uniform(ops.shape(location))
        return logistic_bins.draw(uniform, location, log_scale, self.levels)

    def _blocks(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        location, log_scale = self.blocks(decoded)
        return location, ops.clip(log_scale, -MAX_LOG, MAX_LOG)
