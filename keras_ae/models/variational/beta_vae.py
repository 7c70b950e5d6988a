"""The beta-VAE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Higgins et al. (2017), https://openreview.net/forum?id=Sy2fzU9gl")
class BetaVAE(LatentModel):
    """Weighs the rate against the distortion: a large beta separates factors of variation.

    Minimises E_q -log p(x | z) + beta * KL(q(z | x) || N(0, I)).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        beta: Weight of the divergence, not negative, or a Keras schedule over training steps;
            the paper uses 4 and more, 1 is the VAE.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Higgins et al. (2017), https://openreview.net/forum?id=Sy2fzU9gl, equation 4. Both terms
        are summed over their axes, so beta is the paper's and not its size-normalised one.

    Example:
        >>> BetaVAE((6,), latent_dim=2, beta=2.0).objective[1].weight
        2.0
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: Any = 4.0,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(beta)],
            **trunk,
        )
