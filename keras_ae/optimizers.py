"""Optimizers around others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_ae.backend.distributed import sum_over_replicas
from keras_ae.parts import is_number
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae")
class SkipSteps(keras.optimizers.Optimizer):
    """Leaves out steps whose gradient is not finite, or longer than a threshold.

    One batch in thousands can have a gradient that undoes what was learned, as those of deep
    hierarchies do. A step that is left out moves no weight and no state of the optimizer; `skipped`
    counts them. The loss of a batch that is not finite is left out of the epoch's mean then, and
    training goes on, until an epoch has no other.

    Args:
        optimizer: What takes the other steps: an optimizer, or the name of one.
        threshold: Greatest length of the gradient of all weights, in the loss's units: nats of an
            example, of this package's models. None for any that is finite.
        name: Name of the optimizer.

    Raises:
        ValueError: The threshold is not positive, or the optimizer scales its loss.

    Reference:
        Child (2021), https://arxiv.org/abs/2011.10650, whose code leaves such steps out.

    Example:
        >>> import keras_ae
        >>> model = keras_ae.create("hierarchical_vae", input_shape=(8, 8, 1))
        >>> model.compile(SkipSteps(keras.optimizers.Adam(1e-3, clipnorm=200.0), threshold=1e4))
    """

    def __init__(
        self, optimizer: Any, threshold: float | None = None, name: str = "skip_steps"
    ) -> None:
        inner = keras.optimizers.get(optimizer)
        if isinstance(inner, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                "a LossScaleOptimizer goes around `SkipSteps`, as Keras puts it under "
                "mixed_float16. Received: one inside"
            )
        if threshold is not None and (not is_number(threshold) or not threshold > 0):
            raise ValueError(f"`threshold` must be positive. Received: threshold={threshold!r}")
        super().__init__(learning_rate=0.0, name=name)
        self.optimizer = inner
        self.threshold = None if threshold is None else float(threshold)

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state of the optimizer, and the count."""
        if self.built:
            return
        self.optimizer.build(variables)
        self.skipped = self.add_variable((), initializer="zeros", dtype="int", name="skipped")
        self._trainable_variables = list(variables)
        self.built: bool = True

    @property
    def variables(self) -> list[Any]:
        """The count, and the state of the optimizer inside."""
        # Keras tracks the weights that `build` was given as if they were the optimizer's own.
        weights = {id(v) for v in self._trainable_variables}
        own = [v for v in self._variables if id(v) not in weights]
        return own + list(self.optimizer.variables)

    @property
    def iterations(self) -> Any:
        """Steps that were taken."""
        return self.optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """That of the optimizer inside."""
        inner = getattr(self, "optimizer", None)
        return self._get_current_learning_rate() if inner is None else inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.optimizer.learning_rate = value

    def apply(
        self, gradients: Sequence[Tensor | None], trainable_variables: Sequence[Any] | None = None
    ) -> None:
        """Move the variables, or leave them and the optimizer as they were."""
        weights = list(trainable_variables or self._trainable_variables)
        self.build(weights)
        length = ops.sqrt(
            sum(ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients if g is not None)
        )
        # Of replicas each has its share, whose lengths add up to the whole's at least.
        length = sum_over_replicas(length)
        taken = ops.isfinite(length)
        if self.threshold is not None:
            taken = ops.logical_and(taken, length <= self.threshold)
        state = [*weights, *self.optimizer.variables]
        # Copies: on torch an optimizer moves weights where they are.
        before = [ops.copy(ops.convert_to_tensor(v)) for v in state]
        self.optimizer.apply(
            [None if g is None else ops.where(taken, g, ops.zeros_like(g)) for g in gradients],
            weights,
        )
        for variable, old in zip(state, before, strict=True):
            variable.assign(ops.where(taken, ops.convert_to_tensor(variable), old))
        self.skipped.assign_add(1 - ops.cast(taken, self.skipped.dtype))

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Let the optimizer inside end its averages."""
        self.optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain data."""
        inner = keras.saving.serialize_keras_object(self.optimizer)
        return {"optimizer": inner, "threshold": self.threshold, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make the optimizer again from `get_config()`."""
        inner = keras.saving.deserialize_keras_object(config["optimizer"])
        return cls(**{**config, "optimizer": inner})


def skips_steps(optimizer: Any) -> bool:
    """Return whether an optimizer, or one that it consists of, leaves steps out."""
    return any(isinstance(one, SkipSteps) for one in _members(optimizer))


def steps_taken(optimizer: Any) -> int:
    """Return how many steps an optimizer took, those of all that it consists of."""
    # Of replicas' copies of the count one tensor is made.
    return sum(int(ops.convert_to_numpy(one.iterations)) for one in _members(optimizer))


def _members(optimizer: Any) -> list[Any]:
    """Return the optimizers of a group's phases, or the one, without what scales its loss."""
    group = getattr(optimizer, "optimizers", None)
    if group is not None:
        return list(group.values())
    return [getattr(optimizer, "inner_optimizer", optimizer)]
