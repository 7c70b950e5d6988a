"""The VAE that keeps information in its code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, MaximumMeanDiscrepancy, Reconstruction
from keras_ae.parts import is_number
from keras_ae.registry import variant


@variant(paper="Zhao et al. (2019), https://arxiv.org/abs/1706.02262")
class InfoVAE(LatentModel):
    """Keeps codes informative: matches their distribution to the prior, not each posterior.

    Minimises E_q -log p(x | z) + (1 - alpha) KL(q(z | x) || p(z)) + (alpha + lambda - 1) MMD(q(z),
    p(z)).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        alpha: How much of the mutual information of data and codes is given back, at most 1.
        scale: lambda, by which the codes' distribution is matched; alpha + lambda must exceed 1.
        kernel: "rbf" or "imq", of the discrepancy.
        scales: Of the kernel; see `MaximumMeanDiscrepancy`.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Zhao et al. (2019), https://arxiv.org/abs/1706.02262, equation 6 and section 5; alpha 0 and
        lambda 1000 as for MNIST. The discrepancy is estimated without bias; the author's code has
        the bias and a kernel exp(-|a - b|^2 / d^2), here `scales=(sqrt(d / 2),)`.

    Example:
        >>> [term.weight for term in InfoVAE((6,), latent_dim=2, alpha=0.5, scale=10.0).objective]
        [1.0, 0.5, 9.5]
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        alpha: float = 0.0,
        scale: float = 1000.0,
        kernel: Literal["rbf", "imq"] = "rbf",
        scales: Sequence[float] = (1.0,),
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        if not (is_number(alpha) and is_number(scale) and alpha <= 1.0 < alpha + scale):
            raise ValueError(
                "`alpha` must be at most 1 and `alpha + scale` more, or codes would be driven from "
                f"the prior. Received: alpha={alpha!r}, scale={scale!r}"
            )
        matching = MaximumMeanDiscrepancy(alpha + scale - 1.0, kernel, scales)
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(1.0 - alpha), matching],
            **trunk,
        )
