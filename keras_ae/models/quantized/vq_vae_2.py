"""The hierarchical vector-quantized autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import HierarchicalQuantizer, VectorQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Razavi et al. (2019), https://arxiv.org/abs/1906.00446")
class VQVAE2(LatentModel):
    """Writes an image as maps of codes at several sizes: what is where, then details.

    Minimises -log p(x | z_q) + commitment * sum_l |z_l - sg(q_l)|^2 over the levels l, the codes of
    each finer level chosen with what the coarser ones tell.

    Args:
        input_shape: Shape of one example, a map with channels.
        latent_dim: Length of a level's code vector.
        num_codes: Size of each level's codebook.
        levels: How many, at least 2.
        width: Channels of the maps between levels.
        commitment: Weight beta of the commitment.
        decay: gamma of the codebooks' moving averages.
        dead_code_threshold: Codes used less than this share of the mean are put onto data; 0 off.
        encoder: The network to the finest map, of convolutions.
        **trunk: See `LatentModel`.

    Reference:
        Razavi et al. (2019), https://arxiv.org/abs/1906.00446, section 3.1 and algorithm 1.

    Example:
        >>> model = VQVAE2((8, 8, 1), latent_dim=4, num_codes=16, hidden=[8], width=8)
        >>> model.latent_shape, model.bottleneck.index_shape
        ((4, 4, 8), (20,))
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 128,
        levels: int = 2,
        width: int = 64,
        commitment: float = 0.25,
        decay: float = 0.99,
        dead_code_threshold: float = 0.03,
        encoder: Any = "conv",
        **trunk: Any,
    ) -> None:
        level = VectorQuantizer(
            num_codes,
            latent_dim,
            commitment=commitment,
            decay=decay,
            dead_code_threshold=dead_code_threshold,
        )
        super().__init__(
            input_shape,
            bottleneck=HierarchicalQuantizer(level, width, levels),
            objective=[Reconstruction(), Quantization()],
            encoder=encoder,
            **trunk,
        )
