"""The variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Kingma and Welling (2014), https://arxiv.org/abs/1312.6114")
class VAE(LatentModel):
    """Learns to generate data from a standard normal code, by maximising a bound on log p(x).

    Minimises the negative evidence lower bound E_q -log p(x | z) + KL(q(z | x) || N(0, I)) with
    one draw from q for each example.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 10 with L = 1.

    Example:
        >>> model = VAE((6,), latent_dim=2, hidden=[8], likelihood="bernoulli")
        >>> model.sample(3, seed=0).shape
        (3, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
