"""Swap noise for tables."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.corruptions.corruption import Corruption, checked_rate
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.corruptions")
class SwapNoise(Corruption):
    """A share of the numbers is replaced by the same feature of another row of the batch.

    Every corrupted number is one that really occurs in its column, whatever the column's units:
    the noise that suits tables of mixed scales. Each corrupted number picks its own row, one of
    the other rows with equal probability; a batch of one row stays as it is.

    Args:
        rate: Share of the numbers that are replaced, in [0, 1].

    Reference:
        Jahrer (2017), first place of the Porto Seguro competition,
        https://www.kaggle.com/c/porto-seguro-safe-driver-prediction/discussion/44629.

    Example:
        >>> import numpy as np
        >>> SwapNoise(0.5)(np.eye(4, dtype="float32")).shape == (4, 4)
        True
    """

    def __init__(self, rate: float = 0.15) -> None:
        super().__init__()
        self.rate = checked_rate(rate)

    def corrupt(self, x: Tensor, training: bool) -> Tensor:
        """Return `x` with a share of its numbers taken from other rows."""
        shape = ops.shape(x)
        rows = shape[0]
        # A shift in {1, ..., rows - 1} never lands on the row itself.
        shift = 1 + self.noise.integers(shape, ops.maximum(rows - 1, 1), training)
        own = ops.reshape(ops.arange(rows, dtype="int32"), (-1,) + (1,) * (len(x.shape) - 1))
        swapped = ops.take_along_axis(x, ops.mod(own + shift, rows), axis=0)
        draw = self.noise.uniform(shape, "float32", training)
        return ops.where(draw < self.rate, swapped, x)
