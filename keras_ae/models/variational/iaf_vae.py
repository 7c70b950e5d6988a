"""The VAE with inverse autoregressive posteriors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import FlowPosterior
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Kingma et al. (2016), https://arxiv.org/abs/1606.04934")
class IAFVAE(LatentModel):
    """Gives posteriors dependent coordinates, by autoregressive maps that follow from the input.

    Minimises E_q -log p(x | z_T) + log q(z_T | x) - log p(z_T). Each of T steps is z <- sigma z +
    (1 - sigma) m, with sigma and m of a masked network of z and of the encoder's context.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        steps: T.
        flow_hidden: Widths of each masked network's layers.
        context_dim: Length of the context.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Kingma et al. (2016), https://arxiv.org/abs/1606.04934, algorithm 1. Codes are vectors in
        one layer; the paper's ResNet VAE has several.

    Example:
        >>> IAFVAE((6,), latent_dim=2, steps=2, flow_hidden=[8]).latent_shape
        (2,)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        steps: int = 4,
        flow_hidden: Sequence[int] = (64,),
        context_dim: int = 32,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        flow = {"name": "inverse_autoregressive", "depth": steps, "hidden": flow_hidden}
        super().__init__(
            input_shape,
            bottleneck=FlowPosterior(latent_dim, flow, context_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
