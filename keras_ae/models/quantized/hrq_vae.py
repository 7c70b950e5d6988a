"""The VAE whose code is refined by levels that are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import HierarchicalResidualQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Hosking et al. (2022), https://arxiv.org/abs/2203.03463")
class HRQVAE(LatentModel):
    """Draws codes from coarse to fine, so that a few numbers tell most and more tell details.

    Minimises E_q -log p(x | z_q) + beta * sum_l KL(q(k_l | x) || uniform), q(k_l) in proportion to
    exp(-|r_l - e_lk|^2), r_l what the levels before have left over; a term keeps each level's codes
    shorter than those before.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of one code vector.
        num_codes: Size of each level's codebook.
        levels: How many levels.
        beta: Weight of the divergences.
        temperature: Of the relaxed draws: positive, or a Keras schedule, as `Cooling`.
        decay: How much shorter each level's codes start than the ones before.
        norm_weight: Weight of what keeps them shorter.
        dropout: Share of the examples of which, in training, only some levels are used.
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        Hosking et al. (2022), https://arxiv.org/abs/2203.03463, section 3.

    Example:
        >>> model = HRQVAE((8, 8, 1), latent_dim=4, num_codes=16, encoder="conv", hidden=[8])
        >>> model.bottleneck.index_shape
        (4, 4, 3)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 128,
        levels: int = 3,
        beta: float = 0.1,
        temperature: Any = 1.0,
        decay: float = 0.5,
        norm_weight: float = 0.5,
        dropout: float = 0.3,
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = HierarchicalResidualQuantizer(
            num_codes,
            latent_dim,
            levels,
            beta,
            temperature,
            decay,
            norm_weight,
            dropout=dropout,
            tokens=tokens,
        )
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )
