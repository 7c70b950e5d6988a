"""The recurrent autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction
from keras_ae.registry import variant


@variant(paper="Srivastava et al. (2015), https://arxiv.org/abs/1502.04681")
class RecurrentAutoencoder(LatentModel):
    """Reads a sequence into one vector and writes it out again: series and their anomalies.

    Minimises -log p(x_1..T | z) with z the last state of a recurrent encoder. Steps behind a
    sequence's end are marked in `mask`, `(batch, time)`, and change nothing. The decoder is the
    paper's unconditional one and writes forward in time; the paper's writes backward.

    Args:
        input_shape: (time steps, features).
        latent_dim: Length of the code.
        encoder: The recurrent network; `{"name": "recurrent", "cell": "gru"}` for GRUs.
        **trunk: See `LatentModel`.

    Example:
        >>> import numpy as np
        >>> model = RecurrentAutoencoder((5, 2), latent_dim=3, hidden=[4])
        >>> model.reconstruct(np.zeros((1, 5, 2), "float32")).shape
        (1, 5, 2)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        encoder: Any = "recurrent",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            encoder=encoder,
            bottleneck=Deterministic(latent_dim),
            objective=[Reconstruction()],
            **trunk,
        )
