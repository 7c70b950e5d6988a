from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import StudentT
from tests.likelihoods import oracle

RNG = np.random.default_rng(3)
X, LOCATION, SCALE, DEGREES = RNG.normal(size=(4, 3, 4, 2)).astype("float32")


def density(
    x: Any, location: Any, raw_scale: Any, raw_df: Any, *, scale: float = 1.0, df: float = 4.0
) -> Any:
    """Return SciPy's log-density, float64, of the raw parameters."""
    width, degrees = (
        start * np.exp(np.clip(np.asarray(raw, "f8"), -10, 10))
        for start, raw in ((scale, raw_scale), (df, raw_df))
    )
    return stats.t.logpdf(np.asarray(x, "f8"), degrees, np.asarray(location, "f8"), width)


@pytest.mark.parametrize("degrees", [0.3, 1.0, 4.0, 30.0, 1e4])
@pytest.mark.parametrize("scale", [0.05, 3.0])
def test_log_prob_is_scipys_summed_over_the_event(degrees: float, scale: float) -> None:
    got = oracle.log_prob(StudentT(degrees, scale), LOCATION, X)
    oracle.assert_near(got, density(X, LOCATION, 0, 0, scale=scale, df=degrees).sum((1, 2)))


def test_learned_parameters_are_the_second_and_the_third_block() -> None:
    likelihood = StudentT(2.0, 0.3, learned=True)
    got = oracle.log_prob(likelihood, oracle.blocks(LOCATION, SCALE, DEGREES), X)
    oracle.assert_near(got, density(X, LOCATION, SCALE, DEGREES, scale=0.3, df=2.0).sum((1, 2)))
    assert tuple(likelihood.decoded_shape((4, 2))) == (4, 6)
    assert tuple(StudentT().decoded_shape((4, 2))) == (4, 2)


def test_four_degrees_and_a_scale_of_one_are_the_default() -> None:
    got = oracle.log_prob(StudentT(), LOCATION, X)
    oracle.assert_near(got, stats.t.logpdf(X.astype("f8"), 4, LOCATION).sum((1, 2)))


def test_values_far_away_are_scipys_and_gradients_are_finite() -> None:
    # At 4 e^10 degrees two log-gammas of 4e5 cancel to 5: float32 keeps none of it unaided.
    raw = [-100, -9, -1, 0, 1, 9, 100]
    location, scale, degrees, x = oracle.rows([-100, 0, 100], raw, raw, [-1e6, -100, 0, 0.7, 1e6])
    likelihood, decoded = StudentT(learned=True), oracle.blocks(location, scale, degrees)
    # Away from the bounds on the raw parameters, where a difference would see only one side.
    inside = (np.clip(p, -9.99, 9.99) for p in (scale, degrees))
    slack = oracle.slack(lambda *raw: density(x, location, *raw), *inside)
    wanted = density(x, location, scale, degrees)
    oracle.assert_near(oracle.log_prob(likelihood, decoded, x)[:, None], wanted, slack=slack)
    oracle.assert_finite(likelihood, decoded, x)
    oracle.assert_finite(StudentT(0.01, 1e-3), location, x)


@pytest.mark.parametrize("scale", [1e-5, 1e-15, 1e-25])
def test_errors_of_a_million_are_exact_at_tiny_scales(scale: float) -> None:
    error = np.array([[1e6], [-1e6], [3.0], [1e-3 * scale]], "f4")
    likelihood, location = StudentT(4.0, scale), np.zeros_like(error)
    wanted = density(error, 0.0, 0, 0, scale=scale, df=4.0)
    oracle.assert_near(oracle.log_prob(likelihood, location, error)[:, None], wanted)
    got = oracle.log_prob_gradient(likelihood, location, error)
    t = error.astype("f8") / scale
    oracle.assert_near(got * scale, 5 * t / (4 + t**2), 1e-5)
    np.testing.assert_allclose(got[:3], 5 / error[:3], rtol=1e-5)


def test_the_gradient_is_that_of_the_density() -> None:
    decoded = oracle.blocks(LOCATION, SCALE, DEGREES)
    got = oracle.log_prob_gradient(StudentT(learned=True), decoded, X)
    wanted = oracle.slopes(lambda v: density(X, *np.split(v, 3, -1)), decoded)
    oracle.assert_near(got, wanted, 1e-4)


@pytest.mark.parametrize("degrees", [-9.0, -4.0, 4.0, 9.0])
def test_the_gradient_of_the_degrees_is_right_for_few_and_for_many(degrees: float) -> None:
    decoded = oracle.blocks(LOCATION, SCALE, np.full_like(X, degrees))
    got = oracle.log_prob_gradient(StudentT(learned=True), decoded, X)
    wanted = oracle.slopes(lambda v: density(X, *np.split(v, 3, -1)), decoded)
    oracle.assert_near(got, wanted, 1e-3)


def test_the_mean_is_the_location() -> None:
    got = StudentT(learned=True).mean(oracle.blocks(LOCATION, SCALE, DEGREES))
    np.testing.assert_array_equal(ops.convert_to_numpy(got), LOCATION)


@pytest.mark.parametrize("degrees", [0.05, 0.5, 1.0, 4.0, 100.0])
def test_draws_are_scipys(degrees: float) -> None:
    drawn = oracle.draws(StudentT(degrees, 0.5), Noise(), 3.0)
    assert oracle.distance(drawn, stats.t(degrees, 3.0, 0.5).cdf) < 0.02


def test_draws_follow_learned_parameters() -> None:
    drawn = oracle.draws(StudentT(4.0, 0.5, learned=True), Noise(), 3.0, 1.0, 1.5)
    law = stats.t(4 * np.exp(1.5), 3.0, 0.5 * np.exp(1.0))
    assert oracle.distance(drawn, law.cdf) < 0.02
    assert abs(drawn.mean() - 3.0) < 0.05 * law.std()
    assert abs(drawn.var() / law.var() - 1) < 0.15


def test_masked_entries_do_not_count() -> None:
    decoded = oracle.blocks(LOCATION, SCALE, DEGREES)
    elements = density(X, LOCATION, SCALE, DEGREES)
    oracle.assert_mask_counts(StudentT(learned=True), decoded, X, elements)


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "many", None])
@pytest.mark.parametrize("name", ["degrees_of_freedom", "scale"])
def test_arguments_that_are_not_positive_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        StudentT(**{name: value})
