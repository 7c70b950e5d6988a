"""The VAE whose prior is a mixture of its own posteriors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian, TwoLevelGaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.priors import TwoLevelVamp, Vamp
from keras_ae.registry import variant


@variant(paper="Tomczak and Welling (2018), https://arxiv.org/abs/1705.07120")
class VampVAE(LatentModel):
    """Learns its prior as a mixture of posteriors, at pseudo-inputs: richer, with codes in use.

    Minimises E_q -log p(x | z) + log q(z | x) - log 1/K sum_k q(z | u_k) over networks and
    pseudo-inputs u_k, which start as training examples. With two levels the prior is p(z_1 | z_2)
    times that mixture of z_2, and z_1, z_2 make up the code.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code. Of z_1, with two levels.
        components: K.
        levels: 1 or 2.
        upper_dim: Length of z_2, with two levels; as long as z_1 when None.
        **trunk: See `LatentModel`.

    Reference:
        Tomczak and Welling (2018), https://arxiv.org/abs/1705.07120, equations 9 and 11 to 13. The
        decoder of two levels sees both in one vector, and q(z_1 | x, z_2) the encoder's features,
        where the paper's has a network of its own. The authors' code starts the inputs as noise and
        lets the rate's weight rise, for which see `LinearWarmup`.

    Example:
        >>> VampVAE((6,), latent_dim=2, components=5, levels=2, upper_dim=3).latent_shape
        (5,)
    """

    chooses = ("prior",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        components: int = 500,
        levels: int = 1,
        upper_dim: int | None = None,
        **trunk: Any,
    ) -> None:
        if levels not in (1, 2) or (upper_dim is not None and levels == 1):
            raise ValueError(
                "`levels` must be 1, or 2, for which `upper_dim` may be given. "
                f"Received: levels={levels!r}, upper_dim={upper_dim!r}"
            )
        code: Any = Gaussian(latent_dim)
        prior: Any = Vamp(components)
        if levels == 2:
            code = TwoLevelGaussian(latent_dim, latent_dim if upper_dim is None else upper_dim)
            prior = TwoLevelVamp(latent_dim, components)
        super().__init__(
            input_shape,
            bottleneck=code,
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
