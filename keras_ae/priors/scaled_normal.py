"""The standard normal in the units of codes that were scaled."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class ScaledNormal(Prior):
    """p(z) = N(-shift / scale, 1 / scale^2) for each channel: N(0, I) of z * scale + shift.

    Shift and scale are what `ScaledGaussian` has measured; 0 and 1 at the start.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, section 3, in other units.

    Example:
        >>> ScaledNormal().family
        'diagonal_normal'
    """

    family = "diagonal_normal"

    def __init__(self) -> None:
        super().__init__()

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make shift and scale, of the last axis of codes."""
        fixed: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
        width = (latent_shape[-1],)
        self.shift = self.add_weight(name="shift", shape=width, initializer="zeros", **fixed)
        self.scale = self.add_weight(name="scale", shape=width, initializer="ones", **fixed)

    def follow(self, shift: Any, scale: Any) -> None:
        """Take the codes' units, `(channels,)` each."""
        self.shift.assign(np.asarray(ops.convert_to_numpy(shift)))
        self.scale.assign(np.asarray(ops.convert_to_numpy(scale)))

    @property
    def mean(self) -> Tensor:
        """-shift / scale, `(channels,)`."""
        return -ops.convert_to_tensor(self.shift) / ops.convert_to_tensor(self.scale)

    @property
    def log_var(self) -> Tensor:
        """-2 log scale, `(channels,)`."""
        return -2.0 * ops.log(ops.convert_to_tensor(self.scale))

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return the log-density, `(batch,)`, nats."""
        z = ops.cast(z, "float32")
        return sum_event(diagonal_gaussian.log_prob(z, self.mean, self.log_var + 0.0 * z))

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return mean + exp(log_var / 2) * epsilon."""
        epsilon = noise.normal(shape, training=training)
        return diagonal_gaussian.sample(self.mean, self.log_var, epsilon)
