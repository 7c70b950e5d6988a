"""The variational recurrent network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae import conditions, likelihoods
from keras_ae.bottlenecks import RecurrentGaussian
from keras_ae.latent_model import LatentModel
from keras_ae.networks import step_by_step
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant
from keras_ae.typing import Batch, Outputs, Tensor


@variant(paper="Chung et al. (2015), https://arxiv.org/abs/1506.02216")
class VRNN(LatentModel):
    """Draws a code at every step of a sequence, from a prior that remembers the steps before.

    Minimises E_q sum_t -log p(x_t | z_1..t, x_1..t-1) + beta * KL(q(z_t | x_1..t, z_1..t-1) ||
    p(z_t | x_1..t-1, z_1..t-1)). A code u_t is what is new in a step: z_t in units of its prior,
    (z_t - mean) / deviation. Likelihoods and scores compare a step with what is expected after the
    true steps before it. `reconstruct`, `decode` and `sample` have codes alone: what is expected
    of a step is what the next ones remember. Steps out of a `mask`, `(rows, time)`, are left out.

    Args:
        input_shape: (time steps, features).
        latent_dim: Length of a step's code; a sequence's is (time steps, latent_dim).
        beta: Weight of the divergence, not negative, or a schedule over training steps.
        units: Length of the memory h.
        cell: What moves it on, "lstm" or "gru".
        hidden: Widths of the layers that read a step, and backwards of those that write it; prior
            and posterior have one layer of the last width.
        likelihood: p(x_t | ...), of independent entries.
        condition: What is told of each sequence, at all of its steps.
        **trunk: See `LatentModel`.

    Reference:
        Chung et al. (2015), https://arxiv.org/abs/1506.02216, equations 5 to 11.

    Example:
        >>> import numpy as np
        >>> model = VRNN((5, 2), latent_dim=3, units=8, hidden=[4])
        >>> model.encode(np.zeros((2, 5, 2))).shape
        (2, 5, 3)
    """

    decoder: Any

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: Any = 1.0,
        units: int = 64,
        cell: Literal["lstm", "gru"] = "lstm",
        hidden: Sequence[int] = (64,),
        likelihood: Any = "gaussian",
        condition: Any = None,
        **trunk: Any,
    ) -> None:
        told, of = conditions.get(condition), likelihoods.get(likelihood)
        size = 0 if told is None else told.size
        width = hidden[-1] if hidden else units
        code = RecurrentGaussian(latent_dim, units, width, cell, size)
        super().__init__(
            input_shape,
            bottleneck=code,
            prior="standard_normal",
            objective=[Reconstruction(), KLDivergence(beta)],
            **step_by_step.networks(input_shape, hidden, code, of),
            likelihood=of,
            condition=told,
            **trunk,
        )

    def autoencode(self, batch: Batch, training: bool = False, sample: bool = False) -> Outputs:
        """Return one pass over the data's steps; a reconstruction is made of the code alone."""
        outputs = super().autoencode(batch, training, sample)
        if not sample:
            alone = self.decoded_tensor(outputs["latent"], batch.condition, training)
            outputs["reconstruction"] = self._data_units(alone)
        return outputs

    def decoded_of(self, outputs: Outputs, batch: Batch, training: bool = False) -> Tensor:
        """Return what is expected of each step after the data's own steps before it."""
        return self.decoder.get_layer("step_decoder").at(outputs)
