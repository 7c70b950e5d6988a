"""Losses of pairs beside closed forms, with one posterior of what does not differ."""

from __future__ import annotations

import numpy as np
import pytest

import keras_ae
from tests.models.structured.closed_form import (
    Linear,
    LinearVAE,
    assert_is_vae_of_examples,
    assert_mean,
    rate,
)

RNG = np.random.default_rng(0)
TRUTH = Linear(0.7 * RNG.normal(size=(4, 5)), RNG.normal(size=5), 0.8)
BETA = 0.6


def make(pooling: str) -> LinearVAE:
    model = keras_ae.create(
        "ada_gvae",
        input_shape=(5,),
        latent_dim=4,
        beta=BETA,
        pooling=pooling,
        hidden=[],
        likelihood={"name": "gaussian", "scale": 0.8},
    )
    return LinearVAE(model, TRUTH)


def shared(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """Return which coordinates of a pair do not differ: Locatello, equation 4 and its threshold."""
    apart = rate(mean[0], log_var[0], mean[1], log_var[1])
    return np.asarray(apart < (apart.max() + apart.min()) / 2)


def of_a_pair(made: LinearVAE, x: np.ndarray, pooling: str) -> float:
    """Return the loss of a pair `(2, entries)`, per member: Locatello, equations 3, 5 and 6."""
    mean, log_var = made.posterior(x)
    same, variance = shared(mean, log_var), np.exp(log_var)
    if pooling == "mean":
        centre, spread = mean.mean(0), variance.mean(0)
    else:
        spread = variance[0] * variance[1] / variance.sum(0)
        centre = spread * (mean / variance).sum(0)
    mean, log_var = np.where(same, centre, mean), np.where(same, np.log(spread), log_var)
    return float((BETA * rate(mean, log_var).sum(1) - TRUTH.bound(x, mean, log_var)).mean())


@pytest.mark.parametrize("pooling", ["mean", "product"])
def test_a_pairs_loss_has_one_posterior_of_what_is_shared(pooling: str) -> None:
    made = make(pooling)
    for _ in range(4):
        x = RNG.normal(size=(2, 5)).astype("f4")
        assert_mean(made.losses({"x": x[None]}), of_a_pair(made, x.astype("f8"), pooling))


@pytest.mark.parametrize("pooling", ["mean", "product"])
def test_the_divergence_is_that_of_the_first_member_from_the_second(pooling: str) -> None:
    made = make(pooling)
    pairs = RNG.normal(size=(200, 2, 5)).astype("f4")
    for x in pairs:  # one of which other coordinates are shared when it is turned around
        there, back = of_a_pair(made, x, pooling), of_a_pair(made, x[::-1], pooling)
        if abs(there - back) > 0.5:
            break
    for pair, wanted in ((x, there), (x[::-1], back)):
        assert_mean(made.losses({"x": pair[None]}), wanted, deviations=4.0)


def test_pairs_of_a_batch_are_kept_apart() -> None:
    made = make("mean")
    x = RNG.normal(size=(5, 2, 5)).astype("f4")
    wanted = np.mean([of_a_pair(made, pair.astype("f8"), "mean") for pair in x])
    assert_mean(made.losses({"x": x}), wanted)


def test_examples_have_their_own_posteriors_scores_and_losses() -> None:
    made = make("mean")
    assert_is_vae_of_examples(made, RNG.normal(size=(6, 5)).astype("f4"), BETA)
