"""What a quantizer costs."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.callbacks import CodeUsage
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Quantization(Term):
    """The quantizer's own loss: commitment, what moves its codes, entropies, a rate.

    Summed over all vectors of an example, as the reconstruction is summed over all its numbers, so
    that the balance does not depend on either size. Beside it training and `evaluate` log how the
    codes were used, over the whole epoch: see `CodeUsage`.

    Args:
        weight: The term's multiplier.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, equation 3, for a codebook;
        each quantizer says its own.
    """

    needs = ("loss", "indices", "signal", "errors")

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="quantization")

    def attach(self, model: Any) -> None:
        """Make the counts of the codes, and learn whether the loss is the whole batch's."""
        self.of_batch = model.bottleneck.of_batch
        self.usage = CodeUsage(model.bottleneck.sizes, model.bottleneck.stages)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the loss of each example, `(batch,)`, and count the codes."""
        self.usage.update_state(*(outputs[name] for name in ("indices", "signal", "errors")))
        return outputs["loss"]
