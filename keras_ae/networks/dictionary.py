"""Dictionaries: directions of the data that codes weigh and add up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.typing import Tensor

LEAST_LENGTH = 1e-12


class Dictionary(keras.layers.Layer):
    """Adds up atoms by the numbers of a code: x = z D + b, float32.

    Of length one an atom is its vector divided by its length, so that a gradient only turns it.

    Args:
        size: Number m of atoms.
        unit_norm: Whether atoms have length one.
    """

    def __init__(self, size: int, unit_norm: bool = True, **options: Any) -> None:
        super().__init__(autocast=False, dtype="float32", **options)
        self.size, self.unit_norm = size, unit_norm

    def build(self, width: int) -> None:
        """Make the atoms, of random directions and length one, and the bias of zeros."""
        self.vectors = self.add_weight(
            name="atoms", shape=(self.size, width), initializer=Directions(), dtype="float32"
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer="zeros")
        self.built = True

    @property
    def atoms(self) -> Tensor:
        """The atoms D, `(size, width)`."""
        vectors = ops.convert_to_tensor(self.vectors)
        if not self.unit_norm:
            return vectors
        squared = ops.sum(ops.square(vectors), axis=1, keepdims=True)
        return vectors / ops.sqrt(ops.maximum(squared, LEAST_LENGTH))

    def call(self, z: Tensor) -> Tensor:
        """Return `(batch, width)` of codes `(batch, size)`."""
        return self.combined(z) + ops.convert_to_tensor(self.bias)

    def combined(self, z: Tensor) -> Tensor:
        """Return z D, without the bias."""
        return ops.matmul(ops.cast(z, "float32"), self.atoms)


@keras.saving.register_keras_serializable("keras_ae.networks")
class Directions(keras.initializers.Initializer):
    """Rows of length one, evenly drawn from all directions.

    Args:
        seed: Of the draws.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.normal = keras.initializers.RandomNormal(stddev=1.0, seed=seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """Return a matrix of this shape."""
        rows = self.normal(shape, dtype)
        return rows / ops.norm(rows, axis=-1, keepdims=True)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"seed": self.normal.get_config()["seed"]}


class DictionaryDecoder(keras.layers.Layer):
    """Decodes by the dictionary of a sparse code.

    Args:
        code: A bottleneck with a `dictionary`.
        output_shape: Shape of one decoded example.
    """

    def __init__(self, code: Any, output_shape: Sequence[int]) -> None:
        super().__init__(name="dictionary_decoder")
        self.code = code
        self.decoded_shape = tuple(output_shape)

    def build(self, latent_shape: Any) -> None:
        """Do nothing: the code has the weights."""
        self.built = True

    def call(self, z: Tensor) -> Tensor:
        """Return `(batch, *output_shape)`."""
        return ops.reshape(self.code.dictionary(z), (-1, *self.decoded_shape))

    def compute_output_shape(self, latent_shape: Any) -> tuple[Any, ...]:
        """Return `(batch, *output_shape)`."""
        return (latent_shape[0], *self.decoded_shape)


def geometric_median(rows: np.ndarray, steps: int = 50) -> np.ndarray:
    """Return the point of the least sum of distances to rows `(n, width)`, by Weiszfeld's steps.

    Reference: Weiszfeld (1937), https://doi.org/10.1007/s10479-008-0352-z (its translation).
    """
    point = rows.mean(axis=0, dtype="float64")
    for _ in range(steps):
        distance = np.sqrt(((rows - point) ** 2).sum(axis=1))
        weight = 1.0 / np.maximum(distance, math.sqrt(LEAST_LENGTH))
        moved = (weight[:, None] * rows).sum(axis=0) / weight.sum()
        if np.abs(moved - point).max() < 1e-6 * max(1.0, np.abs(point).max()):
            return np.asarray(moved)
        point = moved
    return np.asarray(point)
