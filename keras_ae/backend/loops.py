"""Loops of a fixed number of steps, each one piece of a program where the backend has loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_ae.typing import Tensor

State = tuple[Tensor, ...]


def repeat(times: int, body: Callable[[Any, State], State], state: State) -> State:
    """Return the state after `times` steps, of which each is `state = body(i, state)`.

    The body is traced once on JAX, in TensorFlow's graphs and in what torch exports, however often
    it runs; torch has no loop that autograd knows, and its programs of a training hold one step
    after another. Gradients pass backwards through the loop on every backend.

    Args:
        times: Number of steps, known when the program is made.
        body: Takes the number of the step, from 0 on (a whole number or an int32 scalar), and the
            state; gives the next state, with tensors of the same shapes and dtypes.
        state: Tensors.
    """
    state = tuple(map(keras.ops.convert_to_tensor, state))
    # Not a `match`, which TensorFlow's AutoGraph cannot read, and says so.
    if keras.backend.backend() == "jax":
        import jax

        return jax.lax.fori_loop(0, times, lambda i, now: tuple(body(i, now)), state)
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_loop(times, body, state)
    return _torch_loop(times, body, state)


def _tensorflow_loop(times: int, body: Callable[[Any, State], State], state: State) -> State:
    import tensorflow as tf

    def goes_on(i: Tensor, now: State) -> Tensor:
        return i < times

    def step(i: Tensor, now: State) -> tuple[Tensor, State]:
        return i + 1, tuple(body(i, now))

    # XLA differentiates no loop without a bound.
    _, last = tf.while_loop(goes_on, step, (tf.constant(0), state), maximum_iterations=times)
    return tuple(last)


def _torch_loop(times: int, body: Callable[[Any, State], State], state: State) -> State:
    import torch

    if torch.compiler.is_exporting():
        from keras_ae.backend.loop_on_torch import exported_loop

        return exported_loop(times, body, state)
    for i in range(times):
        state = tuple(body(i, state))
    return state
