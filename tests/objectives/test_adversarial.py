from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from tests.gradients import gradient

CODES = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")


def model(**options: Any) -> Any:
    return keras_ae.create(
        "adversarial_autoencoder",
        input_shape=(5,),
        latent_dim=2,
        hidden=[4],
        critic_hidden=[8],
        **options,
    )


def log_odds(net: Any, z: np.ndarray) -> np.ndarray:
    (w1, b1), (w2, b2) = (
        layer.get_weights() for layer in net.objective[1].critic.layers if layer.weights
    )
    a = z @ w1 + b1
    return (np.where(a > 0, a, 0.2 * a) @ w2 + b2)[:, 0]


def shares(net: Any, codes: Any) -> Any:
    term = net.objective[1]
    term.noise.reset_evaluation(0)
    return term.shares(net, {"latent": codes}, False)


def test_both_shares_are_the_games_cross_entropies() -> None:
    net = model()
    term = net.objective[1]
    term.noise.reset_evaluation(0)
    drawn = ops.convert_to_numpy(net.prior.sample(CODES.shape, term.noise))
    encoder, critic = (ops.convert_to_numpy(s) for s in shares(net, ops.convert_to_tensor(CODES)))
    probability = 1 / (1 + np.exp(-log_odds(net, CODES)))
    on_prior = 1 / (1 + np.exp(-log_odds(net, drawn)))
    np.testing.assert_allclose(encoder, -np.log(probability), rtol=1e-4)
    np.testing.assert_allclose(critic, -np.log(on_prior) - np.log(1 - probability), rtol=1e-4)


def test_the_codes_get_the_encoders_gradient_and_none_of_the_critics() -> None:
    net = model()
    only_encoder = gradient(lambda z: ops.sum(shares(net, z)[0]), CODES)
    both = gradient(lambda z: ops.sum(shares(net, z)[0] + shares(net, z)[1]), CODES)
    assert abs(only_encoder).min() > 0
    np.testing.assert_allclose(both, only_encoder, rtol=1e-6)


def test_the_critic_is_not_trained_by_the_encoders_share() -> None:
    """With plain gradient steps the critic moves by its own share alone, whatever the weight."""
    moves = []
    for weight in (1e-6, 3.0):
        keras.utils.set_random_seed(0)
        net = model(adversarial=weight)
        net.compile(optimizer=keras.optimizers.SGD(0.1))
        before = [w.copy() for w in net.objective[1].critic.get_weights()]
        x = np.random.default_rng(1).random((8, 5)).astype("float32")
        net.fit(x, epochs=1, batch_size=8, verbose=0)
        after = net.objective[1].critic.get_weights()
        moves.append([a - b for a, b in zip(after, before, strict=True)])
    for small, large in zip(*moves, strict=True):
        np.testing.assert_allclose(small, large, rtol=1e-3, atol=1e-6)


def test_a_game_needs_a_prior() -> None:
    with pytest.raises(ValueError, match="needs a model with a prior"):
        model(prior=None)


def test_a_prior_that_learns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a prior that does not move.*GaussianMixture"):
        model(prior="gaussian_mixture")
