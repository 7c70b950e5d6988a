"""The reconstruction term."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Reconstruction(Term):
    """The distortion -log p(x | z) under the model's likelihood, of observed entries only.

    Under `Gaussian(1.0)` this is half the squared error plus 0.5 log(2 pi) for each number.

    Args:
        weight: The term's multiplier.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 3, second term.
    """

    scores = True

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="reconstruction")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return -log p(target | z), `(batch,)`, nats."""
        return -model.likelihood.at_a_draw(
            outputs["decoded"], batch.target, batch.mask, training, batch.weight
        )[0]

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return -log p(target | z) without draws, `(batch,)`, nats."""
        return -model.likelihood.log_prob(outputs["decoded"], batch.target, batch.mask)
