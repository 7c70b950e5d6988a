"""Bounds on what was observed, and what is filled in, beside linear models in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import keras_ae
from tests.models.structured.closed_form import Linear, assert_mean, grid, rate

RNG = np.random.default_rng(0)
# Every entry is moved by one number of the code, so that posteriors are diagonal whatever is seen.
TRUTH = Linear(
    np.array([[1.0, 0.5, 0.0, 0.0, -0.7], [0.0, 0.0, 1.2, -0.4, 0.0]]),
    np.array([0.3, -0.2, 0.1, 0.8, -0.5]),
    0.5,
)
X = (
    RNG.normal(size=(6, 2)) @ TRUTH.loadings + TRUTH.centre + 0.5 * RNG.normal(size=(6, 5))
).astype("f4")
MASKS = np.array(
    [[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], "bool"
)
GAUSSIAN = {"name": "gaussian", "scale": 0.5}


def make(name: str = "missing_data_iwae", **options: Any) -> Any:
    given: dict[str, Any] = {"input_shape": (5,), "latent_dim": 2, "hidden": [], "samples": 3}
    model = keras_ae.create(name, **{**given, "likelihood": GAUSSIAN, **options})
    if model.latent_shape == (2,):
        model.decoder.set_weights([TRUTH.loadings, TRUTH.centre])
    model.compile("sgd")
    return model


def know(model: Any, observed: np.ndarray) -> None:
    """Give a model the true posterior of rows with these gaps, and a wrong weight for the rest."""
    kernel, bias, covariance = TRUTH.posterior(observed)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-12)
    kernel = np.where(observed[:, None], kernel, 7.0)
    model.bottleneck.mean_head.set_weights([kernel, bias])
    model.bottleneck.log_var_head.set_weights(
        [np.where(observed[:, None], 0.0, 3.0) * np.ones(2), np.log(np.diag(covariance))]
    )


def guess(model: Any, observed: np.ndarray | None = None) -> None:
    """Give a model a posterior that is wrong whatever was observed, and somewhat wide."""
    model.bottleneck.mean_head.set_weights([np.full((5, 2), 0.2), np.array([0.1, -0.1])])
    model.bottleneck.log_var_head.set_weights([np.full((5, 2), 0.05), np.array([0.3, 0.1])])


def test_with_the_true_posterior_one_draw_gives_the_density_of_what_was_observed() -> None:
    gaps, masks = make(), make(missing=None)
    for observed in MASKS:
        rows = np.where(observed, X, np.nan)
        masked = {"x": np.where(observed, X, 50.0), "mask": observed * np.ones_like(X)}
        wanted = TRUTH.log_prob(X, observed)
        for model, given in ((gaps, rows), (masks, masked)):
            know(model, observed)
            np.testing.assert_allclose(model.log_prob(given, 1), wanted, rtol=1e-4, atol=1e-4)
            assert model.evaluate(given, verbose=0)[0] == pytest.approx(-wanted.mean(), abs=1e-4)


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_the_density_is_that_of_the_observed_entries_before_they_were_scaled(kind: str) -> None:
    model = make(normalize=kind)
    scattered = np.where(RNG.random((40, 5)) < 0.7, RNG.normal(3.0, 2.0, (40, 5)), np.nan)
    model.adapt(scattered.astype("f4"))
    if kind == "standard":
        offset, scale = np.nanmean(scattered, axis=0), np.nanstd(scattered, axis=0)
    else:
        offset = np.nanmin(scattered, axis=0)
        scale = np.nanmax(scattered, axis=0) - offset
    x = (X * scale + offset).astype("f4")
    for observed in MASKS[:4]:
        know(model, observed)
        wanted = TRUTH.log_prob((x - offset) / scale, observed) - np.log(scale[observed]).sum()
        got = model.log_prob(np.where(observed, x, np.nan), 1)
        np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-4)


def test_the_bound_of_a_wrong_posterior_rises_from_the_elbo_to_the_density() -> None:
    model, observed = make(), MASKS[1]
    rows = np.where(observed, X, np.nan)
    kernel, bias, covariance = TRUTH.posterior(observed)
    kernel, bias = 0.7 * kernel, 0.7 * bias + 0.1
    log_var = np.log(2.0 * np.diag(covariance))  # wide, so that weights are bounded
    unseen = np.where(observed[:, None], kernel, 7.0)
    model.bottleneck.mean_head.set_weights([unseen, bias])
    model.bottleneck.log_var_head.set_weights([np.zeros((5, 2)), log_var])
    mean = X.astype("f8") @ kernel + bias
    np.testing.assert_allclose(model.posterior(rows)["mean"], mean, rtol=1e-4, atol=1e-5)
    exact, log_var = TRUTH.log_prob(X, observed), np.broadcast_to(log_var, (6, 2))
    elbo = TRUTH.bound(X, mean, log_var, observed) - rate(mean, log_var).sum(1)
    assert (elbo < exact - 0.1).all()
    many = rows.repeat(4_000, 0)
    for found in (model.log_prob(many, 1), model.elbo(many)):
        assert_mean(found.reshape(6, -1).T, elbo)
    np.testing.assert_allclose(model.log_prob(rows, 20_000), exact, atol=0.03)


@pytest.mark.parametrize(("posterior", "atol"), [(know, 0.03), (guess, 0.12)])
def test_gaps_are_filled_with_the_conditional_expectation(posterior: Any, atol: float) -> None:
    model = make()
    for observed in MASKS[1:4]:
        posterior(model, observed)
        mean, covariance = TRUTH.conditional(X, observed)
        filled = model.impute(np.where(observed, X, np.nan), 20_000)
        np.testing.assert_array_equal(filled[:, observed], X[:, observed])
        error = (filled[:, ~observed] - mean) / np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(error, 0.0, atol=atol)


def test_imputations_have_the_conditionals_mean_and_covariance() -> None:
    model, observed = make(), MASKS[2]
    know(model, observed)
    rows = np.where(observed, X[:1], np.nan).repeat(300, axis=0)
    drawn = model.impute(rows, 300, imputations=20)
    np.testing.assert_array_equal(
        drawn[..., observed], np.broadcast_to(X[0, observed], (20, 300, 2))
    )
    mean, covariance = TRUTH.conditional(X[:1], observed)
    found = drawn[..., ~observed].reshape(-1, 3).astype("f8")
    deviations = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((found.mean(0) - mean[0]) / deviations, 0.0, atol=0.07)
    error = (np.cov(found.T) - covariance) / np.outer(deviations, deviations)
    np.testing.assert_allclose(error, 0.0, atol=0.08)
    assert abs(covariance[1, 2]) > 0.1  # of two entries that are missing together


def test_with_nothing_missing_it_is_the_importance_weighted_autoencoder() -> None:
    model = make()
    guess(model)
    for other in (make(missing=None), make("iwae")):
        other.set_weights(model.get_weights())
        np.testing.assert_allclose(other.log_prob(X, 7), model.log_prob(X, 7), rtol=1e-6)
        np.testing.assert_allclose(other.elbo(X, 7), model.elbo(X, 7), rtol=1e-6)
        np.testing.assert_allclose(other.score(X), model.score(X), rtol=1e-6)
        losses = [m.evaluate(X, seed=3, verbose=0)[0] for m in (model, other)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    whole = {"x": X, "mask": np.ones_like(X)}
    np.testing.assert_allclose(model.log_prob(whole, 7), model.log_prob(X, 7), rtol=1e-6)
    np.testing.assert_array_equal(model.impute(X, 3), X)


def test_the_papers_student_t_has_the_density_and_the_means_of_an_integral() -> None:
    model = make(latent_dim=1, likelihood=None)
    kernel, bias = RNG.normal(scale=0.5, size=(1, 15)), RNG.normal(scale=0.5, size=15)
    model.decoder.set_weights([kernel, bias])
    model.bottleneck.mean_head.set_weights([np.full((5, 1), 0.1), np.zeros(1)])
    model.bottleneck.log_var_head.set_weights([np.zeros((5, 1)), np.full(1, 0.4)])
    z, log_prior = grid()
    location, log_scale, log_freedom = np.split(z[:, None] @ kernel + bias, 3, axis=1)
    each = stats.t(4 * np.exp(log_freedom), location, np.exp(log_scale))
    for observed in (MASKS[1], MASKS[3]):
        rows = np.where(observed, X[:3], np.nan)
        joint = np.stack([(each.logpdf(x) * observed).sum(1) + log_prior for x in X[:3]])
        wanted = logsumexp(joint, axis=1)
        np.testing.assert_allclose(model.log_prob(rows, 20_000), wanted, atol=0.03)
        means = np.exp(joint - wanted[:, None]) @ location
        filled = model.impute(rows, 20_000)
        np.testing.assert_allclose(filled[:, ~observed], means[:, ~observed], atol=0.04)
