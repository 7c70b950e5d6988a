"""The Cramer-Wold autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import CramerWold, Reconstruction
from keras_ae.registry import variant


@variant(paper="Knop et al. (2020), https://jmlr.org/papers/v21/19-560.html")
class CramerWoldAutoencoder(LatentModel):
    """Matches the codes' distribution to a normal one by a distance that needs no draws.

    Minimises -log p(x | z) + matching * log D(q(z), N(0, I))^2, z = f(x), D the Cramer-Wold
    distance.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code, at least 2.
        matching: Weight of the logarithm. 1 in the paper, beside its mean squared error; the
            default, beside a sum over an example's values in nats, is larger.
        prior: p(z): the standard normal, of which alone the distance is known.
        **trunk: See `LatentModel`.

    Reference:
        Knop et al. (2020), https://jmlr.org/papers/v21/19-560.html, section 4 and theorem 3.

    Example:
        >>> CramerWoldAutoencoder((6,), latent_dim=2, matching=5.0).objective[1].weight
        5.0
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        matching: float = 10.0,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim),
            prior=prior,
            objective=[Reconstruction(), CramerWold(matching)],
            **trunk,
        )
