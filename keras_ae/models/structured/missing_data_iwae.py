"""The importance-weighted autoencoder of rows with missing entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import ImportanceWeighted
from keras_ae.registry import variant


@variant(paper="Mattei and Frellsen (2019), https://arxiv.org/abs/1812.02633")
class MissingDataIWAE(LatentModel):
    """Learns from rows with gaps by a bound on the likelihood of what was observed; fills them.

    Minimises -log 1/K sum_k p(x_observed | z_k) p(z_k) / q(z_k | x_observed), z_k ~ q. The encoder
    sees 0 in the place of a missing entry, in normalised units. Right where what is missing does
    not depend on the missing values. `impute` fills the gaps; without any it is the
    importance-weighted autoencoder.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        samples: K, draws for each row.
        gradient: "plain", "stl" or "dreg"; see `ImportanceWeighted`.
        likelihood: p(x | z); by default the paper's for numbers, a Student t whose scale and
            degrees of freedom the decoder gives for each entry.
        missing: "mask" when NaN stands for a missing entry; None where all gaps come as a `mask`.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Mattei and Frellsen (2019), https://arxiv.org/abs/1812.02633, equation 4. "MIWAE" in the
        paper; the variant `miwae` is another, of the same name and year before.

    Example:
        >>> import numpy as np
        >>> model = MissingDataIWAE((3,), latent_dim=2, hidden=[8])
        >>> filled = model.impute(np.array([[1.0, np.nan, 2.0]]), samples=10)
        >>> filled[0, 0] == 1.0, np.isnan(filled).any()
        (np.True_, np.False_)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        samples: int = 20,
        gradient: Literal["plain", "stl", "dreg"] = "plain",
        likelihood: Any = None,
        missing: Literal["mask"] | None = "mask",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        if likelihood is None:
            likelihood = {"name": "student_t", "learned": True}
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[ImportanceWeighted(samples, gradient=gradient)],
            likelihood=likelihood,
            missing=missing,
            **trunk,
        )
