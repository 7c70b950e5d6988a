"""Cosine transforms of blocks, and what convolutions add to them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_ae.networks import conv, stages
from keras_ae.networks.patches import Patches
from keras_ae.parts import checked_positive
from keras_ae.typing import Shape, Tensor


def encoder(
    input_shape: Shape,
    *,
    hidden: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    activation: str = "relu",
    gain: float = 1.0,
    centre: float = 0.0,
) -> keras.Model:
    """Return gain * (T(x - centre) + f(x - centre)): features of blocks, as a map.

    T starts as the orthonormal cosine transform of each block and its channels, low frequencies
    first, and f, the convolutions of "conv", as 0. A block is as wide as the convolutions stride.

    Args:
        input_shape: (length, channels), (height, width, channels) or (depth, height, width,
            channels).
        hidden: Filters of each stage; each makes blocks twice as wide.
        kernel_size: Size of the convolutions' kernels.
        activation: Activation of every stage; "gdn" for divisive normalization.
        gain: What features are multiplied by.
        centre: What is taken off the input.

    Raises:
        ValueError: The shape is not a map with channels, or the gain is not positive.

    Reference:
        Ahmed et al. (1974), https://doi.org/10.1109/T-C.1974.223784, equation 6.
    """
    rank = stages.check_map(input_shape, "blocks")
    gain = checked_positive("gain", gain)
    side = 2 ** len(hidden)
    x = inputs = keras.Input(input_shape, name="x")
    x = keras.layers.Rescaling(1.0, -centre, name="centred")(x)
    size = [math.ceil(n / side) * side for n in input_shape[:-1]]
    patches = Patches((*size, input_shape[-1]), side, least=1)
    cut = Cut(side, name="cut")(_padded(x, rank, size))
    start = Cosines([side] * rank, input_shape[-1])
    kernel = {"use_bias": False, "kernel_initializer": start}
    transformed = keras.layers.Dense(patches.width, name="transform", **kernel)(cut)
    convolved = conv.encoder(
        input_shape, hidden=hidden, kernel_size=kernel_size, activation=activation
    )(x)
    zeros = {"kernel_initializer": "zeros"}
    added = keras.layers.Dense(patches.width, name="added", **zeros)(convolved)
    x = keras.layers.Add(name="sum")([transformed, added])
    return keras.Model(inputs, keras.layers.Rescaling(gain, name="gain")(x), name="encoder")


def decoder(
    latent_shape: Shape,
    output_shape: Shape,
    *,
    hidden: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    activation: str = "relu",
    gain: float = 1.0,
    centre: float = 0.0,
) -> keras.Model:
    """Return S(z / gain) + g(z / gain) + centre, S at first the transpose of the encoder's T.

    g are the transposed convolutions of "conv", the last of which starts as 0 and makes the output
    itself.

    Args:
        latent_shape: A vector, or a map of the encoder's size, of the lowest frequencies first.
        output_shape: Shape of one decoded example.
        hidden: The encoder's filters.
        kernel_size: Size of the convolutions' kernels.
        activation: Activation of every layer but the last; "gdn" for its inverse.
        gain: What the code is divided by.
        centre: What is added to the output.

    Raises:
        ValueError: The output is not a map with channels, or the gain is not positive.
    """
    rank = stages.check_map(output_shape, "blocks")
    gain = checked_positive("gain", gain)
    side = 2 ** len(hidden)
    space, channels = output_shape[:-1], output_shape[-1]
    grid = tuple(math.ceil(n / side) for n in space)
    width = side**rank * channels
    z = inputs = keras.Input(latent_shape, name="latent")
    z = keras.layers.Rescaling(1.0 / gain, name="gain")(z)
    z = stages.start_map(z, latent_shape, grid, width, "linear")
    start = Cosines([side] * rank, channels, inverse=True)
    kernel = {"use_bias": False, "kernel_initializer": start}
    blocks = keras.layers.Dense(width, name="transform", **kernel)(z)
    transformed = stages.cropped(Joined(side, name="joined")(blocks), space, "joined")
    convolve = conv.decoder(
        tuple(z.shape[1:]),
        output_shape,
        hidden=hidden,
        kernel_size=kernel_size,
        activation=activation,
        refined=False,
    )
    for weight in convolve.get_layer("output").weights:
        weight.assign(np.zeros(weight.shape, "float32"))
    x = keras.layers.Add(name="sum")([transformed, convolve(z)])
    return keras.Model(inputs, keras.layers.Rescaling(1.0, centre, name="x")(x), name="decoder")


@keras.saving.register_keras_serializable("keras_ae.networks")
class Cosines(keras.initializers.Initializer):
    """The orthonormal cosine transform of blocks and channels, low frequencies first.

    A frequency comes the later, the further it is from 0, twice as late where channels differ. Of
    fewer columns than frequencies the first are given; columns beyond them are 0.

    Args:
        sides: Of a block.
        channels: Of a block.
        inverse: Whether frequencies are rows, from which blocks are made.

    Reference:
        Ahmed et al. (1974), https://doi.org/10.1109/T-C.1974.223784, equation 6, along each axis.
    """

    def __init__(self, sides: Sequence[int], channels: int, inverse: bool = False) -> None:
        self.sides, self.channels, self.inverse = list(sides), int(channels), bool(inverse)

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        """Return the kernel, `(block, frequencies)`, or `(frequencies, block)`."""
        kernel = np.zeros(shape, "float32")
        rows = kernel.T if not self.inverse else kernel
        found = self._basis()[: len(rows)]
        rows[: len(found)] = found
        return keras.ops.convert_to_tensor(kernel, dtype=dtype)

    def _basis(self) -> np.ndarray:
        """Return the frequencies' blocks as rows, `(frequencies, block)`, in their order."""
        lengths = [*self.sides, self.channels]
        basis = np.ones((1, 1))
        for length in lengths:
            basis = np.kron(basis, _cosines(length))
        each = np.array(list(itertools.product(*map(range, lengths))), "float64")
        distance = np.sqrt((each[:, :-1] ** 2).sum(axis=1)) + 0.5
        # Rounded, so that those equally far come in one order on every machine.
        late = np.round(distance * np.where(each[:, -1] > 0, 2.0, 1.0), 6)
        return basis[np.argsort(late, kind="stable")]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"sides": self.sides, "channels": self.channels, "inverse": self.inverse}


class _Side(keras.layers.Layer):
    """What knows the side of blocks."""

    def __init__(self, side: int, **options: Any) -> None:
        super().__init__(**options)
        self.side = side

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "side": self.side}


@keras.saving.register_keras_serializable("keras_ae.networks")
class Cut(_Side):
    """Cuts a map into blocks: `(batch, ..., channels)` to `(batch, *grid, block)`."""

    def call(self, x: Tensor) -> Tensor:
        """Return the blocks of a map, whose sizes the side divides."""
        patches = Patches(tuple(x.shape[1:]), self.side, least=1)
        return keras.ops.reshape(patches.cut(x), (-1, *patches.grid, patches.width))


@keras.saving.register_keras_serializable("keras_ae.networks")
class Joined(_Side):
    """Joins blocks to a map: `(batch, *grid, block)` to `(batch, ..., channels)`."""

    def call(self, blocks: Tensor) -> Tensor:
        """Return the map of blocks."""
        *grid, width = blocks.shape[1:]
        shape = (*(n * self.side for n in grid), width // self.side ** len(grid))
        patches = Patches(shape, self.side, least=1)
        return patches.joined(keras.ops.reshape(blocks, (-1, patches.count, width)))


def _cosines(length: int) -> np.ndarray:
    """Return the orthonormal cosine transform of a length, frequencies as rows."""
    frequency, place = np.indices((length, length))
    scale = np.where(frequency > 0, np.sqrt(2.0 / length), np.sqrt(1.0 / length))
    return np.asarray(scale * np.cos(np.pi * (2 * place + 1) * frequency / (2 * length)))


def _padded(x: Any, rank: int, size: Sequence[int]) -> Any:
    """Return a map with zeros at its ends, up to a size."""
    extra = [want - have for want, have in zip(size, x.shape[1:-1], strict=True)]
    if not any(extra):
        return x
    ends: Sequence[Any] = [(0, n) for n in extra]
    if rank == 1:  # which knows one order of the axes only
        return keras.layers.ZeroPadding1D(ends[0], name="padded")(x)
    return stages.layer("ZeroPadding", rank)(tuple(ends), name="padded")(x)
