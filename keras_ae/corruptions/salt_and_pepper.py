"""Salt-and-pepper noise."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.corruptions.corruption import Corruption, checked_rate
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.corruptions")
class SaltAndPepper(Corruption):
    """A share of the numbers is set to the lowest or the highest value, a coin flip each.

    Args:
        rate: Share of the numbers that are set, in [0, 1].
        low: The lowest value, in normalised data units.
        high: The highest value, in normalised data units.

    Reference:
        Vincent et al. (2010), https://www.jmlr.org/papers/v11/vincent10a.html, section 3.3.

    Example:
        >>> import numpy as np
        >>> noisy = np.array(SaltAndPepper(1.0)(np.full((9, 9), 0.5, "float32")))
        >>> np.unique(noisy).tolist()
        [0.0, 1.0]
    """

    def __init__(self, rate: float = 0.1, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        if not low < high:
            raise ValueError(f"`low` must be below `high`. Received: low={low}, high={high}")
        self.rate, self.low, self.high = checked_rate(rate), float(low), float(high)

    def corrupt(self, x: Tensor, training: bool) -> Tensor:
        """Return `x` with a share of its numbers at `low` or `high`."""
        draw = self.noise.uniform(ops.shape(x), "float32", training)
        # One draw decides both: below rate / 2 is pepper, between there and rate is salt.
        low, high = ops.full_like(x, self.low), ops.full_like(x, self.high)
        salted = ops.where(draw < self.rate, high, x)
        return ops.where(draw < 0.5 * self.rate, low, salted)
