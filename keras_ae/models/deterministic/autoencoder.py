"""The plain autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction
from keras_ae.registry import variant


@variant(paper="Hinton and Salakhutdinov (2006), https://doi.org/10.1126/science.1127647")
class Autoencoder(LatentModel):
    """Squeezes data through a short code and reconstructs them: dimension reduction.

    Minimises -log p(x | z), z = f(x): under the default Gaussian likelihood half the squared
    error |x - g(f(x))|^2 plus a constant.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        activation: Activation of the code, a Keras name; linear by default.
        **trunk: See `LatentModel`.

    Example:
        >>> import numpy as np
        >>> model = Autoencoder((6,), latent_dim=2, hidden=[8])
        >>> model.encode(np.zeros((3, 6), "float32")).shape
        (3, 2)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        activation: str | None = None,
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim, activation),
            objective=[Reconstruction()],
            **trunk,
        )
