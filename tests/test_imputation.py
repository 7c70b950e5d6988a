"""Missing entries filled in, beside linear models whose conditionals are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import keras_ae
from keras_ae import posterior_draws

RNG = np.random.default_rng(0)
LOADINGS = RNG.normal(size=(2, 6))
CENTRE = RNG.normal(size=6)
X = (RNG.normal(size=(40, 2)) @ LOADINGS + 0.5 * RNG.normal(size=(40, 6)) + CENTRE).astype("f4")
OBSERVED = RNG.random(X.shape) < 0.6
OBSERVED[:4] = np.array([[1] * 6, [0] * 6, [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0]], "bool")
GAPS = np.where(OBSERVED, X, np.nan)


def linear(**options: Any) -> Any:
    """p(x | z) = N(W z + centre, 0.25 I) with a posterior that is wide, and wrong where x is."""
    model = keras_ae.create(
        "vae",
        input_shape=(6,),
        latent_dim=2,
        hidden=[],
        likelihood={"name": "gaussian", "scale": 0.5},
        **{"missing": "mask", **options},
    )
    model.decoder.set_weights([LOADINGS, CENTRE])
    model.bottleneck.mean_head.set_weights([np.full((6, 2), 0.01), np.zeros(2)])
    model.bottleneck.log_var_head.set_weights([np.zeros((6, 2)), np.full(2, 0.3)])
    return model


def conditional(row: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of x_missing given x_observed under N(centre, W'W + 0.25 I)."""
    covariance = LOADINGS.T @ LOADINGS + 0.25 * np.eye(6)
    o, m = np.flatnonzero(observed), np.flatnonzero(~observed)
    gain = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
    mean = CENTRE[m] + gain @ (row[o].astype("f8") - CENTRE[o])
    return mean, covariance[np.ix_(m, m)] - gain @ covariance[np.ix_(o, m)]


def test_the_mean_is_the_conditional_expectation() -> None:
    filled = linear().impute(GAPS, 20_000)
    for row, x, observed in zip(filled, X, OBSERVED, strict=True):
        np.testing.assert_array_equal(row[observed], x[observed])
        if not observed.all():
            np.testing.assert_allclose(row[~observed], conditional(x, observed)[0], atol=0.08)


def test_draws_have_the_conditional_distribution() -> None:
    rows = np.repeat(GAPS[2:3], 60, axis=0)
    drawn = linear().impute(rows, 500, imputations=50)
    assert drawn.shape == (50, 60, 6)
    np.testing.assert_array_equal(drawn[..., 0], X[2, 0])
    mean, covariance = conditional(X[2], OBSERVED[2])
    found = drawn[..., 1:].reshape(-1, 5).astype("f8")
    deviations = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((found.mean(0) - mean) / deviations, 0.0, atol=0.1)
    np.testing.assert_allclose(
        (np.cov(found.T) - covariance) / np.outer(deviations, deviations), 0.0, atol=0.12
    )
    for column in range(5):
        exact = stats.norm(mean[column], deviations[column])
        assert stats.kstest(found[:, column], exact.cdf).statistic < 0.05


def test_imputations_of_a_row_differ_from_each_other() -> None:
    drawn = linear().impute(GAPS[:3], 100, imputations=3)
    assert np.ptp(drawn[:, 1], axis=0).min() > 1e-3
    np.testing.assert_array_equal(drawn[0, 0], X[0])


@pytest.mark.parametrize("asked", [{}, {"imputations": 2}])
@pytest.mark.parametrize("name", ["vae", "not_miwae"])
def test_a_seed_fixes_what_is_filled_in(name: str, asked: dict[str, Any]) -> None:
    model = linear()
    if name == "not_miwae":
        model = keras_ae.create(name, input_shape=(6,), latent_dim=2)
        model.likelihood.slope.assign(np.ones(6))
        np.testing.assert_array_equal(model.log_prob(GAPS, 5), model.log_prob(GAPS, 5))
    first = model.impute(GAPS, 20, **asked)
    np.testing.assert_array_equal(model.impute(GAPS, 20, **asked), first)
    assert (model.impute(GAPS, 20, seed=1, **asked) != first).any()


def test_draws_that_are_decoded_in_parts_count_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posterior_draws, "MOST_TOGETHER", 7)
    row = GAPS[2:3]
    filled = linear().impute(row, 3_000)
    np.testing.assert_allclose(filled[0, 1:], conditional(X[2], OBSERVED[2])[0], atol=0.25)
    rows = np.repeat(row, 200, axis=0)
    drawn = linear().impute(rows, 100, imputations=1)[0, :, 1:]
    mean, covariance = conditional(X[2], OBSERVED[2])
    np.testing.assert_allclose(
        (drawn.mean(0) - mean) / np.sqrt(np.diag(covariance)), 0.0, atol=0.35
    )


def test_a_mask_says_the_same_as_gaps() -> None:
    wanted = linear().impute(GAPS, 20)
    got = linear(missing=None).impute({"x": X, "mask": OBSERVED.astype("f4")}, 20)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_the_scaling_of_a_model_is_undone() -> None:
    model = linear(normalize="standard")
    model.adapt(GAPS)
    filled = model.impute(GAPS, 2_000)
    np.testing.assert_array_equal(filled[OBSERVED], X[OBSERVED])
    scale = np.nanstd(GAPS, axis=0)
    mean = CENTRE * scale + np.nanmean(GAPS, axis=0)  # of a row of which nothing is observed
    spread = scale * np.sqrt((LOADINGS**2).sum(0))
    np.testing.assert_allclose((filled[1] - mean) / spread, 0.0, atol=0.15)


def test_a_model_without_a_posterior_fills_in_its_reconstruction() -> None:
    model = keras_ae.create("autoencoder", input_shape=(6,), latent_dim=2, missing="mask")
    wanted = np.where(OBSERVED, X, model.reconstruct(GAPS))
    np.testing.assert_array_equal(model.impute(GAPS), wanted)
    with pytest.raises(ValueError, match="a posterior and a prior"):
        model.impute(GAPS, imputations=2)


def test_rows_of_which_nothing_is_said_to_be_missing_are_refused() -> None:
    with pytest.raises(ValueError, match="told what is missing"):
        linear(missing=None).impute(X)


@pytest.mark.parametrize("given", [{"samples": 0}, {"imputations": 0}])
def test_numbers_below_one_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        linear().impute(GAPS, **given)


def test_shares_of_a_total_are_not_put_among_counts() -> None:
    model = keras_ae.create("multinomial_vae", input_shape=(6,), latent_dim=2, missing="mask")
    with pytest.raises(ValueError, match="shares of a total"):
        model.impute(np.full((1, 6), np.nan))
