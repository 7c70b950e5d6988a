"""The VAE of pairs that have most factors of variation in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import GroupedGaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Locatello et al. (2020), https://arxiv.org/abs/2002.02886")
class AdaGVAE(LatentModel):
    """Learns factors of variation from pairs of examples in which only some of them differ.

    Minimises -log p(x | z) + beta * KL(q~(z | x) || p(z)) over both members of each pair. In the
    coordinates that do not differ, those whose KL(q(z_i | x_1) || q(z_i | x_2)) is below the middle
    between the pair's largest and smallest, q~ is one posterior for both. `fit` takes pairs,
    `(rows, 2, *input_shape)`; everything else takes examples.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        beta: Weight of the divergence, not negative, or a Keras schedule over training steps.
        pooling: How two posteriors become one: "mean", or "product" (the paper's Ada-ML-VAE, up to
            a factor of 2 in the variance).
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Locatello et al. (2020), https://arxiv.org/abs/2002.02886, equations 3, 5 and 6.

    Example:
        >>> import numpy as np
        >>> model = AdaGVAE((6,), latent_dim=2, hidden=[8])
        >>> model.compile("adam")
        >>> pairs = np.random.default_rng(0).random((32, 2, 6))
        >>> history = model.fit(pairs, epochs=1, verbose=0)
        >>> model.encode(pairs[:, 0]).shape
        (32, 2)
    """

    group_size = 2

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 10,
        *,
        beta: Any = 1.0,
        pooling: Literal["mean", "product"] = "mean",
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=GroupedGaussian(latent_dim, pooling=pooling),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(beta)],
            **trunk,
        )
