"""The game over examples, and the gradients of the networks of Larsen et al. (2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.typing import Batch
from tests.contract.dense import relu_stack, weights_of
from tests.objectives.played import (
    LATENT,
    NORMAL,
    Losses,
    X,
    check_one_gradient,
    check_phases,
    codes,
    data,
    fixed,
    gradient_in,
    gradients_by,
    kl,
    make,
    weights_of_networks,
)

GAMMA, ADVERSARIAL = 0.3, 0.7


def vae_gan(**options: Any) -> Any:
    given = {"likelihood": "bernoulli", "gamma": GAMMA, "adversarial": ADVERSARIAL}
    return make("vae_gan", **{**given, "critic_hidden": [8], **options})


def algorithm_1(model: Any, weights: Any = 1.0) -> Losses:
    """Larsen et al. (2016), algorithm 1, with -log D for the decoder instead of log(1 - D).

    The means are of rows times their weights.
    """
    critic, weights = model.objective[2].critic, ops.convert_to_tensor(weights)

    def seen() -> tuple[Any, ...]:
        z, mean, log_var = codes(model, data())
        drawn = fixed(NORMAL[LATENT])
        rows = (data(), ops.sigmoid(model.decoder(z)), ops.sigmoid(model.decoder(drawn)))
        features = [critic.network(x) for x in rows]
        error = 0.5 * ops.sum((features[0] - features[1]) ** 2 + np.log(2 * np.pi), axis=1)
        return error, kl(mean, log_var), *(critic.head(f)[:, 0] for f in features)

    def encoder() -> Any:
        error, rate, *_ = seen()
        return ops.mean(weights * (rate + error))

    def decoder() -> Any:
        error, _, _, again, new = seen()
        game = ops.softplus(-again) + ops.softplus(-new)
        return ops.mean(weights * (GAMMA * error + ADVERSARIAL * game))

    def discriminator() -> Any:
        _, _, true, again, new = seen()
        return ops.mean(weights * (ops.softplus(-true) + ops.softplus(again) + ops.softplus(new)))

    return {"encoder": encoder, "decoder": decoder, "critic": discriminator}


def played(model: Any, outputs: Any = None) -> Any:
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    if outputs is None:
        outputs = model.autoencode(batch, training=False, sample=True)
    return model.objective[2].shares(model, batch, outputs, False)


def test_each_network_gets_the_gradient_that_algorithm_1_gives_it() -> None:
    model = vae_gan()
    check_one_gradient(model, algorithm_1(model))


def test_rows_weigh_in_the_gradients_of_all_networks() -> None:
    model = vae_gan()
    weights = np.linspace(0.0, 2.0, len(X), dtype="float32")
    check_one_gradient(model, algorithm_1(model, weights), sample_weight=weights)


def test_in_phases_each_network_moves_by_its_own_loss_at_that_time() -> None:
    model = vae_gan(alternate=True)
    losses = algorithm_1(model)
    check_phases(model, [(name, losses[name]) for name in ("encoder", "decoder", "critic")], 0.3)


def test_both_shares_are_the_games_cross_entropies() -> None:
    model = vae_gan()
    critic = model.objective[2].critic
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    outputs = model.autoencode(batch, training=False, sample=True)
    kernel, bias = weights_of(critic.head)
    z = ops.convert_to_numpy(outputs["latent"])
    made = [relu_stack(model.decoder.get_weights(), c) for c in (z, NORMAL[LATENT])]
    rows = [X, *(1 / (1 + np.exp(-logits)) for logits in made)]
    weights = critic.network.get_weights()
    true, again, new = ((relu_stack(weights, r, last=True) @ kernel + bias)[:, 0] for r in rows)
    decoder, discriminator = map(ops.convert_to_numpy, played(model, outputs))
    wanted = np.logaddexp(0, -again) + np.logaddexp(0, -new)
    np.testing.assert_allclose(decoder, wanted, rtol=1e-4)
    wanted = np.logaddexp(0, -true) + np.logaddexp(0, again) + np.logaddexp(0, new)
    np.testing.assert_allclose(discriminator, wanted, rtol=1e-4)


@pytest.mark.parametrize(("share", "player"), [(0, "decoder"), (1, "critic")])
def test_a_share_reaches_the_weights_of_its_player_only(share: int, player: str) -> None:
    model = vae_gan()
    for name, variables in weights_of_networks(model).items():
        found = gradients_by(lambda: ops.sum(played(model)[share]), variables)
        largest = [abs(g).max() for g in found]
        assert min(largest) > 1e-4 if name == player else max(largest) == 0.0, name


def test_the_codes_get_nothing_of_the_game() -> None:
    model = vae_gan()

    def total(z: Any) -> Any:
        decoder, discriminator = played(model, {"latent": z, "decoded": model.decoder(z)})
        return ops.sum(decoder + discriminator)

    assert abs(gradient_in(total, NORMAL[LATENT])).max() == 0.0


def test_the_logit_is_a_dense_layer_of_the_features() -> None:
    model = vae_gan()
    game, batch = model.objective[2], Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    features = game.features(model, batch.x, batch)
    assert features.shape == (len(X), 8)
    np.testing.assert_allclose(
        ops.convert_to_numpy(game.logits(model, batch.x, batch)),
        ops.convert_to_numpy(game.critic.head(features))[:, 0],
        rtol=1e-6,
    )


def test_a_critic_of_pictures_may_convolve() -> None:
    pictures = {"input_shape": (8, 8, 1), "latent_dim": 2, "encoder": "conv", "hidden": [3]}
    model = keras_ae.create("vae_gan", **pictures, critic="conv", critic_hidden=[4])
    x = ops.convert_to_tensor(np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32"))
    outputs = model.autoencode(Batch(x, x), training=False, sample=True)
    shares = model.objective[2].shares(model, Batch(x, x), outputs, False)
    assert [share.shape for share in shares] == [(3,), (3,)]
    assert any(len(w.shape) == 4 for w in model.objective[2].critic.trainable_variables)
    assert len(model.objective[2].features(model, x, Batch(x, x)).shape) == 2
