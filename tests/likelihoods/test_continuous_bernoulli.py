from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import integrate, special, stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import ContinuousBernoulli
from tests.likelihoods import oracle

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(scale=3.0, size=(3, 4, 2)).astype("float32")
X = RNG.random((3, 4, 2)).astype("float32")
# 1 / eta - 1 / (e^eta - 1) loses 1e-7 / eta to cancellation around the uniform density.
NEAR_ZERO = [-0.5, -0.1, -0.01, -1e-3, -1e-4, -1e-6, 0.0, 1e-8, 1e-5, 1e-3, 0.03, 0.1, 0.3, 1.0]


def density(eta: Any, x: Any) -> Any:
    """Return the exponential cut off at 1, or its mirror image for a rising one, float64."""
    eta, x = np.asarray(eta, "f8"), np.asarray(x, "f8")
    rate = np.maximum(np.abs(eta), 1e-12)
    distance = np.where(eta > 0, 1 - x, x)
    return stats.truncexpon.logpdf(distance * rate, rate) + np.log(rate)


def expected(eta: Any) -> Any:
    """Return 1 / (1 - e^-eta) - 1 / eta, float64, by its series around 0."""
    eta = np.asarray(eta, "f8")
    safe = np.where(np.abs(eta) < 1e-2, 1.0, eta)
    series = 0.5 + eta / 12 - eta**3 / 720
    return np.where(np.abs(eta) < 1e-2, series, -1 / np.expm1(-safe) - 1 / safe)


def test_log_prob_is_the_cut_off_exponentials_summed_over_the_event() -> None:
    got = oracle.log_prob(ContinuousBernoulli(), LOGITS, X)
    oracle.assert_near(got, density(LOGITS, X).sum((1, 2)))
    assert tuple(ContinuousBernoulli().decoded_shape((4, 2))) == (4, 2)


def test_log_prob_is_the_papers_equation_in_the_probability() -> None:
    # Loaiza-Ganem & Cunningham (2019), eq. 8: C(p) p^x (1 - p)^(1 - x).
    p = special.expit(LOGITS.astype("f8"))
    normalizer = 2 * np.arctanh(1 - 2 * p) / (1 - 2 * p)
    wanted = np.log(normalizer) + X * np.log(p) + (1 - X.astype("f8")) * np.log1p(-p)
    got = oracle.log_prob(ContinuousBernoulli(), LOGITS, X)
    oracle.assert_near(got, wanted.sum((1, 2)))


@pytest.mark.parametrize("logit", [-30.0, -2.0, 0.0, 1e-3, 0.5, 8.0])
def test_the_density_integrates_to_one(logit: float) -> None:
    x = np.linspace(0, 1, 20_001).reshape(-1, 1).astype("f4")
    got = oracle.log_prob(ContinuousBernoulli(), np.full_like(x, logit), x)
    assert abs(integrate.trapezoid(np.exp(got.astype("f8")), x[:, 0].astype("f8")) - 1) < 1e-4


def test_values_are_exact_at_the_ends_and_around_the_uniform_density() -> None:
    ends = [-100, -50, -10, -3, *NEAR_ZERO, 3, 10, 50, 100]
    logits, x = oracle.rows(ends, [0, 1e-6, 0.3, 1 - 1e-6, 1])
    likelihood = ContinuousBernoulli()
    oracle.assert_near(oracle.log_prob(likelihood, logits, x), density(logits, x).sum(1))
    oracle.assert_finite(likelihood, logits, x)


def test_the_gradient_is_the_distance_from_the_mean() -> None:
    logits, x = oracle.rows([-100, -10, -3, *NEAR_ZERO, 3, 10, 100], [0, 0.3, 1])
    got = oracle.log_prob_gradient(ContinuousBernoulli(), logits, x)
    oracle.assert_near(got, x.astype("f8") - expected(logits))


def test_the_mean_is_the_densitys() -> None:
    logits = oracle.rows([-100, -10, -3, *NEAR_ZERO, 3, 10, 100])[0]
    got = ops.convert_to_numpy(ContinuousBernoulli().mean(logits))
    oracle.assert_near(got, expected(logits))
    for logit, mean in zip(logits[[0, 5, 11, -2], 0], got[[0, 5, 11, -2], 0], strict=True):
        integral, _ = integrate.quad(lambda x, eta=logit: x * np.exp(density(eta, x)), 0, 1)
        assert abs(mean - integral) < 1e-5


@pytest.mark.parametrize("logit", [-100.0, -4.0, 0.0, 1e-4, 1.0, 100.0])
def test_draws_are_those_of_the_density(logit: float) -> None:
    drawn = oracle.draws(ContinuousBernoulli(), Noise(), logit)
    eta = logit or 1e-9
    assert oracle.distance(drawn, lambda x: np.expm1(eta * x) / np.expm1(eta)) < 0.02
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert abs(drawn.mean() - expected(logit)) < 0.01


def test_masked_entries_do_not_count() -> None:
    oracle.assert_mask_counts(ContinuousBernoulli(), LOGITS, X, density(LOGITS, X))


def test_data_must_lie_in_the_unit_interval() -> None:
    assert tuple(ContinuousBernoulli().support) == (0, 1)
    ContinuousBernoulli().check_support(np.array([[0.0, 0.3], [1.0, np.nan]]))
    for outside in (-0.01, 1.01, 255.0):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
            ContinuousBernoulli().check_support(np.array([[0.5, outside]]))
