"""Decoders of hierarchies, whose levels are run from the top down before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_ae import networks
from keras_ae.networks.joining import joined
from keras_ae.typing import Shape, Tensor

NAME = "below_levels"


class BelowLevels(keras.layers.Layer):
    """Decodes what is below the last level of a hierarchy.

    Args:
        code: A bottleneck whose `generate` runs codes through its levels.
        network: From the state below the last level, and a condition at the end of its last axis
            where there is one, to the likelihood's parameters.
    """

    def __init__(self, code: Any, network: keras.Model) -> None:
        super().__init__(name=NAME, autocast=False)
        self.code, self.network = code, network

    def build(self, latent_shape: Any) -> None:
        """Do nothing: code and network have the weights."""
        self.built = True

    def call(self, codes: Tensor, training: bool = False) -> Tensor:
        """Return `(batch, *decoded_shape)` of codes that are followed by their condition."""
        (size,) = self.code.latent_shape
        told = codes[:, size:] if codes.shape[1] > size else None
        return self.at(self.code.generate(codes[:, :size]), told, training)

    def at(self, state: Tensor, condition: Tensor | None, training: bool = False) -> Tensor:
        """Return the same of a state, to which a pass of the bottleneck has led."""
        return self.network(joined(self.network, state, condition), training=training)

    def compute_output_shape(self, latent_shape: Any) -> Any:
        """Return `(batch, *decoded_shape)`."""
        return (latent_shape[0], *self.network.output_shape[1:])


def decoder(
    name: str, code: Any, shapes: tuple[Shape, Shape], hidden: Sequence[int], condition: Any
) -> BelowLevels:
    """Return the decoder of a hierarchy.

    Args:
        name: Of its network, "mlp" or "conv".
        code: The hierarchy's bottleneck.
        shapes: Of the state below the last level, and of one decoded example.
        hidden: Sizes of the encoder's stages.
        condition: What is told of an example, or None.
    """
    size = 0 if condition is None else condition.size
    network = networks.decoder(name, *shapes, hidden, condition_size=size)
    return BelowLevels(code, network)
