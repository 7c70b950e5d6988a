"""The VAE that weighs the total correlation of its codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import DimensionWiseKL, MutualInformation, Reconstruction, TotalCorrelation
from keras_ae.registry import variant


@variant(paper="Chen et al. (2018), https://arxiv.org/abs/1802.04942")
class BetaTCVAE(LatentModel):
    """Separates factors of variation by the codes' total correlation, at less cost than beta.

    Minimises E_q -log p(x | z) + alpha I(x; z) + beta TC(z) + gamma sum_j KL(q(z_j) || p(z_j)), the
    three estimated from each batch. With 1, 1, 1 they are the VAE's rate.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        alpha: Weight of the mutual information, not negative.
        beta: Weight of the total correlation.
        gamma: Weight of the coordinates' own divergences.
        estimator: "mss", minibatch stratified sampling, or "mws", minibatch weighted sampling.
        dataset_size: N, which either needs; the rows that `fit` is given when None.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Chen et al. (2018), https://arxiv.org/abs/1802.04942, equations 2 and 4; beta 6 as for
        dSprites. The paper estimates by "mws"; "mss", of its appendix C, is unbiased for each
        density.

    Example:
        >>> [term.name for term in BetaTCVAE((6,), latent_dim=2).objective[1:]]
        ['mutual_information', 'total_correlation', 'dimension_wise_kl']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        alpha: Any = 1.0,
        beta: Any = 6.0,
        gamma: Any = 1.0,
        estimator: Literal["mss", "mws"] = "mss",
        dataset_size: int | None = None,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        how: dict[str, Any] = {"estimator": estimator, "dataset_size": dataset_size}
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[
                Reconstruction(),
                MutualInformation(alpha, **how),
                TotalCorrelation(beta, **how),
                DimensionWiseKL(gamma, **how),
            ],
            **trunk,
        )
