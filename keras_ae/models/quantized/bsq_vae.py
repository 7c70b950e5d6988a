"""The autoencoder with binary spherical quantization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import BinarySphericalQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Zhao et al. (2024), https://arxiv.org/abs/2406.07548")
class BSQVAE(LatentModel):
    """Makes each code the nearest corner of a cube in a sphere: bounded errors, any depth.

    Minimises -log p(x | z_q) + entropy * (H(q(code | u)) - diversity * H(mean q)) + commitment *
    |u - sg(z_q)|^2, u the features scaled to length one, z_q their signs over sqrt(d).

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
        Zhao et al. (2024), https://arxiv.org/abs/2406.07548, section 4.

    Example:
        >>> model = BSQVAE((8, 8, 1), 12, encoder="conv", hidden=[8])
        >>> model.bottleneck.num_codes
        4096
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 18,
        *,
        entropy: float = 0.1,
        diversity: float = 1.0,
        inverse_temperature: float = 1.0,
        commitment: float = 0.25,
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = BinarySphericalQuantizer(
            latent_dim, entropy, diversity, inverse_temperature, commitment, tokens=tokens
        )
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )
