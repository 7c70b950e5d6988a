"""The VAE that finds the variance of its likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import CalibratedGaussian
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Rybkin et al. (2021), https://arxiv.org/abs/2006.13202")
class SigmaVAE(LatentModel):
    """Balances rate and distortion by itself: the likelihood's variance follows from the data.

    Minimises E_q -log N(x; mu(z), sigma^2 I) + KL(q(z | x) || p(z)), sigma^2 the mean squared error
    of each batch, at which the distortion is least, or learned.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        variance: "analytic" or "learned"; see `CalibratedGaussian`.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Rybkin et al. (2021), https://arxiv.org/abs/2006.13202, section 3. Evaluation and scores use
        a moving average of the variance, not each batch's own, and its logarithm has a lower bound
        of -20, where the authors' is softly bounded at -12.

    Example:
        >>> SigmaVAE((6,), latent_dim=2).likelihood.method
        'analytic'
    """

    chooses = ("likelihood",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        variance: Literal["analytic", "learned"] = "analytic",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            likelihood=CalibratedGaussian(variance),
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
