"""The temperature of a relaxed discrete code: a number, or a schedule over training steps."""

from __future__ import annotations

from typing import TypeAlias

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ae.backend.whole_batch import over_batch
from keras_ae.parts import Part, checked_positive
from keras_ae.typing import Tensor

Degrees: TypeAlias = "float | LearningRateSchedule"


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Temperature(Part):
    """How far a relaxed draw may be from a discrete one; small is near, with large gradients.

    Args:
        value: A positive number, or a Keras schedule over the steps of training.
    """

    def __init__(self, value: Degrees = 1.0) -> None:
        super().__init__()
        is_schedule = isinstance(value, LearningRateSchedule)
        self.value = value if is_schedule else checked_positive("temperature", value)
        if is_schedule:
            self.steps = self.add_weight(
                shape=(), dtype="int32", trainable=False, initializer="zeros", name="steps"
            )
        self.built = True

    def call(self, training: bool = False) -> Tensor:
        """Return the temperature now, float32; a step of training counts."""
        if not isinstance(self.value, LearningRateSchedule):
            return ops.convert_to_tensor(self.value, dtype="float32")
        now = ops.cast(self.value(self.steps), "float32")
        if training:
            over_batch(self._count, [])
        return now

    def _count(self) -> None:
        self.steps.assign_add(1)
