from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from keras_ae.distributions import relaxed_categorical
from tests.distributions.oracle import (
    LARGEST_UNIFORM,
    assert_close,
    assert_means,
    call,
    gradient_of_sum,
)

TEMPERATURES = (0.1, 0.5, 1.0, 2.0)
EXTREME_LOGITS = np.array([[100.0, -100, 0], [-100, -100, 100], [0, 0, 0], [100, 100, 100]])
over_temperatures = pytest.mark.parametrize("temperature", TEMPERATURES)


def uniforms(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def numbers(*shape: int, scale: float = 1.0, seed: int = 1) -> np.ndarray:
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype("float32")


def log_concrete(log_y: np.ndarray, logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return Maddison et al. (2017)'s equation 10 in float64, on the log scale."""
    log_y, logits = log_y.astype("float64"), logits.astype("float64")
    k, powers = log_y.shape[-1], logits - temperature * log_y
    normaliser = special.logsumexp(powers, axis=-1, keepdims=True)
    factors = np.sum(powers - normaliser - log_y, axis=-1)
    return special.gammaln(k) + (k - 1) * np.log(temperature) + factors


def sample_log(logits: np.ndarray, temperature: float, uniform: np.ndarray) -> np.ndarray:
    return call(relaxed_categorical.sample_log, logits, temperature, uniform)


def log_prob(log_y: np.ndarray, logits: np.ndarray, temperature: float) -> np.ndarray:
    return call(relaxed_categorical.log_prob, log_y, logits, temperature)


@over_temperatures
def test_sample_is_the_softmax_of_logits_and_gumbel_noise(temperature: float) -> None:
    logits, uniform = numbers(300, 5), uniforms(300, 5)
    gumbel = -np.log(-np.log(uniform.astype("float64")))
    wanted = special.softmax((logits + gumbel) / temperature, axis=-1)
    # Near 1, one unit in the last place of a uniform is 1e-4 of its Gumbel: all that it was.
    got = call(relaxed_categorical.sample, logits, temperature, uniform)
    assert_close(got, wanted)


@over_temperatures
def test_logarithm_of_the_sample_is_the_log_softmax(temperature: float) -> None:
    logits, uniform = numbers(300, 5, scale=3.0), uniforms(300, 5)
    gumbel = -np.log(-np.log(uniform.astype("float64")))
    wanted = special.log_softmax((logits + gumbel) / temperature, axis=-1)
    # The largest of the terms that cancel is about 20 / temperature.
    got = sample_log(logits, temperature, uniform)
    assert_close(got, wanted, atol=4e-6 / temperature)


@over_temperatures
def test_sample_is_the_exponential_of_its_logarithm_and_sums_to_one(temperature: float) -> None:
    logits, uniform = numbers(300, 7, scale=3.0), uniforms(300, 7)
    got = call(relaxed_categorical.sample, logits, temperature, uniform).astype("float64")
    assert_close(got, np.exp(sample_log(logits, temperature, uniform).astype("float64")))
    assert_close(got.sum(-1), np.ones(300))


def test_the_largest_coordinate_is_a_draw_of_the_categorical() -> None:
    logits = np.array([0.3, -1.2, 1.5, 0.0])
    y = call(relaxed_categorical.sample, np.tile(logits, (20_000, 1)), 0.7, uniforms(20_000, 4))
    counts = np.bincount(y.argmax(-1), minlength=4)
    assert stats.chisquare(counts, 20_000 * special.softmax(logits)).pvalue > 1e-4


@over_temperatures
@pytest.mark.parametrize("k", [2, 3, 10])
def test_log_prob_is_the_papers_density(temperature: float, k: int) -> None:
    logits = numbers(200, k)
    log_y = special.log_softmax(numbers(200, k, scale=2.0, seed=2).astype("float64"), axis=-1)
    log_y = log_y.astype("float32")
    assert_close(log_prob(log_y, logits, temperature), log_concrete(log_y, logits, temperature))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_density_integrates_to_one_over_two_categories(temperature: float) -> None:
    # y = sigmoid(s): both ends of the interval, where the density is infinite below a
    # temperature of 1, are carried to infinity; dy = y (1 - y) ds.
    s = np.linspace(-60, 60, 6_001)
    log_y = special.log_softmax(np.stack([s, 0 * s], -1), axis=-1)
    logits = np.broadcast_to([0.4, -0.9], log_y.shape)
    log_density = log_prob(log_y, logits, temperature) + log_y.sum(-1)
    assert integrate.trapezoid(np.exp(log_density), s) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_density_integrates_to_one_over_three_categories(temperature: float) -> None:
    # y = softmax(s, t, 0): dy_1 dy_2 = y_1 y_2 y_3 ds dt.
    axis = np.linspace(-60, 60, 481)
    s, t = np.meshgrid(axis, axis)
    log_y = special.log_softmax(np.stack([s, t, 0 * s], -1), axis=-1)
    logits = np.broadcast_to([0.4, -0.9, 0.7], log_y.shape)
    log_density = log_prob(log_y, logits, temperature) + log_y.sum(-1)
    assert np.exp(log_density).sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-5)


@over_temperatures
def test_draws_of_two_categories_have_a_logistic_logit(temperature: float) -> None:
    logits = np.tile([0.8, -0.5], (20_000, 1))
    log_y = sample_log(logits, temperature, uniforms(20_000, 2))
    law = stats.logistic(1.3 / temperature, 1 / temperature)
    assert stats.kstest(log_y[:, 0] - log_y[:, 1], law.cdf).pvalue > 1e-4


@over_temperatures
@pytest.mark.parametrize("k", [2, 3, 8])
def test_own_draws_average_a_ratio_of_densities_to_one(temperature: float, k: int) -> None:
    logits, other = (np.tile(numbers(k, scale=0.5, seed=s), (20_000, 1)) for s in (3, 4))
    log_y = sample_log(logits, temperature, uniforms(20_000, k))
    ratio = log_prob(log_y, other, temperature) - log_prob(log_y, logits, temperature)
    assert_means(np.exp(ratio.astype("float64")), 1.0)


def test_densities_are_integrated_to_the_same_kl_by_draws_as_by_quadrature() -> None:
    logits, other, temperature = np.array([0.8, -0.5]), np.array([-0.2, 0.3]), 0.7
    tiles = [np.tile(a, (20_000, 1)) for a in (logits, other)]
    log_y = sample_log(tiles[0], temperature, uniforms(20_000, 2))
    ratio = log_prob(log_y, tiles[0], temperature) - log_prob(log_y, tiles[1], temperature)
    s = np.linspace(-80, 80, 8_001)
    laws = [stats.logistic((a[0] - a[1]) / temperature, 1 / temperature) for a in (logits, other)]
    integrand = laws[0].pdf(s) * (laws[0].logpdf(s) - laws[1].logpdf(s))
    assert_means(ratio, integrate.trapezoid(integrand, s))


def test_adding_a_constant_to_the_logits_changes_nothing() -> None:
    logits, uniform, log_y = numbers(50, 4), uniforms(50, 4), np.log(np.full((50, 4), 0.25))
    assert_close(sample_log(logits + 3, 0.5, uniform), sample_log(logits, 0.5, uniform))
    assert_close(log_prob(log_y, logits + 3, 0.5), log_prob(log_y, logits, 0.5))
    got = [call(relaxed_categorical.kl_uniform, logits + constant) for constant in (0, 3)]
    assert_close(*got)


def test_a_temperature_may_be_a_python_number() -> None:
    logits, uniform = numbers(20, 3), uniforms(20, 3)
    log_y = call(lambda a, u: relaxed_categorical.sample_log(a, 0.5, u), logits, uniform)
    assert_close(log_y, sample_log(logits, 0.5, uniform))
    got = call(lambda y, a: relaxed_categorical.log_prob(y, a, 0.5), log_y, logits)
    assert_close(got, log_prob(log_y, logits, 0.5))


@pytest.mark.parametrize("k", [2, 10, 1000])
def test_kl_is_scipys_entropy_below_that_of_the_uniform(k: int) -> None:
    logits = numbers(50, k, scale=3.0)
    wanted = np.log(k) - stats.entropy(special.softmax(logits.astype("float64"), axis=-1), axis=-1)
    assert_close(call(relaxed_categorical.kl_uniform, logits), wanted)


def test_kl_is_zero_for_equal_logits_and_never_negative() -> None:
    equal = np.repeat(np.array([-100.0, 0, 3, 100])[:, None], 10, axis=1)
    assert_close(call(relaxed_categorical.kl_uniform, equal), np.zeros(4), rtol=1e-6)
    near = numbers(1_000, 10, scale=1e-3)
    # Of two sums near log 10 the difference is rounded to a few units in the last place.
    assert (call(relaxed_categorical.kl_uniform, near) > -2e-6).all()


def test_kl_of_a_sure_category_is_the_logarithm_of_their_number() -> None:
    assert_close(call(relaxed_categorical.kl_uniform, EXTREME_LOGITS), [np.log(3), np.log(3), 0, 0])


def test_gradient_of_kl_is_the_closed_form() -> None:
    logits = numbers(50, 6, scale=2.0)
    p = special.softmax(logits.astype("float64"), axis=-1)
    wanted = p * (np.log(p) - np.sum(p * np.log(p), axis=-1, keepdims=True))
    assert_close(gradient_of_sum(relaxed_categorical.kl_uniform, logits), wanted)


@over_temperatures
def test_gradients_of_log_prob_are_the_closed_forms(temperature: float) -> None:
    logits = numbers(50, 4)
    log_y = special.log_softmax(numbers(50, 4, seed=2).astype("float64"), axis=-1)
    share = special.softmax(logits - temperature * log_y, axis=-1)
    in_log_y, in_logits = (
        gradient_of_sum(relaxed_categorical.log_prob, log_y, logits, temperature, argument=argument)
        for argument in (0, 1)
    )
    assert_close(in_logits, 1 - 4 * share)
    assert_close(in_log_y, -1 - temperature * (1 - 4 * share))


def test_gradient_of_the_sample_in_the_logits_is_the_softmaxs() -> None:
    logits, uniform, weights = numbers(50, 4), uniforms(50, 4), numbers(50, 4, seed=5)
    y = call(relaxed_categorical.sample, logits, 0.5, uniform).astype("float64")
    got = gradient_of_sum(
        lambda a, u, w: w * relaxed_categorical.sample(a, 0.5, u), logits, uniform, weights
    )
    assert_close(got, y * (weights - np.sum(weights * y, axis=-1, keepdims=True)) / 0.5)


@over_temperatures
@pytest.mark.parametrize("uniform", [0.0, 0.5, LARGEST_UNIFORM])
def test_extreme_logits_and_noise_give_finite_values_and_gradients(
    temperature: float, uniform: float
) -> None:
    noise = np.full((4, 3), 0.5)
    noise[:, 0] = uniform
    log_y = sample_log(EXTREME_LOGITS, temperature, noise)
    assert np.isfinite(log_y).all()
    assert np.isfinite(log_prob(log_y, EXTREME_LOGITS, temperature)).all()
    for function, arrays in (
        (relaxed_categorical.sample, (EXTREME_LOGITS, temperature, noise)),
        (relaxed_categorical.sample_log, (EXTREME_LOGITS, temperature, noise)),
        (relaxed_categorical.log_prob, (log_y, EXTREME_LOGITS, temperature)),
    ):
        assert np.isfinite(call(function, *arrays)).all()
        for argument in range(2):
            assert np.isfinite(gradient_of_sum(function, *arrays, argument=argument)).all()
    assert np.isfinite(gradient_of_sum(relaxed_categorical.kl_uniform, EXTREME_LOGITS)).all()


@over_temperatures
def test_log_prob_is_right_for_a_logarithm_far_below_float32s_smallest_number(
    temperature: float,
) -> None:
    log_y = sample_log(EXTREME_LOGITS, temperature, np.full((4, 3), 0.5))
    got = log_prob(log_y, EXTREME_LOGITS, temperature)
    wanted = log_concrete(log_y, EXTREME_LOGITS, temperature)
    # The terms are as large as the logarithm, 2000 at a temperature of 0.1.
    assert_close(got, wanted, atol=1e-6 * np.abs(log_y).max())


def test_shapes_are_those_of_the_batch() -> None:
    logits, uniform = numbers(2, 3, 4), uniforms(2, 3, 4)
    assert call(relaxed_categorical.sample, logits, 1.0, uniform).shape == (2, 3, 4)
    assert log_prob(sample_log(logits, 1.0, uniform), logits, 1.0).shape == (2, 3)
    assert call(relaxed_categorical.kl_uniform, logits).shape == (2, 3)
