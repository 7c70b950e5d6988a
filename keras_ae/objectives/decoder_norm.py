"""The size of a decoder's weights."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class DecoderNorm(Term):
    """The squared length of the decoder's weights, biases included: |theta|^2.

    Args:
        weight: The term's multiplier: lambda.

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, section 3.1: L_REG of RAE-L2.
    """

    of_batch = True

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return |theta|^2, a scalar."""
        weights = [ops.cast(v.value, "float32") for v in model.decoder.trainable_variables]
        total: Tensor = ops.zeros((), "float32")
        for weight in weights:
            total = total + ops.sum(ops.square(weight))
        return total
