"""A vector of numbers, without noise."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.parts import check_activation, checked_claim, checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Deterministic(Bottleneck):
    """A code of `latent_dim` numbers: z = activation(W h + b).

    Args:
        latent_dim: Length of the code, at least 1.
        activation: A Keras activation name; linear by default.
        each: Whether every position of the features (a node, a step) has a code of its own.

    Reference:
        Hinton and Salakhutdinov (2006), https://doi.org/10.1126/science.1127647.

    Example:
        >>> import numpy as np
        >>> Deterministic(2)(np.ones((3, 5), "float32"))["latent"].shape == (3, 2)
        True
    """

    def __init__(self, latent_dim: int, activation: str | None = None, each: bool = False) -> None:
        super().__init__()
        check_activation(activation)
        self.latent_shape = (checked_size("latent_dim", latent_dim),)
        self.each = self.is_local = checked_claim("each", each)
        self.flatten = keras.layers.Identity() if each else keras.layers.Flatten("channels_last")
        self.projection = keras.layers.Dense(*self.latent_shape, activation=activation, name="code")

    def build(self, h_shape: Any) -> None:
        """Make the projection's weights for features of this shape."""
        self.flatten.build(h_shape)
        self.projection.build(self.flatten.compute_output_shape(h_shape))
        if self.each:
            self.latent_shape = (*h_shape[1:-1], self.projection.units)
        self.built = True

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `{"latent": (batch, latent_dim)}`."""
        return {"latent": self.projection(self.flatten(h))}
