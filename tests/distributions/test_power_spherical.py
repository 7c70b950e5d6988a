from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from keras_ae.distributions import power_spherical
from tests.distributions import zonal
from tests.distributions.oracle import (
    LARGEST_UNIFORM,
    ConstantDraws,
    assert_close,
    assert_means,
    call,
    gradient_of_sum,
)
from tests.distributions.zonal import CONCENTRATIONS, log_area, unit_vectors

DIMENSIONS = (2, 3, 5, 10, 50, 128)
KAPPA = np.concatenate(
    [[0, 1e-3, 0.1, 0.5, 1, 2, 5, 8, 11.99, 12, 12.01, 20, 30], [100, 400, 1e3, 3e3, 1e4]]
)[:, None]
draw = functools.cache(functools.partial(zonal.draw, power_spherical))


def statistic(angle: np.ndarray) -> np.ndarray:
    """Return log((1 + cos) / 2), to which the log density is proportional."""
    return 2 * np.log(np.cos(angle / 2))


def log_peak(d: int, kappa: float) -> float:
    """Return the log density at the mean, kappa log 2 + log N."""
    alpha, beta = (d - 1) / 2 + kappa, (d - 1) / 2
    ratio = special.gammaln(alpha + beta) - special.gammaln(alpha)
    return ratio - 2 * beta * np.log(2) - beta * np.log(np.pi)


def length(d: int, kappa: float) -> float:
    """Return the mean of 2 Beta(alpha, beta) - 1."""
    return kappa / (kappa + d - 1)


def mean_log(d: int, kappa: float) -> float:
    """Return E[log((1 + t) / 2)], that of the logarithm of Beta(alpha, beta)."""
    alpha, beta = (d - 1) / 2 + kappa, (d - 1) / 2
    return special.digamma(alpha) - special.digamma(alpha + beta)


def kl(d: int, kappa: float) -> float:
    """Return log N + kappa E[log(1 + t)] + log area."""
    return log_peak(d, kappa) + kappa * mean_log(d, kappa) + log_area(d)


def kl_slope(d: int, kappa: float) -> float:
    """Return kappa times the variance of log(1 + t)."""
    alpha, beta = (d - 1) / 2 + kappa, (d - 1) / 2
    return kappa * (special.polygamma(1, alpha) - special.polygamma(1, alpha + beta))


def over_kappa(function: Callable[[int, float], float], d: int) -> np.ndarray:
    """Return the function of d at every kappa, as float32 holds it."""
    return np.array([function(d, float(np.float32(kappa))) for kappa in KAPPA[:, 0]])


@pytest.mark.parametrize("d", DIMENSIONS)
def test_density_at_the_mean_is_the_normaliser_with_gamma_functions(d: int) -> None:
    # The first basis vector: nothing is rounded, float32 holds the answer to its last digit.
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1))
    got = call(power_spherical.log_prob, mean, mean, KAPPA)
    assert_close(got, over_kappa(log_peak, d))


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("along", [-0.9375, -0.5, 0.0, 0.75])
def test_density_falls_as_a_power_of_one_and_the_component_along_the_mean(
    d: int, along: float
) -> None:
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1))
    x = along * mean + np.sqrt(1 - along**2) * np.eye(d)[-1]
    wanted = over_kappa(log_peak, d) + KAPPA[:, 0] * np.log((1 + along) / 2)
    assert_close(call(power_spherical.log_prob, x, mean, KAPPA), wanted)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_density_opposite_the_mean_is_uniform_at_kappa_zero_and_else_next_to_nothing(
    d: int,
) -> None:
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1))
    got = call(power_spherical.log_prob, -mean, mean, KAPPA)
    assert_close(got[0], -log_area(d))
    assert not np.isnan(got).any()
    # A density that is bounded away from zero, for the sake of a finite loss, is still tiny.
    large = KAPPA[:, 0] >= 5
    assert (got[large] - over_kappa(log_peak, d)[large] < -10 * KAPPA[large, 0]).all()


@pytest.mark.parametrize("d", DIMENSIONS)
def test_gradients_opposite_the_mean_are_finite(d: int) -> None:
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1))
    for argument in range(3):
        slope = gradient_of_sum(power_spherical.log_prob, -mean, mean, KAPPA, argument=argument)
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("d", [2, 3, 10, 50])
@pytest.mark.parametrize("kappa", [0.5, 10.0, 300.0])
def test_log_prob_is_that_of_scipys_beta_along_the_mean_and_uniform_around(
    d: int, kappa: float
) -> None:
    mean, x = unit_vectors(d, seed=1), unit_vectors(100, d)
    t = x.astype("float64") @ mean
    law = stats.beta((d - 1) / 2 + kappa, (d - 1) / 2)
    wanted = law.logpdf((1 + t) / 2) - np.log(2)
    wanted -= log_area(d - 1) + (d - 3) / 2 * np.log1p(-(t**2))
    got = call(power_spherical.log_prob, x, np.tile(mean, (100, 1)), np.full((100, 1), kappa))
    # A dot product of float32 is wrong by 1e-7, which kappa / (1 + t) magnifies.
    assert_close(got, wanted, atol=5e-7 * kappa / (1 + t))


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("kappa", [0.0, 0.1, 1.0, 10.0, 100.0])
def test_density_integrates_to_one_over_the_sphere(d: int, kappa: float) -> None:
    x, weights = zonal.sphere_rule(d)
    mean, kappas = np.tile(unit_vectors(d, seed=4), (len(x), 1)), np.full((len(x), 1), kappa)
    density = np.exp(call(power_spherical.log_prob, x, mean, kappas).astype("float64"))
    # As above: float32's dot products leave kappa times 1e-7 of error in the log density.
    assert density @ weights == pytest.approx(1, abs=1e-5 + 5e-7 * kappa)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_kl_is_the_closed_form(d: int) -> None:
    got = call(lambda k: power_spherical.kl_uniform(k, d), KAPPA)
    assert_close(got, over_kappa(kl, d))


@pytest.mark.parametrize("d", DIMENSIONS)
def test_kl_is_zero_at_the_uniform_law_and_never_negative(d: int) -> None:
    small = np.linspace(0, 0.1, 200)[:, None]
    got = call(lambda k: power_spherical.kl_uniform(k, d), small)
    assert abs(got[0]) < 1e-6
    # Twenty units in the last place of the logarithms of which it is the difference.
    assert (got > -1e-6 * max(1, abs(log_area(d)))).all()


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.5, 10.0, 100.0])
def test_kl_is_the_mean_log_ratio_of_scipys_draws(d: int, kappa: float) -> None:
    z = stats.beta((d - 1) / 2 + kappa, (d - 1) / 2).rvs(50_000, random_state=5)
    ratio = log_peak(d, kappa) + kappa * np.log(z) + log_area(d)
    assert_means(ratio, call(lambda k: power_spherical.kl_uniform(k, d), [kappa])[()])


@pytest.mark.parametrize("d", [2, 3, 10, 50])
@pytest.mark.parametrize("kappa", [1.0, 30.0, 1000.0])
def test_kl_is_the_mean_log_ratio_of_its_own_draws(d: int, kappa: float) -> None:
    zonal.check_kl_by_draws(power_spherical, d, kappa)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_gradient_of_kl_is_kappa_times_the_variance_of_the_log_density(d: int) -> None:
    got = gradient_of_sum(lambda k: power_spherical.kl_uniform(k, d), KAPPA)[:, 0]
    wanted = over_kappa(kl_slope, d)
    assert_close(got, wanted)
    # At a large kappa the rule above says little of (d - 1) / (2 kappa): a hundredth of it.
    np.testing.assert_allclose(got, wanted, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_mean_length_is_kappa_over_kappa_and_the_dimension(d: int) -> None:
    got = call(lambda k: power_spherical.mean_length(k, d), KAPPA)
    wanted = over_kappa(length, d)[:, None]
    assert_close(got, wanted)
    # Relative where the length is small: ten units in the last place of 1 are its noise.
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=6e-7)


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("along", [-0.9375, 0.0, 1.0])
def test_gradient_of_log_prob_in_kappa_is_the_log_component_less_its_mean(
    d: int, along: float
) -> None:
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1)).astype("float32")
    x = along * mean + np.sqrt(1 - along**2) * np.eye(d)[-1]
    got = gradient_of_sum(power_spherical.log_prob, x, mean, KAPPA, argument=2)[:, 0]
    assert_close(got, np.log((1 + along) / 2) - over_kappa(mean_log, d))


@pytest.mark.parametrize("kappa", CONCENTRATIONS)
def test_gradient_of_log_prob_in_the_mean_is_that_of_the_power(kappa: float) -> None:
    x, mean = unit_vectors(20, 5, seed=1), unit_vectors(20, 5, seed=2)
    kappas = np.full((20, 1), kappa, "float32")
    got = gradient_of_sum(power_spherical.log_prob, x, mean, kappas, argument=1)
    got, exact, x64 = got.astype("float64"), mean.astype("float64"), x.astype("float64")
    tangent = np.eye(5) - exact[:, :, None] * exact[:, None]
    slope = kappa / (1 + np.sum(x64 * exact, -1, keepdims=True))
    wanted = slope * np.einsum("nij,nj->ni", tangent, x64)
    # As in the density, an error of 1e-7 in the dot product is magnified by the slope.
    assert_close(np.einsum("nij,nj->ni", tangent, got), wanted, atol=2e-6 * slope)


def test_shapes_are_those_of_the_batch() -> None:
    x, mean, kappa = unit_vectors(2, 3, 4), unit_vectors(2, 3, 4, seed=1), np.ones((2, 3, 1))
    assert call(power_spherical.log_prob, x, mean, kappa).shape == (2, 3)
    assert call(lambda k: power_spherical.kl_uniform(k, 4), kappa).shape == (2, 3)
    assert call(lambda k: power_spherical.mean_length(k, 4), kappa).shape == (2, 3, 1)


@pytest.mark.parametrize("d", zonal.DIMENSIONS)
def test_draws_have_norm_one(d: int) -> None:
    norms = np.linalg.norm(draw(d)[0].astype("float64"), axis=-1)
    np.testing.assert_allclose(norms, 1, atol=1e-6)


@pytest.mark.parametrize("d", zonal.DIMENSIONS)
@pytest.mark.parametrize("row", range(5), ids=CONCENTRATIONS)
def test_angles_of_draws_to_the_mean_have_the_exact_law(d: int, row: int) -> None:
    x, mean = draw(d)
    marginal = zonal.Marginal(statistic, d, CONCENTRATIONS[row])
    zonal.check_angles(x[row], mean[row], marginal)


@pytest.mark.parametrize("d", zonal.DIMENSIONS)
@pytest.mark.parametrize("row", range(5), ids=CONCENTRATIONS)
def test_draws_are_uniform_around_the_mean(d: int, row: int) -> None:
    x, mean = draw(d)
    zonal.check_directions(x[row], mean[row])


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.0, 0.1, 1.0, 10.0, 100.0, 1e4])
def test_gradient_in_kappa_is_that_of_the_expectation_along_the_mean(d: int, kappa: float) -> None:
    zonal.check_kappa_slope_along(power_spherical, statistic, d, kappa)


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.1, 1.0, 10.0, 100.0, 1e4])
def test_gradient_in_kappa_is_that_of_the_expectation_across_the_mean(d: int, kappa: float) -> None:
    zonal.check_kappa_slope_across(power_spherical, statistic, d, kappa)


@pytest.mark.parametrize("d", [2, 3, 10, 50])
@pytest.mark.parametrize("kappa", [0.0, 0.1, 1.0, 10.0, 100.0, 1e4])
def test_gradient_in_kappa_of_each_draw_is_the_implicit_one(d: int, kappa: float) -> None:
    zonal.check_kappa_path(power_spherical, statistic, d, kappa)


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.1, 1.0, 10.0, 1000.0])
def test_gradient_in_the_mean_is_the_mean_length_times_the_tangent_part(
    d: int, kappa: float
) -> None:
    mean = unit_vectors(d, seed=d)
    zonal.check_mean_slope(power_spherical, mean, kappa, length(d, kappa))


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("axis", [0, -1])
def test_gradient_in_the_mean_is_right_at_the_poles(d: int, sign: float, axis: int) -> None:
    # A reflection or rotation that carries a pole to the mean may divide by zero here.
    zonal.check_mean_slope(power_spherical, sign * np.eye(d)[axis], 5.0, length(d, 5.0))


@pytest.mark.parametrize("uniform", [0.0, 0.5, LARGEST_UNIFORM])
@pytest.mark.parametrize("normal", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("d", [2, 3, 10])
def test_the_worst_noise_gives_finite_draws_and_gradients(
    d: int, argument: int, normal: float, uniform: float
) -> None:
    noise = ConstantDraws(normal=normal, uniform=uniform)
    zonal.check_worst_noise(power_spherical, d, noise, argument)
