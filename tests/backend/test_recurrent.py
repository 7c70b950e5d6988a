from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit

from keras_ae.backend.recurrent import GRU, LSTM, has_kernel, written_out

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 2)).astype("float32")


def made(**options: Any) -> LSTM:
    layer = LSTM(4, **options)
    layer.build(X.shape)
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def oracle(layer: LSTM, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (h of each step, last h, last c): Hochreiter's cell with a forget gate."""
    kernel, recurrent, *rest = layer.get_weights()
    bias = rest[0] if rest else 0.0
    h = c = np.zeros((len(x), 4))
    outputs = []
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1), h, c


@pytest.mark.parametrize("use_bias", [True, False])
def test_it_computes_an_lstm(use_bias: bool) -> None:
    layer = made(return_sequences=True, return_state=True, use_bias=use_bias)
    for found, wanted in zip(layer(X), oracle(layer, X), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-5, atol=1e-6)


def test_it_reads_backwards_and_gives_the_last_state_alone() -> None:
    layer = made(go_backwards=True)
    wanted = oracle(layer, X[:, ::-1])[1]
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X)), wanted, rtol=1e-5, atol=1e-6)


def test_masked_steps_change_nothing() -> None:
    layer = made()
    mask = np.array([[True] * 3 + [False] * 2] * 3)
    found = ops.convert_to_numpy(layer(X, mask=mask))
    np.testing.assert_allclose(found, oracle(layer, X[:, :3])[1], rtol=1e-5, atol=1e-6)


def compiled(function: Any) -> Any:
    """Return a function as a training step has it: traced."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    import jax

    return jax.jit(function)


def gradients(layer: Any, x: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of a loss of all outputs and both last states, by x first."""

    def loss(x: Any) -> Any:
        outputs, hidden, carry = layer(x)
        return ops.sum(outputs**2) + ops.sum(ops.sin(hidden)) + ops.sum(carry**3)

    weights = [w.value for w in layer.trainable_weights]
    if keras.backend.backend() == "torch":
        import torch

        given = torch.from_numpy(x).requires_grad_()
        return [g.numpy() for g in torch.autograd.grad(loss(given), [given, *weights])]
    if keras.backend.backend() == "jax":
        import jax

        def of_weights(x: Any, weights: Any) -> Any:
            values = zip(layer.trainable_weights, weights, strict=True)
            with keras.StatelessScope(state_mapping=list(values)):
                return loss(x)

        return [np.asarray(g) for g in jax.tree.leaves(jax.grad(of_weights, (0, 1))(x, weights))]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        given = tf.constant(x)
        tape.watch(given)
        value = loss(given)
    return [g.numpy() for g in tape.gradient(value, [given, *weights])]


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"go_backwards": True}])
def test_its_gradients_are_those_of_kerass_loop(options: dict[str, Any]) -> None:
    layer = made(return_sequences=True, return_state=True, **options)
    plain = keras.layers.LSTM(4, return_sequences=True, return_state=True, **options)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights())
    for a, b in zip(gradients(layer, X), gradients(plain, X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_written_out_knows_their_derivatives(kind: Any) -> None:
    layer = kind(4, return_sequences=True)
    layer.build(X.shape)
    direction = RNG.normal(size=X.shape).astype("float32")

    def moved(x: Any, v: Any) -> Any:
        with written_out():
            return ops.jvp(layer, (x,), (v,))[1]

    function = moved if keras.backend.backend() == "torch" else compiled(moved)
    found = function(*map(ops.convert_to_tensor, (X, direction)))
    step = 1e-2
    after, before = (ops.convert_to_numpy(layer(X + e * direction)) for e in (step, -step))
    wanted = (after - before) / (2 * step)
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-2, atol=1e-3)
    assert not layer.unroll


def test_what_the_kernel_does_not_know_is_kerass() -> None:
    assert has_kernel(made())
    for options in ({"dropout": 0.5}, {"activation": "relu"}, {"unroll": True}):
        assert not has_kernel(made(**options))
    assert not has_kernel(keras.layers.LSTM(4))


def test_half_precision_goes_kerass_way() -> None:
    layer = made(dtype="mixed_bfloat16")
    found = np.asarray(ops.convert_to_numpy(ops.cast(layer(X), "float32")))
    np.testing.assert_allclose(found, oracle(layer, X)[1], atol=0.05)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="is about XLA")
def test_xla_is_not_asked_for_the_kernel() -> None:
    model = keras.Sequential([keras.Input((5, 2)), LSTM(4)])
    with pytest.warns(UserWarning, match="jit_compile"):
        model.compile("sgd", "mse", jit_compile=True)
    assert model.predict(X, verbose=0).shape == (3, 4)
    assert LSTM(4, unroll=True).supports_jit
