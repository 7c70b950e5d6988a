"""The temperature of a relaxed discrete code: a number, or a schedule over training steps."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ae.backend.whole_batch import over_batch
from keras_ae.parts import Part, checked_positive, checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Cooling(LearningRateSchedule):
    """Falls from `start` to `end` by the same factor at each of so many steps, and stays there.

    Args:
        steps: B, training steps of the fall.
        start: T_0, positive.
        end: T_B, positive.

    Reference:
        Abid et al. (2019), https://arxiv.org/abs/1901.09346, section 3: T_0 (T_B / T_0)^(b / B).

    Example:
        >>> round(float(Cooling(10, start=10.0, end=0.1)(5)), 4)
        1.0
    """

    def __init__(self, steps: int, start: float = 10.0, end: float = 0.01) -> None:
        self.steps = checked_size("steps", steps)
        self.start, self.end = checked_positive("start", start), checked_positive("end", end)

    def __call__(self, step: Tensor) -> Tensor:
        """Return the temperature at a step, float32."""
        done = ops.clip(ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        return self.start * ops.exp(math.log(self.end / self.start) * done)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"steps": self.steps, "start": self.start, "end": self.end}


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
