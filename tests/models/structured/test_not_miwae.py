"""Bounds on what was observed and on the gaps, beside integrals over codes and missing numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import log_expit, logsumexp

import keras_ae
from tests.models.structured.closed_form import Linear, assert_mean, grid, hermite, rate

RNG = np.random.default_rng(0)
TRUTH = Linear(np.array([[1.0, -0.8, 0.6]]), np.array([0.3, -0.2, 0.1]), 0.5)
SLOPE, THRESHOLD = np.array([2.0, -1.0, 1.5]), np.array([0.2, -0.5, 0.4])
MIX, SHIFT = RNG.normal(size=(3, 3)), RNG.normal(size=3)
PROCESSES = ["self_masking", "self_masking_known", "linear"]
X = np.array([[-1.0, 0.4, 0.2], [0.9, 0.1, 1.1]], "f4")
MASKS = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]], "bool")
SPREAD = np.array([[0.4], [-0.3], [0.2]])


def make(process: str) -> Any:
    model = keras_ae.create(
        "not_miwae",
        input_shape=(3,),
        latent_dim=1,
        hidden=[],
        samples=1,
        process=process,
        numbers={"name": "gaussian", "scale": 0.5},
    )
    model.decoder.set_weights([TRUTH.loadings, TRUTH.centre])
    model.bottleneck.mean_head.set_weights([SPREAD, np.array([0.1])])
    model.bottleneck.log_var_head.set_weights([np.zeros((3, 1)), np.array([-0.2])])
    if process == "linear":
        model.likelihood.dense[-1].set_weights([MIX, SHIFT])
    else:
        model.likelihood.slope.assign(SLOPE)
        model.likelihood.threshold.assign(THRESHOLD)
    model.compile("sgd")
    return model


def logits(process: str, x: np.ndarray) -> np.ndarray:
    """Return those of being observed, of rows `(..., 3)`."""
    if process == "linear":
        return np.asarray(x @ MIX + SHIFT)
    slope = np.log1p(np.exp(SLOPE)) if process == "self_masking_known" else SLOPE
    return np.asarray(-slope * (x - THRESHOLD))


def log_mass(process: str, x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return log p(s | x) of whole rows."""
    f = logits(process, x)
    return np.asarray(np.where(seen, log_expit(f), log_expit(-f)).sum(-1))


def completions(
    row: np.ndarray, seen: np.ndarray, z: np.ndarray, order: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows `(z, nodes, 3)` whose gaps are drawn from p(x | z), and the nodes' weights."""
    decoded = z[:, None] @ TRUTH.loadings + TRUTH.centre
    missing = np.flatnonzero(~seen)
    nodes, each = hermite(decoded[:, missing], np.full(len(missing), 0.25), order)
    where = np.indices((order,) * len(missing)).reshape(len(missing), order ** len(missing))
    whole = np.broadcast_to(row.astype("f8"), (len(z), where.shape[1], 3)).copy()
    for i, entry in enumerate(missing):
        whole[..., entry] = nodes[:, i, where[i]]
    return whole, each[where].prod(axis=0)


def log_observed(row: np.ndarray, seen: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return log p(x_o | z) at some codes."""
    error = (row - z[:, None] @ TRUTH.loadings - TRUTH.centre) / 0.5
    each = -0.5 * error**2 - 0.5 * np.log(2 * np.pi * 0.25)
    return np.asarray(np.where(seen, each, 0.0).sum(1))


def integral(process: str, row: np.ndarray, seen: np.ndarray) -> tuple[float, np.ndarray]:
    """Return log p(x_o, s), and E[x | x_o, s]."""
    z, log_prior = grid(6.0, 241)
    whole, weights = completions(row, seen, z)
    joint = log_mass(process, whole, seen) + np.log(weights)
    joint = joint + (log_observed(row, seen, z) + log_prior)[:, None]
    total = logsumexp(joint)
    return float(total), np.einsum("zn,znd->d", np.exp(joint - total), whole)


def of_one_draw(process: str, row: np.ndarray, seen: np.ndarray) -> float:
    """Return E log p(x_o | z) p(s | x_o, x_m) p(z) / q(z | x_o), z from q and x_m from p(. | z)."""
    mean = float(np.where(seen, row, 0.0) @ SPREAD[:, 0]) + 0.1
    z, q = hermite(mean, np.exp(-0.2), 40)
    whole, weights = completions(row, seen, z)
    value = log_observed(row, seen, z) + log_mass(process, whole, seen) @ weights
    return float(q @ value - rate(mean, -0.2))


@pytest.mark.parametrize("process", PROCESSES)
def test_the_bound_rises_to_the_integral_over_codes_and_missing_numbers(process: str) -> None:
    model = make(process)
    rows = np.concatenate([np.where(seen, X, np.nan) for seen in MASKS]).astype("f4")
    wanted = [integral(process, row, seen)[0] for seen in MASKS for row in X]
    np.testing.assert_allclose(model.log_prob(rows, 40_000), wanted, atol=0.03)


@pytest.mark.parametrize("process", PROCESSES)
def test_one_draw_of_code_and_missing_numbers_has_the_papers_bound(process: str) -> None:
    model = make(process)
    rows = np.concatenate([np.where(seen, X, np.nan) for seen in MASKS]).astype("f4")
    wanted = np.array([of_one_draw(process, row, seen) for seen in MASKS for row in X])
    many = rows.repeat(4_000, 0)
    assert_mean(model.log_prob(many, 1).reshape(8, -1).T, wanted)
    assert_mean(model.elbo(many).reshape(8, -1).T, wanted)
    loss = model.evaluate(many, batch_size=32_000, verbose=0)[0]
    assert loss == pytest.approx(-wanted.mean(), abs=0.05)


@pytest.mark.parametrize("process", PROCESSES)
def test_gaps_are_filled_with_the_expectation_given_that_they_are_gaps(process: str) -> None:
    model = make(process)
    for seen in MASKS[1:]:
        filled = model.impute(np.where(seen, X, np.nan), 40_000)
        wanted = np.stack([integral(process, row, seen)[1] for row in X])
        np.testing.assert_allclose(filled, wanted, atol=0.04)
    blind = TRUTH.conditional(X, seen)[0]  # the last: nothing is observed but that
    assert abs(wanted[0] - blind[0]).max() > 0.15


def test_imputations_are_draws_given_that_they_are_gaps() -> None:
    model, seen = make("self_masking"), MASKS[2]
    rows = np.where(seen, X[:1], np.nan).repeat(300, axis=0)
    drawn = model.impute(rows, 300, imputations=20)[..., ~seen].reshape(-1, 2).astype("f8")
    z, log_prior = grid(6.0, 241)
    whole, weights = completions(X[0], seen, z)
    joint = log_mass("self_masking", whole, seen) + np.log(weights)
    share = joint + (log_observed(X[0], seen, z) + log_prior)[:, None]
    share = np.exp(share - logsumexp(share))
    mean = np.einsum("zn,znd->d", share, whole[..., ~seen])
    centred = whole[..., ~seen] - mean
    covariance = np.einsum("zn,znd,zne->de", share, centred, centred)
    deviations = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((drawn.mean(0) - mean) / deviations, 0.0, atol=0.08)
    error = (np.cov(drawn.T) - covariance) / np.outer(deviations, deviations)
    np.testing.assert_allclose(error, 0.0, atol=0.1)


@pytest.mark.parametrize("process", PROCESSES)
def test_rows_without_gaps_have_the_density_and_the_chance_of_being_whole(process: str) -> None:
    model = make(process)
    kernel, bias, covariance = TRUTH.posterior(MASKS[0])
    model.bottleneck.mean_head.set_weights([kernel, bias])
    model.bottleneck.log_var_head.set_weights([np.zeros((3, 1)), np.log(covariance[0])])
    wanted = TRUTH.log_prob(X, MASKS[0]) + log_expit(logits(process, X.astype("f8"))).sum(1)
    np.testing.assert_allclose(model.log_prob(X, 1), wanted, rtol=1e-4, atol=1e-4)
