"""The VAE of counts that share out a total: words of documents, items that users chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.corruptions import FeatureMask
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import Multinomial
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Liang et al. (2018), https://arxiv.org/abs/1802.05814")
class MultinomialVAE(LatentModel):
    """Models documents and baskets by which words or items share out their total.

    Minimises E_q -log Mult(x; total, softmax(g(z))) + beta * KL(q(z | x) || p(z)); the encoder sees
    x / |x| of the entries that dropout leaves. Rows are counts, or 0 and 1. Reconstructions are
    shares: their order ranks words and items.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code; the paper's has 200 for tens of thousands of items.
        beta: Weight of the divergence, not negative, or a schedule over training steps: 1 for a
            bound on the likelihood, `LinearWarmup(steps, end=0.2)` for the paper's annealing.
        dropout: Share of the entries that the encoder does not see in training, in [0, 1].
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`; the paper's networks have `hidden=[600]` and "tanh".

    Reference:
        Liang et al. (2018), https://arxiv.org/abs/1802.05814, equations 2 and 6; section 2.2.2 for
        beta. The paper scales before its dropout, and leaves out the multinomial coefficient,
        which does not depend on the networks.

    Example:
        >>> import numpy as np
        >>> model = MultinomialVAE((4,), latent_dim=2, hidden=[8])
        >>> shares = model.reconstruct(np.array([[3.0, 0.0, 1.0, 0.0]]))
        >>> round(float(shares.sum()), 5)
        1.0
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: Any = 0.2,
        dropout: float = 0.5,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(beta)],
            likelihood=Multinomial("unit"),
            corruption=FeatureMask(dropout) if dropout else None,
            **trunk,
        )
