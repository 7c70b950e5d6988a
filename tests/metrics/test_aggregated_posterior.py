from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_ae.metrics import aggregated_posterior

RNG = np.random.default_rng(0)


def test_the_parts_sum_to_the_log_ratio_of_the_draws() -> None:
    mean, log_var = RNG.normal(size=(60, 3)), RNG.normal(size=(60, 3)) - 1
    got = aggregated_posterior(mean, log_var, seed=5)
    rng = np.random.default_rng(5)
    rows = rng.permutation(60)
    scale = np.exp(log_var[rows] / 2)
    z = mean[rows] + scale * rng.normal(size=(60, 3))
    ratio = (stats.norm.logpdf(z, mean[rows], scale) - stats.norm.logpdf(z)).sum(1)
    assert sum(got) == pytest.approx(ratio.mean(), rel=1e-9)


def test_posteriors_far_apart_tell_all_of_the_row() -> None:
    mean = 100.0 * np.arange(50.0)[:, None] * np.ones((1, 2))
    got = aggregated_posterior(mean, np.zeros((50, 2)))
    assert got.mutual_information == pytest.approx(np.log(50), rel=1e-6)
    # Both coordinates carry the same number of the row: each tells the other's.
    assert got.total_correlation == pytest.approx(np.log(50), rel=1e-6)


def test_posteriors_alike_tell_nothing_and_have_independent_coordinates() -> None:
    got = aggregated_posterior(np.full((40, 3), 0.5), np.zeros((40, 3)), most=40)
    assert abs(got.mutual_information) < 1e-9
    assert abs(got.total_correlation) < 1e-9


def test_the_total_correlation_of_a_correlated_normal_is_its_closed_form() -> None:
    rho = 0.8
    covariance = np.array([[1.0, rho], [rho, 1.0]])
    mean = RNG.multivariate_normal(np.zeros(2), covariance - 0.15 * np.eye(2), size=4_000)
    got = aggregated_posterior(mean, np.full((4_000, 2), np.log(0.15)), most=4_000)
    assert got.total_correlation == pytest.approx(-0.5 * np.log(1 - rho**2), abs=0.05)
    assert abs(got.dimension_wise_kl) < 0.05
