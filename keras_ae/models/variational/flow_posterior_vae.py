"""The VAE whose posteriors are bent by flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import FlowPosterior
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Rezende and Mohamed (2015), https://arxiv.org/abs/1505.05770")
class FlowPosteriorVAE(LatentModel):
    """Bends each posterior away from a normal by invertible maps: a tighter bound.

    Minimises E_q -log p(x | z_K) + log q(z_0 | x) - sum_k log |det dz_k/dz_(k-1)| - log p(z_K), z_K
    the image of z_0 ~ N(mean(x), diag sigma^2(x)) under K maps that follow from x.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        flow: "planar", "radial", "householder", "sylvester", or any of `keras_ae.flows`.
        depth: K.
        context_dim: Length of the encoder's vector that the maps are given; 0 for maps that are the
            same for all examples.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Rezende and Mohamed (2015), https://arxiv.org/abs/1505.05770, equation 15 and appendix A,
        planar and radial; Tomczak and Welling (2016), https://arxiv.org/abs/1611.09630,
        Householder; van den Berg et al. (2018), https://arxiv.org/abs/1803.05649, Sylvester.

    Example:
        >>> len(FlowPosteriorVAE((6,), latent_dim=2, flow="planar", depth=3).bottleneck.flow.flows)
        3
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        flow: str = "planar",
        depth: int = 10,
        context_dim: int = 32,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=FlowPosterior(latent_dim, {"name": flow, "depth": depth}, context_dim),
            prior=prior,
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
