"""The hierarchical variational autoencoder of maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae import arrays, conditions, likelihoods
from keras_ae.bottlenecks import TopDownGaussian
from keras_ae.latent_model import LatentModel
from keras_ae.networks import below_levels, stages
from keras_ae.objectives import FreeBits, KLDivergence, Reconstruction
from keras_ae.registry import variant
from keras_ae.typing import Batch, Outputs, Tensor


@variant(paper="Child (2021), https://arxiv.org/abs/2011.10650")
class HierarchicalVAE(LatentModel):
    """Draws maps of codes from coarse to fine, each given all before: images in few bits.

    Minimises E_q -log p(x | z) + beta * sum_l KL(q(z_l | z_<l, x) || p(z_l | z_<l)). A code is what
    is new in each level, in units of its prior; the finest maps have half the sides of the data.

    Args:
        input_shape: Shape of one example, a map with channels.
        latent_dim: Channels of each level's map.
        blocks: Numbers of levels at each resolution, the coarsest first, each half the next.
        width: Channels of the networks.
        beta: Weight of the divergence, or a schedule.
        free_bits: Nats of a level that cost nothing.
        likelihood: p(x | z); {"name": "discretized_logistic_mixture"} for bytes divided by 255.
        condition: What encoder and decoder are told of each example.
        **trunk: See `LatentModel`; encoder and decoder are convolutions.

    Reference:
        Child (2021), https://arxiv.org/abs/2011.10650, section 3; see `TopDownGaussian`.

    Example:
        >>> HierarchicalVAE((8, 8, 1), latent_dim=2, blocks=[1, 1], width=4).latent_shape
        (40,)
    """

    decoder: Any

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 8,
        *,
        blocks: Sequence[int] = (1, 2, 2),
        width: int = 32,
        beta: Any = 1.0,
        free_bits: float = 0.0,
        likelihood: Any = "gaussian",
        condition: Any = None,
        **trunk: Any,
    ) -> None:
        told, of = conditions.get(condition), likelihoods.get(likelihood)
        shape = arrays.checked_shape(input_shape)
        code = TopDownGaussian(latent_dim, blocks, width)
        shapes = (*stages.sizes(shape[:-1], 1)[1], width), of.decoded_shape(shape)
        rate = FreeBits(beta, free_bits, of_parts=True) if free_bits else KLDivergence(beta)
        super().__init__(
            input_shape,
            bottleneck=code,
            encoder="conv",
            hidden=[width],
            decoder=below_levels.decoder("conv", code, shapes, [width], told),
            prior="standard_normal",
            objective=[Reconstruction(), rate],
            likelihood=of,
            condition=told,
            **trunk,
        )

    def decoded_of(self, outputs: Outputs, batch: Batch, training: bool = False) -> Tensor:
        """Return what is decoded of the levels that the bottleneck has run."""
        return self.decoder.get_layer(below_levels.NAME).at(
            outputs["state"], batch.condition, training
        )
