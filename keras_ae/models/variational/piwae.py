"""The partially importance-weighted autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import ImportanceWeighted
from keras_ae.registry import variant


@variant(paper="Rainforth et al. (2018), https://arxiv.org/abs/1802.04537")
class PIWAE(LatentModel):
    """Gives encoder and decoder the bound that suits each: averaged ones, and the tightest.

    Of M K draws the decoder and the prior follow the gradient of log 1/(M K) sum_mk w_mk, which is
    what the loss is, and the encoder that of 1/M sum_m log 1/K sum_k w_mk.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        samples: K, draws of each of the encoder's bounds.
        estimates: M, over which they are averaged.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Rainforth et al. (2018), https://arxiv.org/abs/1802.04537, where new estimators are
        defined.

    Example:
        >>> PIWAE((6,), latent_dim=2).objective[0].gradient
        'partial'
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        samples: int = 8,
        estimates: int = 8,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[ImportanceWeighted(samples, estimates, "partial")],
            **trunk,
        )
