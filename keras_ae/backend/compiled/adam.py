"""Adam's update in fewer operations than Keras's, with its result, on the optimizer's own state."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from typing import Any, Self

import keras
from keras import ops

from keras_ae.typing import Tensor

# Numbers of all weights up to which one long vector is faster than several short ones.
FLAT = 2**16


def is_adam(optimizer: Any, weights: list[Any]) -> bool:
    """Return whether moving these weights is Adam's update and nothing besides.

    Args:
        optimizer: A built optimizer.
        weights: The variables that it moves.
    """
    return (
        isinstance(optimizer, keras.optimizers.Adam)
        and type(optimizer).__name__ == "Adam"
        and type(optimizer).__module__.startswith("keras.")
        and not any(
            (
                optimizer.amsgrad,
                optimizer.weight_decay,
                optimizer.clipnorm,
                optimizer.clipvalue,
                optimizer.global_clipnorm,
                optimizer.use_ema,
                optimizer.gradient_accumulation_steps,
            )
        )
        and all(weight.constraint is None for weight in weights)
    )


class FusedAdam:
    """Adam by torch's fused kernel.

    Torch divides by sqrt(v / (1 - beta_2^t)) + epsilon, Keras and the paper's faster form by
    sqrt(v) + epsilon with the correction in the learning rate: torch's epsilon is therefore
    Keras's / sqrt(1 - beta_2^t), another at each step.

    Args:
        optimizer: A built optimizer for which `is_adam` holds.
        weights: The variables to move.

    Reference:
        Kingma and Ba (2015), https://arxiv.org/abs/1412.6980, section 2, last paragraph.
    """

    def __init__(self, optimizer: Any, weights: list[Any]) -> None:
        import torch

        self.optimizer = optimizer
        index = [optimizer._get_variable_index(weight) for weight in weights]
        self.tensors = [
            [weight.value for weight in weights],
            [optimizer._momentums[i].value for i in index],
            [optimizer._velocities[i].value for i in index],
        ]
        device = weights[0].value.device
        self.counts = [torch.zeros((), dtype=torch.float32, device=device)] * len(weights)

    def arguments(self, steps: int) -> tuple[list[Any], ...]:
        """Return what the kernel takes for the next steps, which are counted from now on.

        Returns:
            The weights, their first and second moments, the counts of steps before each step, and
            for each step the learning rate and epsilon; then both betas.
        """
        optimizer = self.optimizer
        done = int(optimizer.iterations.value)
        self.counts[0].fill_(done)
        optimizer.iterations.value.add_(steps)
        rate = optimizer._learning_rate
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            rates = [float(rate(step)) for step in range(done, done + steps)]
        else:
            rates = [float(rate)] * steps
        second = optimizer.beta_2
        epsilons = [
            optimizer.epsilon / (1.0 - second**step) ** 0.5
            for step in range(done + 1, done + steps + 1)
        ]
        return (*self.tensors, self.counts, rates, epsilons, [optimizer.beta_1, second])


class FlatAdam:
    """Adam with its moments as two vectors, in a loop of steps on JAX or TensorFlow.

    Keras's update is three loops over each weight; on small weights what counts is their number.

    Args:
        optimizer: A built optimizer for which `is_adam` holds.
        weights: The variables to move, of one type.
    """

    def __init__(self, optimizer: Any, weights: list[Any]) -> None:
        self.optimizer, self.weights = optimizer, weights
        index = [optimizer._get_variable_index(weight) for weight in weights]
        self.parts = [
            [optimizer._momentums[i] for i in index],
            [optimizer._velocities[i] for i in index],
        ]
        self.sizes = [math.prod(weight.shape) for weight in weights]
        self.moments: list[Tensor] = []

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """Return what moves a model's weights, None where Keras's own update is as fast."""
        weights = model.trainable_weights
        suits = (
            not model.phases
            and is_adam(model.optimizer, weights)
            and {weight.dtype for weight in weights} == {"float32"}
            and sum(math.prod(weight.shape) for weight in weights) <= FLAT
        )
        return cls(model.optimizer, weights) if suits else None

    def read(self) -> list[Tensor]:
        """Return the moments as vectors."""
        return [_flat(part) for part in self.parts]

    def write(self, moments: list[Tensor]) -> None:
        """Put the moments where the optimizer keeps them."""
        for variables, moment in zip(self.parts, moments, strict=True):
            for variable, value in zip(variables, self._split(moment), strict=True):
                variable.assign(value)

    @contextlib.contextmanager
    def standing_in(self, moments: list[Tensor]) -> Iterator[Self]:
        """Apply gradients in the optimizer's place; `self.moments` are the new ones then."""
        self.moments = moments
        self.optimizer.__dict__["apply"] = self._move
        try:
            yield self
        finally:
            del self.optimizer.__dict__["apply"]

    def _move(self, gradients: list[Tensor], weights: Any = None) -> None:
        optimizer = self.optimizer
        step = ops.cast(optimizer.iterations + 1, "float32")
        first, second = optimizer.beta_1, optimizer.beta_2
        rate = ops.cast(optimizer.learning_rate, "float32")
        rate = rate * ops.sqrt(1.0 - ops.power(second, step)) / (1.0 - ops.power(first, step))
        gradient = _flat(gradients)
        momentum, velocity = self.moments
        momentum = momentum + (gradient - momentum) * (1.0 - first)
        velocity = velocity + (ops.square(gradient) - velocity) * (1.0 - second)
        moves = rate * momentum / (ops.sqrt(velocity) + optimizer.epsilon)
        for weight, move in zip(self.weights, self._split(moves), strict=True):
            weight.assign(weight - move)
        self.moments = [momentum, velocity]
        optimizer.iterations.assign_add(1)

    def _split(self, vector: Tensor) -> list[Tensor]:
        ends = [*itertools.accumulate(self.sizes)]
        return [
            ops.reshape(vector[end - size : end], weight.shape)
            for weight, size, end in zip(self.weights, self.sizes, ends, strict=True)
        ]


def _flat(tensors: list[Any]) -> Tensor:
    return ops.concatenate([ops.reshape(tensor, (-1,)) for tensor in tensors])
