"""The regularised autoencoder with a flat decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import CodeNorm, DecoderGradient, Reconstruction
from keras_ae.registry import variant


@variant(paper="Ghosh et al. (2020), https://arxiv.org/abs/1903.12436")
class RAEGP(LatentModel):
    """Smooths the decoder by a penalty on its derivative in the place of a VAE's noise.

    Minimises -log p(x | z) + beta * |z|^2 / 2 + regularization * |dD(z)/dz|_F^2, z = f(x), D the
    decoder, which alone the penalty trains. It has no prior; a sampler that is fitted
    afterwards (`keras_ae.samplers`) draws codes.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        beta: Weight of the codes' size.
        regularization: lambda, weight of the penalty.
        estimator: "hutchinson" or "exact"; see `DecoderGradient`.
        **trunk: See `LatentModel`.

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, equations 9 and 10 and section 3.1.
        The authors' code takes the derivative of the sum of squared outputs instead, lets it train
        the encoder too, and has the mean of z^2 for the codes' size.

    Example:
        >>> [term.name for term in RAEGP((6,), latent_dim=2).objective]
        ['reconstruction', 'code_norm', 'decoder_gradient']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: float = 1e-2,
        regularization: float = 1e-2,
        estimator: Literal["hutchinson", "exact"] = "hutchinson",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim),
            objective=[
                Reconstruction(),
                CodeNorm(beta),
                DecoderGradient(regularization, estimator),
            ],
            **trunk,
        )
