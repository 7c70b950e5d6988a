"""Masking noise."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.corruptions.corruption import Corruption, checked_rate
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.corruptions")
class FeatureMask(Corruption):
    """A share of the numbers is replaced by a constant, as if they had not been measured.

    Args:
        rate: Share of the numbers that are masked, in [0, 1].
        value: What stands in their place, in normalised data units.

    Reference:
        Vincent et al. (2008), https://doi.org/10.1145/1390156.1390294, section 2.3.

    Example:
        >>> import numpy as np
        >>> float(np.array(FeatureMask(1.0)(np.ones((2, 3), "float32"))).max())
        0.0
    """

    def __init__(self, rate: float = 0.25, value: float = 0.0) -> None:
        super().__init__()
        self.rate, self.value = checked_rate(rate), float(value)

    def corrupt(self, x: Tensor, training: bool) -> Tensor:
        """Return `x` with a share of its numbers at `value`."""
        draw = self.noise.uniform(ops.shape(x), "float32", training)
        return ops.where(draw < self.rate, ops.full_like(x, self.value), x)
