"""The VAE whose code is discrete variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Categorical
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Jang et al. (2017), https://arxiv.org/abs/1611.01144")
class CategoricalVAE(LatentModel):
    """Codes data by variables with a few categories each, learned through relaxed draws.

    Minimises E_q -log p(x | c) + sum_i KL(q(c_i | x) || uniform). In training draws are relaxed,
    outside of it they are one-hot vectors.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of variables.
        categories: Of each variable, at least 2.
        temperature: Of the relaxed draws: positive, or a Keras schedule over training steps.
        straight_through: Whether the decoder sees one-hot vectors in training too, with the
            gradient of the relaxed draws.
        prior: "categorical", even or with learned probabilities.
        **trunk: See `LatentModel`.

    Reference:
        Jang et al. (2017), https://arxiv.org/abs/1611.01144, sections 2 and 4.2; Maddison et
        al. (2017), https://arxiv.org/abs/1611.00712. The divergence is that of the discrete
        distributions, as in the former, whose temperature falls to 0.5 in training.

    Example:
        >>> CategoricalVAE((6,), latent_dim=4, categories=3).latent_shape
        (4, 3)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 20,
        *,
        categories: int = 10,
        temperature: Any = 1.0,
        straight_through: bool = False,
        prior: Any = "categorical",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Categorical(latent_dim, categories, temperature, straight_through),
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
