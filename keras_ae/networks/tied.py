"""A decoder that shares the weights of a linear code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.typing import Tensor


class TiedLinear(keras.layers.Layer):
    """Decodes with the transpose of a dense layer's weights: x' = W^T z + b'.

    Args:
        code: A layer whose `projection` is the dense layer with the weights W.
        output_shape: Shape of one decoded example.
    """

    def __init__(self, code: Any, output_shape: Sequence[int]) -> None:
        super().__init__(name="tied_decoder")
        self.code = code
        self.decoded_shape = tuple(output_shape)

    def build(self, latent_shape: Any) -> None:
        """Make the bias."""
        size = 1
        for length in self.decoded_shape:
            size *= length
        self.bias = self.add_weight(shape=(size,), initializer="zeros", name="bias")
        self.built = True

    def call(self, z: Tensor) -> Tensor:
        """Return `(batch, *output_shape)`."""
        kernel = ops.cast(self.code.projection.kernel, z.dtype)
        flat = ops.matmul(z, ops.transpose(kernel)) + ops.cast(self.bias, z.dtype)
        return ops.reshape(flat, (-1, *self.decoded_shape))

    def compute_output_shape(self, latent_shape: Any) -> tuple[Any, ...]:
        """Return `(batch, *output_shape)`."""
        return (latent_shape[0], *self.decoded_shape)
