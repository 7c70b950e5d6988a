"""How a condition enters a network: beside what the network is given, or appended to it."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from keras_ae.typing import Shape, Tensor


def joined_shape(shape: Shape, size: int, flat: bool = False) -> Shape:
    """Return the shape of one row with a condition's vector appended to its last axis.

    Args:
        shape: Of one row without it.
        size: Length of the vector; 0 where there is none.
        flat: Whether the row is flattened before.
    """
    if size == 0:
        return shape
    return (math.prod(shape) + size,) if flat else (*shape[:-1], shape[-1] + size)


def joined(network: Any, x: Tensor, condition: Tensor | None) -> Any:
    """Return what a network is given of rows and their conditions.

    Args:
        network: One of two inputs, which gets both, or of one of `joined_shape`.
        x: Rows, `(batch, ...)`.
        condition: Their conditions as vectors `(batch, size)`, or None.
    """
    if condition is None:
        return x
    if len(network.inputs) > 1:
        return [x, condition]
    if len(network.inputs[0].shape) == 2:
        x = ops.reshape(x, (-1, network.inputs[0].shape[-1] - condition.shape[-1]))
    condition = ops.cast(condition, x.dtype)
    for _ in range(len(x.shape) - 2):
        condition = ops.expand_dims(condition, 1)
    # A sum, not `broadcast_to`, whose sizes are not known in a graph.
    return ops.concatenate([x, ops.zeros_like(x[..., :1]) + condition], axis=-1)
