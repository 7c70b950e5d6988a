"""A function applied to one step of sequences after another, with a state that it hands on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_ae.backend.recurrent import is_written_out
from keras_ae.typing import Tensor

Step = Callable[[Any, Any], tuple[Any, Any]]


def scan(function: Step, state: Any, sequences: Any, last: bool = False) -> Any:
    """Return what a function makes of each step, `(batch, time, ...)` each, or the last state.

    It is a loop of the compiled program on JAX and TensorFlow, whose gradients are known; as many
    calls as there are steps on PyTorch, and where networks are to be of elementary operations.

    Args:
        function: (state, step) -> (next state, outputs), of tensors or structures of them. States
            keep their shapes and dtypes.
        state: What the first step is given.
        sequences: A structure of tensors `(batch, time, ...)`, of a known number of steps.
        last: Whether to return the state after the last step instead of the outputs.
    """
    first = keras.tree.map_structure(lambda x: keras.ops.swapaxes(x, 0, 1), sequences)
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        state, outputs = jax.lax.scan(function, state, first)
    elif backend == "tensorflow" and not is_written_out():
        state, outputs = _tensorflow_scan(function, state, first)
    else:
        state, outputs = _one_by_one(function, state, first)
    if last:
        return state
    return keras.tree.map_structure(lambda x: keras.ops.swapaxes(x, 0, 1), outputs)


def _one_by_one(function: Step, state: Any, first: Any) -> Any:
    found = []
    for t in range(keras.tree.flatten(first)[0].shape[0]):
        state, outputs = function(state, keras.tree.map_structure(lambda x, t=t: x[t], first))
        found.append(outputs)
    return state, keras.tree.map_structure(lambda *parts: keras.ops.stack(parts), *found)


def _tensorflow_scan(function: Step, state: Any, first: Any) -> Any:
    import tensorflow as tf

    steps = keras.tree.flatten(first)[0].shape[0]
    given = keras.tree.map_structure(
        lambda x: tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x), first
    )
    # The first step stands before the loop: it tells what the outputs are.
    state, outputs = function(state, keras.tree.map_structure(lambda x: x[0], first))
    made = keras.tree.map_structure(
        lambda y: tf.TensorArray(y.dtype, steps, element_shape=y.shape).write(0, y), outputs
    )

    def body(t: Tensor, state: Any, made: Any) -> Any:
        state, outputs = function(state, keras.tree.map_structure(lambda x: x.read(t), given))
        return t + 1, state, keras.tree.map_structure(lambda a, y: a.write(t, y), made, outputs)

    _, state, made = tf.while_loop(
        lambda t, *_: t < steps, body, (tf.constant(1), state, made), maximum_iterations=steps - 1
    )
    return state, keras.tree.map_structure(lambda array: array.stack(), made)
