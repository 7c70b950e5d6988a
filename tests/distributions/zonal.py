"""Laws on the sphere with a density exp(kappa s(angle to the mean)), by float64 quadrature.

The angle, not its cosine, is what is measured and integrated: at kappa = 1e4 the cosine of a
draw differs from 1 by less than float32 holds of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops
from scipy import special, stats

from keras_ae.distributions.noise import Draws
from tests.distributions.oracle import NumPyDraws, assert_close, assert_means, call, gradient_of_sum

CONCENTRATIONS = (0.0, 1e-3, 1.0, 100.0, 1e4)
DIMENSIONS = (2, 3, 10, 50)
DRAWS = 10_000
GRADIENT_DRAWS = 20_000
CELLS = 20_000

Statistic = Callable[[np.ndarray], np.ndarray]


def unit_vectors(*shape: int, seed: int = 0) -> np.ndarray:
    """Return uniform points of the sphere, float32, of the given shape."""
    x = np.random.default_rng(seed).normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype("float32")


def angles(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the angle of each point to its mean, in radians."""
    x, mean = x.astype("float64"), mean.astype("float64")
    mean = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    along = np.sum(x * mean, axis=-1)
    across = np.linalg.norm(x - along[..., None] * mean, axis=-1)
    return np.arctan2(across, along)


def sphere_rule(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights that integrate over the circle or the sphere in R^3."""
    if d == 2:
        turn = 2 * np.pi * np.arange(4_000) / 4_000
        return np.stack([np.cos(turn), np.sin(turn)], -1), np.full(4_000, 2 * np.pi / 4_000)
    heights, weights = np.polynomial.legendre.leggauss(120)
    turn = 2 * np.pi * np.arange(240) / 240
    height, turn = np.broadcast_arrays(heights[:, None], turn)
    radius = np.sqrt(1 - height**2)
    points = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], -1)
    return points.reshape(-1, 3), np.repeat(weights * 2 * np.pi / 240, 240)


class Marginal:
    """The law of the angle to the mean: density proportional to exp(kappa s) sin^(d - 2)."""

    def __init__(self, statistic: Statistic, d: int, kappa: float) -> None:
        # Beyond this angle there is less than 1e-20 of the mass of either law.
        reach = np.sqrt(2 * (d + 20 * np.sqrt(d) + 60) / kappa) if kappa > 0 else np.pi
        self.edges = np.linspace(0, min(reach, np.pi), CELLS + 1)
        self.nodes = (self.edges[1:] + self.edges[:-1]) / 2
        log_density = kappa * statistic(self.nodes) + (d - 2) * np.log(np.sin(self.nodes))
        density = np.exp(log_density - log_density.max())
        self.mass = density / density.sum()
        self.score = statistic(self.nodes) - self.mass @ statistic(self.nodes)

    def cdf(self, angle: np.ndarray) -> np.ndarray:
        """Return the probability of a smaller angle."""
        return np.interp(angle, self.edges, np.append(0, np.cumsum(self.mass)))

    def slope(self, function: Statistic) -> float:
        """Return d E[function(angle)] / d kappa, the covariance with the statistic."""
        return float(self.mass @ (self.score * function(self.nodes)))

    def path(self, angle: np.ndarray) -> np.ndarray:
        """Return d angle / d kappa at a fixed value of the distribution function."""
        moved = np.interp(angle, self.edges, np.append(0, np.cumsum(self.mass * self.score)))
        return -moved * np.diff(self.edges)[0] / np.interp(angle, self.nodes, self.mass)


def draw(module: Any, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return draws and their means, `(concentrations, draws, d)`: one call for all kappa."""
    mean = unit_vectors(len(CONCENTRATIONS), DRAWS, d, seed=d)
    kappa = np.broadcast_to(np.reshape(CONCENTRATIONS, (-1, 1, 1)), (*mean.shape[:-1], 1))
    return call(lambda m, k: module.sample(m, k, NumPyDraws(d)), mean, kappa), mean


def check_angles(x: np.ndarray, mean: np.ndarray, marginal: Marginal) -> None:
    """Check the angles of draws to their means by Kolmogorov and Smirnov's test."""
    assert stats.kstest(marginal.cdf(angles(x, mean)), "uniform").pvalue > 1e-4


def check_directions(x: np.ndarray, mean: np.ndarray) -> None:
    """Check that what is across the mean has a uniform direction, whatever is along it."""
    d = x.shape[-1]
    x, mean = x.astype("float64"), mean.astype("float64")
    mean /= np.linalg.norm(mean, axis=-1, keepdims=True)
    along = np.sum(x * mean, axis=-1, keepdims=True)
    axis = np.ones(d) - np.sum(mean, axis=-1, keepdims=True) * mean
    across = x - along * mean
    radius = np.linalg.norm(across, axis=-1) * np.linalg.norm(axis, axis=-1)
    # Next to either pole float32 has points without a direction, once in 10^4 draws.
    assert (radius == 0).sum() <= 5
    cosine = np.sum(across * axis, -1)[radius > 0] / radius[radius > 0]
    if d == 2:
        assert stats.binomtest(int((cosine > 0).sum()), len(cosine)).pvalue > 1e-4
    else:
        uniform = stats.beta.cdf((1 + cosine) / 2, (d - 2) / 2, (d - 2) / 2)
        assert stats.kstest(uniform, "uniform").pvalue > 1e-4
    assert stats.spearmanr(along[radius > 0, 0], cosine).pvalue > 1e-4


def kappa_slopes(module: Any, d: int, kappa: float, axis: Any, function: Any) -> Any:
    """Return d function(<axis, x>) / d kappa of each draw x, and the draws."""
    means = np.broadcast_to(unit_vectors(d, seed=d), (GRADIENT_DRAWS, d))
    kappas = np.full((GRADIENT_DRAWS, 1), kappa)

    def sample(mean: Any, concentration: Any) -> Any:
        return module.sample(mean, concentration, NumPyDraws(d + 1))

    def total(mean: Any, concentration: Any) -> Any:
        return function(ops.sum(sample(mean, concentration) * _tensor(axis), axis=-1))

    slopes = gradient_of_sum(total, means, kappas, argument=1)
    return slopes[:, 0].astype("float64"), call(sample, means, kappas)


def check_kappa_slope_along(module: Any, statistic: Statistic, d: int, kappa: float) -> None:
    """Check the slope of E[t + t^2], t the component along the mean."""
    slopes, _ = kappa_slopes(module, d, kappa, unit_vectors(d, seed=d), lambda t: t + t * t)
    wanted = Marginal(statistic, d, kappa).slope(lambda a: np.cos(a) + np.cos(a) ** 2)
    assert_means(slopes, wanted)


def check_kappa_slope_across(module: Any, statistic: Statistic, d: int, kappa: float) -> None:
    """Check the slope of E[<b, x>^2] for a unit b across the mean: E[sin^2] / (d - 1)."""
    mean = unit_vectors(d, seed=d).astype("float64")
    axis = unit_vectors(d, seed=77)
    axis = axis - (axis @ mean) * mean
    slopes, _ = kappa_slopes(module, d, kappa, axis / np.linalg.norm(axis), lambda s: s * s)
    wanted = Marginal(statistic, d, kappa).slope(lambda a: np.sin(a) ** 2) / (d - 1)
    assert_means(slopes, wanted)


def check_kappa_path(module: Any, statistic: Statistic, d: int, kappa: float) -> None:
    """Check d t / d kappa of every draw against -(dF / d kappa) / p."""
    mean = unit_vectors(d, seed=d)
    slopes, x = kappa_slopes(module, d, kappa, mean, lambda t: t)
    angle = angles(x, np.broadcast_to(mean, x.shape))
    wanted = -np.sin(angle) * Marginal(statistic, d, kappa).path(angle)
    # A slope is an integral in float32 over a density that falls to nothing in the tails, and
    # this oracle's own error is 5e-5 at worst, where the statistic has a logarithmic pole.
    scale = np.sqrt(np.mean(wanted**2))
    assert_close(slopes / scale, wanted / scale, rtol=1e-4)


def check_mean_slope(module: Any, mean: np.ndarray, kappa: float, length: float) -> None:
    """Check the gradient of E[<a, x>] in the mean, along the sphere: length times a's part."""
    d = len(mean)
    axis = np.random.default_rng(3).normal(size=d)

    def function(means: Any, kappas: Any) -> Any:
        return module.sample(means, kappas, NumPyDraws(d)) * _tensor(axis)

    means = np.broadcast_to(mean, (GRADIENT_DRAWS, d))
    slopes = gradient_of_sum(function, means, np.full((GRADIENT_DRAWS, 1), kappa))
    assert np.isfinite(slopes).all()
    tangent = np.eye(d) - np.outer(mean, mean)
    # Of the d coordinates one is sometimes four errors away: five.
    assert_means(slopes.astype("float64") @ tangent, length * tangent @ axis, errors=5.0)


def check_kl_by_draws(module: Any, d: int, kappa: float) -> None:
    """Check the divergence from uniform against the mean log-ratio of the module's draws."""
    mean = np.broadcast_to(unit_vectors(d, seed=d), (GRADIENT_DRAWS, d))
    kappas = np.full((GRADIENT_DRAWS, 1), kappa)
    x = call(lambda m, k: module.sample(m, k, NumPyDraws(d + 2)), mean, kappas)
    ratio = call(module.log_prob, x, mean, kappas) + log_area(d)
    assert_means(ratio, call(lambda k: module.kl_uniform(k, d), [kappa])[()])


def check_worst_noise(module: Any, d: int, noise: Draws, argument: int) -> None:
    """Check that draws and their gradients in one parameter are finite."""
    mean = np.concatenate([unit_vectors(4, d), np.eye(d)[:1], -np.eye(d)[:1]])
    kappa = np.repeat(CONCENTRATIONS, len(mean))[:, None]
    mean = np.tile(mean, (len(CONCENTRATIONS), 1))

    def sample(means: Any, kappas: Any) -> Any:
        return module.sample(means, kappas, noise)

    assert np.isfinite(call(sample, mean, kappa)).all()
    assert np.isfinite(gradient_of_sum(sample, mean, kappa, argument=argument)).all()


def log_area(d: int) -> float:
    """Return log(2 pi^(d/2) / Gamma(d/2))."""
    return float(np.log(2) + d / 2 * np.log(np.pi) - special.gammaln(d / 2))


def _tensor(x: Any) -> Any:
    return ops.convert_to_tensor(x, "float32")
