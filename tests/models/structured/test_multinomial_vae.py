"""Counts that share out their total, beside SciPy's multinomial."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, softmax

import keras_ae
from tests.models.structured.closed_form import assert_mean, grid, hermite, rate

RNG = np.random.default_rng(0)
X = np.array([[3, 0, 1, 0, 2], [1, 1, 0, 0, 0], [0, 0, 0, 5, 4], [9, 2, 5, 0, 4]], "f4")
SEEN = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 0, 1]], "f4")
BETA, DROPPED = 0.3, 0.3


class Shares:
    """A model of one number, of which all weights are known."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.mean, self.log_var = rng.normal(scale=0.4, size=(2, 6))
        self.log_var[5] += 0.5
        self.output = rng.normal(scale=0.8, size=(2, 5))
        self.model: Any = keras_ae.create(
            "multinomial_vae", input_shape=(5,), latent_dim=1, hidden=[], beta=BETA, dropout=DROPPED
        )
        self.model.bottleneck.mean_head.set_weights([self.mean[:5, None], self.mean[5:]])
        self.model.bottleneck.log_var_head.set_weights([self.log_var[:5, None], self.log_var[5:]])
        self.model.decoder.set_weights([self.output[:1], self.output[1]])
        self.model.compile("sgd")

    def posterior(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance of a row of counts; the encoder sees its direction."""
        given = np.append(x / max(np.linalg.norm(x), 1e-12), 1.0)
        return given @ self.mean, given @ self.log_var

    def log_mass(self, x: np.ndarray, seen: np.ndarray, z: Any) -> np.ndarray:
        """Return that of the entries that are there, at codes of any shape."""
        there = seen > 0
        logits = np.asarray(z)[..., None] * self.output[0] + self.output[1]
        p = softmax(logits[..., there], axis=-1)
        found = stats.multinomial(int(x[there].sum()), p / p.sum(-1, keepdims=True)).logpmf(
            x[there]
        )
        return np.asarray(found)

    def loss(self, left: np.ndarray, x: np.ndarray, seen: np.ndarray, beta: float) -> float:
        """Return E_q -log p(x | z) + beta KL of a row, of which the encoder sees what is left."""
        mean, log_var = self.posterior(left)
        z, weights = hermite(mean, np.exp(log_var))
        return float(beta * rate(mean, log_var) - weights @ self.log_mass(x, seen, z))


def many(given: Any) -> Any:
    """Return each row 4000 times."""
    if isinstance(given, dict):
        return {key: value.repeat(4_000, axis=0) for key, value in given.items()}
    return given.repeat(4_000, axis=0)


def each(masked: bool) -> tuple[Any, list[tuple[np.ndarray, np.ndarray]]]:
    """Return what a model is given, and each of its rows with what is there."""
    seen = SEEN if masked else np.ones_like(SEEN)
    given = {"x": np.where(seen > 0, X, 99.0), "mask": seen} if masked else X
    return given, list(zip((X * seen).astype("f8"), seen, strict=True))


@pytest.mark.parametrize("masked", [False, True])
def test_scores_are_multinomial_at_the_codes_and_count_the_rate(masked: bool) -> None:
    shares = Shares()
    given, rows = each(masked)
    wanted = []
    for x, seen in rows:
        mean, log_var = shares.posterior(x)
        wanted.append(float(rate(mean, log_var)) - float(shares.log_mass(x, seen, mean)))
    np.testing.assert_allclose(shares.model.score(given), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("masked", [False, True])
def test_bounds_are_integrals_over_the_code(masked: bool) -> None:
    shares = Shares()
    given, rows = each(masked)
    exact, elbo = [], []
    points, log_prior = grid()
    for x, seen in rows:
        exact.append(logsumexp(log_prior + shares.log_mass(x, seen, points)))
        elbo.append(-shares.loss(x, x, seen, beta=1.0))
    np.testing.assert_allclose(shares.model.log_prob(given, 40_000), exact, atol=0.03)
    assert_mean(shares.model.elbo(many(given)).reshape(4, -1).T, elbo)


@pytest.mark.parametrize("masked", [False, True])
def test_the_loss_is_the_mean_over_what_dropout_leaves(masked: bool) -> None:
    shares = Shares()
    given, rows = each(masked)
    wanted = 0.0
    for left in itertools.product([0.0, 1.0], repeat=5):
        chance = np.prod(np.where(left, 1 - DROPPED, DROPPED))
        losses = [shares.loss(x * left, x, seen, BETA) for x, seen in rows]
        wanted += float(chance * np.mean(losses))
    found = [
        shares.model.evaluate(many(given), batch_size=16_000, seed=seed, verbose=0)[0]
        for seed in range(8)
    ]
    assert_mean(np.array(found), wanted)


def test_reconstructions_are_the_softmax_at_the_code() -> None:
    shares = Shares()
    mean = np.array([[shares.posterior(x)[0]] for x in X.astype("f8")])
    np.testing.assert_allclose(shares.model.encode(X), mean, rtol=1e-4, atol=1e-5)
    wanted = softmax(mean * shares.output[0] + shares.output[1], axis=1)
    np.testing.assert_allclose(shares.model.reconstruct(X), wanted, rtol=1e-4)
