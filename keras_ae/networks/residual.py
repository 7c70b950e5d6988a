"""Residual blocks of maps, in the manner of very deep variational autoencoders."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_ae.networks import stages
from keras_ae.networks.activations import gelu
from keras_ae.typing import Shape


def block(
    shape: Shape, width: int, name: str, *, middle: int | None = None, scale: float = 1.0
) -> keras.Model:
    """Return the network of a map to another of its size: four convolutions, each behind a GELU.

    A kernel of 1 to `middle` channels, two of 3 (of 1 where the map has sides of 2 or less), and
    one of 1.

    Args:
        shape: Of the input, (..., channels).
        width: Channels of the output.
        name: Of the network.
        middle: Channels between; half of `width` when None.
        scale: What the last kernel's start is multiplied by; 0 for an output that begins at 0.

    Reference:
        Child (2021), https://arxiv.org/abs/2011.10650, figure 3 and section 3.2.
    """
    rank = stages.check_map(shape, "residual")
    middle = max(1, width // 2) if middle is None else middle
    side = 3 if min(shape[:-1]) > 2 else 1
    x = inputs = keras.Input(shape)
    conv = stages.layer("Conv", rank)
    for i, kernel in enumerate((1, side, side)):
        x = keras.layers.Activation(gelu, name=f"gelu_{i}")(x)
        x = conv(middle, kernel, padding="same", name=f"conv_{i}")(x)
    x = keras.layers.Activation(gelu, name="gelu_3")(x)
    x = conv(width, 1, kernel_initializer=scaled(scale, middle), name="conv_3")(x)
    return keras.Model(inputs, x, name=name)


def scaled(scale: float, width: int) -> Any:
    """Return an initializer of a kernel of 1 of so many inputs: Glorot's variance, scaled."""
    if scale == 0.0:
        return "zeros"
    return keras.initializers.RandomNormal(stddev=scale / math.sqrt(width))
