"""The ladder variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae import arrays, conditions, likelihoods
from keras_ae.bottlenecks import LadderGaussian
from keras_ae.latent_model import LatentModel
from keras_ae.networks import below_levels
from keras_ae.objectives import KLDivergence, LinearWarmup, Reconstruction
from keras_ae.registry import variant
from keras_ae.typing import Batch, Outputs, Tensor


@variant(paper="Sonderby et al. (2016), https://arxiv.org/abs/1602.02282")
class LadderVAE(LatentModel):
    """Puts codes above codes, and weighs what the data say of each with what the upper ones say.

    Minimises E_q -log p(x | z_L) + beta * sum_l KL(q(z_l | z_l-1, x) || p(z_l | z_l-1)), the levels
    from the top down. A code is what is new in each, in units of its prior, the top level first.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the lowest level's code.
        upper_dims: Lengths of the levels above, from the lowest on.
        hidden: Widths of the layers to and from the data; levels have one each of the last width.
        beta: Weight of the divergence, or a schedule; when None a rise over `warmup_steps`.
        warmup_steps: Of that rise from 0 to 1; 0 for none.
        likelihood: p(x | z).
        condition: What encoder and decoder are told of each example.
        **trunk: See `LatentModel`; the encoder is dense.

    Reference:
        Sonderby et al. (2016), https://arxiv.org/abs/1602.02282, section 2; see `LadderGaussian`.

    Example:
        >>> LadderVAE((6,), latent_dim=4, upper_dims=[3, 2], hidden=[8]).latent_shape
        (9,)
    """

    decoder: Any

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        upper_dims: Sequence[int] = (8, 4),
        hidden: Sequence[int] = (256,),
        beta: Any = None,
        warmup_steps: int = 2_000,
        likelihood: Any = "gaussian",
        condition: Any = None,
        **trunk: Any,
    ) -> None:
        told, of = conditions.get(condition), likelihoods.get(likelihood)
        shape = arrays.checked_shape(input_shape)
        code = LadderGaussian([*upper_dims[::-1], latent_dim], hidden[-1] if hidden else 128)
        if beta is None:
            beta = LinearWarmup(warmup_steps) if warmup_steps else 1.0
        shapes = (latent_dim,), of.decoded_shape(shape)
        super().__init__(
            input_shape,
            bottleneck=code,
            hidden=hidden,
            decoder=below_levels.decoder("mlp", code, shapes, hidden, told),
            prior="standard_normal",
            objective=[Reconstruction(), KLDivergence(beta)],
            likelihood=of,
            condition=told,
            **trunk,
        )

    def decoded_of(self, outputs: Outputs, batch: Batch, training: bool = False) -> Tensor:
        """Return what is decoded of the levels that the bottleneck has run."""
        return self.decoder.get_layer(below_levels.NAME).at(
            outputs["state"], batch.condition, training
        )
