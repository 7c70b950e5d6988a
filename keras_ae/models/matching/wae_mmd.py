"""The Wasserstein autoencoder by the maximum mean discrepancy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import MaximumMeanDiscrepancy, Reconstruction
from keras_ae.registry import variant

SCALES = tuple(c**0.5 for c in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))


@variant(paper="Tolstikhin et al. (2018), https://arxiv.org/abs/1711.01558")
class WAEMMD(LatentModel):
    """Matches the codes' distribution to the prior by kernels, without noise in the codes.

    Minimises -log p(x | z) + matching * MMD(q(z), p(z)), z = f(x).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        matching: lambda; the default, beside half a squared error, is the paper's 10 beside a
            whole one.
        kernel: "imq" or "rbf".
        scales: Of the kernel, which is a sum over them; see `MaximumMeanDiscrepancy`.
        prior: p(z).
        **trunk: See `LatentModel`.

    Reference:
        Tolstikhin et al. (2018), https://arxiv.org/abs/1711.01558, equation 4 and algorithm 2, with
        the unbiased estimator of the discrepancy; the seven scales are the authors' code's.

    Example:
        >>> WAEMMD((6,), latent_dim=2, matching=20.0).objective[1].weight
        20.0
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        matching: float = 5.0,
        kernel: Literal["imq", "rbf"] = "imq",
        scales: Sequence[float] = SCALES,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim),
            prior=prior,
            objective=[Reconstruction(), MaximumMeanDiscrepancy(matching, kernel, scales)],
            **trunk,
        )
