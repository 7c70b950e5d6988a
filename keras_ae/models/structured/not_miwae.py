"""The importance-weighted autoencoder of rows whose gaps depend on what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import MissingNotAtRandom
from keras_ae.objectives import ImportanceWeighted
from keras_ae.registry import variant


@variant(paper="Ipsen, Mattei and Frellsen (2021), https://arxiv.org/abs/2006.12871")
class NotMIWAE(LatentModel):
    """Learns from rows whose gaps depend on what is missing, by a model of the gaps too.

    Minimises -log 1/K sum_k p(x_o | z_k) p(s | x_o, x_k) p(z_k) / q(z_k | x_o), where z_k ~ q and
    x_k ~ p(x_m | z_k) stands for the missing numbers x_m of a row, and s says which they are.
    `impute` fills the gaps by the same weights. Without a guess how gaps arise nothing can be
    known of them: `process` is an assumption.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        samples: K, draws for each row.
        process: p(s | x): "self_masking", "self_masking_known" (large numbers are missing),
            "linear" or "nonlinear"; see `MissingNotAtRandom`.
        numbers: p(x | z), a density; by default Gaussian with one learned variance.
        missing: "mask" when NaN stands for a missing entry; None where all gaps come as a `mask`.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Ipsen, Mattei and Frellsen (2021), https://arxiv.org/abs/2006.12871, equation 5.

    Example:
        >>> NotMIWAE((6,), latent_dim=2).likelihood.process
        'self_masking'
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        samples: int = 20,
        process: Literal[
            "self_masking", "self_masking_known", "linear", "nonlinear"
        ] = "self_masking",
        numbers: Any = None,
        missing: Literal["mask"] | None = "mask",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        if numbers is None:
            numbers = {"name": "calibrated_gaussian", "method": "learned"}
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[ImportanceWeighted(samples)],
            likelihood=MissingNotAtRandom(numbers, process),
            missing=missing,
            **trunk,
        )
