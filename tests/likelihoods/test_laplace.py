from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Laplace
from tests.likelihoods import oracle

RNG = np.random.default_rng(2)
X, LOCATION, OFFSET = RNG.normal(size=(3, 3, 4, 2)).astype("float32")


def density(location: Any, offset: Any, x: Any, scale: float = 1.0) -> Any:
    """Return -|x - location| / b - log 2b, float64, where SciPy's logarithm is of a zero."""
    width = scale * np.exp(np.clip(np.asarray(offset, "f8"), -10, 10))
    return -np.abs(np.asarray(x, "f8") - location) / width - np.log(2 * width)


@pytest.mark.parametrize("scale", [0.05, 1.0, 3.0])
def test_log_prob_is_scipys_summed_over_the_event(scale: float) -> None:
    got = oracle.log_prob(Laplace(scale), LOCATION, X)
    oracle.assert_near(got, stats.laplace.logpdf(X.astype("f8"), LOCATION, scale).sum((1, 2)))


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_a_learned_scale_is_the_second_block_and_starts_at_the_scale(scale: float) -> None:
    likelihood = Laplace(scale, learned_scale=True)
    got = oracle.log_prob(likelihood, oracle.blocks(LOCATION, OFFSET), X)
    oracle.assert_near(got, density(LOCATION, OFFSET, X, scale).sum((1, 2)))
    assert tuple(likelihood.decoded_shape((4, 2))) == (4, 4)
    assert tuple(Laplace(scale).decoded_shape((4, 2))) == (4, 2)


def test_values_far_away_are_exact_and_gradients_are_finite() -> None:
    raw = [-100, -10, -1, 0, 1, 10, 100]
    location, offset, x = oracle.rows(raw, raw, [-1e6, -100, -0.001, 0, 100, 1e6])
    likelihood, decoded = Laplace(0.5, learned_scale=True), oracle.blocks(location, offset)
    wanted = density(location, offset, x, 0.5).sum(1)
    oracle.assert_near(oracle.log_prob(likelihood, decoded, x), wanted)
    oracle.assert_finite(likelihood, decoded, x)
    oracle.assert_finite(Laplace(0.5), location, x)


def test_the_gradient_is_the_sign_of_the_error_over_the_scale() -> None:
    decoded, width = oracle.blocks(LOCATION, OFFSET), 0.7 * np.exp(OFFSET.astype("f8"))
    got = oracle.log_prob_gradient(Laplace(0.7, learned_scale=True), decoded, X)
    error = X.astype("f8") - LOCATION
    oracle.assert_near(got[..., :2], np.sign(error) / width)
    oracle.assert_near(got[..., 2:], np.abs(error) / width - 1)


def test_the_gradient_at_the_location_itself_is_one_of_the_kink() -> None:
    # Frameworks differ: that of an absolute value at 0 is 0 or 1.
    got = oracle.log_prob_gradient(Laplace(0.7), X, X)
    assert (np.abs(got) <= 1 / 0.7 + 1e-5).all()


def test_the_mean_is_the_location() -> None:
    got = Laplace(learned_scale=True).mean(oracle.blocks(LOCATION, OFFSET))
    np.testing.assert_array_equal(ops.convert_to_numpy(got), LOCATION)


@pytest.mark.parametrize("offset", [-1.0, 0.0, 2.0])
def test_draws_are_scipys(offset: float) -> None:
    drawn = oracle.draws(Laplace(0.5, learned_scale=True), Noise(), 3.0, offset)
    law = stats.laplace(3.0, 0.5 * np.exp(offset))
    assert oracle.distance(drawn, law.cdf) < 0.02
    assert abs(drawn.mean() - 3.0) < 0.05 * law.std()
    assert abs(drawn.var() / law.var() - 1) < 0.1


def test_masked_entries_do_not_count() -> None:
    decoded = oracle.blocks(LOCATION, OFFSET)
    elements = density(LOCATION, OFFSET, X, 0.5)
    oracle.assert_mask_counts(Laplace(0.5, learned_scale=True), decoded, X, elements)


@pytest.mark.parametrize("scale", [0, -1.0, np.nan, np.inf, "wide", None])
def test_a_scale_that_is_not_positive_is_refused(scale: Any) -> None:
    with pytest.raises(ValueError, match="`scale` must be"):
        Laplace(scale)
