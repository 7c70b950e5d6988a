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


def dense() -> list[Any]:
    return [keras.layers.Dense(25), keras.layers.Reshape((5, 5, 1))]


def deep() -> list[Any]:
    """Layers of which the last is a convolution, which shares its kernel among places."""
    return [
        keras.layers.Dense(50, "tanh"),
        keras.layers.Reshape((5, 5, 2)),
        keras.layers.Conv2D(1, 3, padding="same"),
    ]


def made(layers: Any = dense, last: Any = None, hidden: Any = (), **options: Any) -> Any:
    """A model of a small decoder, whose critic is one convolution by default."""
    model = keras_ae.LatentModel(
        (5, 5, 1),
        bottleneck=Deterministic(3),
        objective=[Reconstruction(2.0), PatchGame(0.7, hidden, **options)],
        decoder=keras.Sequential([keras.Input((3,)), *layers(), *([] if last is None else [last])]),
    )
    model.compile("adam")
    return model


def harsh(model: Any) -> Any:
    """The model, whose critic was made to be sure of some patches, true and false ones."""
    for layer in model.objective[1].critic.layers:
        for weight in layer.weights[:1]:  # a kernel; the biases stay zeros
            values = RNG.normal(size=weight.shape)
            weight.assign(20.0 * (values - values.mean()))
    return model


def losses_of(model: Any) -> dict[str, Any]:
    """What the paper has each minimise, as functions of the weights."""
    x = ops.convert_to_tensor(X)

    def decoded() -> Any:
        return model(X)["decoded"]

    def truth(x: Any) -> Any:
        return model.objective[1].critic(x)

    def hinge() -> Any:
        false = truth(ops.stop_gradient(decoded()))
        costs = ops.relu(1.0 - truth(x)), ops.relu(1.0 + false)
        return 0.5 * (ops.mean(costs[0]) + ops.mean(costs[1]))

    return {
        "reconstruction": lambda: 2.0 * ops.mean(ops.sum((decoded() - x) ** 2, (1, 2, 3)) / 2),
        "generator": lambda: -ops.mean(truth(decoded())),
        "critic": hinge,
    }


def balanced(model: Any) -> float:
    """Lambda of equation 7, with the bounds of the authors' program."""
    kernel = [w for w in model.decoder.trainable_variables if w.name == "kernel"][-1:]
    losses = losses_of(model)
    of_terms, of_critic = (
        np.linalg.norm(weight_gradients(losses[name], kernel)[0].astype("f8"))
        for name in ("reconstruction", "generator")
    )
    return float(min(of_terms / (of_critic + 1e-6), 1e4))


def numbers(model: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    outputs = model(X)
    batch = model.batch(X)
    return outputs, batch, np.asarray(ops.convert_to_numpy(outputs["decoded"]), "f8")


def test_both_shares_are_the_papers() -> None:
    model = harsh(made(adaptive=False))
    term = model.objective[1]
    outputs, batch, decoded = numbers(model)
    autoencoder, critic = term.shares(model, batch, outputs, False)
    true, false = (
        np.asarray(ops.convert_to_numpy(term.critic(x.astype("f4"))), "f8") for x in (X, decoded)
    )
    assert all(logits.min() < -1 and logits.max() > 1 for logits in (true, false))
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
    assert got == pytest.approx(a / (b + 1e-6), rel=1e-4)
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


@pytest.mark.parametrize("layers", [dense, deep])
def test_lambda_is_the_papers_whatever_the_decoder(layers: Any) -> None:
    model = harsh(made(layers, hidden=[3]))
    outputs, batch, _ = numbers(model)
    got = float(ops.convert_to_numpy(model.objective[1].balance(model, batch, outputs)))
    assert got == pytest.approx(balanced(model), rel=1e-3)


def test_lambda_is_bounded_where_the_critic_has_no_gradient() -> None:
    model = made()
    kernel = model.objective[1].critic.layers[-1].kernel
    kernel.assign(np.zeros(kernel.shape))
    outputs, batch, _ = numbers(model)
    got = float(ops.convert_to_numpy(model.objective[1].balance(model, batch, outputs)))
    assert got == pytest.approx(1e4, rel=1e-6)
    got = model.objective[1].balance(model, model.batch(outputs["decoded"]), outputs)
    assert float(ops.convert_to_numpy(got)) == 0.0


@pytest.mark.parametrize("layers", [dense, deep])
def test_lambda_passes_no_gradient(layers: Any) -> None:
    """By all weights of the autoencoder the share has lambda times the gradient of -D(x~)."""
    model = harsh(made(layers))
    term, batch = model.objective[1], model.batch(X)
    weights = [*model.decoder.trainable_variables, *model.encoder.trainable_variables]
    got = weight_gradients(lambda: ops.mean(term.shares(model, batch, model(X), False)[0]), weights)
    wanted = weight_gradients(losses_of(model)["generator"], weights)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, balanced(model) * b, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("layers", [dense, deep])
def test_one_step_moves_each_player_by_its_own_loss(layers: Any) -> None:
    """In training as it is compiled: L - 0.7 lambda D(x~) by the one, the hinge by the other."""
    model, rate = harsh(made(layers)), 0.5
    losses, factor = losses_of(model), 0.7 * balanced(model)
    critic, others = model.objective[1].critic.trainable_variables, []
    for part in (model.encoder, model.bottleneck, model.decoder):
        others += part.trainable_variables
    of_terms, of_game = (
        weight_gradients(losses[name], others) for name in ("reconstruction", "generator")
    )
    wanted = [a + factor * b for a, b in zip(of_terms, of_game, strict=True)]
    wanted += weight_gradients(losses["critic"], critic)
    before = [np.array(ops.convert_to_numpy(v)) for v in (*others, *critic)]
    model.compile(keras.optimizers.SGD(rate))
    model.fit(X, batch_size=4, verbose=0)
    for variable, old, gradient in zip((*others, *critic), before, wanted, strict=True):
        moved = (old - ops.convert_to_numpy(variable)) / rate
        atol = 1e-3 * abs(gradient).max() + 1e-3
        np.testing.assert_allclose(moved, gradient, atol=atol, err_msg=variable.path)
    assert all(abs(gradient).max() > 0.1 for gradient in (*of_terms, *wanted[-2:-1]))


def test_what_cannot_be_played_is_refused() -> None:
    with pytest.raises(ValueError, match="has a kernel. Received: BatchNormalization"):
        made(last=keras.layers.BatchNormalization())
    with pytest.raises(ValueError, match="whole examples"):
        keras_ae.create("vq_gan", input_shape=(6, 6, 1), hidden=[4], missing="mask")


def lambdas(build: Any) -> tuple[float, float]:
    inputs = keras.Input((3,))
    outputs = keras.layers.Reshape((5, 5, 1))(build(inputs))
    model = keras_ae.LatentModel(
        (5, 5, 1),
        bottleneck=Deterministic(3),
        objective=[Reconstruction(2.0), PatchGame(0.7, hidden=[4])],
        decoder=keras.Model(inputs, outputs),
    )
    model.compile("adam")
    found, batch, _ = numbers(harsh(model))
    got = model.objective[1].balance(model, batch, found)
    return float(ops.convert_to_numpy(got)), balanced(model)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: ops.sigmoid(keras.layers.Dense(25)(x)),
        lambda x: 3.0 * keras.layers.Dense(25)(x),
        lambda x: keras.layers.Add()([keras.layers.Dense(25)(x), keras.layers.Dense(25)(x)]),
    ],
    ids=["sigmoid", "product", "sum of branches"],
)
def test_lambda_sees_all_that_is_behind_the_last_layer(build: Any) -> None:
    got, wanted = lambdas(build)
    assert got == pytest.approx(wanted, rel=1e-2)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_an_adaptive_game_is_played_in_half_precision(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        model = keras_ae.create(
            "vq_gan",
            input_shape=(8, 8, 1),
            latent_dim=4,
            num_codes=8,
            hidden=[4],
            critic_hidden=[4],
        )
        model.compile("adam")
        loss = model.fit(RNG.random((8, 8, 8, 1)).astype("f4"), verbose=0).history["loss"]
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(loss).all()


def test_a_game_without_a_term_to_be_balanced_with_is_refused() -> None:
    with pytest.raises(ValueError, match="adaptive weight needs a term of reconstructions"):
        keras_ae.LatentModel(
            (5, 5, 1),
            bottleneck=Deterministic(3),
            objective=[PatchGame(0.7, hidden=[4])],
            decoder=keras.Sequential([keras.Input((3,)), *dense()]),
        )


def test_a_game_is_played_with_a_frozen_decoder() -> None:
    model = made()
    wanted = balanced(model)
    model.decoder.trainable = False
    outputs, batch, _ = numbers(model)
    got = model.objective[1].balance(model, batch, outputs)
    assert float(ops.convert_to_numpy(got)) == pytest.approx(wanted, rel=1e-4)
