"""The VAE whose codes lie on a sphere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Hyperspherical
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Davidson et al. (2018), https://arxiv.org/abs/1804.00891")
class HypersphericalVAE(LatentModel):
    """Codes data as directions, on a sphere with an even prior: no pull to a centre.

    Minimises E_q -log p(x | z) + KL(q(z | x) || uniform on the sphere), q a von Mises-Fisher or
    power spherical distribution around the encoder's direction.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length d of the code, at least 2; codes lie on the sphere S^(d - 1).
        distribution: "von_mises_fisher", or "power_spherical", which is faster.
        **trunk: See `LatentModel`.

    Reference:
        Davidson et al. (2018), https://arxiv.org/abs/1804.00891, section 3; De Cao and Aziz (2020),
        https://arxiv.org/abs/2006.04437.

    Example:
        >>> import numpy as np
        >>> model = HypersphericalVAE((6,), latent_dim=3)
        >>> np.linalg.norm(model.encode(np.ones((1, 6))), axis=1).round(4).tolist()
        [1.0]
    """

    chooses = ("prior",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        distribution: Literal["von_mises_fisher", "power_spherical"] = "von_mises_fisher",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Hyperspherical(latent_dim, distribution),
            prior="hyperspherical_uniform",
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
