from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from keras_ae.distributions import relaxed_bernoulli
from tests.distributions.oracle import (
    LARGEST_UNIFORM,
    assert_close,
    assert_means,
    call,
    gradient_of_sum,
)

TEMPERATURES = (0.1, 0.5, 1.0, 2.0)
LOGITS = np.array([-100.0, -30, -5, -1, -1e-3, 0, 1e-3, 1, 5, 30, 100]).astype("float32")
over_temperatures = pytest.mark.parametrize("temperature", TEMPERATURES)


def uniforms(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def numbers(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def exact_kl(logits: np.ndarray) -> np.ndarray:
    """Return p log(2 p) + (1 - p) log(2 (1 - p)) in float64."""
    logits = logits.astype("float64")
    terms = (special.expit(x) * special.log_expit(x) for x in (logits, -logits))
    return np.log(2) + sum(terms)


@over_temperatures
def test_sample_logit_is_the_sum_of_logits_and_logistic_noise(temperature: float) -> None:
    logits, uniform = numbers(500), uniforms(500)
    wanted = (logits + special.logit(uniform.astype("float64"))) / temperature
    assert_close(
        call(relaxed_bernoulli.sample_logit, logits, temperature, uniform),
        wanted,
        # A sum near zero of two terms of order ten: ten units in the last place.
        atol=1e-6 / temperature,
    )


@over_temperatures
def test_sample_is_the_sigmoid_of_its_logit(temperature: float) -> None:
    logits, uniform = numbers(500), uniforms(500)
    value = call(relaxed_bernoulli.sample_logit, logits, temperature, uniform)
    got = call(relaxed_bernoulli.sample, logits, temperature, uniform)
    assert_close(got, special.expit(value.astype("float64")))


@over_temperatures
def test_draws_of_the_logit_are_logistic(temperature: float) -> None:
    value = call(
        relaxed_bernoulli.sample_logit, np.full(20_000, 0.7), temperature, uniforms(20_000)
    )
    law = stats.logistic(0.7 / temperature, 1 / temperature)
    assert stats.kstest(value, law.cdf).pvalue > 1e-4


def test_a_draw_above_a_half_has_the_probability_of_the_bernoulli() -> None:
    y = call(relaxed_bernoulli.sample, np.full(20_000, 0.7), 0.3, uniforms(20_000))
    assert stats.binomtest(int((y > 0.5).sum()), 20_000, special.expit(0.7)).pvalue > 1e-4


@over_temperatures
def test_log_prob_is_scipys_logistic(temperature: float) -> None:
    logits, value = (a.ravel() for a in np.meshgrid(LOGITS, LOGITS))
    scale = 1 / np.float32(temperature).astype("float64")
    wanted = stats.logistic.logpdf(value.astype("float64"), logits * scale, scale)
    got = call(relaxed_bernoulli.log_prob_logit, value, logits, temperature)
    assert_close(got, wanted)


@over_temperatures
@pytest.mark.parametrize("logit", [-4.0, 0.0, 1.3])
def test_density_integrates_to_one_over_the_line(temperature: float, logit: float) -> None:
    value = np.linspace(logit - 30, logit + 30, 12_001) / temperature
    log_density = call(relaxed_bernoulli.log_prob_logit, value, np.full(12_001, logit), temperature)
    assert integrate.trapezoid(np.exp(log_density), value) == pytest.approx(1, abs=1e-5)


@over_temperatures
def test_own_draws_average_a_ratio_of_densities_to_one(temperature: float) -> None:
    logits, other = np.full(20_000, 0.7), np.full(20_000, -0.1)
    value = call(relaxed_bernoulli.sample_logit, logits, temperature, uniforms(20_000))
    densities = [
        call(relaxed_bernoulli.log_prob_logit, value, a, temperature) for a in (other, logits)
    ]
    assert_means(np.exp((densities[0] - densities[1]).astype("float64")), 1.0)


def test_densities_are_integrated_to_the_same_kl_by_draws_as_by_quadrature() -> None:
    logits, other = np.full(20_000, 0.7), np.full(20_000, -0.9)
    value = call(relaxed_bernoulli.sample_logit, logits, 0.6, uniforms(20_000))
    densities = [call(relaxed_bernoulli.log_prob_logit, value, a, 0.6) for a in (logits, other)]
    s = np.linspace(-80, 80, 8_001)
    laws = [stats.logistic(a / 0.6, 1 / 0.6) for a in (0.7, -0.9)]
    wanted = integrate.trapezoid(laws[0].pdf(s) * (laws[0].logpdf(s) - laws[1].logpdf(s)), s)
    assert_means(densities[0] - densities[1], wanted)


def test_a_temperature_may_be_a_python_number() -> None:
    logits, uniform = numbers(20), uniforms(20)
    value = call(relaxed_bernoulli.sample_logit, logits, 0.5, uniform)
    got = call(lambda a, u: relaxed_bernoulli.sample_logit(a, 0.5, u), logits, uniform)
    assert_close(got, value)
    assert_close(
        call(lambda v, a: relaxed_bernoulli.log_prob_logit(v, a, 0.5), value, logits),
        call(relaxed_bernoulli.log_prob_logit, value, logits, 0.5),
    )


def test_kl_is_the_closed_form() -> None:
    logits = np.concatenate([LOGITS, np.linspace(-20, 20, 401)]).astype("float32")
    assert_close(call(relaxed_bernoulli.kl_fair, logits), exact_kl(logits))


def test_kl_is_zero_for_a_fair_coin_even_and_never_negative() -> None:
    logits = np.linspace(0, 0.1, 1_001)
    got = call(relaxed_bernoulli.kl_fair, logits)
    assert got[0] == pytest.approx(0, abs=1e-7)
    # log 2 is taken from its like: two units in its last place.
    assert (got > -2e-7).all()
    assert_close(call(relaxed_bernoulli.kl_fair, -LOGITS), call(relaxed_bernoulli.kl_fair, LOGITS))


def test_kl_is_the_mean_log_ratio_of_coins() -> None:
    p = special.expit(1.2)
    coins = np.random.default_rng(2).uniform(size=50_000) < p
    ratio = np.where(coins, np.log(2 * p), np.log(2 * (1 - p)))
    assert_means(ratio, call(relaxed_bernoulli.kl_fair, 1.2)[()])


def test_gradient_of_kl_is_the_logit_times_the_variance() -> None:
    x = LOGITS.astype("float64")
    wanted = x * special.expit(x) * special.expit(-x)
    assert_close(gradient_of_sum(relaxed_bernoulli.kl_fair, LOGITS), wanted)


@over_temperatures
def test_gradients_of_log_prob_are_the_closed_forms(temperature: float) -> None:
    logits, value = (a.ravel() for a in np.meshgrid(LOGITS, LOGITS))
    exact = np.float32(temperature).astype("float64")
    score = np.tanh((exact * value - logits) / 2)
    for argument, wanted in ((0, -exact * score), (1, score)):
        got = gradient_of_sum(
            relaxed_bernoulli.log_prob_logit, value, logits, temperature, argument=argument
        )
        assert_close(got, wanted)


@over_temperatures
def test_gradient_of_the_sample_in_the_logits_is_the_sigmoids(temperature: float) -> None:
    logits, uniform = numbers(100), uniforms(100)
    y = call(relaxed_bernoulli.sample, logits, temperature, uniform).astype("float64")
    got = gradient_of_sum(relaxed_bernoulli.sample, logits, temperature, uniform)
    assert_close(got, y * (1 - y) / temperature)


@over_temperatures
@pytest.mark.parametrize("uniform", [0.0, 0.5, LARGEST_UNIFORM])
def test_extreme_logits_and_noise_give_finite_values_and_gradients(
    temperature: float, uniform: float
) -> None:
    noise = np.full(len(LOGITS), uniform)
    value = call(relaxed_bernoulli.sample_logit, LOGITS, temperature, noise)
    for function, arrays in (
        (relaxed_bernoulli.sample, (LOGITS, temperature, noise)),
        (relaxed_bernoulli.sample_logit, (LOGITS, temperature, noise)),
        (relaxed_bernoulli.log_prob_logit, (value, LOGITS, temperature)),
    ):
        assert np.isfinite(call(function, *arrays)).all()
        for argument in range(2):
            assert np.isfinite(gradient_of_sum(function, *arrays, argument=argument)).all()
    assert np.isfinite(gradient_of_sum(relaxed_bernoulli.kl_fair, LOGITS)).all()


def test_values_are_elementwise() -> None:
    logits, uniform = numbers(2, 3, 4), uniforms(2, 3, 4)
    value = call(relaxed_bernoulli.sample_logit, logits, 1.0, uniform)
    assert value.shape == (2, 3, 4)
    assert call(relaxed_bernoulli.log_prob_logit, value, logits, 1.0).shape == (2, 3, 4)
    assert call(relaxed_bernoulli.kl_fair, logits).shape == (2, 3, 4)
