"""Maps made half as large and twice as large again, between the levels of a hierarchy."""

from __future__ import annotations

import keras

from keras_ae.networks import stages
from keras_ae.typing import Shape


def smaller(shape: Shape, name: str) -> keras.Model:
    """Return the network from maps of this shape, (..., channels), to halves, rounded up.

    A strided convolution, ReLU, and a convolution.
    """
    rank = stages.check_map(shape, "hierarchical")
    x = inputs = keras.Input(shape)
    conv, width = stages.layer("Conv", rank), shape[-1]
    x = conv(width, 4, strides=2, padding="same", activation="relu", name="halve")(x)
    x = conv(width, 3, padding="same", name="mix")(x)
    return keras.Model(inputs, x, name=name)


def larger(shape: Shape, width: int, size: Shape, name: str) -> keras.Model:
    """Return the network from maps of this shape to maps of twice the size, or a little less.

    Args:
        shape: (..., channels) of the input.
        width: Channels of the output.
        size: Its spatial size.
        name: Of the network.
    """
    rank = stages.check_map(shape, "hierarchical")
    x = inputs = keras.Input(shape)
    x = stages.layer("Conv", rank)(width, 3, padding="same", activation="relu", name="mix")(x)
    x = stages.layer("ConvTranspose", rank)(width, 4, strides=2, padding="same", name="double")(x)
    return keras.Model(inputs, stages.cropped(x, size, "double"), name=name)
