"""Quantization of each number of a vector to one of a few learned values."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.quantizers import radix
from keras_ae.bottlenecks.quantizers.nearest import lowest
from keras_ae.bottlenecks.quantizers.quantizer import (
    Codes,
    Quantizer,
    of_numbers,
    squared_distance,
    straight_through,
)
from keras_ae.parts import checked_non_negative, checked_sizes
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class LatentQuantizer(Quantizer):
    """Each number of a vector becomes the nearest of its own few values, which are learned.

    The loss of a vector is quantization * |sg(z) - v|^2 + commitment * |z - sg(v)|^2.

    Args:
        levels: How many values each number has, at least 2 each.
        quantization: Weight of what moves the values.
        commitment: Weight of what moves the vectors.
        tokens: Number of code vectors when the features are a flat vector.

    Reference:
        Hsu et al. (2023), https://arxiv.org/abs/2305.18378, equations 2 to 4.

    Example:
        >>> LatentQuantizer([4, 4, 3]).num_codes
        48
    """

    def __init__(
        self,
        levels: Sequence[int],
        quantization: float = 0.01,
        commitment: float = 0.01,
        tokens: int = 16,
    ) -> None:
        super().__init__(tokens)
        self.levels = checked_sizes("levels", levels)
        if not self.levels or min(self.levels) < 2:
            raise ValueError(f"`levels` must be at least 2 each. Received: levels={levels}")
        self.quantization = checked_non_negative("quantization", quantization)
        self.commitment = checked_non_negative("commitment", commitment)
        self.code_dim, self.sizes = len(self.levels), (radix.checked_count(self.levels),)

    def build_codes(self) -> None:
        """Make the values of each number: from -1/2 to 1/2, at equal distances."""
        self.values = [
            self.add_weight(
                name=f"values_{i}",
                shape=(count,),
                initializer=keras.initializers.Constant(np.linspace(-0.5, 0.5, count)),
                dtype="float32",
                autocast=False,
            )
            for i, count in enumerate(self.levels)
        ]

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the nearest values of the numbers of vectors `(batch, ..., len(levels))`."""
        fixed = ops.stop_gradient(vectors)
        digits = ops.stack(
            [
                lowest(ops.abs(fixed[..., i : i + 1] - ops.convert_to_tensor(values)))
                for i, values in enumerate(self.values)
            ],
            axis=-1,
        )
        codes = self._codes(digits)
        loss = self.commitment * squared_distance(vectors, ops.stop_gradient(codes))
        loss = loss + self.quantization * squared_distance(fixed, codes)
        return Codes(
            vectors=vectors,
            codes=straight_through(vectors, codes),
            indices=radix.number(digits, self.levels),
            loss=loss,
            errors=ops.stop_gradient(squared_distance(vectors, codes))[..., None],
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., len(levels))`."""
        codes = self._codes(radix.digits(ops.maximum(indices, 0), self.levels))
        return of_numbers(codes, indices)

    def _codes(self, digits: Tensor) -> Tensor:
        return ops.stack(
            [ops.take(values, digits[..., i], axis=0) for i, values in enumerate(self.values)],
            axis=-1,
        )
