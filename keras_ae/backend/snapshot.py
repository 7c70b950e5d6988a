"""What variables hold at a moment, kept outside of any training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


class Snapshot:
    """A copy of the values of variables, in the host's memory.

    Args:
        variables: The variables.
    """

    def __init__(self, variables: list[Any]) -> None:
        self.variables = variables
        self.values = [_copy(variable) for variable in variables]

    def restore(self) -> None:
        """Give the variables the values that they had."""
        for variable, value in zip(self.variables, self.values, strict=True):
            variable.assign(value)


def _copy(variable: Any) -> Any:
    # Keras's way takes 30 microseconds for each variable: a tenth of a small model's epoch.
    value = variable.value
    match keras.backend.backend():
        case "torch":
            return value.detach().to("cpu", copy=True)
        case "tensorflow":
            import tensorflow as tf

            if isinstance(value, tf.distribute.DistributedValues):
                return ops.convert_to_numpy(variable).copy()
            value = tf.raw_ops.ReadVariableOp(resource=value.handle, dtype=value.dtype)
            return value.numpy().copy()
        case _:
            return np.array(value)
