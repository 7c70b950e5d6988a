"""The game over pairs of Donahue et al. (2017), and the gradients of its networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.typing import Batch
from tests.contract.dense import leaky_stack, relu_stack
from tests.objectives.played import (
    LATENT,
    NORMAL,
    Losses,
    X,
    check_one_gradient,
    check_phases,
    data,
    fixed,
    gradient_in,
    gradients_by,
    make,
    weights_of_networks,
)

RECONSTRUCTION = 0.2


def bigan(**options: Any) -> Any:
    given = {"likelihood": "bernoulli", "critic_hidden": [8], "pair_hidden": [7]}
    return make("bigan", **{**given, "reconstruction": RECONSTRUCTION, **options})


def equation_2(model: Any, reconstruction: float = RECONSTRUCTION) -> Losses:
    """Donahue et al. (2017), equation 2, with exchanged labels for encoder and decoder."""
    critic = model.objective[1].critic

    def logit(x: Any, z: Any) -> Any:
        return critic.pairs(ops.concatenate([critic.network(x), z], axis=1))[:, 0]

    def pairs() -> tuple[Any, Any, Any]:
        drawn = fixed(NORMAL[LATENT])
        z = model.bottleneck(model.encoder(data()))["latent"]
        logits = model.decoder(z)
        error = ops.sum(ops.softplus(logits) - data() * logits, axis=1)
        made = ops.sigmoid(model.decoder(drawn))
        return logit(data(), z), logit(made, drawn), error

    def networks() -> Any:
        inferred, generated, error = pairs()
        game = ops.softplus(inferred) + ops.softplus(-generated)
        return ops.mean(game + reconstruction * error)

    def discriminator() -> Any:
        inferred, generated, _ = pairs()
        return ops.mean(ops.softplus(-inferred) + ops.softplus(generated))

    return {"encoder": networks, "decoder": networks, "critic": discriminator}


def played(model: Any, codes: Any = None) -> Any:
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    outputs = model.autoencode(batch, training=False, sample=True)
    if codes is not None:
        outputs = {"latent": codes, "decoded": model.decoder(codes)}
    return model.objective[1].shares(model, batch, outputs, False)


@pytest.mark.parametrize("reconstruction", [0.0, RECONSTRUCTION])
def test_each_network_gets_the_gradient_of_its_own_loss(reconstruction: float) -> None:
    model = bigan(reconstruction=reconstruction)
    check_one_gradient(model, equation_2(model, reconstruction))


def test_in_phases_the_critic_moves_before_encoder_and_decoder() -> None:
    model = bigan(alternate=True)
    losses = equation_2(model)
    check_phases(model, [("critic", losses["critic"]), ("encoder+decoder", losses["encoder"])], 0.3)


def test_both_shares_are_the_games_cross_entropies() -> None:
    model = bigan()
    critic, drawn = model.objective[1].critic, NORMAL[LATENT]
    z = model.encode(X)

    def logit(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        seen = relu_stack(critic.network.get_weights(), x, last=True)
        return leaky_stack(critic.pairs.get_weights(), np.hstack([seen, z]))[:, 0]

    made = 1 / (1 + np.exp(-relu_stack(model.decoder.get_weights(), drawn)))
    inferred, generated = logit(X, z), logit(made, drawn)
    networks, discriminator = map(ops.convert_to_numpy, played(model))
    wanted = np.logaddexp(0, inferred) + np.logaddexp(0, -generated)
    np.testing.assert_allclose(networks, wanted, rtol=1e-4)
    wanted = np.logaddexp(0, -inferred) + np.logaddexp(0, generated)
    np.testing.assert_allclose(discriminator, wanted, rtol=1e-4)


@pytest.mark.parametrize(
    ("share", "players"),
    [(0, ("encoder", "decoder")), (1, ("critic",))],
    ids=["networks", "critic"],
)
def test_a_share_reaches_the_weights_of_its_players_only(
    share: int, players: tuple[str, ...]
) -> None:
    model = bigan()
    for name, variables in weights_of_networks(model).items():
        found = gradients_by(lambda: ops.sum(played(model)[share]), variables)
        largest = [abs(g).max() for g in found]
        assert min(largest) > 1e-4 if name in players else max(largest) == 0.0, name


def test_the_codes_get_nothing_of_the_critics_share() -> None:
    model = bigan()
    networks = gradient_in(lambda z: ops.sum(played(model, z)[0]), NORMAL[LATENT])
    critic = gradient_in(lambda z: ops.sum(played(model, z)[1]), NORMAL[LATENT])
    assert abs(networks).min() > 0
    assert abs(critic).max() == 0.0
