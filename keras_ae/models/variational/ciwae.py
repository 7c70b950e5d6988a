"""The combination of the VAE and the importance-weighted autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import ImportanceWeighted
from keras_ae.registry import variant


@variant(paper="Rainforth et al. (2018), https://arxiv.org/abs/1802.04537")
class CIWAE(LatentModel):
    """Mixes the ELBO with the importance-weighted bound of the same draws.

    Minimises -beta 1/K sum_k log w_k - (1 - beta) log 1/K sum_k w_k, w_k = p(x | z_k) p(z_k) /
    q(z_k | x) with z_k ~ q(z | x).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        samples: K, draws for each example.
        beta: The ELBO's share, from 0 to 1.
        gradient: "plain", "stl" or "dreg"; see `ImportanceWeighted`.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Rainforth et al. (2018), https://arxiv.org/abs/1802.04537, where new estimators are
        defined; 64 draws and a share of 0.5 as in its figures.

    Example:
        >>> CIWAE((6,), latent_dim=2, beta=0.25).objective[0].elbo_share
        0.25
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        samples: int = 64,
        beta: float = 0.5,
        gradient: Literal["plain", "stl", "dreg"] = "plain",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[ImportanceWeighted(samples, gradient=gradient, elbo_share=beta)],
            **trunk,
        )
