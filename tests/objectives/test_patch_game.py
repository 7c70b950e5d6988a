"""Games over patches."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.signal import correlate2d

import keras_ae
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import PatchGame, Reconstruction
from tests.gradients import weight_gradients

RNG = np.random.default_rng(0)
X = RNG.random((4, 5, 5, 1)).astype("f4")


def made(adaptive: bool = True, last: Any = None) -> Any:
    """A model whose decoder is one dense layer, and whose critic one convolution."""
    decoder = [keras.Input((3,)), keras.layers.Dense(25), keras.layers.Reshape((5, 5, 1))]
    decoder += [] if last is None else [last]
    model = keras_ae.LatentModel(
        (5, 5, 1),
        bottleneck=Deterministic(3),
        objective=[Reconstruction(2.0), PatchGame(0.7, hidden=[], adaptive=adaptive)],
        decoder=keras.Sequential(decoder),
    )
    model.compile("adam")
    return model


def numbers(model: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    outputs = model(X)
    batch = model.batch(X)
    return outputs, batch, np.asarray(ops.convert_to_numpy(outputs["decoded"]), "f8")


def test_both_shares_are_the_papers() -> None:
    model = made(adaptive=False)
    term = model.objective[1]
    outputs, batch, decoded = numbers(model)
    autoencoder, critic = term.shares(model, batch, outputs, False)
    true, false = (
        np.asarray(ops.convert_to_numpy(term.critic(x.astype("f4"))), "f8") for x in (X, decoded)
    )
    hinge = (np.maximum(0, 1 - true) + np.maximum(0, 1 + false)).mean((1, 2, 3)) / 2
    np.testing.assert_allclose(ops.convert_to_numpy(critic), hinge, rtol=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(autoencoder), -false.mean((1, 2, 3)), rtol=1e-4, atol=1e-6
    )
    value = ops.convert_to_numpy(term.value(model, batch, outputs, False))
    np.testing.assert_allclose(value, hinge - 0.7 * false.mean((1, 2, 3)), rtol=1e-4, atol=1e-5)


def test_lambda_is_the_ratio_of_the_gradients_norms_by_the_last_kernel() -> None:
    model = made()
    term = model.objective[1]
    outputs, batch, decoded = numbers(model)
    z = np.asarray(ops.convert_to_numpy(outputs["latent"]), "f8")
    # By the decoded pictures: 2 (x~ - x) of 2 |x~ - x|^2 / 2, and what a linear critic has.
    of_terms = 2.0 * (decoded - X).reshape(4, -1)
    kernel = ops.convert_to_numpy(term.critic.layers[-1].kernel)[:, :, 0, 0].astype("f8")
    # "same" for 4 x 4 pads one before and two after: the sum of D is linear in each pixel.
    ones = np.zeros((8, 8))
    ones[2:7, 2:7] = 1.0
    of_pixel = correlate2d(ones, kernel[::-1, ::-1], "valid") / 25
    of_critic = -np.repeat(of_pixel.reshape(1, -1), 4, axis=0)
    a, b = (np.linalg.norm(z.T @ g) for g in (of_terms, of_critic))
    got = float(ops.convert_to_numpy(term.balance(model, batch, outputs)))
    assert got == pytest.approx(a / (b + 1e-4), rel=1e-4)
    autoencoder, _ = term.shares(model, batch, outputs, False)
    mean = -ops.convert_to_numpy(term.critic(decoded.astype("f4"))).mean((1, 2, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(autoencoder), got * mean, rtol=1e-3, atol=1e-5)


def test_each_player_gets_the_gradient_of_its_own_share_alone() -> None:
    model = made()
    term, batch = model.objective[1], model.batch(X)
    critic, decoder = term.critic.layers[-1].kernel, model.decoder.layers[0].kernel
    found = {}

    def total(share: int) -> Any:
        return ops.sum(term.shares(model, batch, model(X), False)[share])

    for player, weight in (("critic", critic), ("decoder", decoder)):
        for share in (0, 1):
            (slope,) = weight_gradients(functools.partial(total, share), [weight])
            found[player, share] = abs(slope).max()
    assert found["critic", 0] == 0
    assert found["decoder", 1] == 0
    assert found["critic", 1] > 1e-4
    assert found["decoder", 0] > 1e-4


def test_what_cannot_be_played_is_refused() -> None:
    with pytest.raises(ValueError, match="has a kernel. Received: BatchNormalization"):
        made(last=keras.layers.BatchNormalization())
    with pytest.raises(ValueError, match="whole examples"):
        keras_ae.create("vq_gan", input_shape=(6, 6, 1), hidden=[4], missing="mask")
