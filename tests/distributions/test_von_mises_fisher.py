from __future__ import annotations

import functools
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from scipy import stats

from keras_ae.distributions import von_mises_fisher
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
draw = functools.cache(functools.partial(zonal.draw, von_mises_fisher))


def statistic(angle: np.ndarray) -> np.ndarray:
    """Return cos - 1, to which the log density is proportional."""
    return -2 * np.sin(angle / 2) ** 2


@functools.cache
def bessel(order: float, kappa: float) -> float:
    """Return log I_order(kappa) - kappa; SciPy's underflows at high order."""
    return float(mpmath.log(mpmath.besseli(order, kappa)) - kappa)


def log_peak(d: int, kappa: float) -> float:
    """Return the log density at the mean, log C_d(kappa) + kappa."""
    if kappa == 0:
        return -log_area(d)
    return (d / 2 - 1) * np.log(kappa) - d / 2 * np.log(2 * np.pi) - bessel(d / 2 - 1, kappa)


def length(d: int, kappa: float) -> float:
    """Return A_d(kappa) = I_(d/2) / I_(d/2 - 1)."""
    return np.exp(bessel(d / 2, kappa) - bessel(d / 2 - 1, kappa)) if kappa > 0 else 0.0


def length_slope(d: int, kappa: float) -> float:
    """Return A_d'(kappa) = 1 - A^2 - (d - 1) A / kappa, in forty digits as it cancels."""
    if kappa == 0:
        return 1 / d
    with mpmath.workdps(40):
        order, k = mpmath.mpf(d) / 2, mpmath.mpf(kappa)
        a = mpmath.besseli(order, k) / mpmath.besseli(order - 1, k)
        return float(1 - a**2 - (d - 1) * a / k)


def over_kappa(function: Callable[[int, float], float], d: int) -> np.ndarray:
    """Return the function of d at every kappa, as float32 holds it."""
    return np.array([function(d, float(np.float32(kappa))) for kappa in KAPPA[:, 0]])


def kl(d: int, kappa: float) -> float:
    """Return log C + kappa A + log area."""
    return log_peak(d, kappa) - kappa * (1 - length(d, kappa)) + log_area(d)


def kl_slope(d: int, kappa: float) -> float:
    """Return kappa A_d'(kappa)."""
    return kappa * length_slope(d, kappa)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_density_at_the_mean_is_the_normaliser_with_bessel_functions(d: int) -> None:
    # The first basis vector: nothing is rounded, float32 holds the answer to its last digit.
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1))
    got = call(von_mises_fisher.log_prob, mean, mean, KAPPA)
    assert_close(got, over_kappa(log_peak, d))


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("along", [-1.0, -0.5, 0.0, 0.75])
def test_density_falls_by_kappa_times_the_component_along_the_mean(d: int, along: float) -> None:
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1))
    across = np.sqrt(1 - np.float32(along).astype("float64") ** 2)
    x = along * mean + across * np.eye(d)[-1]
    wanted = over_kappa(log_peak, d) - KAPPA[:, 0] * (1 - along)
    assert_close(call(von_mises_fisher.log_prob, x, mean, KAPPA), wanted)


@pytest.mark.parametrize("d", [2, 3, 10, 50])
@pytest.mark.parametrize("kappa", [0.5, 10.0, 300.0])
def test_log_prob_is_scipys(d: int, kappa: float) -> None:
    mean = unit_vectors(d, seed=1)
    exact_mean = mean / np.linalg.norm(mean.astype("float64"))
    law = stats.vonmises_fisher(exact_mean, kappa, seed=2)
    x = np.concatenate([law.rvs(50), unit_vectors(50, d).astype("float64")])
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    got = call(von_mises_fisher.log_prob, x, np.tile(mean, (100, 1)), np.full((100, 1), kappa))
    # Rounded to float32, unit vectors have a dot product wrong by 1e-7, which kappa magnifies.
    assert_close(got, law.logpdf(x), atol=5e-7 * kappa)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("kappa", [0.0, 0.1, 1.0, 10.0, 100.0])
def test_density_integrates_to_one_over_the_sphere(d: int, kappa: float) -> None:
    x, weights = zonal.sphere_rule(d)
    mean, kappas = np.tile(unit_vectors(d, seed=4), (len(x), 1)), np.full((len(x), 1), kappa)
    density = np.exp(call(von_mises_fisher.log_prob, x, mean, kappas).astype("float64"))
    # As above: float32's dot products leave kappa times 1e-7 of error in the log density.
    assert density @ weights == pytest.approx(1, abs=1e-5 + 5e-7 * kappa)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_kl_is_the_closed_form(d: int) -> None:
    got = call(lambda k: von_mises_fisher.kl_uniform(k, d), KAPPA)
    assert_close(got, over_kappa(kl, d))


@pytest.mark.parametrize("d", DIMENSIONS)
def test_kl_is_zero_at_the_uniform_law_and_never_negative(d: int) -> None:
    small = np.linspace(0, 0.1, 200)[:, None]
    got = call(lambda k: von_mises_fisher.kl_uniform(k, d), small)
    assert abs(got[0]) < 1e-6
    # Twenty units in the last place of the logarithms of which it is the difference.
    assert (got > -1e-6 * max(1, abs(log_area(d)))).all()


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.5, 10.0, 100.0])
def test_kl_is_the_mean_log_ratio_of_scipys_draws(d: int, kappa: float) -> None:
    law = stats.vonmises_fisher(np.eye(d)[0], kappa, seed=5)
    ratio = law.logpdf(law.rvs(50_000)) + log_area(d)
    assert_means(ratio, call(lambda k: von_mises_fisher.kl_uniform(k, d), [kappa])[()])


@pytest.mark.parametrize("d", [2, 3, 10, 50])
@pytest.mark.parametrize("kappa", [1.0, 30.0, 1000.0])
def test_kl_is_the_mean_log_ratio_of_its_own_draws(d: int, kappa: float) -> None:
    zonal.check_kl_by_draws(von_mises_fisher, d, kappa)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_gradient_of_kl_is_kappa_times_that_of_the_mean_length(d: int) -> None:
    got = gradient_of_sum(lambda k: von_mises_fisher.kl_uniform(k, d), KAPPA)[:, 0]
    wanted = over_kappa(kl_slope, d)
    assert_close(got, wanted)
    # At a large kappa the rule above says little of (d - 1) / (2 kappa): a hundredth of it.
    np.testing.assert_allclose(got, wanted, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_mean_length_is_the_ratio_of_bessel_functions(d: int) -> None:
    got = call(lambda k: von_mises_fisher.mean_length(k, d), KAPPA)
    wanted = over_kappa(length, d)[:, None]
    assert_close(got, wanted)
    # Relative where the length is small: ten units in the last place of 1 are its noise.
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=6e-7)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_gradient_of_the_mean_length_is_the_variance_along_the_mean(d: int) -> None:
    got = gradient_of_sum(lambda k: von_mises_fisher.mean_length(k, d), KAPPA)[:, 0]
    assert_close(got, over_kappa(length_slope, d))


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("along", [-1.0, 0.0, 1.0])
def test_gradient_of_log_prob_in_kappa_is_the_component_less_its_mean(d: int, along: float) -> None:
    mean = np.tile(np.eye(d)[0], (len(KAPPA), 1)).astype("float32")
    x = along * mean + (1 - abs(along)) * np.eye(d, dtype="float32")[-1]
    got = gradient_of_sum(von_mises_fisher.log_prob, x, mean, KAPPA, argument=2)[:, 0]
    assert_close(got, along - over_kappa(length, d))


@pytest.mark.parametrize("kappa", CONCENTRATIONS)
def test_gradient_of_log_prob_in_the_mean_is_kappa_x_along_the_sphere(kappa: float) -> None:
    x, mean = unit_vectors(20, 5, seed=1), unit_vectors(20, 5, seed=2)
    kappas = np.full((20, 1), kappa, "float32")
    got = gradient_of_sum(von_mises_fisher.log_prob, x, mean, kappas, argument=1)
    got, exact = got.astype("float64"), mean.astype("float64")
    tangent = np.eye(5) - exact[:, :, None] * exact[:, None]
    wanted = kappa * np.einsum("nij,nj->ni", tangent, x.astype("float64"))
    assert_close(np.einsum("nij,nj->ni", tangent, got), wanted, atol=1e-6 * kappa)


def test_shapes_are_those_of_the_batch() -> None:
    x, mean, kappa = unit_vectors(2, 3, 4), unit_vectors(2, 3, 4, seed=1), np.ones((2, 3, 1))
    assert call(von_mises_fisher.log_prob, x, mean, kappa).shape == (2, 3)
    assert call(lambda k: von_mises_fisher.kl_uniform(k, 4), kappa).shape == (2, 3)
    assert call(lambda k: von_mises_fisher.mean_length(k, 4), kappa).shape == (2, 3, 1)


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
    zonal.check_kappa_slope_along(von_mises_fisher, statistic, d, kappa)


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.1, 1.0, 10.0, 100.0, 1e4])
def test_gradient_in_kappa_is_that_of_the_expectation_across_the_mean(d: int, kappa: float) -> None:
    zonal.check_kappa_slope_across(von_mises_fisher, statistic, d, kappa)


@pytest.mark.parametrize("d", [2, 3, 10, 50])
@pytest.mark.parametrize("kappa", [0.0, 0.1, 1.0, 10.0, 100.0, 1e4])
def test_gradient_in_kappa_of_each_draw_is_the_implicit_one(d: int, kappa: float) -> None:
    zonal.check_kappa_path(von_mises_fisher, statistic, d, kappa)


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("kappa", [0.1, 1.0, 10.0, 1000.0])
def test_gradient_in_the_mean_is_the_mean_length_times_the_tangent_part(
    d: int, kappa: float
) -> None:
    mean = unit_vectors(d, seed=d)
    zonal.check_mean_slope(von_mises_fisher, mean, kappa, length(d, kappa))


@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("axis", [0, -1])
def test_gradient_in_the_mean_is_right_at_the_poles(d: int, sign: float, axis: int) -> None:
    # A reflection or rotation that carries a pole to the mean may divide by zero here.
    zonal.check_mean_slope(von_mises_fisher, sign * np.eye(d)[axis], 5.0, length(d, 5.0))


@pytest.mark.parametrize("uniform", [0.0, 0.5, LARGEST_UNIFORM])
@pytest.mark.parametrize("normal", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("d", [2, 3, 10])
def test_the_worst_noise_gives_finite_draws_and_gradients(
    d: int, argument: int, normal: float, uniform: float
) -> None:
    noise = ConstantDraws(normal=normal, uniform=uniform)
    zonal.check_worst_noise(von_mises_fisher, d, noise, argument)
