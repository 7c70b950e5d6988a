"""The VAE whose codes have an independent prior's covariance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import InferredPrior, KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Kumar et al. (2018), https://arxiv.org/abs/1711.00848")
class DIPVAE(LatentModel):
    """Separates factors of variation by drawing the codes' covariance to the identity.

    Minimises E_q -log p(x | z) + KL(q(z | x) || p(z)) + lambda_od sum_(i != j) C_ij^2
    + lambda_d sum_i (C_ii - 1)^2, C the covariance of the posterior means ("i") or of the codes
    ("ii").

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        kind: "i" or "ii".
        off_diagonal: lambda_od, not negative.
        diagonal: lambda_d; 10 lambda_od for "i" and lambda_od for "ii" when None.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Kumar et al. (2018), https://arxiv.org/abs/1711.00848, equations 5 to 7.

    Example:
        >>> DIPVAE((6,), latent_dim=2, kind="ii").objective[2].diagonal
        10.0
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        kind: Literal["i", "ii"] = "i",
        off_diagonal: float = 10.0,
        diagonal: float | None = None,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        penalty = InferredPrior(off_diagonal, diagonal, kind)
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(), penalty],
            **trunk,
        )
