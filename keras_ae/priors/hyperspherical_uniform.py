"""The uniform prior on the unit sphere."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions import hypersphere
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class HypersphericalUniform(Prior):
    """Every direction alike: one over the area of the sphere S^(d - 1).

    Reference:
        Davidson et al. (2018), https://arxiv.org/abs/1804.00891, section 3.1.

    Example:
        >>> import numpy as np
        >>> point = np.array([[1.0, 0.0]], "float32")
        >>> float(HypersphericalUniform().log_prob(point)[0])  # doctest: +ELLIPSIS
        -1.837...
    """

    family = "hyperspherical_uniform"
    space = "sphere"

    def __init__(self) -> None:
        super().__init__()

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return -log(area), for codes of norm 1."""
        return ops.zeros_like(z[:, 0]) - hypersphere.log_area(z.shape[-1])

    def is_tempered(self) -> bool:
        """Return that no direction is more typical than another."""
        return False

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return normal draws, brought to norm 1."""
        return hypersphere.uniform(shape, noise, training)
