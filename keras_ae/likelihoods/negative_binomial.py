"""The negative binomial likelihood of counts that vary more than Poisson's."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions import gamma, poisson, special
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.counts import Counts, mean_of
from keras_ae.likelihoods.scale import bounded_exp
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class NegativeBinomial(Counts):
    """Counts of mean m and variance m + m^2 / r: a Poisson whose rate is a Gamma draw.

    The decoder gives log m, bounded to +-20, and log r, bounded to +-10, of every number.

    Reference:
        Lopez et al. (2018), https://doi.org/10.1038/s41592-018-0229-2, methods, in the mean
        parameterisation; evaluated as Loader (2000) does, section 2.

    Example:
        >>> NegativeBinomial().decoded_shape((3,))
        (6,)
    """

    channels = 2

    def __init__(self) -> None:
        super().__init__()

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return the logarithm of each count's mass."""
        mean, size = self.blocks(decoded)
        return log_mass(x, mean_of(mean), bounded_exp(size))

    def mean(self, decoded: Tensor) -> Tensor:
        """Return m."""
        return mean_of(self.blocks(decoded)[0])

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return counts."""
        mean, size = self.blocks(decoded)
        return draw(mean_of(mean), bounded_exp(size), noise)


def log_mass(x: Tensor, mean: Tensor, size: Tensor) -> Tensor:
    """Return the log-mass of counts under a negative binomial.

    It is r / (r + x) times the binomial mass of r among r + x, with r not whole.

    Args:
        x: Counts.
        mean: m.
        size: r.
    """
    positive = x > 0
    count = ops.where(positive, x, 1.0)
    total = size + mean
    binomial = special.log_binomial(size, count, size / total, mean / total)
    some = binomial + ops.log(size) - ops.log(size + count)
    return ops.where(positive, some, -size * ops.log1p(mean / size))


def draw(mean: Tensor, size: Tensor, noise: Draws) -> Tensor:
    """Return counts: Poisson's, at rates of Gamma(r) times m / r."""
    return poisson.sample(gamma.sample(size, noise) * mean / size, noise)
