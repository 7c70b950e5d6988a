"""The contractive autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Contraction, Reconstruction
from keras_ae.registry import variant


@variant(paper="Rifai et al. (2011), https://icml.cc/2011/papers/455_icmlpaper.pdf")
class ContractiveAutoencoder(LatentModel):
    """Keeps a code still when its input moves a little: features robust to small changes.

    Minimises -log p(x | z) + contraction * |dz/dx|_F^2, z = f(x).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        contraction: Weight lambda of the Jacobian's squared norm.
        estimator: "exact" for encoders of dense layers, "hutchinson" for any.
        activation: Activation of the code; a sigmoid in the paper.
        **trunk: See `LatentModel`.

    Example:
        >>> import numpy as np
        >>> model = ContractiveAutoencoder((6,), latent_dim=2, hidden=[8])
        >>> model.score(np.zeros((3, 6), "float32")).shape
        (3,)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        contraction: float = 0.1,
        estimator: Literal["exact", "hutchinson"] = "exact",
        activation: str | None = "sigmoid",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim, activation),
            objective=[Reconstruction(), Contraction(contraction, estimator)],
            **trunk,
        )
