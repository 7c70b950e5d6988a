"""What every term of an objective promises."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, TypeAlias

from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ae.parts import Part, is_number
from keras_ae.typing import Batch, Outputs, Tensor

Weight: TypeAlias = "float | LearningRateSchedule"


class Term(Part):
    """One summand of the objective: weight(step) * mean over the batch of `value(...)`.

    A term that holds state (a critic) makes it in `attach`. It receives the model as an argument
    and never keeps it.

    Args:
        weight: The term's multiplier: a number that is not negative, or a Keras schedule over the
            model's own step counter (a linear warm-up is `PolynomialDecay(0.0, steps, 1.0)`).
        name: The name under which the term is logged.
    """

    needs: tuple[str, ...] = ()
    """The keys that the bottleneck must report."""

    scores: bool = False
    """Whether the term belongs to the anomaly score of an example."""

    def __init__(self, weight: Weight = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if isinstance(weight, LearningRateSchedule):
            self.weight: Weight = weight
        elif is_number(weight) and weight >= 0 and math.isfinite(weight):
            self.weight = float(weight)
        else:
            raise ValueError(
                "`weight` must be a finite number that is not negative, or a Keras schedule. "
                f"Received: weight={weight!r}"
            )
        self.built = True

    def attach(self, model: Any) -> None:
        """Make the state that depends on the model's shapes; nothing by default."""

    def weight_at(self, step: Tensor) -> Tensor:
        """Return the multiplier at this training step, float32."""
        if isinstance(self.weight, LearningRateSchedule):
            return ops.cast(self.weight(step), "float32")
        return ops.convert_to_tensor(self.weight, dtype="float32")

    @abstractmethod
    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return nats per example, `(batch,)`, or a scalar for a property of the whole batch."""
