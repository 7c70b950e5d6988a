"""The multiplier of a term: a number, a schedule over training steps, or a controller."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_ae.backend.whole_batch import over_batch
from keras_ae.parts import Part, checked_non_negative, checked_positive, checked_size, is_number
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class LinearWarmup(LearningRateSchedule):
    """Rises on a straight line from `start` to `end` over so many steps, and stays there.

    Args:
        steps: Training steps of the rise, after `delay` steps at `start`.
        start: Value at the first step.
        end: Value from then on.
        delay: Steps before the rise.

    Reference:
        Bowman et al. (2016), https://arxiv.org/abs/1511.06349, section 3.1;
        Sonderby et al. (2016), https://arxiv.org/abs/1602.02282, section 2.3.

    Example:
        >>> float(LinearWarmup(10)(5))
        0.5
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0, delay: int = 0) -> None:
        self.steps = checked_size("steps", steps)
        if isinstance(delay, bool) or not hasattr(delay, "__index__") or delay < 0:
            raise ValueError(
                "`delay` must be a whole number of steps that is not negative. "
                f"Received: delay={delay!r}"
            )
        self.delay = int(delay)
        self.start = checked_non_negative("start", start)
        self.end = checked_non_negative("end", end)

    def __call__(self, step: Tensor) -> Tensor:
        """Return the value at a step, float32."""
        done = (ops.cast(step, "float32") - self.delay) / self.steps
        return self.start + (self.end - self.start) * ops.clip(done, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"steps": self.steps, "start": self.start, "end": self.end, "delay": self.delay}


@keras.saving.register_keras_serializable("keras_ae.objectives")
class CyclicalWarmup(LearningRateSchedule):
    """Rises from `start` to `end` again and again: in each cycle a line, then a plateau.

    Args:
        cycle_steps: Training steps of a cycle.
        proportion: Share of a cycle in which the value rises: R of the paper, in (0, 1].
        cycles: Number of cycles, after which the value stays at `end`; without end when None.
        start: Value at the beginning of a cycle.
        end: Value of the plateau.

    Reference:
        Fu et al. (2019), https://arxiv.org/abs/1903.10145, equations 6 and 7.

    Example:
        >>> [float(CyclicalWarmup(10)(step)) for step in (0, 5, 9, 10)]
        [0.0, 1.0, 1.0, 0.0]
    """

    def __init__(
        self,
        cycle_steps: int,
        proportion: float = 0.5,
        cycles: int | None = None,
        start: float = 0.0,
        end: float = 1.0,
    ) -> None:
        self.cycle_steps = checked_size("cycle_steps", cycle_steps)
        if not is_number(proportion) or not 0.0 < proportion <= 1.0:
            raise ValueError(f"`proportion` must be in (0, 1]. Received: proportion={proportion!r}")
        self.proportion = float(proportion)
        self.cycles = None if cycles is None else checked_size("cycles", cycles)
        self.start = checked_non_negative("start", start)
        self.end = checked_non_negative("end", end)

    def __call__(self, step: Tensor) -> Tensor:
        """Return the value at a step, float32."""
        step = ops.cast(step, "int32")
        place = ops.cast(step % self.cycle_steps, "float32") / self.cycle_steps
        value = self.start + (self.end - self.start) * ops.minimum(place / self.proportion, 1.0)
        if self.cycles is None:
            return value
        return ops.where(step >= self.cycles * self.cycle_steps, self.end, value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        keys = ("cycle_steps", "proportion", "cycles", "start", "end")
        return {key: getattr(self, key) for key in keys}


@keras.saving.register_keras_serializable("keras_ae.objectives")
class ControlledWeight(Part):
    """A weight that a controller moves at every training step, to hold its term at a target.

    With the error e = target - value of the step before, the weight is
    K_p / (1 + exp(e)) - K_i sum e + least, within its bounds; the sum stands still while the
    weight is at one of them. It is part of the training step, so that it costs no callback.

    Args:
        target: The value to hold, nats.
        proportional: K_p, not negative.
        integral: K_i, not negative.
        least: Lower bound of the weight.
        most: Upper bound of the weight.
        start: The weight before the first step.

    Reference:
        Shao et al. (2020), https://arxiv.org/abs/2004.05988, equation 9 and algorithm 1.

    Example:
        >>> float(ControlledWeight(20.0).now())
        1.0
    """

    def __init__(
        self,
        target: float,
        proportional: float = 0.01,
        integral: float = 1e-4,
        least: float = 0.0,
        most: float = 1.0,
        start: float = 1.0,
    ) -> None:
        super().__init__()
        self.target = checked_positive("target", target)
        gains = {"proportional": proportional, "integral": integral, "least": least}
        for name, value in gains.items():
            checked_non_negative(name, value)
        if not (is_number(start) and is_number(most) and least <= start <= most):
            raise ValueError(
                "`start` must lie within `least` and `most`. "
                f"Received: least={least}, start={start!r}, most={most!r}"
            )
        self.proportional, self.integral = float(proportional), float(integral)
        self.least, self.most = float(least), float(most)
        state = {"shape": (), "dtype": "float32", "autocast": False, "trainable": False}
        begin = keras.initializers.Constant(start)
        self.weight = self.add_weight(initializer=begin, name="weight", **state)
        self.sum = self.add_weight(
            initializer=keras.initializers.Constant(start - least), name="sum", **state
        )
        self.built = True

    def now(self) -> Tensor:
        """Return the weight, float32."""
        return ops.convert_to_tensor(self.weight)

    def observe(self, value: Tensor, row_weight: Tensor | None = None) -> None:
        """Move the weight by the term's values of a batch, `(batch,)` or a scalar.

        Args:
            value: Before any weighting, nats.
            row_weight: Weight of each row in their mean, `(batch,)`; a scalar has none.
        """
        value = ops.stop_gradient(value)
        of_rows = row_weight is not None and len(value.shape)
        weights = row_weight if of_rows else ops.ones_like(value)
        over_batch(self._follow, [ops.sum(weights * value), ops.sum(weights)])

    def _follow(self, total: Tensor, count: Tensor) -> None:
        # A batch of rows without weight says nothing.
        seen = count > 0
        error = ops.where(seen, self.target - total / ops.where(seen, count, 1.0), 0.0)
        weight, before = (ops.convert_to_tensor(v) for v in (self.weight, self.sum))
        inside = ops.logical_and(weight > self.least, weight < self.most)
        # At a bound the sum moves only back, or it would have to be unwound later.
        back = ops.where(weight >= self.most, error > 0, error < 0)
        moved = ops.where(ops.logical_or(inside, back), before - self.integral * error, before)
        proportion = self.proportional * ops.sigmoid(-error)
        self.sum.assign(moved)
        follows = ops.clip(proportion + moved + self.least, self.least, self.most)
        self.weight.assign(ops.where(seen, follows, weight))


Weight: TypeAlias = "float | LearningRateSchedule | ControlledWeight"


def checked_weight(name: str, weight: Any) -> Weight:
    """Return a weight, numbers as floats.

    Raises:
        ValueError: It is no finite number that is not negative, no schedule and no controller.
    """
    if isinstance(weight, (LearningRateSchedule, ControlledWeight)):
        return weight
    if is_number(weight) and weight >= 0 and math.isfinite(weight):
        return float(weight)
    raise ValueError(
        f"`{name}` must be a finite number that is not negative, or a Keras schedule. "
        f"Received: {name}={weight!r}"
    )


def value_at(weight: Weight, step: Tensor) -> Tensor:
    """Return a weight at a training step, float32."""
    if isinstance(weight, ControlledWeight):
        return weight.now()
    if isinstance(weight, LearningRateSchedule):
        return ops.cast(weight(step), "float32")
    return ops.convert_to_tensor(weight, dtype="float32")
