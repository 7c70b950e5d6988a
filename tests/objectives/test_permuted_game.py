"""The total correlation that a critic sees, and the game of Kim and Mnih (2018)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.objectives import PermutedGame
from keras_ae.typing import Batch
from tests.contract.dense import leaky_stack
from tests.objectives.played import (
    LATENT,
    NORMAL,
    UNIFORM,
    Losses,
    X,
    bernoulli_cost,
    check_one_gradient,
    check_phases,
    codes,
    data,
    gradient_in,
    gradients_by,
    kl,
    make,
    weights_of_networks,
)

GAMMA = 2.5
ORDERS = np.argsort(UNIFORM[LATENT], axis=0)
"""By column: which row each number of the permuted codes comes from."""


def factor_vae(**options: Any) -> Any:
    given = {"likelihood": "bernoulli", "critic_hidden": [8], "gamma": GAMMA}
    return make("factor_vae", **{**given, **options})


def permuted(z: Any) -> Any:
    return ops.stack(
        [ops.take(z[:, j], ops.convert_to_tensor(order)) for j, order in enumerate(ORDERS.T)],
        axis=1,
    )


def algorithm_2(model: Any) -> Losses:
    """Kim and Mnih (2018), equation 2 and algorithm 2, with one logit for two."""
    critic = model.objective[2].critic

    def autoencoder() -> Any:
        z, mean, log_var = codes(model, data())
        elbo = -bernoulli_cost(data(), model.decoder(z)) - kl(mean, log_var)
        return ops.mean(-elbo + GAMMA * critic(z)[:, 0])

    def discriminator() -> Any:
        z, *_ = codes(model, data())
        true, false = critic(z), critic(permuted(z))
        return 0.5 * ops.mean(ops.softplus(-true) + ops.softplus(false))

    return {"encoder": autoencoder, "decoder": autoencoder, "critic": discriminator}


def played(model: Any, z: Any) -> Any:
    batch = Batch(ops.convert_to_tensor(X), ops.convert_to_tensor(X))
    return model.objective[2].shares(model, batch, {"latent": z}, False)


def test_each_network_gets_the_gradient_of_its_own_loss() -> None:
    model = factor_vae()
    check_one_gradient(model, algorithm_2(model))


def test_in_phases_the_autoencoder_moves_before_the_critic() -> None:
    model = factor_vae(alternate=True)
    losses = algorithm_2(model)
    phases = [("encoder+decoder", losses["encoder"]), ("critic", losses["critic"])]
    check_phases(model, phases, 0.1)


def test_both_shares_are_numpys() -> None:
    model, z = factor_vae(), NORMAL[LATENT]
    weights = model.objective[2].critic.get_weights()
    moved = np.take_along_axis(z, ORDERS, axis=0)
    true, false = (leaky_stack(weights, rows)[:, 0] for rows in (z, moved))
    logits, critic = map(ops.convert_to_numpy, played(model, ops.convert_to_tensor(z)))
    np.testing.assert_allclose(logits, true, rtol=1e-4, atol=1e-6)
    wanted = 0.5 * (np.logaddexp(0, -true) + np.logaddexp(0, false))
    np.testing.assert_allclose(critic, wanted, rtol=1e-4)


def test_the_codes_get_the_logits_gradient_and_none_of_the_critics_share() -> None:
    model = factor_vae()
    logits = gradient_in(lambda z: ops.sum(played(model, z)[0]), NORMAL[LATENT])
    critic = gradient_in(lambda z: ops.sum(played(model, z)[1]), NORMAL[LATENT])
    wanted = gradient_in(lambda z: ops.sum(model.objective[2].critic(z)), NORMAL[LATENT])
    np.testing.assert_allclose(logits, wanted, rtol=1e-5)
    assert abs(logits).max() > 1e-3
    assert abs(critic).max() == 0.0


@pytest.mark.parametrize(("share", "moves"), [(0, False), (1, True)])
def test_only_its_own_share_reaches_the_critic(share: int, moves: bool) -> None:
    model = factor_vae()
    found = gradients_by(
        lambda: ops.sum(played(model, ops.convert_to_tensor(NORMAL[LATENT]))[share]),
        weights_of_networks(model)["critic"],
    )
    assert [abs(g).max() > 0 for g in found] == [moves] * 4


@keras.saving.register_keras_serializable("tests")
class Quadratic(keras.layers.Layer):
    """z -> scale * (z' A z + b), and a record of what it was shown."""

    def __init__(self, matrix: np.ndarray, offset: float, scale: float = 1.0) -> None:
        super().__init__()
        self.matrix, self.offset, self.scale = matrix.astype("float32"), offset, scale
        self.shown: dict[int, np.ndarray] = {}

    def call(self, z: Any, training: bool = False) -> Any:
        self.shown[len(self.shown)] = np.array(ops.convert_to_numpy(z))
        form = ops.sum(ops.matmul(z, self.matrix) * z, axis=-1, keepdims=True)
        return self.scale * (form + self.offset)


def term_with(critic: Any, width: int) -> PermutedGame:
    term = PermutedGame()
    term.attach(SimpleNamespace(latent_shape=(width,), bottleneck=None, prior=None))
    term.critic = critic
    return term


def shares_of(term: PermutedGame, z: np.ndarray, training: bool = False) -> list[np.ndarray]:
    tensor = ops.convert_to_tensor(z.astype("float32"))
    model = SimpleNamespace(bottleneck=None, prior=None)
    shares = term.shares(model, Batch(tensor, tensor), {"latent": tensor}, training)
    return [ops.convert_to_numpy(share) for share in shares]


def shown_permuted(critic: Quadratic, z: np.ndarray) -> np.ndarray:
    """Return what else than the codes themselves the critic was shown last."""
    others = [rows for rows in critic.shown.values() if not np.array_equal(rows, z)]
    assert len(others) == 1
    critic.shown.clear()
    return others[0]


def test_each_column_keeps_its_numbers_and_each_row_loses_its_own() -> None:
    rows, width = 64, 3
    z = (np.arange(rows)[:, None] + 1000 * np.arange(width)).astype("float32")
    critic = Quadratic(np.zeros((width, width)), 0.0)
    term = term_with(critic, width)
    seen = []
    for training in (False, True, True):
        shares_of(term, z, training)
        seen.append(shown_permuted(critic, z))
        np.testing.assert_array_equal(np.sort(seen[-1], axis=0), z)
        origin = seen[-1] - 1000 * np.arange(width)
        whole = (origin == origin[:, :1]).all(axis=1)
        assert whole.mean() < 0.1
        for first in range(width):  # no two columns move together, which would keep their pairs
            for second in range(first):
                assert (origin[:, first] == origin[:, second]).mean() < 0.15
    assert (seen[1] != seen[2]).any()


def test_a_seed_repeats_the_permutation() -> None:
    z = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    critic = Quadratic(np.zeros((2, 2)), 0.0)
    term = term_with(critic, 2)
    seen = []
    for seed in (5, 5, 6):
        term.noise.reset_evaluation(seed)
        shares_of(term, z)
        seen.append(shown_permuted(critic, z))
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] != seen[2]).any()


def correlated(correlation: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return normal codes, and A and b of the log-ratio z' A z + b of joint and marginals."""
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    z = np.random.default_rng(3).multivariate_normal(np.zeros(2), covariance, size=20_000)
    matrix = -0.5 * (np.linalg.inv(covariance) - np.eye(2))
    return z, matrix, -0.5 * float(np.log(np.linalg.det(covariance)))


def test_the_best_critics_mean_logit_is_the_total_correlation() -> None:
    z, matrix, offset = correlated(0.8)
    logits, _ = shares_of(term_with(Quadratic(matrix, offset), 2), z)
    total_correlation = -0.5 * np.log(1 - 0.8**2)
    assert abs(logits.mean() - total_correlation) < 4 * logits.std() / np.sqrt(len(z))


def test_the_best_critics_loss_is_least() -> None:
    """It is log 2 less the Jensen-Shannon divergence, of joint and product of marginals."""
    z, matrix, offset = correlated(0.8)
    losses = {
        scale: float(shares_of(term_with(Quadratic(matrix, offset, scale), 2), z)[1].mean())
        for scale in (-1.0, 0.0, 0.7, 1.0, 1.4)
    }
    assert min(losses, key=lambda scale: losses[scale]) == 1.0
    assert losses[0.0] == pytest.approx(np.log(2), rel=1e-5)
    independent = np.random.default_rng(4).normal(size=z.shape)

    def log_ratio(rows: np.ndarray) -> np.ndarray:
        return ((rows @ matrix) * rows).sum(1) + offset

    costs = np.logaddexp(0, -log_ratio(z)), np.logaddexp(0, log_ratio(independent))
    wanted = 0.5 * (costs[0].mean() + costs[1].mean())
    assert losses[1.0] == pytest.approx(wanted, abs=0.01)


def test_a_code_of_one_number_has_no_total_correlation() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        keras_ae.create("factor_vae", input_shape=(4,), latent_dim=1, hidden=[4])
