from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import ZeroInflatedNegativeBinomial
from tests.likelihoods import oracle

RNG = np.random.default_rng(13)
LOG_MEAN, LOG_R, LOGIT = RNG.normal(1.0, 1.0, (3, 3, 4, 2)).astype("float32")
DECODED = oracle.blocks(LOG_MEAN, LOG_R, LOGIT)
X = RNG.negative_binomial(np.exp(LOG_R), 1 / (1 + np.exp(LOG_MEAN - LOG_R))).astype("float32")
X[:, :2, 0] = 0


def parameters(log_mean: Any, log_r: Any) -> tuple[Any, Any]:
    log_mean, log_r = np.asarray(log_mean, "f8"), np.asarray(log_r, "f8")
    return np.exp(np.clip(log_mean, -20, 20)), np.exp(np.clip(log_r, -10, 10))


def density(x: Any, log_mean: Any, log_r: Any, logit: Any) -> Any:
    """Return the log-mass, float64, where SciPy's p close to 1 has lost 1 - p."""
    mean, r = parameters(log_mean, log_r)
    x, logit = np.asarray(x, "f8"), np.asarray(logit, "f8")
    ways = special.gammaln(x + r) - special.gammaln(r) - special.gammaln(x + 1)
    counted = ways - r * np.log1p(mean / r) - x * np.log1p(r / mean) + special.log_expit(-logit)
    return np.where(x == 0, np.logaddexp(special.log_expit(logit), counted), counted)


def test_log_prob_is_that_of_scipys_counts_and_an_extra_zero() -> None:
    mean, r = parameters(LOG_MEAN, LOG_R)
    zero = special.expit(LOGIT.astype("f8"))
    mass = (1 - zero) * stats.nbinom.pmf(X.astype("f8"), r, r / (r + mean)) + zero * (X == 0)
    got = oracle.log_prob(ZeroInflatedNegativeBinomial(), DECODED, X)
    oracle.assert_near(got, np.log(mass).sum((1, 2)))
    assert tuple(ZeroInflatedNegativeBinomial().decoded_shape((4, 2))) == (4, 6)


@pytest.mark.parametrize("logit", [-4.0, 0.0, 3.0])
@pytest.mark.parametrize(("log_mean", "log_r"), [(0.0, 0.0), (2.0, 1.0), (4.0, 3.0)])
def test_the_masses_of_all_counts_add_up_to_one(
    log_mean: float, log_r: float, logit: float
) -> None:
    x, decoded = np.arange(600.0).reshape(-1, 1), np.tile([log_mean, log_r, logit], (600, 1))
    got = oracle.log_prob(ZeroInflatedNegativeBinomial(), decoded, x)
    assert abs(np.exp(got.astype("f8")).sum() - 1) < 2e-5


def test_values_are_exact_at_extreme_parameters_and_counts_and_gradients_are_finite() -> None:
    # log-gammas of 1e7 cancel to a few nats at a million: float32 keeps none of it unaided.
    means = [-100, -20, 0, 2, 7, np.log(1e6), 20, 100]
    sizes = [-100, np.log(1e-3), -2, 0, 2, np.log(2e4), 100]
    raw = oracle.rows(means, sizes, [-100, -5, 0, 5, 100], [0, 1, 2, 10, 1000, 1e6])
    *raw, x = raw
    decoded, likelihood = oracle.blocks(*raw), ZeroInflatedNegativeBinomial()
    # Away from the bounds, where a difference would see only one side.
    inside = np.clip(raw[0], -19.99, 19.99), np.clip(raw[1], -9.99, 9.99), raw[2]
    slack = oracle.slack(lambda *raw: density(x, *raw), *inside)
    got = oracle.log_prob(likelihood, decoded, x)
    oracle.assert_near(got[:, None], density(x, *raw), slack=slack)
    oracle.assert_finite(likelihood, decoded, x)


def test_the_gradient_is_that_of_the_mass() -> None:
    got = oracle.log_prob_gradient(ZeroInflatedNegativeBinomial(), DECODED, X)
    wanted = oracle.slopes(lambda v: density(X, *np.split(v, 3, -1)), DECODED)
    oracle.assert_near(got, wanted, 1e-4)


@pytest.mark.parametrize("count", [0.0, 3.0])
def test_the_gradient_is_right_where_the_extra_zero_is_nearly_sure_or_impossible(
    count: float,
) -> None:
    raw = oracle.rows([-6, 0, 3], [-5, 0, 5], [-40, -8, 8, 40])
    decoded, x = oracle.blocks(*raw), np.full_like(raw[0], count)
    got = oracle.log_prob_gradient(ZeroInflatedNegativeBinomial(), decoded, x)
    wanted = oracle.slopes(lambda v: density(x, *np.split(v, 3, -1)), decoded)
    oracle.assert_near(got, wanted, 1e-3)


def test_the_mean_is_that_of_the_counts_without_the_extra_zeros() -> None:
    raw = oracle.rows([-100, -1, 0, 5, 100], [-100, 0, 100], [-100, -2, 0, 1, 15, 100])
    got = ops.convert_to_numpy(ZeroInflatedNegativeBinomial().mean(oracle.blocks(*raw)))
    wanted = special.expit(-raw[2].astype("f8")) * parameters(*raw[:2])[0]
    # 1 - sigmoid(15) is 3e-7: the complement must not be a difference. 1e-40 is below float32.
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize(
    ("mean", "r", "logit"), [(3, 2, -1.0), (3, 0.2, 0.5), (40, 1e3, -2.0), (1e4, 5, 1.0)]
)
def test_draws_are_those_of_the_masses(mean: float, r: float, logit: float) -> None:
    drawn = oracle.draws(ZeroInflatedNegativeBinomial(), Noise(), np.log(mean), np.log(r), logit)
    np.testing.assert_array_equal(drawn, drawn.round())
    law, zero = stats.nbinom(r, r / (r + mean)), special.expit(logit)
    assert drawn.min() >= 0
    assert oracle.distance(drawn, lambda x: zero + (1 - zero) * law.cdf(x)) < 0.02
    square = (1 - zero) * (law.var() + mean**2)
    variance = square - ((1 - zero) * mean) ** 2
    assert abs(drawn.mean() - (1 - zero) * mean) < 0.05 * np.sqrt(variance)
    # The variance of a variance grows with the kurtosis, 3 + 6 / r at its least.
    assert abs(drawn.var() / variance - 1) < 0.1 + 0.05 / np.sqrt(r)


@pytest.mark.parametrize("logit", [-100.0, 100.0])
@pytest.mark.parametrize("log_mean", [-100.0, 100.0])
@pytest.mark.parametrize("log_r", [-100.0, 100.0])
def test_draws_at_the_bounds_are_counts(log_mean: float, log_r: float, logit: float) -> None:
    drawn = oracle.draws(ZeroInflatedNegativeBinomial(), Noise(), log_mean, log_r, logit)
    assert np.isfinite(drawn).all()
    np.testing.assert_array_equal(drawn, drawn.round())
    assert drawn.min() >= 0
    assert logit < 0 or not drawn.any()


def test_masked_entries_do_not_count() -> None:
    elements = density(X, LOG_MEAN, LOG_R, LOGIT)
    oracle.assert_mask_counts(ZeroInflatedNegativeBinomial(), DECODED, X, elements)


def test_data_must_be_counts() -> None:
    likelihood = ZeroInflatedNegativeBinomial()
    assert tuple(likelihood.support) == (0, np.inf)
    likelihood.check_support(np.array([[0.0, 1.0], [np.nan, 1e6]]))
    with pytest.raises(ValueError, match=r"lie in \[0, inf\]"):
        likelihood.check_support(np.array([[0.0, -1.0]]))
    with pytest.raises(ValueError, match="whole"):
        likelihood.check_support(np.array([[0.0, 1.5], [np.nan, 2.0]]))
