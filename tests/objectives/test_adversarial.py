"""The game between codes and a critic: of a whole code, of its parts, and of labelled codes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.objectives import Adversarial
from keras_ae.typing import Batch
from tests.contract.dense import leaky_stack
from tests.objectives.played import (
    CLUSTERS,
    LABELS,
    LATENT,
    NORMAL,
    X,
    clustered,
    drawn_parts,
    gradient_in,
    gradients_by,
    make,
    scatter,
    weights_of_networks,
)

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
    batch = Batch(ops.zeros((len(CODES), 5)), ops.zeros((len(CODES), 5)))
    return term.shares(net, batch, {"latent": codes}, False)


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
    only_encoder = gradient_in(lambda z: ops.sum(shares(net, z)[0]), CODES)
    both = gradient_in(lambda z: ops.sum(shares(net, z)[0] + shares(net, z)[1]), CODES)
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


@pytest.mark.parametrize("place", [0, 1])
def test_a_parts_shares_are_the_cross_entropies_of_its_own_numbers(place: int) -> None:
    model, name = clustered(), ("style", "clusters")[place]
    term, own = model.objective[1 + place], (slice(0, LATENT), slice(LATENT, None))[place]
    rng = np.random.default_rng(5)
    codes = rng.normal(size=(len(X), LATENT + CLUSTERS)).astype("float32")
    weights = term.critic.get_weights()
    assert weights[0].shape[0] == (LATENT, CLUSTERS)[place]
    on_codes = leaky_stack(weights, codes[:, own])[:, 0]
    on_prior = leaky_stack(weights, drawn_parts()[name])[:, 0]
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    outputs = {"latent": ops.convert_to_tensor(codes)}
    encoder, critic = map(ops.convert_to_numpy, term.shares(model, batch, outputs, False))
    np.testing.assert_allclose(encoder, np.logaddexp(0, -on_codes), rtol=1e-4)
    wanted = np.logaddexp(0, -on_prior) + np.logaddexp(0, on_codes)
    np.testing.assert_allclose(critic, wanted, rtol=1e-4)

    def total(z: Any) -> Any:
        return ops.sum(sum(term.shares(model, batch, {"latent": z}, False)))

    reached = abs(gradient_in(total, codes)).max(0) > 0
    assert reached.tolist() == np.isin(np.arange(len(reached)), np.arange(5)[own]).tolist()


def test_a_part_that_the_code_lacks_is_refused() -> None:
    for bottleneck in (
        keras_ae.bottlenecks.Deterministic(2),
        keras_ae.bottlenecks.SoftClusters(2, 3),
    ):
        with pytest.raises(ValueError, match="part"):
            keras_ae.LatentModel(
                (6,),
                hidden=[4],
                bottleneck=bottleneck,
                prior=keras_ae.priors.Joint((3,))
                if hasattr(bottleneck, "parts")
                else "standard_normal",
                objective=[Adversarial(hidden=[4], part="meaning")],
            )


def labelled(**options: Any) -> Any:
    given = {"condition": {"name": "label", "categories": 3}, "told": True}
    given |= {"prior": "class_normals", "critic_hidden": [7], "adversarial": 0.4}
    return make("adversarial_autoencoder", **{**given, **options})


def test_a_told_critic_compares_codes_with_draws_of_the_same_label() -> None:
    """Makhzani et al. (2015), section 2.3: normals around a circle, radius 4, deviation 0.5."""
    model = labelled()
    term, told = model.objective[1], np.eye(3, dtype="float32")[LABELS]
    angles = 2 * np.pi * LABELS / 3
    means = 4.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    drawn = means + 0.5 * NORMAL[LATENT]
    codes = np.random.default_rng(5).normal(size=(len(X), LATENT)).astype("float32")
    weights = term.critic.get_weights()
    on_codes, on_prior = (
        leaky_stack(weights, np.hstack([rows, told]))[:, 0] for rows in (codes, drawn)
    )
    x = ops.convert_to_tensor(X)
    batch = Batch(x, x, ops.convert_to_tensor(told))
    outputs = {"latent": ops.convert_to_tensor(codes)}
    encoder, critic = map(ops.convert_to_numpy, term.shares(model, batch, outputs, False))
    np.testing.assert_allclose(encoder, np.logaddexp(0, -on_codes), rtol=1e-4)
    wanted = np.logaddexp(0, -on_prior) + np.logaddexp(0, on_codes)
    np.testing.assert_allclose(critic, wanted, rtol=1e-4)


def test_a_critic_that_is_not_told_sees_codes_only() -> None:
    assert labelled(told=False).objective[1].critic.get_weights()[0].shape == (LATENT, 7)


def test_a_model_without_a_condition_has_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="condition"):
        model(told=True)


@pytest.mark.parametrize(("share", "player"), [(0, "encoder"), (1, "critic")])
def test_a_share_reaches_the_weights_of_its_player_only(share: int, player: str) -> None:
    net = model()
    scatter(net)
    x = ops.convert_to_tensor(np.random.default_rng(2).random((6, 5)).astype("float32"))

    def total() -> Any:
        outputs = net.autoencode(Batch(x, x), training=False, sample=True)
        net.objective[1].noise.reset_evaluation(0)
        return ops.sum(net.objective[1].shares(net, Batch(x, x), outputs, False)[share])

    for name, variables in weights_of_networks(net).items():
        largest = [abs(g).max() for g in gradients_by(total, variables)]
        assert min(largest) > 1e-5 if name == player else max(largest) == 0.0, name
