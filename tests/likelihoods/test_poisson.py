from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Poisson
from tests.likelihoods import oracle

RNG = np.random.default_rng(11)
LOG_RATE = RNG.normal(1.0, 1.5, (3, 4, 2)).astype("float32")
X = RNG.poisson(np.exp(LOG_RATE)).astype("float32")
MILLION = float(np.log(1e6))


def rate(raw: Any) -> Any:
    return np.exp(np.clip(np.asarray(raw, "f8"), -20, 20))


def density(raw: Any, x: Any) -> Any:
    """Return SciPy's log-mass, float64."""
    return stats.poisson.logpmf(np.asarray(x, "f8"), rate(raw))


def test_log_prob_is_scipys_summed_over_the_event() -> None:
    oracle.assert_near(oracle.log_prob(Poisson(), LOG_RATE, X), density(LOG_RATE, X).sum((1, 2)))
    assert tuple(Poisson().decoded_shape((4, 2))) == (4, 2)


@pytest.mark.parametrize("log_rate", [-5.0, 0.0, 2.0, 5.0])
def test_the_masses_of_all_counts_add_up_to_one(log_rate: float) -> None:
    x = np.arange(400.0).reshape(-1, 1)
    got = oracle.log_prob(Poisson(), np.full_like(x, log_rate), x)
    assert abs(np.exp(got.astype("f8")).sum() - 1) < 1e-5


def test_values_are_exact_at_extreme_rates_and_counts_and_gradients_are_finite() -> None:
    raw = [-100, -20, -3, 0, 2, 7, MILLION, 20, 100]
    log_rate, x = oracle.rows(raw, [0, 1, 2, 3, 10, 15, 16, 100, 1000, 1e6])
    # Away from the bounds, where a difference would see only one side.
    slack = oracle.slack(lambda raw: density(raw, x), np.clip(log_rate, -19.99, 19.99))
    got = oracle.log_prob(Poisson(), log_rate, x)
    oracle.assert_near(got[:, None], density(log_rate, x), slack=slack)
    oracle.assert_finite(Poisson(), log_rate, x)


@pytest.mark.parametrize("mean", [3.0, 50.0, 1e3, 1e4, 1e6])
def test_values_are_exact_around_the_mean_of_large_counts(mean: float) -> None:
    # x log(rate) - rate - log x! cancels terms of 1e7 to 8 at a million.
    x = np.floor(mean + np.sqrt(mean) * np.array([[-1.7], [-0.5], [0], [0.1], [1], [5]]))
    log_rate = np.full_like(x, np.log(mean)).astype("f4")
    slack = oracle.slack(lambda raw: density(raw, x), log_rate)
    got = oracle.log_prob(Poisson(), log_rate, x)
    oracle.assert_near(got[:, None], density(log_rate, x), slack=slack)


def test_the_gradient_is_the_count_minus_the_rate() -> None:
    got = oracle.log_prob_gradient(Poisson(), LOG_RATE, X)
    oracle.assert_near(got, X - rate(LOG_RATE))


def test_the_gradient_is_right_for_no_counts_and_for_many() -> None:
    log_rate, x = oracle.rows([-15, -1, 0, 3, 9], [0, 1, 20, 8000, 9000])
    got = oracle.log_prob_gradient(Poisson(), log_rate, x)
    # The rate is good to an ulp or two, so their difference to as much of the rate.
    oracle.assert_near(got, x - rate(log_rate), slack=4 * oracle.ULP * (x + rate(log_rate)))


def test_the_mean_is_the_rate() -> None:
    raw = np.array([[-100.0, -20.0, -1.0, 0.0, 5.0, 20.0, 100.0]], "f4")
    np.testing.assert_allclose(ops.convert_to_numpy(Poisson().mean(raw)), rate(raw), rtol=1e-5)


@pytest.mark.parametrize("mean", [0.05, 1.0, 4.0, 30.0, 1e3, 1e5])
def test_draws_are_scipys(mean: float) -> None:
    drawn = oracle.draws(Poisson(), Noise(), np.log(mean))
    np.testing.assert_array_equal(drawn, drawn.round())
    assert drawn.min() >= 0
    assert oracle.distance(drawn, stats.poisson(mean).cdf) < 0.02
    assert abs(drawn.mean() - mean) < 0.05 * np.sqrt(mean)
    assert abs(drawn.var() / mean - 1) < 0.1


@pytest.mark.parametrize(("raw", "mean"), [(-100.0, 0.0), (100.0, np.exp(20.0))])
def test_draws_at_the_bounds_are_counts(raw: float, mean: float) -> None:
    drawn = oracle.draws(Poisson(), Noise(), raw).astype("f8")
    np.testing.assert_array_equal(drawn, drawn.round())
    np.testing.assert_allclose(drawn.mean(), mean, rtol=1e-3, atol=1e-3)


def test_masked_entries_do_not_count() -> None:
    oracle.assert_mask_counts(Poisson(), LOG_RATE, X, density(LOG_RATE, X))


def test_data_must_be_counts() -> None:
    assert tuple(Poisson().support) == (0, np.inf)
    Poisson().check_support(np.array([[0.0, 1.0], [np.nan, 1e6]]))
    with pytest.raises(ValueError, match=r"lie in \[0, inf\]"):
        Poisson().check_support(np.array([[0.0, -1.0]]))
    with pytest.raises(ValueError, match="whole"):
        Poisson().check_support(np.array([[0.0, 1.5], [np.nan, 2.0]]))
