from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from keras_ae.distributions import poincare_ball, wrapped_normal
from tests.distributions.hyperbolic import (
    CURVATURES,
    conformal_factor,
    distance,
    exp_map,
    log_map,
    points,
)
from tests.distributions.oracle import assert_close, assert_means, call, gradient_of_sum
from tests.distributions.zonal import unit_vectors

over_curvatures = pytest.mark.parametrize("curvature", CURVATURES)


def sample(mean: np.ndarray, log_var: np.ndarray, epsilon: np.ndarray, c: float) -> np.ndarray:
    return call(lambda *tensors: wrapped_normal.sample(*tensors, c), mean, log_var, epsilon)


def log_prob(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray, c: float) -> np.ndarray:
    return call(lambda *tensors: wrapped_normal.log_prob(*tensors, c), z, mean, log_var)


def exact_sample(
    mean: np.ndarray, log_var: np.ndarray, epsilon: np.ndarray, c: float
) -> np.ndarray:
    """Return exp_mean(sqrt(var) epsilon / lambda_mean) in float64."""
    velocity = np.exp(log_var.astype("float64") / 2) * epsilon / conformal_factor(mean, c)
    return exp_map(mean, velocity, c)


def exact_log_prob(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray, c: float) -> np.ndarray:
    """Return Mathieu et al. (2019)'s density in float64, section 3."""
    u = conformal_factor(mean, c) * log_map(mean, z, c)
    r = np.sqrt(c) * distance(mean, z, c)
    flat = stats.norm.logpdf(u, 0, np.exp(log_var / 2)).sum(-1)
    return flat + (z.shape[-1] - 1) * np.log(r / np.sinh(r))


def log_prob_by_change_of_variables(
    mean: np.ndarray, log_var: np.ndarray, epsilon: np.ndarray, c: float
) -> np.ndarray:
    """Return the log density of exact_sample, by its numerical Jacobian.

    The density of epsilon over |dz / d epsilon| is that in coordinates; over lambda_z^d it is
    that of the Riemannian volume lambda^d dz.
    """
    d = mean.shape[-1]
    columns = []
    for axis in np.eye(d):
        ahead, behind = (
            exact_sample(mean, log_var, epsilon + step * axis, c) for step in (1e-5, -1e-5)
        )
        columns.append((ahead - behind) / 2e-5)
    _, log_det = np.linalg.slogdet(np.stack(columns, axis=-1))
    factor = conformal_factor(exact_sample(mean, log_var, epsilon, c), c)[:, 0]
    return stats.norm.logpdf(epsilon).sum(-1) - log_det - d * np.log(factor)


def parameters(n: int, d: int, c: float, *, largest: float = 0.7) -> list[np.ndarray]:
    """Return means, log variances and standard normal noise."""
    rng = np.random.default_rng(8)
    log_var = rng.uniform(-3, 0.5, size=(n, d)).astype("float32")
    return [points(n, d, curvature=c, largest=largest), log_var, rng.normal(size=(n, d))]


def edge(n: int, d: int, c: float, place: float, log_var: float) -> list[np.ndarray]:
    """Return means at a part of the radius, in the ball, with variances and noise."""
    mean = place / np.sqrt(c) * unit_vectors(n, d)
    mean = call(lambda x: poincare_ball.project(x, c), mean)
    return [mean, np.full((n, d), log_var), np.random.default_rng(2).normal(size=(n, d))]


@over_curvatures
def test_sample_is_the_exponential_of_scaled_noise(curvature: float) -> None:
    arguments = parameters(200, 4, curvature)
    assert_close(sample(*arguments, curvature), exact_sample(*arguments, curvature))


@over_curvatures
def test_sample_without_noise_is_the_mean(curvature: float) -> None:
    mean, log_var, epsilon = parameters(50, 4, curvature)
    assert_close(sample(mean, log_var, 0 * epsilon, curvature), mean)


@over_curvatures
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_log_prob_is_the_change_of_variables(curvature: float, d: int) -> None:
    mean, log_var, epsilon = parameters(200, d, curvature)
    z = exact_sample(mean, log_var, epsilon, curvature)
    wanted = log_prob_by_change_of_variables(mean, log_var, epsilon, curvature)
    got = log_prob(z, mean, log_var, curvature)
    # z is rounded to float32 by 6e-8, lambda_z / sqrt(var) times that in units of epsilon,
    # where the slope of the log density is |epsilon| + (d - 1) sqrt(c var).
    factor = conformal_factor(z, curvature)[:, 0]
    slope = np.abs(epsilon).sum(-1) + d * np.sqrt(curvature)
    magnified = 3e-7 * factor * slope * np.exp(-log_var.min(-1) / 2)
    assert_close(got, wanted, atol=magnified)
    # The allowance is rounding's, not a mistake's.
    assert np.median(np.abs(got - wanted)) < 2e-5


@over_curvatures
def test_density_integrates_to_one_over_the_disk(curvature: float) -> None:
    radii, weights = np.polynomial.legendre.leggauss(600)
    radius = (radii + 1) / 2 / np.sqrt(curvature)
    turn = 2 * np.pi * np.arange(300) / 300
    z = radius[:, None, None] * np.stack([np.cos(turn), np.sin(turn)], -1)
    # lambda^2 dx, with dx = r dr dturn.
    volume = (weights * radius / 2 / np.sqrt(curvature) * 2 * np.pi / 300)[:, None]
    volume = volume * conformal_factor(z, curvature)[..., 0] ** 2
    mean = np.broadcast_to(np.array([0.3, -0.2]) / np.sqrt(curvature), z.shape)
    log_var = np.broadcast_to([-1.5, -0.3], z.shape)
    density = np.exp(log_prob(z, mean, log_var, curvature).astype("float64"))
    assert np.sum(density * volume) == pytest.approx(1, abs=1e-5)


@over_curvatures
@pytest.mark.parametrize("d", [2, 3])
def test_own_draws_average_a_ratio_of_densities_to_one(curvature: float, d: int) -> None:
    rng = np.random.default_rng(1)
    mean, other = points(2, d, curvature=curvature, largest=0.3)
    shape = (20_000, d)
    log_var, other_log_var = np.full(shape, -0.5), np.full(shape, -1.0)
    mean, other = np.broadcast_to(mean, shape), np.broadcast_to(other, shape)
    z = sample(mean, log_var, rng.normal(size=shape), curvature)
    ratio = log_prob(z, other, other_log_var, curvature) - log_prob(z, mean, log_var, curvature)
    assert_means(np.exp(ratio.astype("float64")), 1.0)


@over_curvatures
def test_density_at_the_mean_is_the_flat_normals(curvature: float) -> None:
    mean, log_var, _ = parameters(50, 3, curvature)
    wanted = -0.5 * (3 * np.log(2 * np.pi) + log_var.astype("float64").sum(-1))
    # The difference of z and the mean is zero, but Möbius's sum of opposites is rounded: by
    # 1e-7 lambda / sqrt(var), squared.
    assert_close(log_prob(mean, mean, log_var, curvature), wanted)


@over_curvatures
def test_density_on_the_line_has_no_curvature(curvature: float) -> None:
    mean, log_var, epsilon = parameters(100, 1, curvature, largest=0.5)
    z = exact_sample(mean, log_var, epsilon, curvature).astype("float32")
    wanted = stats.norm.logpdf(distance(mean, z, curvature), 0, np.exp(log_var[:, 0] / 2))
    # An error of 1e-6 in the distance, over a standard deviation of at least 0.22.
    assert_close(log_prob(z, mean, log_var, curvature), wanted, atol=3e-5)


@over_curvatures
@pytest.mark.parametrize("d", [2, 10])
@pytest.mark.parametrize("log_var", [-20.0, 0.0, 5.0, 20.0])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.99999, 1.0])
def test_draws_and_densities_are_in_range_at_the_edge_and_at_enormous_scales(
    curvature: float, d: int, log_var: float, place: float
) -> None:
    mean, log_vars, epsilon = edge(500, d, curvature, place, log_var)
    z = sample(mean, log_vars, epsilon, curvature)
    assert (curvature * np.sum(z.astype("float64") ** 2, axis=-1) < 1).all()
    assert np.isfinite(log_prob(z, mean, log_vars, curvature)).all()


@over_curvatures
@pytest.mark.parametrize("log_var", [-20.0, 0.0, 20.0])
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["sample", "log_prob"])
def test_gradients_are_finite_at_the_centre_at_the_edge_and_at_enormous_scales(
    name: str, curvature: float, log_var: float, place: float
) -> None:
    mean, log_vars, epsilon = edge(50, 3, curvature, place, log_var)
    epsilon[:25] = 0
    z = sample(mean, log_vars, epsilon, curvature)
    arrays = {"sample": (mean, log_vars, epsilon), "log_prob": (z, mean, log_vars)}[name]
    for argument in range(3):
        got = gradient_of_sum(
            lambda *tensors: getattr(wrapped_normal, name)(*tensors, curvature),
            *arrays,
            argument=argument,
        )
        assert np.isfinite(got).all()


@over_curvatures
@pytest.mark.parametrize("argument", [0, 1, 2])
def test_gradient_of_log_prob_is_its_difference_quotient(curvature: float, argument: int) -> None:
    mean, log_var, epsilon = parameters(20, 3, curvature, largest=0.5)
    z = exact_sample(mean, log_var, epsilon, curvature)
    arrays = [z.astype("float32"), mean, log_var]
    got = gradient_of_sum(
        lambda *tensors: wrapped_normal.log_prob(*tensors, curvature), *arrays, argument=argument
    )
    exact = [a.astype("float64") for a in arrays]
    for i, axis in enumerate(np.eye(3)):
        ahead, behind = (
            exact_log_prob(
                *(a + step * axis if j == argument else a for j, a in enumerate(exact)), curvature
            )
            for step in (1e-5, -1e-5)
        )
        # A slope is a log density's rounding error, a few 1e-5 here, over one radius.
        assert_close(got[:, i], (ahead - behind) / 2e-5, rtol=1e-4)


@over_curvatures
def test_gradient_of_sample_in_the_log_variance_is_half_of_that_in_the_noise(
    curvature: float,
) -> None:
    mean, log_var, epsilon = parameters(50, 3, curvature)
    in_log_var, in_noise = (
        gradient_of_sum(
            lambda *tensors: wrapped_normal.sample(*tensors, curvature),
            mean,
            log_var,
            epsilon,
            argument=argument,
        )
        for argument in (1, 2)
    )
    assert_close(in_log_var, in_noise * epsilon / 2)


def test_shapes_are_those_of_the_batch() -> None:
    mean, zeros = points(2, 3, 4, curvature=1.0), np.zeros((2, 3, 4))
    assert sample(mean, zeros, zeros, 1.0).shape == (2, 3, 4)
    assert log_prob(mean, mean, zeros, 1.0).shape == (2, 3)
