"""The error in a critic's features, and who gets how much of its gradient."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.objectives import ExampleGame, LearnedSimilarity, Reconstruction
from keras_ae.typing import Batch
from tests.contract.dense import relu_stack
from tests.objectives.played import (
    LATENT,
    NORMAL,
    X,
    codes,
    data,
    gradient_in,
    gradients_by,
    make,
    weights_of_networks,
)

GAMMA = 0.3


def model(weight: float = 1.0) -> Any:
    built = make("vae_gan", likelihood="bernoulli", gamma=GAMMA, critic_hidden=[8])
    if weight == 1.0:
        return built
    objective = [LearnedSimilarity(weight, GAMMA), ExampleGame(hidden=[8])]
    return keras_ae.LatentModel(
        (6,),
        hidden=[5],
        likelihood="bernoulli",
        prior="standard_normal",
        bottleneck=keras_ae.bottlenecks.Gaussian(LATENT),
        objective=objective,
    )


def value(net: Any, outputs: Any = None) -> Any:
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    if outputs is None:
        outputs = net.autoencode(batch, training=False, sample=True)
    return net.objective[0].value(net, batch, outputs, False)


def error(net: Any, z: Any) -> Any:
    """Larsen et al. (2016), equation 7, of reconstructions that are means, `(batch,)`."""
    network = next(t for t in net.objective if isinstance(t, ExampleGame)).critic.network
    difference = network(data()) - network(ops.sigmoid(net.decoder(z)))
    return 0.5 * ops.sum(difference**2 + np.log(2 * np.pi), axis=1)


def test_it_is_the_density_of_a_normal_around_the_features() -> None:
    net = model()
    z = NORMAL[LATENT]
    made = 1 / (1 + np.exp(-relu_stack(net.decoder.get_weights(), z)))
    weights = net.objective[2].critic.network.get_weights()
    true, again = (relu_stack(weights, rows, last=True) for rows in (X, made))
    wanted = 0.5 * ((true - again) ** 2 + np.log(2 * np.pi)).sum(1)
    decoded = net.decoder(ops.convert_to_tensor(z))
    got = value(net, {"latent": ops.convert_to_tensor(z), "decoded": decoded})
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-4)


@pytest.mark.parametrize(("player", "share"), [("encoder", 1.0), ("decoder", GAMMA)])
def test_encoder_and_decoder_get_their_shares_of_its_gradient(player: str, share: float) -> None:
    net = model()
    variables = weights_of_networks(net)[player]
    got = gradients_by(lambda: ops.mean(value(net)), variables)
    wanted = gradients_by(lambda: ops.mean(error(net, codes(net, data())[0])), variables)
    for a, b in zip(got, wanted, strict=True):
        assert abs(b).max() > 1e-4
        np.testing.assert_allclose(a, share * b, rtol=1e-4, atol=1e-6)


def test_the_critic_gets_nothing() -> None:
    net = model()
    variables = weights_of_networks(net)["critic"]
    assert len(variables) == 4
    for found in gradients_by(lambda: ops.mean(value(net)), variables):
        assert abs(found).max() == 0.0


def test_the_codes_get_the_whole_gradient_whatever_gamma_is() -> None:
    net = model()
    z = NORMAL[LATENT]

    def own(z: Any) -> Any:
        return ops.sum(value(net, {"latent": z, "decoded": net.decoder(z)}))

    got, wanted = gradient_in(own, z), gradient_in(lambda z: ops.sum(error(net, z)), z)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


def test_the_weight_is_of_encoder_and_decoder_alike() -> None:
    net = model(weight=2.5)
    wanted = 2.5 * ops.mean(error(net, net.encode(X)))
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    outputs = net.autoencode(batch, training=False, sample=False)
    loss = net.objective[0].multiplier_at(net.step) * ops.mean(value(net, outputs))
    np.testing.assert_allclose(ops.convert_to_numpy(loss), ops.convert_to_numpy(wanted), rtol=1e-5)


def test_an_objective_without_a_game_is_refused() -> None:
    with pytest.raises(ValueError, match="ExampleGame"):
        keras_ae.LatentModel(
            (6,),
            bottleneck=keras_ae.bottlenecks.Gaussian(2),
            prior="standard_normal",
            objective=[Reconstruction(), LearnedSimilarity()],
        )


@pytest.mark.parametrize("gamma", [0.0, -1.0, float("nan"), "much"])
def test_gamma_must_be_positive(gamma: Any) -> None:
    with pytest.raises(ValueError, match="`gamma` must be"):
        LearnedSimilarity(gamma=gamma)


def test_a_small_gamma_leaves_the_value_as_it_is() -> None:
    """The decoder is given the codes themselves, whatever their gradient is divided by."""
    values = []
    for gamma in (1e-6, 1.0, 1e4):
        keras.utils.set_random_seed(2)
        model = keras_ae.create("vae_gan", input_shape=(6,), latent_dim=2, gamma=gamma)
        batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
        outputs = model.autoencode(batch)
        values.append(ops.convert_to_numpy(model.objective[0].value(model, batch, outputs, False)))
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[2], values[1])
