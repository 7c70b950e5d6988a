"""Strided convolutions over series, images and volumes of any size and number of channels."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from keras_ae.networks import stages
from keras_ae.typing import Shape


def encoder(
    input_shape: Shape,
    *,
    hidden: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    activation: str = "relu",
    normalization: str | None = None,
) -> keras.Model:
    """Return one strided convolution for each size in `hidden`; each halves the map, rounding up.

    Args:
        input_shape: (length, channels), (height, width, channels) or (depth, height, width,
            channels).
        hidden: Filters of each stage.
        kernel_size: Size of the kernels.
        activation: Activation of every stage; "gdn" for divisive normalization.
        normalization: "batch", "layer" or None, before the activation.

    Raises:
        ValueError: The shape is not a map with channels.
    """
    rank = stages.check_map(input_shape, "conv")
    x = inputs = keras.Input(input_shape, name="x")
    for i, filters in enumerate(hidden):
        x = stages.layer("Conv", rank)(
            filters, kernel_size, strides=2, padding="same", name=f"stage_{i}"
        )(x)
        x = stages.normalized(x, normalization, f"stage_{i}")
        x = stages.activated(x, activation, f"stage_{i}")
    return keras.Model(inputs, x, name="encoder")


def decoder(
    latent_shape: Shape,
    output_shape: Shape,
    *,
    hidden: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    activation: str = "relu",
    normalization: str | None = None,
    refined: bool = True,
) -> keras.Model:
    """Return the mirrored transposed convolutions, cropped to the encoder's sizes, linear last.

    Args:
        latent_shape: A vector, or a map of the encoder's coarsest size.
        output_shape: Shape of one decoded example.
        hidden: The encoder's filters.
        kernel_size: Size of the kernels.
        activation: Activation of every layer but the last; "gdn" for its inverse.
        normalization: "batch", "layer" or None, before the activation.
        refined: Whether the last stage has filters too, which a convolution at full size makes the
            output of; else it makes the output itself, for a fourth of the work.

    Raises:
        ValueError: The output is not a map with channels.
    """
    rank = stages.check_map(output_shape, "conv")
    filters = list(hidden) or [output_shape[-1]]
    sizes = stages.sizes(output_shape[:-1], len(hidden))
    x = inputs = keras.Input(latent_shape, name="latent")
    x = stages.start_map(x, latent_shape, sizes[-1], filters[-1], activation)
    for i in reversed(range(len(hidden))):
        is_last = i == 0 and not refined
        made, name = (output_shape[-1], "output") if is_last else (filters[i], f"stage_{i}")
        x = stages.layer("ConvTranspose", rank)(
            made, kernel_size, strides=2, padding="same", name=name
        )(x)
        x = stages.cropped(x, sizes[i], name)
        if is_last:
            return keras.Model(inputs, x, name="decoder")
        x = stages.normalized(x, normalization, f"stage_{i}")
        x = stages.activated(x, activation, f"stage_{i}", inverse=True)
    x = stages.layer("Conv", rank)(output_shape[-1], kernel_size, padding="same", name="output")(x)
    return keras.Model(inputs, x, name="decoder")
