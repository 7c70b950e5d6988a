"""Real numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_ae.conditions.condition import Condition
from keras_ae.parts import checked_sizes
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.conditions")
class Vector(Condition):
    """Real numbers of each example, taken as they are and flattened: scale them before.

    Args:
        shape: Shape of one example's condition, at least one axis.

    Reference:
        Sohn et al. (2015),
        https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html.

    Example:
        >>> Vector((2, 2)).embed(np.zeros((3, 2, 2), "float32")).shape == (3, 4)
        True
    """

    def __init__(self, shape: Sequence[int] | int) -> None:
        super().__init__()
        sizes = [shape] if hasattr(shape, "__index__") else shape
        self.shape = checked_sizes("shape", sizes)
        if not self.shape:
            raise ValueError(
                "`shape` must be that of one example's condition, of at least one axis. "
                "Received: shape=(). Use (1,) for one number."
            )
        self.size = math.prod(self.shape)

    def embed(self, values: Tensor) -> Tensor:
        """Return the numbers, `(batch, size)`."""
        return ops.reshape(ops.cast(values, "float32"), (-1, self.size))

    def centre(self) -> np.ndarray:
        """Return zeros."""
        return np.zeros(self.size, "float32")

    def probe(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Return numbers in [0, 1)."""
        return rng.random((rows, *self.shape), dtype="float32")
