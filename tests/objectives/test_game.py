"""What the games share: who is held, what a logit costs, whose share is weighed, which priors."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special

import keras_ae
from keras_ae import priors
from keras_ae.objectives import (
    Adversarial,
    ExampleGame,
    Introspection,
    PairGame,
    PermutedGame,
    game,
)
from keras_ae.typing import Batch
from tests.contract.dense import leaky_stack
from tests.objectives.played import (
    LATENT,
    NORMAL,
    X,
    gradient_in,
    gradients_by,
    hold_noise,
    scatter,
)

LOGITS = np.array([-90.0, -3.0, -0.1, 0.0, 2.0, 90.0], "float32")


def model_with(term: game.Game) -> Any:
    model = keras_ae.LatentModel(
        (6,),
        hidden=[5],
        likelihood="bernoulli",
        prior="standard_normal",
        bottleneck=keras_ae.bottlenecks.Gaussian(LATENT),
        objective=[term],
    )
    scatter(model)
    hold_noise(model)
    return model


def model() -> Any:
    return model_with(Adversarial(hidden=[4]))


def test_the_costs_of_a_logit_are_negative_log_probabilities() -> None:
    true, false = (
        ops.convert_to_numpy(cost(ops.convert_to_tensor(LOGITS)))
        for cost in (game.told_true, game.told_false)
    )
    np.testing.assert_allclose(true, -special.log_expit(LOGITS.astype("f8")), rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(
        false, -special.log_expit(-LOGITS.astype("f8")), rtol=1e-5, atol=1e-30
    )


def test_the_costs_keep_their_gradients_where_the_critic_is_sure() -> None:
    true = gradient_in(lambda z: ops.sum(game.told_true(z)), LOGITS)
    false = gradient_in(lambda z: ops.sum(game.told_false(z)), LOGITS)
    probability = special.expit(LOGITS.astype("f8"))
    np.testing.assert_allclose(true, probability - 1, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(false, probability, rtol=1e-5, atol=1e-30)


def test_a_dense_critic_gives_one_logit_of_anything_flat() -> None:
    critic = game.dense_critic([4, 3])
    logits = ops.convert_to_numpy(game.log_odds(critic, ops.convert_to_tensor(X), False))
    wanted = leaky_stack(critic.get_weights(), X)[:, 0]
    assert [w.shape for w in critic.get_weights()[::2]] == [(6, 4), (4, 3), (3, 1)]
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-6)


def test_held_log_odds_have_a_gradient_for_the_inputs_and_none_for_the_critic() -> None:
    critic = game.dense_critic([4])
    plain = ops.convert_to_numpy(game.log_odds(critic, ops.convert_to_tensor(X), False))
    held = ops.convert_to_numpy(game.held_log_odds(critic, ops.convert_to_tensor(X)))
    np.testing.assert_allclose(held, plain, rtol=1e-5, atol=1e-7)
    got = gradient_in(lambda x: ops.sum(game.held_log_odds(critic, x)), X)
    wanted = gradient_in(lambda x: ops.sum(game.log_odds(critic, x, False)), X)
    assert abs(wanted).min() > 0
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    x, variables = ops.convert_to_tensor(X), critic.trainable_variables
    for found in gradients_by(lambda: ops.sum(game.held_log_odds(critic, x)), variables):
        assert abs(found).max() == 0.0
    free = gradients_by(lambda: ops.sum(game.log_odds(critic, x, False)), variables)
    assert min(abs(found).max() for found in free) > 0


def test_gradients_pass_through_layers_that_are_held_and_end_there() -> None:
    net = model()

    def total(hold: bool) -> Any:
        h = net.bottleneck.mean_head(net.encoder(ops.convert_to_tensor(X)))
        if not hold:
            return ops.sum(net.decoder(h) ** 2)
        with game.holding(net, net.decoder):
            return ops.sum(net.decoder(h) ** 2)

    encoder = net.encoder.trainable_variables
    held, free = (gradients_by(partial(total, hold), encoder) for hold in (True, False))
    for got, wanted in zip(held, free, strict=True):
        assert abs(wanted).max() > 1e-3
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    decoder = net.decoder.trainable_variables
    held, free = (gradients_by(partial(total, hold), decoder) for hold in (True, False))
    assert max(abs(g).max() for g in held) == 0.0
    assert min(abs(g).max() for g in free) > 1e-3
    assert float(ops.convert_to_numpy(total(True))) == pytest.approx(
        float(ops.convert_to_numpy(total(False))), rel=1e-6
    )


def test_several_layers_are_held_at_once_and_the_others_are_not() -> None:
    net = model()

    def total() -> Any:
        with game.holding(net, net.encoder, net.decoder):
            return ops.sum(
                net.decoder(net.bottleneck.mean_head(net.encoder(ops.convert_to_tensor(X)))) ** 2
            )

    held = [*net.encoder.trainable_variables, *net.decoder.trainable_variables]
    assert max(abs(g).max() for g in gradients_by(total, held)) == 0.0
    free = net.bottleneck.mean_head.trainable_variables
    assert min(abs(g).max() for g in gradients_by(total, free)) > 1e-3


@pytest.mark.parametrize("fails", [False, True])
def test_layers_are_free_again_behind_it(fails: bool) -> None:
    net = model()
    z = ops.convert_to_tensor(NORMAL[LATENT])

    def total() -> Any:
        try:
            with game.holding(net, net.decoder):
                held = ops.sum(net.decoder(z))
                if fails:
                    raise RuntimeError("within")
        except RuntimeError:
            held = 0.0
        return ops.sum(net.decoder(z) ** 2) + held

    got = gradients_by(total, net.decoder.trainable_variables)
    wanted = gradients_by(lambda: ops.sum(net.decoder(z) ** 2), net.decoder.trainable_variables)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 2.5])
@pytest.mark.parametrize(
    "kind",
    [
        lambda weight: Adversarial(weight, hidden=[4]),
        lambda weight: ExampleGame(weight, hidden=[4]),
        lambda weight: PairGame(weight, hidden=[4], pair_hidden=[4]),
        lambda weight: PermutedGame(weight, hidden=[4]),
        lambda weight: Introspection(weight),
    ],
    ids=["adversarial", "example", "pair", "permuted", "introspection"],
)
def test_the_weight_scales_the_autoencoders_share_alone(kind: Any, weight: float) -> None:
    term = kind(weight)
    net = model_with(term)
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    outputs = net.autoencode(batch, training=False, sample=True)
    own, critic = map(ops.convert_to_numpy, term.shares(net, batch, outputs, False))
    assert own.shape == critic.shape == (len(X),)
    value = ops.convert_to_numpy(term.value(net, batch, outputs, False))
    np.testing.assert_allclose(value, weight * own + critic, rtol=1e-5, atol=1e-6)
    loss = net.compute_loss(batch.x, None, outputs, training=False)
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(value.mean(), rel=1e-5)


@pytest.mark.parametrize("prior", [priors.GaussianMixture(3), priors.Vamp(3)])
def test_a_prior_that_learns_cannot_be_played_against(prior: Any) -> None:
    prior.make_weights((2,), (6,))
    with pytest.raises(ValueError, match=f"a prior that does not move.*{type(prior).__name__}"):
        game.check_fixed_prior("the game", SimpleNamespace(prior=prior))


def test_a_conditional_prior_that_learns_cannot_be_played_against() -> None:
    with pytest.raises(ValueError, match=r"a prior that does not move.*ConditionalNormal"):
        keras_ae.create(
            "adversarial_autoencoder",
            input_shape=(6,),
            latent_dim=2,
            hidden=[4],
            condition={"name": "label", "categories": 3},
            prior="conditional_normal",
        )


def test_a_game_needs_a_prior_and_says_what_needs_it() -> None:
    with pytest.raises(ValueError, match="the game.* needs a model with a prior"):
        game.check_fixed_prior("the game", SimpleNamespace(prior=None))


@pytest.mark.parametrize("prior", [priors.StandardNormal(), priors.AutoregressiveNormal(0.6)])
def test_a_prior_that_stands_still_is_taken(prior: Any) -> None:
    prior.make_weights((2,), (6,))
    game.check_fixed_prior("the game", SimpleNamespace(prior=prior))


@pytest.mark.parametrize("variant", ["vae_gan", "bigan", "soft_intro_vae"])
@pytest.mark.parametrize(
    ("prior", "message"),
    [(None, "needs a model with a prior"), ("gaussian_mixture", "a prior that does not move")],
)
def test_a_prior_that_cannot_be_played_against_is_refused(
    variant: str, prior: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        keras_ae.create(variant, input_shape=(6,), latent_dim=2, prior=prior)


def test_a_rate_without_a_closed_form_is_refused() -> None:
    with pytest.raises(ValueError, match="a rate in closed form"):
        keras_ae.create("soft_intro_vae", input_shape=(6,), prior="autoregressive_normal")


@pytest.mark.parametrize("variant", ["vae_gan", "bigan", "soft_intro_vae"])
def test_examples_that_are_known_by_what_they_are_are_refused(variant: str) -> None:
    """Gaps, by `missing` or by a mask, and whole numbers, which means are not."""
    create = keras_ae.variant_class(variant)
    with pytest.raises(ValueError, match="whole examples"):
        create((6,), latent_dim=2, missing="mask")
    with pytest.raises(ValueError, match="whole numbers.*Poisson"):
        create((6,), latent_dim=2, likelihood="poisson")
    model = create((6,), latent_dim=2, hidden=[4])
    model.compile("sgd")
    with pytest.raises(ValueError, match="a mask of missing entries"):
        model.fit({"x": X, "mask": np.ones_like(X)}, epochs=1, verbose=0)


def test_a_controller_of_a_game_is_refused() -> None:
    with pytest.raises(ValueError, match="ControlledWeight"):
        PermutedGame(keras_ae.objectives.ControlledWeight(0.5))
