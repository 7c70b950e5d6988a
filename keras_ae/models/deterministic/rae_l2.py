"""The regularised autoencoder with small decoder weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import CodeNorm, DecoderNorm, Reconstruction
from keras_ae.registry import variant


@variant(paper="Ghosh et al. (2020), https://arxiv.org/abs/1903.12436")
class RAEL2(LatentModel):
    """Smooths the decoder by small weights in the place of a VAE's noise.

    Minimises -log p(x | z) + beta * |z|^2 / 2 + regularization * |theta|^2, z = f(x), theta the
    decoder's weights. It has no prior; a sampler that is fitted afterwards
    (`keras_ae.samplers`) draws codes.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        beta: Weight of the codes' size.
        regularization: lambda, weight of the decoder's.
        **trunk: See `LatentModel`.

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, equations 9 to 11, and section 4 for
        the density of codes that is fitted afterwards.

    Example:
        >>> [term.name for term in RAEL2((6,), latent_dim=2).objective]
        ['reconstruction', 'code_norm', 'decoder_norm']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: float = 1e-2,
        regularization: float = 1e-4,
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim),
            objective=[Reconstruction(), CodeNorm(beta), DecoderNorm(regularization)],
            **trunk,
        )
