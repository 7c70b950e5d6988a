from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.gradients import gradient_of
from keras_ae.backend.recurrent import written_out
from keras_ae.networks import decoder
from tests.gradients import gradient

Z = np.array([[0.5, -1.0], [2.0, 0.25], [1.5, 0.75]], "float32")
BACKEND = keras.backend.backend()


def programmed(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function as a program, on TensorFlow for any number of rows."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, input_signature=[tf.TensorSpec((None, 2), tf.float32)])
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return function


def under_xla(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if BACKEND != "tensorflow":
        return programmed(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


WAYS = {"at once": lambda f: f, "as a program": programmed, "under XLA": under_xla}


def quartic(z: Any) -> Any:
    """Return (z_0^2 z_1)^2 of each row."""
    return ops.square(ops.square(z[:, 0]) * z[:, 1])


def quartic_gradient(z: np.ndarray) -> np.ndarray:
    return np.stack([4 * z[:, 0] ** 3 * z[:, 1] ** 2, 2 * z[:, 0] ** 4 * z[:, 1]], axis=1)


def network(kind: str) -> Any:
    """Return a decoder without kinks, and a shape of what it gives."""
    keras.utils.set_random_seed(1)
    shapes = {"mlp": (5,), "conv": (4, 4, 1), "recurrent": (3, 2)}
    options: Any = {} if kind == "recurrent" else {"activation": "tanh"}
    model = decoder(kind, (2,), shapes[kind], [4], **options)
    for weight in model.weights:
        weight.assign(np.random.default_rng(2).normal(size=weight.shape))
    return model


def squares_of(model: Any) -> Callable[[Any], Any]:
    def squares(z: Any) -> Any:
        decoded = model(z, training=False)
        return ops.sum(ops.reshape(ops.square(decoded), (ops.shape(z)[0], -1)), axis=1)

    return squares


def slopes(function: Callable[[Any], Any], z: np.ndarray, width: float) -> np.ndarray:
    """Return central differences of a function to a number."""

    def value(z: np.ndarray) -> float:
        return float(ops.convert_to_numpy(function(ops.convert_to_tensor(z))))

    found = np.zeros(z.shape)
    for place in np.ndindex(*z.shape):
        step = np.zeros_like(z)
        step[place] = width
        found[place] = (value(z + step) - value(z - step)) / (2 * width)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_it_is_the_gradient_of_each_row(way: str) -> None:
    found = WAYS[way](lambda z: gradient_of(quartic, z))(ops.convert_to_tensor(Z))
    np.testing.assert_allclose(ops.convert_to_numpy(found), quartic_gradient(Z), rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_it_can_be_differentiated_again(way: str) -> None:
    direction = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 1.0]], "float32")
    run = WAYS[way](lambda z: gradient_of(quartic, z) * ops.convert_to_tensor(direction))
    found = gradient(lambda z: ops.sum(run(z)), Z)
    a, b = Z.astype("float64").T
    first = np.stack([12 * a**2 * b**2, 8 * a**3 * b], axis=1)  # of the Hessian's two rows
    second = np.stack([8 * a**3 * b, 2 * a**4], axis=1)
    wanted = direction[:, :1] * first + direction[:, 1:] * second
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("kind", ["mlp", "conv", "recurrent"])
def test_it_is_the_slope_of_a_network_and_so_is_its_own_gradient(kind: str) -> None:
    squares = squares_of(network(kind))
    total = programmed(lambda z: ops.sum(squares(z)))

    def length(z: Any) -> Any:
        with written_out():
            return ops.sum(ops.square(gradient_of(squares, z)))

    run = programmed(length)
    for function, found in (
        (total, gradient_of(total, ops.convert_to_tensor(Z))),
        (run, gradient(run, Z)),
    ):
        wanted = slopes(function, Z, 1e-2)
        near = 3e-2 * np.abs(wanted).max()
        np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=3e-2, atol=near)


def test_the_weights_are_given_their_gradient() -> None:
    """Of f(z) = (w z_0)^2 the gradient is 2 w^2 z_0, that by w 4 w z_0."""

    def loss(w: Any) -> Any:
        return ops.sum(gradient_of(lambda z: ops.square(w * z[:, 0]), Z))

    found = gradient(loss, np.array(3.0, "float32"))
    np.testing.assert_allclose(found, 4 * 3.0 * Z[:, 0].sum(), rtol=1e-6)


def test_what_does_not_depend_on_its_argument_has_none() -> None:
    found = gradient_of(lambda z: ops.ones((3,), "float32"), Z)
    np.testing.assert_array_equal(ops.convert_to_numpy(found), np.zeros_like(Z))


@pytest.mark.skipif(BACKEND != "torch", reason="has torch's modes")
def test_it_is_there_where_no_gradients_are_kept() -> None:
    import torch

    z = torch.tensor(Z)
    with torch.no_grad():
        found = gradient_of(quartic, z)
    assert not found.requires_grad
    assert not z.requires_grad
    np.testing.assert_allclose(found.numpy(), quartic_gradient(Z), rtol=1e-5)
    leaf = torch.tensor(Z, requires_grad=True)
    with torch.no_grad():
        assert not gradient_of(quartic, leaf).requires_grad
    assert gradient_of(quartic, leaf).requires_grad
    assert leaf.grad is None
