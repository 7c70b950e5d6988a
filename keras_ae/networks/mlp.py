"""Stacks of dense layers, for vectors and anything that is flattened to one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

from keras_ae.networks.gyroplane import Gyroplanes
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
    curvature: float | None = None,
    ball_dim: int | None = None,
) -> keras.Model:
    """Return the mirrored stack, linear at the end, shaped to `output_shape`.

    Args:
        latent_shape: Shape of one code.
        output_shape: Shape of one decoded example.
        hidden: The encoder's widths.
        activation: Activation of every layer but the last.
        curvature: c of codes in the Poincare ball, of which the first layer takes distances from
            planes; None for codes that are plain vectors.
        ball_dim: Numbers of a code that are the point of the ball, all when None.
    """
    x = inputs = keras.Input(latent_shape, name="latent")
    x = keras.layers.Flatten("channels_last", name="flatten")(x)
    size = math.prod(output_shape)
    if curvature is not None:
        width = hidden[-1] if hidden else size
        x = Gyroplanes(width, curvature, ball_dim, name="gyroplanes")(x)
        x = keras.layers.Activation(activation, name="bent")(x) if hidden else x
    for i, width in reversed(list(enumerate(hidden if curvature is None else hidden[:-1]))):
        x = keras.layers.Dense(width, activation=activation, name=f"hidden_{i}")(x)
    if curvature is None or hidden:
        x = keras.layers.Dense(size, name="output")(x)
    if len(output_shape) > 1:
        x = keras.layers.Reshape(output_shape, name="shape")(x)
    return keras.Model(inputs, x, name="decoder")
