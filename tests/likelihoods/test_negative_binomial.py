from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import NegativeBinomial
from tests.likelihoods import oracle

RNG = np.random.default_rng(12)
LOG_MEAN, LOG_R = RNG.normal(1.0, 1.0, (2, 3, 4, 2)).astype("float32")
DECODED = oracle.blocks(LOG_MEAN, LOG_R)
X = RNG.negative_binomial(np.exp(LOG_R), 1 / (1 + np.exp(LOG_MEAN - LOG_R))).astype("float32")


def parameters(log_mean: Any, log_r: Any) -> tuple[Any, Any]:
    log_mean, log_r = np.asarray(log_mean, "f8"), np.asarray(log_r, "f8")
    return np.exp(np.clip(log_mean, -20, 20)), np.exp(np.clip(log_r, -10, 10))


def density(x: Any, log_mean: Any, log_r: Any) -> Any:
    """Return the log-mass, float64, where SciPy's p close to 1 has lost 1 - p."""
    mean, r = parameters(log_mean, log_r)
    x = np.asarray(x, "f8")
    ways = special.gammaln(x + r) - special.gammaln(r) - special.gammaln(x + 1)
    return ways - r * np.log1p(mean / r) - x * np.log1p(r / mean)


def test_log_prob_is_scipys_summed_over_the_event() -> None:
    mean, r = parameters(LOG_MEAN, LOG_R)
    wanted = stats.nbinom.logpmf(X.astype("f8"), r, r / (r + mean)).sum((1, 2))
    oracle.assert_near(oracle.log_prob(NegativeBinomial(), DECODED, X), wanted)
    assert tuple(NegativeBinomial().decoded_shape((4, 2))) == (4, 4)


@pytest.mark.parametrize(("log_mean", "log_r"), [(0.0, 0.0), (2.0, 1.0), (4.0, 3.0), (3.0, 9.0)])
def test_the_masses_of_all_counts_add_up_to_one(log_mean: float, log_r: float) -> None:
    x = np.arange(600.0).reshape(-1, 1)
    got = oracle.log_prob(NegativeBinomial(), np.tile([log_mean, log_r], (600, 1)), x)
    assert abs(np.exp(got.astype("f8")).sum() - 1) < 2e-5


def test_values_are_exact_at_extreme_parameters_and_counts_and_gradients_are_finite() -> None:
    # log-gammas of 1e7 cancel to a few nats at a million: float32 keeps none of it unaided.
    means = [-100, -20, -3, 0, 2, 7, np.log(1e6), 20, 100]
    sizes = [-100, -10, np.log(1e-3), -2, 0, 2, np.log(300), np.log(2e4), 10, 100]
    log_mean, log_r, x = oracle.rows(means, sizes, [0, 1, 2, 3, 10, 15, 16, 100, 1000, 1e6])
    decoded = oracle.blocks(log_mean, log_r)
    # Away from the bounds, where a difference would see only one side.
    inside = np.clip(log_mean, -19.99, 19.99), np.clip(log_r, -9.99, 9.99)
    slack = oracle.slack(lambda *raw: density(x, *raw), *inside)
    got = oracle.log_prob(NegativeBinomial(), decoded, x)
    oracle.assert_near(got[:, None], density(x, log_mean, log_r), slack=slack)
    oracle.assert_finite(NegativeBinomial(), decoded, x)


@pytest.mark.parametrize("r", [1e-3, 0.1, 1.0, 30.0, 2e4])
@pytest.mark.parametrize("mean", [0.5, 30.0, 1e3, 1e6])
def test_values_are_exact_around_the_mean(mean: float, r: float) -> None:
    deviation = np.sqrt(mean + mean**2 / r)
    x = np.floor(mean + deviation * np.array([[-1.7], [-0.5], [0], [0.1], [1], [5]]))
    x = np.clip(x, 0, 2.0**24).astype("f4")
    log_mean, log_r = (np.full_like(x, np.log(v)) for v in (mean, r))
    slack = oracle.slack(lambda *raw: density(x, *raw), log_mean, log_r)
    got = oracle.log_prob(NegativeBinomial(), oracle.blocks(log_mean, log_r), x)
    oracle.assert_near(got[:, None], density(x, log_mean, log_r), slack=slack)


def test_many_successes_are_nearly_poisson() -> None:
    x = np.arange(8.0).reshape(-1, 1)
    got = oracle.log_prob(NegativeBinomial(), np.tile([1.0, 10.0], (8, 1)), x)
    np.testing.assert_allclose(got, stats.poisson.logpmf(x[:, 0], np.e), atol=2e-3)


def gradients(log_mean: Any, log_r: Any, x: Any) -> tuple[Any, Any]:
    """Return the derivatives in log mean and log r, in closed form."""
    mean, r = parameters(log_mean, log_r)
    x = np.asarray(x, "f8")
    harmonic = special.digamma(x + r) - special.digamma(r) - np.log1p(mean / r)
    return r * (x - mean) / (r + mean), r * (harmonic + (mean - x) / (r + mean))


def test_the_gradient_is_that_of_the_mass() -> None:
    got = oracle.log_prob_gradient(NegativeBinomial(), DECODED, X)
    for found, wanted in zip(np.split(got, 2, -1), gradients(LOG_MEAN, LOG_R, X), strict=True):
        oracle.assert_near(found, wanted, 1e-4)


def test_the_gradient_is_right_for_few_and_for_many() -> None:
    log_mean, log_r, x = oracle.rows([-6, 0, 3, 7], [-6, -2, 0, 3, 7], [0, 1, 20, 1000])
    got = oracle.log_prob_gradient(NegativeBinomial(), oracle.blocks(log_mean, log_r), x)
    for found, wanted in zip(np.split(got, 2, -1), gradients(log_mean, log_r, x), strict=True):
        # Terms of the size of the count and of the mean cancel in both.
        cancelled = 4 * oracle.ULP * (x + np.exp(log_mean))
        oracle.assert_near(found, wanted, 1e-3, slack=cancelled)


def test_the_mean_is_the_first_block() -> None:
    log_mean, log_r = oracle.rows([-100, -20, -1, 0, 5, 20, 100], [-100, 0, 100])
    got = NegativeBinomial().mean(oracle.blocks(log_mean, log_r))
    wanted = parameters(log_mean, log_r)[0]
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "r"), [(0.3, 0.1), (3, 2), (3, 0.2), (40, 1), (40, 1e3), (1e4, 5), (1e5, 2e4)]
)
def test_draws_are_scipys(mean: float, r: float) -> None:
    drawn = oracle.draws(NegativeBinomial(), Noise(), np.log(mean), np.log(r))
    np.testing.assert_array_equal(drawn, drawn.round())
    law = stats.nbinom(r, r / (r + mean))
    assert drawn.min() >= 0
    assert oracle.distance(drawn, law.cdf) < 0.02
    assert abs(drawn.mean() - mean) < 0.05 * law.std()
    # The variance of a variance grows with the kurtosis, 3 + 6 / r at its least.
    assert abs(drawn.var() / law.var() - 1) < 0.1 + 0.05 / np.sqrt(r)


@pytest.mark.parametrize("log_mean", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("log_r", [-100.0, 100.0])
def test_draws_at_the_bounds_are_counts(log_mean: float, log_r: float) -> None:
    drawn = oracle.draws(NegativeBinomial(), Noise(), log_mean, log_r)
    assert np.isfinite(drawn).all()
    np.testing.assert_array_equal(drawn, drawn.round())
    assert drawn.min() >= 0


def test_masked_entries_do_not_count() -> None:
    elements = density(X, LOG_MEAN, LOG_R)
    oracle.assert_mask_counts(NegativeBinomial(), DECODED, X, elements)


def test_data_must_be_counts() -> None:
    assert tuple(NegativeBinomial().support) == (0, np.inf)
    NegativeBinomial().check_support(np.array([[0.0, 1.0], [np.nan, 1e6]]))
    with pytest.raises(ValueError, match=r"lie in \[0, inf\]"):
        NegativeBinomial().check_support(np.array([[0.0, -1.0]]))
    with pytest.raises(ValueError, match="whole"):
        NegativeBinomial().check_support(np.array([[0.0, 1.5], [np.nan, 2.0]]))
