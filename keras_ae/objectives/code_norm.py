"""The size of the codes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import sum_event
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class CodeNorm(Term):
    """Half the squared length of the code: |z|^2 / 2, so that codes stay within bounds.

    Args:
        weight: The term's multiplier: beta.

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, section 3: L_Z^RAE.
    """

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return |z|^2 / 2, `(batch,)`."""
        return 0.5 * sum_event(ops.square(ops.cast(outputs["latent"], "float32")))
