"""The importance-weighted autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import ImportanceWeighted
from keras_ae.registry import variant


@variant(paper="Burda et al. (2016), https://arxiv.org/abs/1509.00519")
class IWAE(LatentModel):
    """Maximises a tighter bound on log p(x): the mean weight of several draws, in the logarithm.

    Minimises -E log 1/K sum_k w_k, w_k = p(x | z_k) p(z_k) / q(z_k | x) with z_k ~ q(z | x). With
    one draw it is the VAE. The loss is the bound, whatever gradient is taken.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        samples: K, draws for each example.
        gradient: "plain"; "stl", without the posterior's score; "dreg", without it and without
            bias, whose signal does not fade as K grows.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Burda et al. (2016), https://arxiv.org/abs/1509.00519, equations 8 and 14; Roeder et al.
        (2017), https://arxiv.org/abs/1703.09194; Tucker et al. (2019),
        https://arxiv.org/abs/1810.04152, equation 8.

    Example:
        >>> IWAE((6,), latent_dim=2, samples=5).objective[0].samples
        5
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        samples: int = 50,
        gradient: Literal["plain", "stl", "dreg"] = "plain",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[ImportanceWeighted(samples, gradient=gradient)],
            **trunk,
        )
