"""The divergence of a posterior from the prior."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.objectives.term import Term, Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class KLDivergence(Term):
    """The rate KL(q(z | x) || N(0, I)) of a diagonal Gaussian posterior, in closed form.

    Args:
        weight: The term's multiplier: beta.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, appendix B.
    """

    needs = ("mean", "log_var")
    scores = True

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="kl")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the divergence summed over the latent axes, `(batch,)`, nats."""
        mean = ops.cast(outputs["mean"], "float32")
        log_var = ops.cast(outputs["log_var"], "float32")
        return sum_event(diagonal_gaussian.kl_standard_normal(mean, log_var))
