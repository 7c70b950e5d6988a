"""The Laplace likelihood: absolute errors."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.likelihoods.scale import MAX_LOG
from keras_ae.parts import checked_claim, checked_positive
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Laplace(Elementwise):
    """Real numbers around the decoder's output, with absolute errors: exp(-|x - mu| / b) / (2 b).

    Args:
        scale: b in normalised data units, positive; the starting point of a learned one.
        learned_scale: Whether the decoder also gives log b of every number, as the second half of
            its last axis, bounded to +-10 around log(scale).

    Reference:
        Laplace (1774); `scipy.stats.laplace`.

    Example:
        >>> Laplace(learned_scale=True).decoded_shape((3,))
        (6,)
    """

    def __init__(self, scale: float = 1.0, learned_scale: bool = False) -> None:
        super().__init__()
        self.scale = checked_positive("scale", scale)
        self.learned_scale = checked_claim("learned_scale", learned_scale)
        self.channels = 2 if self.learned_scale else 1

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return -|x - mu| / b - log(2 b)."""
        location, log_scale = self._location_and_log_scale(decoded)
        return -ops.abs(x - location) * ops.exp(-log_scale) - log_scale - math.log(2.0)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return mu."""
        return self.blocks(decoded)[0]

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return mu - b sign(u) log(1 - 2 |u|), u uniform in (-1/2, 1/2)."""
        location, log_scale = self._location_and_log_scale(decoded)
        u = noise.uniform(ops.shape(location)) - 0.5
        exponential = -ops.log(ops.maximum(1.0 - 2.0 * ops.abs(u), 1e-30))
        return location + ops.exp(log_scale) * ops.sign(u) * exponential

    def _location_and_log_scale(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        start = math.log(self.scale)
        if not self.learned_scale:
            return ops.cast(decoded, "float32"), ops.convert_to_tensor(start, dtype="float32")
        location, offset = self.blocks(decoded)
        return location, start + ops.clip(offset, -MAX_LOG, MAX_LOG)
