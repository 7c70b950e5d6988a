"""What a training on JAX holds: the state that Keras's trainer carries, and the data."""

from __future__ import annotations

import itertools
from typing import Any

import keras


def groups(model: Any) -> list[list[Any]]:
    """Return the variables that a training moves, in the order of its state."""
    return [
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    ]


def scope(model: Any, state: Any) -> keras.StatelessScope:
    """Return where a model's variables have the values of a state."""
    values = zip(itertools.chain(*groups(model)), itertools.chain(*state), strict=True)
    return keras.StatelessScope(state_mapping=list(values))


def values_in(inner: keras.StatelessScope, model: Any) -> Any:
    """Return the state of the values that a model's variables have in a scope."""
    return tuple([*map(inner.get_current_value, group)] for group in groups(model))


def resident(array: Any) -> Any:
    """Return an array on the device; of a CPU's, one that may share its memory.

    JAX takes memory that begins at a multiple of 64 bytes as it is, and copies any other once;
    `jax.numpy.asarray` would copy twice.
    """
    import jax

    return jax.device_put(array)
