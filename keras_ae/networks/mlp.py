"""Stacks of dense layers, for vectors and anything that is flattened to one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

from keras_ae.typing import Shape


def encoder(
    input_shape: Shape, *, hidden: Sequence[int] = (256,), activation: str = "relu"
) -> keras.Model:
    """Return flatten, then a dense layer for each size in `hidden`.

    Args:
        input_shape: Shape of one example.
        hidden: Widths, from the input on; none leaves the flattened input.
        activation: Activation of every layer.
    """
    x = inputs = keras.Input(input_shape, name="x")
    x = keras.layers.Flatten("channels_last", name="flatten")(x)
    for i, width in enumerate(hidden):
        x = keras.layers.Dense(width, activation=activation, name=f"hidden_{i}")(x)
    return keras.Model(inputs, x, name="encoder")


def decoder(
    latent_shape: Shape,
    output_shape: Shape,
    *,
    hidden: Sequence[int] = (256,),
    activation: str = "relu",
) -> keras.Model:
    """Return the mirrored stack, linear at the end, shaped to `output_shape`.

    Args:
        latent_shape: Shape of one code.
        output_shape: Shape of one decoded example.
        hidden: The encoder's widths.
        activation: Activation of every layer but the last.
    """
    x = inputs = keras.Input(latent_shape, name="latent")
    x = keras.layers.Flatten("channels_last", name="flatten")(x)
    for i, width in reversed(list(enumerate(hidden))):
        x = keras.layers.Dense(width, activation=activation, name=f"hidden_{i}")(x)
    x = keras.layers.Dense(math.prod(output_shape), name="output")(x)
    if len(output_shape) > 1:
        x = keras.layers.Reshape(output_shape, name="shape")(x)
    return keras.Model(inputs, x, name="decoder")
