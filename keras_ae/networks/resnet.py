"""Strided convolutions with residual blocks behind each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_ae.networks import stages
from keras_ae.typing import Shape


def encoder(
    input_shape: Shape,
    *,
    hidden: Sequence[int] = (32, 64),
    blocks_per_stage: int = 1,
    activation: str = "relu",
    normalization: str | None = "layer",
) -> keras.Model:
    """Return, for each size in `hidden`, a strided convolution and residual blocks.

    Args:
        input_shape: (length, channels), (height, width, channels) or (depth, height, width,
            channels).
        hidden: Filters of each stage.
        blocks_per_stage: Residual blocks behind each strided convolution.
        activation: Activation inside the blocks and after each stage.
        normalization: "batch", "layer" or None, before each activation.

    Raises:
        ValueError: The shape is not a map with channels.
    """
    rank = stages.check_map(input_shape, "resnet")
    x = inputs = keras.Input(input_shape, name="x")
    for i, filters in enumerate(hidden):
        x = stages.layer("Conv", rank)(filters, 3, strides=2, padding="same", name=f"down_{i}")(x)
        for j in range(blocks_per_stage):
            x = _block(x, filters, activation, normalization, f"block_{i}_{j}")
    x = stages.normalized(x, normalization, "last")
    x = keras.layers.Activation(activation, name="last_activation")(x)
    return keras.Model(inputs, x, name="encoder")


def decoder(
    latent_shape: Shape,
    output_shape: Shape,
    *,
    hidden: Sequence[int] = (32, 64),
    blocks_per_stage: int = 1,
    activation: str = "relu",
    normalization: str | None = "layer",
) -> keras.Model:
    """Return the mirrored stages: residual blocks, then a transposed convolution; linear last.

    Args:
        latent_shape: A vector, or a map of the encoder's coarsest size.
        output_shape: Shape of one decoded example.
        hidden: The encoder's filters.
        blocks_per_stage: Residual blocks before each transposed convolution.
        activation: Activation inside the blocks and before the output.
        normalization: "batch", "layer" or None, before each activation.

    Raises:
        ValueError: The output is not a map with channels.
    """
    rank = stages.check_map(output_shape, "resnet")
    filters = list(hidden) or [output_shape[-1]]
    sizes = stages.sizes(output_shape[:-1], len(hidden))
    x = inputs = keras.Input(latent_shape, name="latent")
    x = stages.start_map(x, latent_shape, sizes[-1], filters[-1], activation)
    if x.shape[-1] != filters[-1]:
        x = stages.layer("Conv", rank)(filters[-1], 1, name="widen")(x)
    for i in reversed(range(len(hidden))):
        for j in range(blocks_per_stage):
            x = _block(x, x.shape[-1], activation, normalization, f"block_{i}_{j}")
        narrower = filters[max(i - 1, 0)]
        x = stages.layer("ConvTranspose", rank)(
            narrower, 3, strides=2, padding="same", name=f"up_{i}"
        )(x)
        x = stages.cropped(x, sizes[i], f"up_{i}")
    x = stages.normalized(x, normalization, "last")
    x = keras.layers.Activation(activation, name="last_activation")(x)
    x = stages.layer("Conv", rank)(output_shape[-1], 3, padding="same", name="output")(x)
    return keras.Model(inputs, x, name="decoder")


def _block(x: Any, filters: int, activation: str, normalization: str | None, name: str) -> Any:
    """Return x + conv(act(norm(conv(act(norm(x)))))), He et al. (2016), arXiv:1603.05027."""
    rank = len(x.shape) - 2
    h = x
    for k in range(2):
        h = stages.normalized(h, normalization, f"{name}_{k}")
        h = keras.layers.Activation(activation, name=f"{name}_{k}_activation")(h)
        h = stages.layer("Conv", rank)(filters, 3, padding="same", name=f"{name}_{k}_conv")(h)
    return keras.layers.Add(name=f"{name}_sum")([x, h])
