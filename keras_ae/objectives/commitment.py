"""The commitment of an encoder to the codes it was given."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import sum_event
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Commitment(Term):
    """The squared distance of the features from their codes: |z_e - sg(e)|^2.

    Summed over all code vectors of an example, as the reconstruction is summed over all its
    numbers, so that the balance does not depend on either size.

    Args:
        weight: The term's multiplier: beta, 0.25 in the paper.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, equation 3, third term.
    """

    needs = ("pre_quantized", "quantized")

    def __init__(self, weight: Weight = 0.25) -> None:
        super().__init__(weight, name="commitment")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the squared distance, `(batch,)`."""
        codes = ops.stop_gradient(outputs["quantized"])
        return sum_event(ops.square(outputs["pre_quantized"] - codes))
