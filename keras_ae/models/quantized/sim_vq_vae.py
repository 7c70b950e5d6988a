"""The vector-quantized autoencoder whose codes move together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import SimVectorQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Zhu et al. (2024), https://arxiv.org/abs/2411.02038")
class SimVQVAE(LatentModel):
    """Moves all codes of a codebook by one linear map, so that none is left behind.

    Minimises -log p(x | z_q) + |sg(z_e) - z_q|^2 + commitment * |z_e - sg(z_q)|^2, z_q the nearest
    of the codes C W, of which C is drawn once and W is trained.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of one code vector.
        num_codes: Size of the codebook.
        commitment: Weight beta of the commitment.
        estimator: What gradient passes to the features: "straight_through" or "rotation".
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        Zhu et al. (2024), https://arxiv.org/abs/2411.02038, equations 6 and 7.

    Example:
        >>> model = SimVQVAE((8, 8, 1), latent_dim=4, num_codes=16, encoder="conv", hidden=[8])
        >>> model.latent_shape
        (4, 4, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 128,
        commitment: float = 0.25,
        estimator: Literal["straight_through", "rotation"] = "straight_through",
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = SimVectorQuantizer(
            num_codes, latent_dim, commitment=commitment, estimator=estimator, tokens=tokens
        )
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )
