"""The Student-t likelihood: errors with heavy tails."""

from __future__ import annotations

import math

import keras
from keras import ops

from keras_ae.distributions import gamma, special
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Elementwise
from keras_ae.likelihoods.scale import MAX_LOG
from keras_ae.parts import checked_claim, checked_positive
from keras_ae.typing import Tensor

MAX_LOG_SPREAD = 80.0
"""Beyond it a draw would not be a float32."""

FAR = 1e4
"""Errors in units of s sqrt(nu) from which on the 1 in log(1 + t^2 / nu) is beyond float32."""


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class StudentT(Elementwise):
    """Real numbers around the decoder's output, few of them far away: t with nu degrees of freedom.

    Args:
        degrees_of_freedom: nu, positive; large is nearly Gaussian. The starting point of learned
            ones.
        scale: s in normalised data units, positive; the starting point of learned ones.
        learned: Whether the decoder also gives log s and log nu of every number, as the second
            and third block of its last axis, each bounded to +-10 around its start.

    Reference:
        Takahashi et al. (2018), "Student-t variational autoencoder for robust density
        estimation", https://www.ijcai.org/proceedings/2018/374, section 3.

    Example:
        >>> StudentT(learned=True).decoded_shape((3,))
        (9,)
    """

    def __init__(
        self, degrees_of_freedom: float = 4.0, scale: float = 1.0, learned: bool = False
    ) -> None:
        super().__init__()
        self.degrees_of_freedom = checked_positive("degrees_of_freedom", degrees_of_freedom)
        self.scale = checked_positive("scale", scale)
        self.learned = checked_claim("learned", learned)
        self.channels = 3 if self.learned else 1

    def elementwise_log_prob(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Return log t((x - mu) / s; nu) - log s."""
        location, log_scale, freedom = self._blocks(decoded)
        error = x - location
        t = error * ops.exp(-log_scale)
        # The square of an error far away overflows, and nothing is left of the 1 beside it.
        far = ops.abs(t) > FAR * ops.sqrt(freedom)
        near = ops.log1p(ops.square(ops.where(far, 0.0, t)) / freedom)
        size = ops.log(ops.where(far, ops.abs(error), 1.0)) - log_scale
        tail = ops.where(far, 2.0 * size - ops.log(freedom), near)
        constant = special.log_gamma_ratio(0.5 * freedom, 0.5) - 0.5 * ops.log(math.pi * freedom)
        return constant - log_scale - 0.5 * (freedom + 1.0) * tail

    def mean(self, decoded: Tensor) -> Tensor:
        """Return mu, which is the mean where nu > 1 and the median everywhere."""
        return self.blocks(decoded)[0]

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return mu + s epsilon / sqrt(g / (nu / 2)), g a Gamma draw."""
        location, log_scale, freedom = self._blocks(decoded)
        half = 0.5 * freedom * ops.ones_like(location)
        log_precision = gamma.log_sample(half, noise) - ops.log(half)
        spread = ops.exp(ops.minimum(log_scale - 0.5 * log_precision, MAX_LOG_SPREAD))
        return location + spread * noise.normal(ops.shape(location))

    def _blocks(self, decoded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return location, log scale and degrees of freedom."""
        log_scale, log_freedom = math.log(self.scale), math.log(self.degrees_of_freedom)
        if not self.learned:
            return (
                ops.cast(decoded, "float32"),
                ops.convert_to_tensor(log_scale, dtype="float32"),
                ops.convert_to_tensor(self.degrees_of_freedom, dtype="float32"),
            )
        location, scale_offset, freedom_offset = self.blocks(decoded)
        return (
            location,
            log_scale + ops.clip(scale_offset, -MAX_LOG, MAX_LOG),
            ops.exp(log_freedom + ops.clip(freedom_offset, -MAX_LOG, MAX_LOG)),
        )
