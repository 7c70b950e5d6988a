"""How far codes are from the centres of their clusters."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class ClusterDistance(Term):
    """|z - mu|^2 / 2 for the centre mu of the cluster that a code belongs to, held fixed.

    In training the bottleneck counts the codes in their clusters, by the weights of their rows.

    Args:
        weight: The term's multiplier.

    Reference:
        Yang et al. (2017), https://arxiv.org/abs/1610.04794, equation 5, its second sum over
        lambda.
    """

    needs = ("shares", "centre")

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return half the squared distance, `(batch,)`."""
        if training:
            model.bottleneck.count(outputs["latent"], outputs["shares"], batch.weight)
        away = outputs["latent"] - ops.stop_gradient(outputs["centre"])
        return 0.5 * ops.sum(ops.square(away), axis=-1)
