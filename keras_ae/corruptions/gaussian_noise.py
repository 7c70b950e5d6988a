"""Additive Gaussian noise."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.corruptions.corruption import Corruption
from keras_ae.parts import is_number
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.corruptions")
class GaussianNoise(Corruption):
    """Independent normal noise on every number: x~ = x + scale * epsilon.

    Args:
        scale: Standard deviation of the noise in normalised data units, not negative.

    Reference:
        Vincent et al. (2010), https://www.jmlr.org/papers/v11/vincent10a.html, section 3.3.

    Example:
        >>> import numpy as np
        >>> GaussianNoise(0.3)(np.zeros((2, 3), "float32")).shape == (2, 3)
        True
    """

    def __init__(self, scale: float = 0.3) -> None:
        super().__init__()
        if not is_number(scale) or not scale >= 0:
            raise ValueError(f"`scale` must not be negative. Received: scale={scale}")
        self.scale = float(scale)

    def corrupt(self, x: Tensor, training: bool) -> Tensor:
        """Return x + scale * epsilon."""
        dtype = keras.backend.standardize_dtype(x.dtype)
        return x + self.scale * self.noise.normal(ops.shape(x), dtype, training)
