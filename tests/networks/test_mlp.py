from __future__ import annotations

import numpy as np
from keras import ops

from keras_ae.networks import mlp

RNG = np.random.default_rng(0)


def relu_stack(x: np.ndarray, weights: list[np.ndarray], last_is_linear: bool) -> np.ndarray:
    h = x.reshape(len(x), -1)
    for i in range(0, len(weights), 2):
        h = h @ weights[i] + weights[i + 1]
        if not (last_is_linear and i == len(weights) - 2):
            h = np.maximum(h, 0)
    return h


def filled(model: object, scale: float = 0.3) -> list[np.ndarray]:
    weights = [RNG.normal(scale=scale, size=w.shape) for w in model.get_weights()]  # type: ignore[attr-defined]
    model.set_weights(weights)  # type: ignore[attr-defined]
    return weights


def test_an_encoder_is_the_stack_written_in_numpy() -> None:
    encoder = mlp.encoder((3, 4, 2), hidden=[7, 5])
    weights = filled(encoder)
    x = RNG.normal(size=(6, 3, 4, 2)).astype("float32")
    got = ops.convert_to_numpy(encoder(x))
    np.testing.assert_allclose(got, relu_stack(x, weights, False), rtol=1e-4, atol=1e-5)


def test_a_decoder_mirrors_the_widths_and_ends_linear() -> None:
    decoder = mlp.decoder((2,), (3, 4), hidden=[7, 5])
    assert [w.shape for w in decoder.weights[::2]] == [(2, 5), (5, 7), (7, 12)]
    weights = filled(decoder)
    z = RNG.normal(size=(6, 2)).astype("float32")
    wanted = relu_stack(z, weights, True).reshape(6, 3, 4)
    np.testing.assert_allclose(ops.convert_to_numpy(decoder(z)), wanted, rtol=1e-4, atol=1e-5)
    assert wanted.min() < 0


def test_without_hidden_layers_the_features_are_the_input() -> None:
    x = RNG.normal(size=(2, 3, 4)).astype("float32")
    got = ops.convert_to_numpy(mlp.encoder((3, 4), hidden=[])(x))
    np.testing.assert_array_equal(got, x.reshape(2, 12))
