"""The VAE whose prior is a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.priors import Flow
from keras_ae.registry import variant


@variant(paper="Chen et al. (2017), https://arxiv.org/abs/1611.02731")
class FlowPriorVAE(LatentModel):
    """Learns its prior by invertible maps: samples like the data without a second training.

    Minimises E_q -log p(x | z) + log q(z | x) - log p(z), p(z) the image of a standard normal under
    a flow that is trained with the networks.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        flow: "masked_autoregressive", "affine_coupling", "spline_coupling", or any of
            `keras_ae.flows` that can be inverted; options by `{"name": ..., **options}`.
        **trunk: See `LatentModel`.

    Reference:
        Chen et al. (2017), https://arxiv.org/abs/1611.02731, section 3.2, for autoregressive maps;
        Dinh et al. (2017), https://arxiv.org/abs/1605.08803, and Durkan et al. (2019),
        https://arxiv.org/abs/1906.04032, for couplings.

    Example:
        >>> FlowPriorVAE((6,), latent_dim=2).sample(3, seed=0).shape
        (3, 6)
    """

    chooses = ("prior",)

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        flow: Any = "affine_coupling",
        **trunk: Any,
    ) -> None:
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=Flow(flow),
            objective=[Reconstruction(), KLDivergence()],
            **trunk,
        )
