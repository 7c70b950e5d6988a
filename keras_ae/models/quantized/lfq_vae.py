"""The autoencoder with lookup-free quantization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import LookupFreeQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Yu et al. (2024), https://arxiv.org/abs/2310.05737")
class LFQVAE(LatentModel):
    """Makes each number of a code its sign: very many codes without a codebook.

    Minimises -log p(x | z_q) + entropy * (H(q(code | z)) - diversity * H(mean q)) + commitment *
    |z - sg(z_q)|^2: each vector is to be sure of its code, all vectors together of none.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: d, bits of a code; there are 2^d codes.
        entropy: Weight of the entropies.
        diversity: Weight of the mean's entropy in these.
        inverse_temperature: tau of the distribution of codes.
        commitment: Weight of the commitment.
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        Yu et al. (2024), https://arxiv.org/abs/2310.05737, section 3.1.

    Example:
        >>> model = LFQVAE((8, 8, 1), 10, encoder="conv", hidden=[8])
        >>> model.bottleneck.num_codes
        1024
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        entropy: float = 0.1,
        diversity: float = 1.0,
        inverse_temperature: float = 1.0,
        commitment: float = 0.25,
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = LookupFreeQuantizer(
            latent_dim, entropy, diversity, inverse_temperature, commitment, tokens=tokens
        )
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )
