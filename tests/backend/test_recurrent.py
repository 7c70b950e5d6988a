from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit

from keras_ae.backend.recurrent import LSTM, has_kernel

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


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="is about torch's kernel")
def test_its_gradients_are_those_of_kerass_loop() -> None:
    import torch

    layer = made(return_sequences=True)
    plain = keras.layers.LSTM(4, return_sequences=True)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights())
    found = []
    for one in (layer, plain):
        loss = (one(torch.from_numpy(X)) ** 2).sum()
        found.append(torch.autograd.grad(loss, [w.value for w in one.trainable_weights]))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_what_the_kernel_does_not_know_is_kerass() -> None:
    assert has_kernel(made()) == (keras.backend.backend() == "torch")
    for options in ({"dropout": 0.5}, {"activation": "relu"}, {"unroll": True}):
        assert not has_kernel(made(**options))
    assert not has_kernel(keras.layers.LSTM(4))


def test_half_precision_goes_kerass_way() -> None:
    layer = made(dtype="mixed_bfloat16")
    found = np.asarray(ops.convert_to_numpy(ops.cast(layer(X), "float32")))
    np.testing.assert_allclose(found, oracle(layer, X)[1], atol=0.05)
