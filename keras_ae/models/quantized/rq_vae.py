"""The autoencoder with residual quantization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import ResidualQuantizer, VectorQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Lee et al. (2022), https://arxiv.org/abs/2203.01941")
class RQVAE(LatentModel):
    """Writes each vector as a sum of codes, each of what the ones before left over.

    Minimises -log p(x | z_q) + commitment * sum_l |r_l - sg(q_l)|^2, q_l the nearest code to the
    rest r_l = z_e - q_1 - ... - q_l-1, z_q their sum. K codes of L levels stand for K^L.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of one code vector.
        num_codes: Size of each level's codebook.
        levels: How many levels.
        dropout: Share of the examples of which, in training, only some levels are used.
        commitment: Weight beta of the commitment.
        decay: gamma of the codebooks' moving averages.
        dead_code_threshold: Codes used less than this share of the mean are put onto data; 0 off.
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        Lee et al. (2022), https://arxiv.org/abs/2203.01941, section 3.1. The paper's levels share
        one codebook, and its commitment compares z_e with the sums; here each level has its own
        codebook, and is compared with what it quantizes, which is the same distance.

    Example:
        >>> model = RQVAE((8, 8, 1), latent_dim=4, num_codes=16, encoder="conv", hidden=[8])
        >>> model.bottleneck.index_shape
        (4, 4, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 128,
        levels: int = 4,
        dropout: float = 0.0,
        commitment: float = 0.25,
        decay: float = 0.99,
        dead_code_threshold: float = 0.03,
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        level = VectorQuantizer(
            num_codes,
            latent_dim,
            commitment=commitment,
            decay=decay,
            dead_code_threshold=dead_code_threshold,
        )
        quantizer = ResidualQuantizer(level, levels, dropout, tokens)
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )
