"""The VAE of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Fabius and van Amersfoort (2014), https://arxiv.org/abs/1412.6581")
class SequenceVAE(LatentModel):
    """Draws one code for a whole sequence, of any length: series that are made anew.

    Minimises E_q -log p(x_1..T | z) + beta * KL(q(z | x_1..T) || p(z)), q from the last state of a
    recurrent encoder. Steps behind a sequence's end are 0 in its `mask`, `(rows, time)`, and change
    nothing. The decoder is given the code at every step.

    Args:
        input_shape: (time steps, features).
        latent_dim: Length of the code.
        beta: Weight of the divergence, not negative, or a schedule over training steps:
            `LinearWarmup(steps)` where decoders learn to do without the code.
        encoder: The network: "recurrent", `{"name": "recurrent", "cell": "gru"}` for GRUs, or
            "conv" for series of one length.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Fabius and van Amersfoort (2014), https://arxiv.org/abs/1412.6581, section 2.1. The paper's
        decoder starts from the code and is given its own last step; this one is given the code at
        every step, and no step.

    Example:
        >>> import numpy as np
        >>> model = SequenceVAE((5, 2), latent_dim=3, hidden=[4])
        >>> x, mask = np.zeros((2, 5, 2)), np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
        >>> model.encode({"x": x, "mask": mask}).shape
        (2, 3)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: Any = 1.0,
        encoder: Any = "recurrent",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            encoder=encoder,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(beta)],
            **trunk,
        )
