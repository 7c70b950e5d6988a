from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import integrate, special, stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import LogCosh
from tests.likelihoods import oracle

RNG = np.random.default_rng(4)
X, LOCATION = RNG.normal(scale=2.0, size=(2, 3, 4, 2)).astype("float32")
SHARPNESSES = [0.001, 0.05, 0.3, 1.0, 4.0, 50.0]


def loss(t: Any, sharpness: float) -> Any:
    """Return log cosh(a t) / a, float64, without the overflow of cosh."""
    u = sharpness * np.asarray(t, "f8")
    return (np.logaddexp(u, -u) - np.log(2)) / sharpness


def normalizer(sharpness: float) -> float:
    """Return the integral of cosh(a t)^(-1/a) over the line, numerically."""
    # Gaussian of variance 1/a where a is small, exp(-|t|) where it is large.
    reach = 40 * (1 + 1 / np.sqrt(sharpness))
    half, _ = integrate.quad(
        lambda t: np.exp(-loss(t, sharpness)), 0, reach, epsabs=0, epsrel=1e-11, limit=500
    )
    return 2 * half


def density(location: Any, x: Any, sharpness: float, scale: float = 1.0) -> Any:
    t = (np.asarray(x, "f8") - location) / scale
    return -loss(t, sharpness) - np.log(scale * normalizer(sharpness))


def test_a_sharpness_of_one_is_the_hyperbolic_secant() -> None:
    got = oracle.log_prob(LogCosh(), LOCATION, X)
    wanted = stats.hypsecant.logpdf(X.astype("f8"), LOCATION).sum((1, 2))
    oracle.assert_near(got, wanted)


@pytest.mark.parametrize("sharpness", SHARPNESSES)
@pytest.mark.parametrize("scale", [0.05, 1.0, 3.0])
def test_log_prob_is_the_loss_and_the_log_of_its_integral(sharpness: float, scale: float) -> None:
    got = oracle.log_prob(LogCosh(sharpness, scale), LOCATION, X)
    oracle.assert_near(got, density(LOCATION, X, sharpness, scale).sum((1, 2)))


@pytest.mark.parametrize("sharpness", [0.05, 1.0, 50.0])
def test_the_density_integrates_to_one(sharpness: float) -> None:
    x = np.linspace(-60, 60, 60_001).reshape(-1, 1).astype("f4")
    got = oracle.log_prob(LogCosh(sharpness, 0.8), np.full_like(x, 0.3), x)
    assert abs(integrate.trapezoid(np.exp(got.astype("f8")), x[:, 0].astype("f8")) - 1) < 1e-4


@pytest.mark.parametrize("sharpness", SHARPNESSES)
def test_values_far_away_are_exact_and_gradients_are_finite(sharpness: float) -> None:
    location, x = oracle.rows([-100, -1, 0, 1, 100], [-1e6, -100, 0, 1e-4, 100, 1e6])
    likelihood = LogCosh(sharpness, 0.1)
    wanted = density(location, x, sharpness, 0.1).sum(1)
    oracle.assert_near(oracle.log_prob(likelihood, location, x), wanted)
    oracle.assert_finite(likelihood, location, x)


@pytest.mark.parametrize("sharpness", SHARPNESSES)
def test_the_gradient_is_the_hyperbolic_tangent_of_the_error(sharpness: float) -> None:
    got = oracle.log_prob_gradient(LogCosh(sharpness, 0.7), LOCATION, X)
    oracle.assert_near(got, np.tanh(sharpness * (X.astype("f8") - LOCATION) / 0.7) / 0.7)


def test_the_mean_is_the_location() -> None:
    got = ops.convert_to_numpy(LogCosh(2.0, 0.3).mean(LOCATION))
    np.testing.assert_array_equal(got, LOCATION)
    assert tuple(LogCosh().decoded_shape((4, 2))) == (4, 2)


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 20.0])
def test_draws_are_those_of_the_density(sharpness: float) -> None:
    drawn = oracle.draws(LogCosh(sharpness, 0.5), Noise(), 3.0)

    def cdf(x: np.ndarray) -> np.ndarray:
        # sech(u)^p du is the law of u = logit(y) / 2 with y of Beta(p / 2, p / 2), p = 1 / a.
        # Of the lower half, and mirrored: a share of 1 - 1e-17 is not a float64.
        share = special.expit(-2 * sharpness * np.abs(x - 3.0) / 0.5)
        below = stats.beta(0.5 / sharpness, 0.5 / sharpness).cdf(share)
        return np.where(x < 3, below, 1 - below)

    spread, _ = integrate.quad(
        lambda t: t**2 * np.exp(-loss(t, sharpness)) / normalizer(sharpness), -200, 200, limit=500
    )
    assert oracle.distance(drawn, cdf) < 0.02
    assert abs(drawn.mean() - 3.0) < 0.05 * 0.5 * np.sqrt(spread)
    assert abs(drawn.var() / (0.25 * spread) - 1) < 0.1


def test_masked_entries_do_not_count() -> None:
    elements = density(LOCATION, X, 2.0, 0.5)
    oracle.assert_mask_counts(LogCosh(2.0, 0.5), LOCATION, X, elements)


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "sharp", None])
@pytest.mark.parametrize("name", ["sharpness", "scale"])
def test_arguments_that_are_not_positive_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        LogCosh(**{name: value})
