"""The sliced Wasserstein autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction, SlicedWasserstein
from keras_ae.registry import variant


@variant(paper="Kolouri et al. (2019), https://arxiv.org/abs/1804.01947")
class SlicedWAE(LatentModel):
    """Matches the codes' distribution to the prior on random lines, by sorting.

    Minimises -log p(x | z) + matching * SW(q(z), p(z)), z = f(x).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        matching: lambda.
        projections: L, lines for each batch.
        prior: p(z), any that can be drawn from.
        **trunk: See `LatentModel`.

    Reference:
        Kolouri et al. (2019), https://arxiv.org/abs/1804.01947, equation 15 and algorithm 1. The
        paper adds the absolute error to a cross-entropy; here one likelihood is chosen.

    Example:
        >>> SlicedWAE((6,), latent_dim=2, projections=20).objective[1].projections
        20
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        matching: float = 10.0,
        projections: int = 50,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim),
            prior=prior,
            objective=[Reconstruction(), SlicedWasserstein(matching, projections)],
            **trunk,
        )
