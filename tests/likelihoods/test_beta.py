from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import integrate, special, stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Beta
from tests.likelihoods import oracle

RNG = np.random.default_rng(10)
LOG_ALPHA, LOG_BETA = RNG.normal(scale=1.5, size=(2, 3, 4, 2)).astype("float32")
X = RNG.random((3, 4, 2)).astype("float32")
DECODED = oracle.blocks(LOG_ALPHA, LOG_BETA)
RAW = [-100, -10, -5, -1, 0, 1, 5, 10, 100]


def shapes(*raw: Any) -> list[np.ndarray]:
    return [np.exp(np.clip(np.asarray(r, "f8"), -10, 10)) for r in raw]


def density(x: Any, log_alpha: Any, log_beta: Any) -> Any:
    """Return SciPy's log-density, float64."""
    return stats.beta.logpdf(np.asarray(x, "f8"), *shapes(log_alpha, log_beta))


def test_log_prob_is_scipys_summed_over_the_event() -> None:
    got = oracle.log_prob(Beta(), DECODED, X)
    oracle.assert_near(got, density(X, LOG_ALPHA, LOG_BETA).sum((1, 2)))
    assert tuple(Beta().decoded_shape((4, 2))) == (4, 4)


@pytest.mark.parametrize(("log_alpha", "log_beta"), [(0.0, 0.0), (1.0, 2.0), (5.0, 4.0)])
def test_the_density_integrates_to_one(log_alpha: float, log_beta: float) -> None:
    x = np.linspace(0, 1, 20_001).reshape(-1, 1).astype("f4")
    got = oracle.log_prob(Beta(), np.tile([log_alpha, log_beta], (len(x), 1)), x)
    assert abs(integrate.trapezoid(np.exp(got.astype("f8")), x[:, 0].astype("f8")) - 1) < 1e-4


def test_values_are_exact_for_extreme_parameters_and_gradients_are_finite() -> None:
    # At alpha = beta = e^10 log-gammas of 4e5 cancel to 5: float32 keeps none of it unaided.
    log_alpha, log_beta, x = oracle.rows(RAW, RAW, [2e-6, 1e-3, 0.3, 0.5, 0.7, 0.999, 1 - 2e-6])
    decoded = oracle.blocks(log_alpha, log_beta)
    # Away from the bounds on the raw parameters, where a difference would see only one side.
    inside = [np.clip(p, -9.99, 9.99) for p in (log_alpha, log_beta)]
    slack = oracle.slack(lambda *raw: density(x, *raw), *inside)
    got = oracle.log_prob(Beta(), decoded, x)
    oracle.assert_near(got[:, None], density(x, log_alpha, log_beta), slack=slack)
    oracle.assert_finite(Beta(), decoded, x)


@pytest.mark.parametrize("sigmas", [-4.0, -1.0, 0.0, 0.5, 3.0])
def test_values_are_exact_around_the_mean_of_a_narrow_density(sigmas: float) -> None:
    log_alpha, log_beta = oracle.rows([5, 8, 10], [5, 8, 10])
    law = stats.beta(*shapes(log_alpha, log_beta))
    x = (law.mean() + sigmas * law.std()).astype("f4")
    slack = oracle.slack(lambda *raw: density(x, *raw), log_alpha - 0.01, log_beta - 0.01)
    # The mean alpha / (alpha + beta) is a float32 as well as x is.
    slack = slack + oracle.slack(lambda v: density(np.exp(v), log_alpha, log_beta), np.log(x))
    got = oracle.log_prob(Beta(), oracle.blocks(log_alpha, log_beta), x)
    oracle.assert_near(got[:, None], density(x, log_alpha, log_beta), slack=slack)


def test_the_ends_of_the_interval_are_held_a_millionth_inside() -> None:
    log_alpha, log_beta, x = oracle.rows(RAW, RAW, [0, 1e-7, 1 - 6e-8, 1])
    decoded = oracle.blocks(log_alpha, log_beta)
    got = oracle.log_prob(Beta(), decoded, x)[:, None].astype("f8")
    # 1 - 1e-6 is 1 - 1.013e-6 in float32: the upper end may be held at either.
    low, high = np.array([1e-6, 1 - 1e-6], "f4").astype("f8")
    wanted = [density(np.clip(x, low, top), log_alpha, log_beta) for top in (high, 1 - 1e-6)]
    excess = [np.abs(got - w) - 1e-5 * np.maximum(1, np.abs(w)) for w in wanted]
    assert np.minimum(*excess).max() <= 0
    oracle.assert_finite(Beta(), decoded, x)


def test_the_gradient_is_that_of_the_density() -> None:
    got = oracle.log_prob_gradient(Beta(), DECODED, X)
    alpha, beta = shapes(LOG_ALPHA, LOG_BETA)
    total, x = special.digamma(alpha + beta), X.astype("f8")
    oracle.assert_near(got[..., :2], alpha * (np.log(x) - special.digamma(alpha) + total), 1e-4)
    oracle.assert_near(got[..., 2:], beta * (np.log1p(-x) - special.digamma(beta) + total), 1e-4)


@pytest.mark.parametrize("raw", [-8.0, -4.0, 4.0, 8.0])
def test_the_gradient_is_right_for_small_and_for_large_parameters(raw: float) -> None:
    decoded, x = oracle.blocks(np.full((3, 2), raw)), np.array([[0.45], [0.5], [0.52]], "f4")
    got = oracle.log_prob_gradient(Beta(), decoded, x)
    wanted = oracle.slopes(lambda v: density(x, *np.split(v, 2, -1)), decoded)
    oracle.assert_near(got, wanted, 1e-3)


def test_the_mean_is_alphas_share() -> None:
    log_alpha, log_beta = oracle.rows(RAW, RAW)
    got = ops.convert_to_numpy(Beta().mean(oracle.blocks(log_alpha, log_beta)))
    alpha, beta = shapes(log_alpha, log_beta)
    np.testing.assert_allclose(got, alpha / (alpha + beta), rtol=1e-5)


@pytest.mark.parametrize(
    ("alpha", "beta"), [(1, 1), (2, 3), (0.5, 0.5), (0.3, 4), (60, 9), (2e4, 1e4)]
)
def test_draws_are_scipys(alpha: float, beta: float) -> None:
    drawn = oracle.draws(Beta(), Noise(), np.log(alpha), np.log(beta))
    law = stats.beta(alpha, beta)
    assert oracle.distance(drawn, law.cdf) < 0.02
    assert abs(drawn.mean() - law.mean()) < 0.05 * law.std()
    assert abs(drawn.var() / law.var() - 1) < 0.1


@pytest.mark.parametrize(("alpha", "beta"), [(0.05, 0.05), (0.01, 0.03), (1e-4, 1e-4)])
def test_draws_of_a_density_at_the_ends_have_its_mean_and_variance(
    alpha: float, beta: float
) -> None:
    # The two gammas of such a Beta are mostly below the least float32.
    drawn = oracle.draws(Beta(), Noise(), np.log(alpha), np.log(beta))
    law = stats.beta(alpha, beta)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert abs(drawn.mean() - law.mean()) < 0.03
    assert abs(drawn.var() / law.var() - 1) < 0.1


def test_masked_entries_do_not_count() -> None:
    oracle.assert_mask_counts(Beta(), DECODED, X, density(X, LOG_ALPHA, LOG_BETA))


def test_data_must_lie_in_the_unit_interval() -> None:
    assert tuple(Beta().support) == (0, 1)
    Beta().check_support(np.array([[0.0, 1.0], [np.nan, 0.2]]))
    for outside in (-0.01, 1.01, 255.0):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
            Beta().check_support(np.array([[0.0, outside]]))
