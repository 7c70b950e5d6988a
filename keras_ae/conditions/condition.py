"""What every condition promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from keras_ae.parts import Part
from keras_ae.typing import Shape, Tensor


class Condition(Part):
    """What a model is told of each example, and how it becomes a vector of numbers.

    `shape` is that of one example's condition, `size` the length of its vector, `number_type` the
    type that exports take it in, `partial` whether an example's may be unknown.
    """

    shape: Shape
    size: int
    number_type: str = "float32"
    partial: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.built = True

    @abstractmethod
    def embed(self, values: Tensor) -> Tensor:
        """Return conditions `(batch, *shape)` of any type as vectors `(batch, size)`, float32."""

    @abstractmethod
    def centre(self) -> np.ndarray:
        """Return the vector `(size,)`, float32, that stands for no condition more than another."""

    @abstractmethod
    def probe(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Return so many conditions that a model can be given, in `number_type`."""

    def check_values(self, values: Any) -> None:
        """Refuse an array of conditions of the right shape with impossible values; none are.

        Args:
            values: `(rows, *shape)`, finite.
        """
