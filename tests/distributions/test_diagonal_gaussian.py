from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions import diagonal_gaussian

RNG = np.random.default_rng(0)


def call(function: Callable[..., Any], *arrays: Any) -> np.ndarray:
    return ops.convert_to_numpy(function(*(ops.convert_to_tensor(a, "float32") for a in arrays)))


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize("log_var", [-20.0, -3.0, 0.0, 2.5, 10.0])
def test_log_prob_is_scipys(log_var: float) -> None:
    mean = numbers(50)
    x = mean + np.float32(np.exp(log_var / 2)) * numbers(50)
    got = call(diagonal_gaussian.log_prob, x, mean, np.full(50, log_var))
    # float32 rounds x - mean, which a small variance then magnifies: use what arrived.
    wanted = stats.norm.logpdf((x - mean).astype("float64"), 0.0, np.exp(log_var / 2))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-4)


def test_kl_is_zero_at_the_prior_and_the_closed_form_elsewhere() -> None:
    mean, log_var = numbers(40), 3 * numbers(40)
    got = call(diagonal_gaussian.kl_standard_normal, mean, log_var)
    mu, var = mean.astype("float64"), np.exp(log_var.astype("float64"))
    np.testing.assert_allclose(got, 0.5 * (mu**2 + var - 1 - np.log(var)), rtol=1e-5, atol=1e-6)
    assert not call(diagonal_gaussian.kl_standard_normal, np.zeros(3), np.zeros(3)).any()


def test_kl_is_the_mean_log_ratio_of_draws() -> None:
    mu, log_var = 0.7, -0.8
    draws = stats.norm.rvs(mu, np.exp(log_var / 2), size=200_000, random_state=1)
    ratio = stats.norm.logpdf(draws, mu, np.exp(log_var / 2)) - stats.norm.logpdf(draws)
    got = float(call(diagonal_gaussian.kl_standard_normal, mu, log_var))
    assert abs(got - ratio.mean()) < 4 * ratio.std() / np.sqrt(len(draws))


def test_kl_between_any_two_is_the_closed_form_and_the_mean_log_ratio_of_draws() -> None:
    one, two = (numbers(40), 2 * numbers(40)), (numbers(40), 2 * numbers(40))
    (m, v), (n, w) = ((a.astype("f8"), np.exp(b.astype("f8"))) for a, b in (one, two))
    wanted = 0.5 * (np.log(w / v) + (v + (m - n) ** 2) / w - 1)
    np.testing.assert_allclose(call(diagonal_gaussian.kl, *one, *two), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        call(diagonal_gaussian.kl, *one, np.zeros(40), np.zeros(40)),
        call(diagonal_gaussian.kl_standard_normal, *one),
        rtol=1e-6,
    )
    assert not call(diagonal_gaussian.kl, *two, *two).any()
    draws = stats.norm.rvs(0.7, np.exp(-0.4), size=200_000, random_state=1)
    ratio = stats.norm.logpdf(draws, 0.7, np.exp(-0.4)) - stats.norm.logpdf(
        draws, -0.3, np.exp(0.2)
    )
    got = float(call(diagonal_gaussian.kl, 0.7, -0.8, -0.3, 0.4))
    assert abs(got - ratio.mean()) < 4 * ratio.std() / np.sqrt(len(draws))


def test_sample_is_affine_in_its_noise() -> None:
    mean, log_var, epsilon = numbers(9), numbers(9), numbers(9)
    got = call(diagonal_gaussian.sample, mean, log_var, epsilon)
    np.testing.assert_allclose(got, mean + np.sqrt(np.exp(log_var)) * epsilon, rtol=1e-5)


def test_kl_to_another_normal_is_the_closed_form() -> None:
    arrays = numbers(40), 3 * numbers(40), numbers(40), 3 * numbers(40)
    mean, log_var, other_mean, other_log_var = (a.astype("float64") for a in arrays)
    ratio = np.exp(log_var - other_log_var)
    squares = (mean - other_mean) ** 2 / np.exp(other_log_var)
    wanted = 0.5 * (ratio - 1 - np.log(ratio) + squares)
    np.testing.assert_allclose(call(diagonal_gaussian.kl, *arrays), wanted, rtol=1e-5, atol=1e-5)
    standard = call(diagonal_gaussian.kl, *arrays[:2], np.zeros(40), np.zeros(40))
    np.testing.assert_allclose(
        standard, call(diagonal_gaussian.kl_standard_normal, *arrays[:2]), rtol=1e-5, atol=1e-6
    )


def test_kl_to_itself_is_zero_and_to_a_near_normal_of_second_order() -> None:
    mean, log_var = numbers(9), numbers(9)
    assert not call(diagonal_gaussian.kl, mean, log_var, mean, log_var).any()
    near = call(diagonal_gaussian.kl, np.zeros(1), np.full(1, 1e-3), np.zeros(1), np.zeros(1))
    np.testing.assert_allclose(near, 0.5 * (np.expm1(1e-3) - 1e-3), atol=1e-10)


def test_kl_to_another_normal_is_the_mean_log_ratio_of_draws() -> None:
    ours, theirs = (0.7, -0.8), (-0.4, 0.5)
    draws = stats.norm.rvs(ours[0], np.exp(ours[1] / 2), size=200_000, random_state=1)
    ratio = stats.norm.logpdf(draws, ours[0], np.exp(ours[1] / 2))
    ratio = ratio - stats.norm.logpdf(draws, theirs[0], np.exp(theirs[1] / 2))
    got = float(call(diagonal_gaussian.kl, *ours, *theirs))
    assert abs(got - ratio.mean()) < 4 * ratio.std() / np.sqrt(len(draws))
