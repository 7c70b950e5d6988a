"""The Sinkhorn autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction, SinkhornDivergence
from keras_ae.registry import variant


@variant(paper="Patrini et al. (2020), https://arxiv.org/abs/1810.01118")
class SinkhornAutoencoder(LatentModel):
    """Matches the codes' distribution to the prior by smoothed optimal transport.

    Minimises -log p(x | z) + matching * S(q(z), p(z)), z = f(x), S the Sinkhorn divergence.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        matching: beta.
        epsilon: Strength of the entropy, in units of 2 latent_dim; see `SinkhornDivergence`.
        iterations: Steps of Sinkhorn's algorithm for each batch.
        prior: p(z), any that can be drawn from.
        **trunk: See `LatentModel`.

    Reference:
        Patrini et al. (2020), https://arxiv.org/abs/1810.01118, section 4, with the squared
        distance for the cost. The paper differentiates through the algorithm's steps; here the
        gradient is that of its limit, for which the steps need not be kept.

    Example:
        >>> SinkhornAutoencoder((6,), latent_dim=2, iterations=20).objective[1].iterations
        20
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        matching: float = 10.0,
        epsilon: float = 0.01,
        iterations: int = 50,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim),
            prior=prior,
            objective=[Reconstruction(), SinkhornDivergence(matching, epsilon, iterations)],
            **trunk,
        )
