"""A code behind linear layers, which leave fewer dimensions in use than it has."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.bottlenecks.deterministic import Deterministic
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class LinearLayers(Deterministic):
    """z = W_l ... W_1 (W h + b): `layers` square matrices without bias behind the projection.

    Their product could be one matrix; trained by gradient steps, several keep the rank of the
    codes low.

    Args:
        latent_dim: Length of the code, at least 1.
        layers: Number l of square matrices, at least 1; drawn from N(0, 1 / latent_dim).

    Reference:
        Jing et al. (2020), https://arxiv.org/abs/2010.00679, section 3.

    Example:
        >>> import numpy as np
        >>> LinearLayers(2, layers=4)(np.ones((3, 5), "float32"))["latent"].shape == (3, 2)
        True
    """

    def __init__(self, latent_dim: int, layers: int = 4) -> None:
        super().__init__(latent_dim)
        (size,) = self.latent_shape
        self.matrices = [
            keras.layers.Dense(
                size,
                use_bias=False,
                kernel_initializer=keras.initializers.RandomNormal(stddev=size**-0.5),
                name=f"matrix_{i}",
            )
            for i in range(checked_size("layers", layers))
        ]

    def build(self, h_shape: Any) -> None:
        """Make the matrices for features of this shape."""
        super().build(h_shape)
        for matrix in self.matrices:
            matrix.build((None, *self.latent_shape))

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `{"latent": (batch, latent_dim)}`."""
        z = super().call(h)["latent"]
        for matrix in self.matrices:
            z = matrix(z)
        return {"latent": z}
