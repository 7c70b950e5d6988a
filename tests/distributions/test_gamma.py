from __future__ import annotations

import functools

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions import gamma
from tests.distributions.oracle import (
    LARGEST_UNIFORM,
    ConstantDraws,
    NumPyDraws,
    assert_means,
    call,
    gradient_of_sum,
)

CONCENTRATIONS = (0.05, 0.5, 1.0, 7.0, 1000.0)
DRAWS = 100_000
# Below, float32 runs out (its smallest normal number is 1.2e-38): a sampler may stop at it.
SMALLEST = 1e-36


@functools.cache
def draws() -> np.ndarray:
    concentration = np.broadcast_to(
        np.reshape(CONCENTRATIONS, (-1, 1)), (len(CONCENTRATIONS), DRAWS)
    )
    return call(lambda a: gamma.sample(a, NumPyDraws(1)), concentration)


@pytest.mark.parametrize("row", range(5), ids=CONCENTRATIONS)
def test_draws_are_gammas(row: int) -> None:
    law, x = stats.gamma(CONCENTRATIONS[row]), draws()[row].astype("float64")
    # float32 has no number for one draw in eighty of Gamma(0.05): those below the smallest are
    # spread over the probability that they share, so that the test sees how many they are.
    below = np.random.default_rng(0).uniform(0, law.cdf(SMALLEST), DRAWS)
    assert stats.kstest(np.where(x < SMALLEST, below, law.cdf(x)), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("row", range(5), ids=CONCENTRATIONS)
def test_mean_and_variance_of_draws_are_the_concentration(row: int) -> None:
    a, x = CONCENTRATIONS[row], draws()[row].astype("float64")
    assert_means(x, a)
    assert_means((x - a) ** 2, a)


@pytest.mark.parametrize("row", range(5), ids=CONCENTRATIONS)
def test_the_upper_tail_is_as_heavy_as_a_gammas(row: int) -> None:
    law = stats.gamma(CONCENTRATIONS[row])
    above = int((draws()[row] > law.isf(1e-3)).sum())
    assert stats.binomtest(above, DRAWS, 1e-3).pvalue > 1e-4


def test_draws_of_one_call_do_not_depend_on_each_other() -> None:
    x = draws()[:, :-1]
    following = draws()[:, 1:]
    for row in range(5):
        assert stats.spearmanr(x[row], following[row]).pvalue > 1e-4
        assert stats.spearmanr(draws()[row], draws()[row - 1]).pvalue > 1e-4


def test_draws_have_no_gradient() -> None:
    # The identity beside it gives a gradient of one, which a gradient of the draw would change.
    slope = gradient_of_sum(lambda a: a + gamma.sample(a, NumPyDraws(2)), np.full(7, 2.5))
    np.testing.assert_array_equal(slope, np.ones(7))


@pytest.mark.parametrize("uniform", [0.0, LARGEST_UNIFORM])
@pytest.mark.parametrize("normal", [-6.0, -2.45, 0.0, 6.0])
def test_the_worst_noise_gives_a_finite_draw(normal: float, uniform: float) -> None:
    # A normal of -6 is refused at every concentration here below 4, in every round.
    noise = ConstantDraws(normal=normal, uniform=uniform)
    concentration = np.array([1e-3, 0.05, 0.5, 1.0, 7.0, 1e3, 1e6])
    got = call(lambda a: gamma.sample(a, noise), concentration)
    assert np.isfinite(got).all()
    assert (got >= 0).all()


def test_a_draw_has_the_shape_of_its_concentration_and_type_float32() -> None:
    got = gamma.sample(ops.ones((2, 1, 3)), NumPyDraws(), training=True)
    assert ops.convert_to_numpy(got).shape == (2, 1, 3)
    assert ops.convert_to_numpy(got).dtype == np.float32
