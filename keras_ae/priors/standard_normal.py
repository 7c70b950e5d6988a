"""The standard normal prior."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class StandardNormal(Prior):
    """Independent coordinates of mean 0 and variance 1: N(z; 0, I).

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, section 3.

    Example:
        >>> import numpy as np
        >>> float(StandardNormal().log_prob(np.zeros((1, 2), "float32"))[0])  # doctest: +ELLIPSIS
        -1.837...
    """

    family = "standard_normal"

    def __init__(self) -> None:
        super().__init__()

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return -0.5 * (|z|^2 + d log(2 pi))."""
        z = ops.cast(z, "float32")
        return sum_event(diagonal_gaussian.log_prob(z, 0.0, 0.0 * z))

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return independent standard normal numbers."""
        return noise.normal(shape, training=training)
