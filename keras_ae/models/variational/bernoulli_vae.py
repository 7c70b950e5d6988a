"""The VAE whose code is bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Binary
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Maddison et al. (2017), https://arxiv.org/abs/1611.00712")
class BernoulliVAE(LatentModel):
    """Codes data by bits, learned through relaxed draws: hashing, binary features.

    Minimises E_q -log p(x | b) + sum_i KL(q(b_i | x) || Bernoulli(1/2)). In training draws are
    relaxed, outside of it they are 0 or 1.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Number of bits.
        temperature: Of the relaxed draws: positive, or a Keras schedule over training steps.
        straight_through: Whether the decoder sees bits in training too, with the gradient of the
            relaxed draws.
        prior: "bernoulli", even or with learned probabilities.
        **trunk: See `LatentModel`.

    Reference:
        Maddison et al. (2017), https://arxiv.org/abs/1611.00712, section 5 and appendix B. The
        divergence is that of the discrete distributions; the paper's is that of the relaxed ones.

    Example:
        >>> BernoulliVAE((6,), latent_dim=8).latent_shape
        (8,)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 32,
        *,
        temperature: Any = 1.0,
        straight_through: bool = False,
        prior: Any = "bernoulli",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Binary(latent_dim, temperature, straight_through),
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
