"""The autoencoder of several importance-weighted estimates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import ImportanceWeighted
from keras_ae.registry import variant


@variant(paper="Rainforth et al. (2018), https://arxiv.org/abs/1802.04537")
class MIWAE(LatentModel):
    """Averages several importance-weighted bounds: a clearer gradient for the encoder.

    Minimises -1/M sum_m log 1/K sum_k w_mk, w = p(x | z) p(z) / q(z | x) at M K draws. With M = 1
    it is the importance-weighted autoencoder of K draws, with K = 1 the VAE of M.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        samples: K, draws of each bound.
        estimates: M, over which bounds are averaged.
        gradient: "plain", "stl" or "dreg"; see `ImportanceWeighted`.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Rainforth et al. (2018), https://arxiv.org/abs/1802.04537, where new estimators are
        defined; 8 and 8 draws as in its figures.

    Example:
        >>> MIWAE((6,), latent_dim=2).objective[0].estimates
        8
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        samples: int = 8,
        estimates: int = 8,
        gradient: Literal["plain", "stl", "dreg"] = "plain",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[ImportanceWeighted(samples, estimates, gradient)],
            **trunk,
        )
