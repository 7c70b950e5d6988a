"""The VAE whose prior is a mixture of normals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.priors import GaussianMixture
from keras_ae.registry import variant


@variant(paper="Dilokthanakul et al. (2016), https://arxiv.org/abs/1611.02648")
class MixtureVAE(LatentModel):
    """Finds groups in data: each code comes from one of several normals, learned with the rest.

    Minimises E_q -log p(x | z) + log q(z | x) - log sum_c pi_c N(z; mu_c, sigma_c^2) over networks
    and the mixture. `responsibilities` gives the probability of each group.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        components: Number of normals.
        **trunk: See `LatentModel`.

    Reference:
        Dilokthanakul et al. (2016), https://arxiv.org/abs/1611.02648, section 3. Its means and
        variances are functions of a second normal variable w; here they are numbers, and the group
        is summed out of the rate instead of bounded.

    Example:
        >>> import numpy as np
        >>> model = MixtureVAE((6,), latent_dim=2, components=3)
        >>> model.responsibilities(np.zeros((4, 6))).shape
        (4, 3)
    """

    chooses = ("prior",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        components: int = 10,
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=GaussianMixture(components),
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
