"""The largest numbers of rows, as many as are asked for also where some are equal."""

from __future__ import annotations

from typing import cast

import keras
from keras import ops

from keras_ae.typing import Tensor


def largest(values: Tensor, count: int) -> Tensor:
    """Return where the so many largest of each row are, `(batch, n)` booleans.

    Of equal numbers the first ones are taken; on torch any.

    Args:
        values: `(batch, n)`.
        count: At most n.
    """
    best, places = ops.top_k(ops.stop_gradient(values), count)
    if keras.backend.backend() == "torch":
        import torch

        # Its places of equal numbers have no order.
        chosen = torch.zeros(values.shape, dtype=torch.bool, device=values.device)
        return cast(Tensor, chosen.scatter(1, places, True))
    # Not the last column of it, for which XLA sorts whole rows: 15 times as long and more.
    least = ops.min(best, axis=1, keepdims=True)
    last = ops.max(ops.where(best == least, places, -1), axis=1, keepdims=True)
    first = ops.arange(ops.shape(values)[1], dtype=places.dtype) <= last
    return cast(Tensor, ops.logical_or(values > least, ops.logical_and(values == least, first)))
