"""Divisive normalization: each channel divided by what all have at the same place."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend.lower_bound import lower_bound
from keras_ae.parts import checked_claim
from keras_ae.typing import Tensor

OFFSET = 2.0**-18
"""Weights are squares, less its own: at 0 a square has no gradient."""
LEAST_BETA = 1e-6


@keras.saving.register_keras_serializable("keras_ae.networks")
class GDN(keras.layers.Layer):
    """y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2), or its approximate inverse.

    The inverse multiplies by the root. Betas are positive and gammas not negative: both are
    squares, bounded with a gradient that lets them come back.

    Args:
        inverse: Whether it is the inverse, of a decoder.
        **options: A layer's, such as its `name`.

    Reference:
        Balle et al. (2016), https://arxiv.org/abs/1511.06281, equation 3, with alpha 2 and epsilon
        1/2 as in Balle et al. (2017), https://arxiv.org/abs/1611.01704, equations 4 and 7.

    Example:
        >>> import numpy as np
        >>> GDN()(np.ones((2, 4, 4, 3), "float32")).shape == (2, 4, 4, 3)
        True
    """

    def __init__(self, inverse: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.inverse = checked_claim("inverse", inverse)

    def build(self, input_shape: Any) -> None:
        """Make the weights of the last axis's channels: gamma starts at 0.1 times the identity."""
        channels = int(input_shape[-1])
        given = {"dtype": "float32", "autocast": False}
        ones = keras.initializers.Constant((1.0 + OFFSET**2) ** 0.5)
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer=ones, **given)
        self.gamma = self.add_weight(name="gamma", shape=(channels, channels), **given)
        start = np.sqrt(0.1 * np.eye(channels) + OFFSET**2)
        self.gamma.assign(start.astype("float32"))
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Return normalised channels, of x's shape and dtype; any number of axes before them."""
        wide = ops.cast(x, "float32")
        # On two axes, which every format multiplies alike.
        flat = ops.reshape(ops.square(wide), (-1, x.shape[-1]))
        gamma = ops.square(lower_bound(self.gamma, OFFSET)) - OFFSET**2
        beta = ops.square(lower_bound(self.beta, (LEAST_BETA + OFFSET**2) ** 0.5)) - OFFSET**2
        root = ops.sqrt(ops.matmul(flat, ops.transpose(gamma)) + beta)
        root = ops.reshape(root, ops.shape(wide))
        return ops.cast(wide * root if self.inverse else wide / root, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "inverse": self.inverse}
