"""The implicit rank-minimising autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import LinearLayers
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction
from keras_ae.registry import variant


@variant(paper="Jing et al. (2020), https://arxiv.org/abs/2010.00679")
class IRMAE(LatentModel):
    """Keeps the rank of the codes low by linear layers alone, without a penalty.

    Minimises -log p(x | z), z = W_l ... W_1 f(x). It has no prior; a sampler that is fitted
    afterwards (`keras_ae.samplers`) draws codes.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code, which may be far more than the data need.
        layers: Number l of square matrices: 2 to 8 in the paper; more leave a lower rank.
        **trunk: See `LatentModel`.

    Reference:
        Jing et al. (2020), https://arxiv.org/abs/2010.00679, section 3.

    Example:
        >>> len(IRMAE((6,), latent_dim=4, layers=2).bottleneck.matrices)
        2
    """

    def __init__(
        self, input_shape: Sequence[int], latent_dim: int = 32, *, layers: int = 4, **trunk: Any
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=LinearLayers(latent_dim, layers),
            objective=[Reconstruction()],
            **trunk,
        )
