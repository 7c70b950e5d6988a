"""Several optimizers that Keras treats as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras


@keras.saving.register_keras_serializable("keras_ae.backend")
class OptimizerGroup(keras.optimizers.Optimizer):
    """One optimizer for each phase of a training step.

    Its `variables` are those of all members, so that Keras's trainers carry their state and a
    saved model keeps it; its learning rate is that of all members.

    Args:
        optimizers: Phase -> optimizer.
        name: Name of the group.
    """

    def __init__(
        self, optimizers: Mapping[str, keras.optimizers.Optimizer], name: str = "optimizer_group"
    ) -> None:
        first = next(iter(optimizers.values()))
        super().__init__(learning_rate=float(first.learning_rate), name=name)
        self.optimizers = dict(optimizers)

    @classmethod
    def like(cls, optimizer: keras.optimizers.Optimizer, phases: Sequence[str]) -> Self:
        """Return a group of copies of one optimizer, without its state.

        Raises:
            ValueError: The optimizer scales its loss or averages its weights, which a group cannot.
        """
        if optimizer.use_ema:
            raise ValueError(
                "training in phases keeps no moving averages of weights: two phases move the same "
                "ones. Received: an optimizer with use_ema=True"
            )
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                "training in phases works in float32 and mixed_bfloat16. Received: the policy "
                "mixed_float16, whose loss is scaled. Use `alternate=False` with it."
            )
        config = optimizer.get_config()
        return cls({name: type(optimizer).from_config(dict(config)) for name in phases})

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state of every member, for all variables: a phase uses its own of them."""
        if self.built:
            return
        for optimizer in self.optimizers.values():
            optimizer.build(variables)
        self._trainable_variables = list(variables)
        self.built: bool = True

    @property
    def variables(self) -> list[Any]:
        """The group's own variables and those of its members."""
        # Keras tracks the weights that `build` was given as if they were the optimizer's own.
        weights = {id(v) for v in self._trainable_variables}
        own = [v for v in self._variables if id(v) not in weights]
        return own + [v for member in self.optimizers.values() for v in member.variables]

    @property
    def learning_rate(self) -> Any:
        """The members' learning rate, which may follow a schedule over their own steps."""
        members = getattr(self, "optimizers", None)
        if not members:  # while the group is being made
            return self._get_current_learning_rate()
        return next(iter(members.values())).learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        keras.optimizers.Optimizer.learning_rate.fset(self, value)
        for optimizer in self.optimizers.values():
            optimizer.learning_rate = value

    def apply_phase(self, name: str, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
        """Move the variables of one phase."""
        self.optimizers[name].apply(gradients, variables)

    def get_config(self) -> dict[str, Any]:
        """Return the members as plain data."""
        members = self.optimizers.items()
        serialized = {k: keras.saving.serialize_keras_object(v) for k, v in members}
        return {"optimizers": serialized, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make the group again from `get_config()`."""
        members = config["optimizers"].items()
        optimizers = {k: keras.saving.deserialize_keras_object(v) for k, v in members}
        return cls(optimizers, name=config["name"])
