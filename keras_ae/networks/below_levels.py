"""Decoders of hierarchies, whose levels are run from the top down before."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.typing import Outputs, Tensor

NAME = "below_levels"


class BelowLevels(keras.layers.Layer):
    """Decodes what is below the last level of a hierarchy.

    Args:
        code: A bottleneck whose `generate` runs codes through its levels.
        network: From the state below the last level to the likelihood's parameters.
    """

    def __init__(self, code: Any, network: keras.Model) -> None:
        super().__init__(name=NAME, autocast=False)
        self.code, self.network = code, network

    def build(self, latent_shape: Any) -> None:
        """Do nothing: code and network have the weights."""
        self.built = True

    def call(self, codes: Tensor, training: bool = False) -> Tensor:
        """Return `(batch, *decoded_shape)` of codes `(batch, latent_dim)`."""
        return self.network(self.code.generate(codes), training=training)

    def at(self, outputs: Outputs, training: bool = False) -> Tensor:
        """Return the same of a pass of the bottleneck, which has run the levels."""
        return self.network(outputs["state"], training=training)

    def compute_output_shape(self, latent_shape: Any) -> Any:
        """Return `(batch, *decoded_shape)`."""
        return (latent_shape[0], *self.network.output_shape[1:])
