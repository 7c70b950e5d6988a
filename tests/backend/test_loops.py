from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.loops import repeat
from tests.gradients import gradient

X = np.array([[0.5, -1.0], [2.0, 0.25], [1.5, 0.0]], "float32")


def programmed(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function as a program for any number of rows."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        rows = tf.TensorSpec((None, 2), tf.float32)
        return tf.function(function, input_signature=[rows])
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def powers(x: Any) -> Any:
    """Return x^(2^3) + 0 + 1 + 2."""

    def body(i: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        power, total = state
        return ops.square(power), total + ops.cast(i, "float32")

    power, total = repeat(3, body, (x, ops.zeros_like(x)))
    return power + total


@pytest.mark.parametrize("way", [lambda f: f, programmed], ids=["at once", "as a program"])
def test_a_step_is_given_its_number_and_the_state(way: Callable[[Any], Any]) -> None:
    found = ops.convert_to_numpy(way(powers)(X))
    np.testing.assert_allclose(found, X**8 + 3.0, rtol=1e-6)


def test_no_step_leaves_the_state() -> None:
    (found,) = repeat(0, lambda i, state: (state[0] + 1.0,), (X,))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), X)


@pytest.mark.parametrize("way", [lambda f: f, programmed], ids=["at once", "as a program"])
def test_gradients_pass_through(way: Callable[[Any], Any]) -> None:
    found = gradient(lambda x: ops.sum(way(powers)(x)), X)
    np.testing.assert_allclose(found, 8.0 * X**7, rtol=1e-6)


def test_a_loop_may_hold_another() -> None:
    def outer(_: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        (y,) = repeat(2, lambda _, now: (2.0 * now[0],), state)
        return (y + 1.0,)

    def nested(x: Any) -> Any:
        return repeat(3, outer, (x,))[0]

    np.testing.assert_allclose(ops.convert_to_numpy(programmed(nested)(X)), 64.0 * X + 21.0)
    found = gradient(lambda x: ops.sum(programmed(nested)(x)), X)
    np.testing.assert_allclose(found, np.full_like(X, 64.0))


def test_what_a_body_takes_from_around_it_is_given_its_gradient() -> None:
    layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="identity")
    layer.build((None, 2))

    def loss(scale: Any) -> Any:
        def body(_: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
            return (scale * layer(state[0]),)

        return ops.sum(repeat(2, body, (ops.convert_to_tensor(X),))[0])

    # A sum over entries of scale^2 x.
    found = gradient(loss, np.array(3.0, "float32"))
    np.testing.assert_allclose(found, 6.0 * X.sum(), rtol=1e-6)


def test_a_body_is_traced_once_where_programs_hold_loops() -> None:
    calls = []

    def counted(i: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        calls.append(i)
        return (state[0] + 1.0,)

    def many(x: Any) -> Any:
        return repeat(50, counted, (x,))[0]

    np.testing.assert_allclose(ops.convert_to_numpy(programmed(many)(X)), X + 50.0)
    if keras.backend.backend() == "torch":
        assert calls == list(range(50))
    else:
        assert len(calls) < 5
