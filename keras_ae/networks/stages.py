"""What convolutional networks share: coarser and coarser maps, and the way back, for any size."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_ae.backend import convolution
from keras_ae.networks.gdn import GDN
from keras_ae.typing import Shape

GDN_NAME = "gdn"
"""Of divisive normalization, among activations of convolutions."""

Stage = Callable[[Any, int, int], Any]
"""(map, filters, number of the stage) -> map."""


def check_map(input_shape: Shape, network: str) -> int:
    """Return the number of spatial axes, 1 to 3.

    Raises:
        ValueError: The shape is not a map with channels.
    """
    rank = len(input_shape) - 1
    if rank not in (1, 2, 3):
        raise ValueError(
            f"a {network} network needs examples of 1 to 3 spatial axes and channels, such as "
            f"(height, width, channels). Received: input_shape={input_shape}. "
            "Reshape the data, or use 'mlp'."
        )
    return rank


def sizes(spatial: Shape, stages: int) -> list[Shape]:
    """Return the spatial sizes before the first stage and after each: halves, rounded up."""
    all_sizes = [tuple(spatial)]
    for _ in range(stages):
        all_sizes.append(tuple(math.ceil(n / 2) for n in all_sizes[-1]))
    return all_sizes


def layer(kind: str, rank: int) -> Any:
    """Return what makes a Keras layer of this kind and number of spatial axes, `Conv2D` say.

    Channels are last, whatever Keras's config file says.
    """
    name = f"{kind.removesuffix('Transpose')}{rank}D"
    name += "Transpose" if kind.endswith("Transpose") else ""
    layers = convolution if kind.startswith("Conv") else keras.layers
    return functools.partial(getattr(layers, name), data_format="channels_last")


def normalized(x: Any, normalization: str | None, name: str) -> Any:
    """Return the map behind the normalization of this name.

    Raises:
        ValueError: The name is not "batch", "layer" or None.
    """
    if normalization is None:
        return x
    if normalization == "batch":
        return keras.layers.BatchNormalization(name=f"{name}_batch_norm")(x)
    if normalization == "layer":
        return keras.layers.LayerNormalization(name=f"{name}_layer_norm")(x)
    raise ValueError(
        "`normalization` must be 'batch', 'layer' or None. "
        f"Received: normalization={normalization!r}"
    )


def activated(x: Any, activation: str, name: str, inverse: bool = False) -> Any:
    """Return the map behind an activation, or behind divisive normalization or its inverse."""
    if activation == GDN_NAME:
        return GDN(inverse, name=f"{name}_activation")(x)
    return keras.layers.Activation(activation, name=f"{name}_activation")(x)


def start_map(x: Any, latent_shape: Shape, coarsest: Shape, filters: int, activation: str) -> Any:
    """Return the code as a map of the coarsest size: as it is, or through a dense layer."""
    if len(latent_shape) == len(coarsest) + 1 and tuple(latent_shape[:-1]) == coarsest:
        return x
    x = keras.layers.Flatten("channels_last", name="flatten")(x)
    made = None if activation == GDN_NAME else activation
    x = keras.layers.Dense(math.prod(coarsest) * filters, activation=made, name="start")(x)
    return keras.layers.Reshape((*coarsest, filters), name="start_map")(x)


def cropped(x: Any, size: Shape, name: str) -> Any:
    """Return the map without what doubling added beyond `size`."""
    extra = [have - want for have, want in zip(x.shape[1:-1], size, strict=True)]
    if not any(extra):
        return x
    crops: Sequence[Any] = [(0, n) for n in extra]
    rank = len(size)
    if rank == 1:  # which knows one order of the axes only
        return keras.layers.Cropping1D(crops[0], name=f"{name}_crop")(x)
    return layer("Cropping", rank)(tuple(crops), name=f"{name}_crop")(x)
