"""A parameter of a flow, the same for every example or amortised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.parts import Part
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.flows")
class Parameter(Part):
    """Numbers that are a weight, or a dense function of a context.

    With a context the function's bias begins as the weight would, and its kernel near zero.

    Args:
        shape: Shape of the parameter of one example.
        initializer: A Keras initializer, or a function that takes a shape and a dtype; it is
            asked for all the numbers in one row.
        name: Name of the parameter.

    Example:
        >>> offset = Parameter((3,), "zeros", name="offset")
        >>> offset.build(None)
        >>> offset.of(None).shape == (1, 3)
        True
    """

    def __init__(self, shape: Sequence[int], initializer: Any, *, name: str) -> None:
        super().__init__(name=name)
        self.shape_of_one = tuple(shape)
        self.initializer = initializer

    def build(self, context_shape: Any) -> None:
        """Make the weight, or the function of a context `(None, context_dim)`."""
        size = math.prod(self.shape_of_one)
        if context_shape is None:
            self.head, initializer = None, keras.initializers.get(self.initializer)
            # Within a layer of half precision the weight would be cast to it.
            self.numbers = self.add_weight(
                (size,), initializer, dtype="float32", autocast=False, name="numbers"
            )
        else:
            self.head = keras.layers.Dense(
                size,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                bias_initializer=self.initializer,
                dtype="float32",
                name="head",
            )
            self.head.build(context_shape)
        self.built = True

    def of(self, context: Tensor | None) -> Tensor:
        """Return the numbers, `(1, *shape)` or, with a context, `(batch, *shape)`, float32."""
        if self.head is None:
            return ops.reshape(self.numbers, (1, *self.shape_of_one))
        return ops.reshape(self.head(context), (-1, *self.shape_of_one))
