from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import integrate, special, stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import DiscretizedLogisticMixture
from tests.likelihoods import oracle

RNG = np.random.default_rng(9)
LOGITS = RNG.normal(size=(3, 3, 4, 2)).astype("float32")
MEANS = RNG.uniform(-0.2, 1.2, (3, 3, 4, 2)).astype("float32")
LOG_SCALES = RNG.normal(-2.5, 1.0, (3, 3, 4, 2)).astype("float32")
DECODED = oracle.blocks(*LOGITS, *MEANS, *LOG_SCALES)


def grid(levels: int) -> np.ndarray:
    """Return every value that data may have, float32 `(levels, 1)`."""
    return (np.arange(levels) / (levels - 1)).reshape(-1, 1).astype("f4")


X = grid(256)[RNG.integers(0, 256, (3, 4, 2)), 0]
X[0, 0] = 0.0, 1.0


def scales(raw: Any) -> Any:
    return np.exp(np.clip(np.asarray(raw, "f8"), -10, 10))


def density(decoded: Any, x: Any, components: int, levels: int = 256) -> Any:
    """Return the log of the mass in the bin of x, float64, of every number's own mixture.

    F(b) - F(a) = F(b) (1 - F(a)) (1 - exp(a - b)) holds for the logistic F; no term cancels.
    """
    parts = np.stack(np.split(np.asarray(decoded, "f8"), 3 * components, -1))
    logits, means, log_scales = np.split(parts, 3)
    x, half, scale = np.asarray(x, "f8"), 0.5 / (levels - 1), scales(log_scales)
    below, above = (x - half - means) / scale, (x + half - means) / scale
    up_to, beyond = stats.logistic.logcdf(above), stats.logistic.logsf(below)
    inner = up_to + beyond + np.log(-np.expm1(-2 * half / scale))
    masses = np.where(x < half, up_to, np.where(x > 1 - half, beyond, inner))
    return special.logsumexp(special.log_softmax(logits, 0) + masses, 0)


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_log_prob_is_the_mixtures_summed_over_the_event(levels: int) -> None:
    x = grid(levels)[RNG.integers(0, levels, (3, 4, 2)), 0]
    got = oracle.log_prob(DiscretizedLogisticMixture(3, levels), DECODED, x)
    oracle.assert_near(got, density(DECODED, x, 3, levels).sum((1, 2)))


def test_the_mass_of_a_bin_is_the_average_of_scipys_distribution_functions() -> None:
    logits, means, log_scales = [0.3, -1.0], [0.2, 0.8], [-2.0, -3.0]
    x = grid(256)[1:-1].astype("f8")
    upper, lower = (
        stats.logistic.cdf(x + h, means, np.exp(log_scales)) @ special.softmax(logits)
        for h in (1 / 510, -1 / 510)
    )
    decoded = np.tile([*logits, *means, *log_scales], (254, 1))
    got = oracle.log_prob(DiscretizedLogisticMixture(2), decoded, x)
    oracle.assert_near(got, np.log(upper - lower))


def test_there_are_five_components_of_three_blocks_by_default() -> None:
    assert tuple(DiscretizedLogisticMixture().decoded_shape((4, 2))) == (4, 30)
    assert tuple(DiscretizedLogisticMixture(3).decoded_shape((4, 2))) == (4, 18)


def test_one_component_needs_no_weight() -> None:
    likelihood, decoded = DiscretizedLogisticMixture(1), oracle.blocks(MEANS[0], LOG_SCALES[0])
    got = oracle.log_prob(likelihood, oracle.blocks(LOGITS[0], decoded), X)
    wanted = density(oracle.blocks(np.zeros_like(X), decoded), X, 1).sum((1, 2))
    oracle.assert_near(got, wanted)


@pytest.mark.parametrize("levels", [2, 10, 256])
def test_the_masses_of_all_levels_add_up_to_one(levels: int) -> None:
    for row in DECODED.reshape(12, 9, 2)[:, :, 0]:
        decoded = np.tile(row, (levels, 1))
        got = oracle.log_prob(DiscretizedLogisticMixture(3, levels), decoded, grid(levels))
        assert abs(np.exp(got.astype("f8")).sum() - 1) < 3e-5


def test_values_are_exact_at_the_extremes_and_gradients_are_finite() -> None:
    raw, means = [-100, 0, 100], [-100, 0.5, 100]
    *parts, level = oracle.rows(raw, raw, means, means, [-100, -3, 100], raw, [0, 127, 255])
    x, decoded = grid(256)[level[:, 0].astype(int)], oracle.blocks(*parts)
    likelihood = DiscretizedLogisticMixture(2)
    # Away from the bounds on the scales. A mean around 1 rounded by an ulp moves the logits by
    # ulp / scale, thousandths at the smallest scale.
    inside = (*parts[:4], *(np.clip(p, -9.99, 9.99) for p in parts[4:]))
    slack = oracle.slack(lambda *p: density(np.concatenate(p, -1), x, 2), *inside)
    got = oracle.log_prob(likelihood, decoded, x)
    oracle.assert_near(got[:, None], density(decoded, x, 2), slack=slack)
    oracle.assert_finite(likelihood, decoded, x)


def test_the_gradient_is_that_of_the_mass() -> None:
    got = oracle.log_prob_gradient(DiscretizedLogisticMixture(3), DECODED, X)
    wanted = oracle.slopes(lambda v: density(v, X, 3), DECODED)
    oracle.assert_near(got, wanted, 1e-4)


def test_the_mean_is_that_of_the_mixture_held_in_the_unit_interval() -> None:
    logits, means, log_scales = [0.3, -1.0, 0.5], [-0.1, 0.8, 0.4], [-2.0, -3.0, 1.0]
    decoded = oracle.blocks([[*logits, *means, *log_scales]])
    got = ops.convert_to_numpy(DiscretizedLogisticMixture(3).mean(decoded))
    # E[clip(x, 0, 1)] is the integral of P(x > t) over [0, 1].
    parts = [
        integrate.quad(lambda t, m=m, s=s: stats.logistic.sf(t, m, np.exp(s)), 0, 1)[0]
        for m, s in zip(means, log_scales, strict=True)
    ]
    oracle.assert_near(got, [[special.softmax(logits) @ parts]])


@pytest.mark.parametrize("levels", [8, 256])
def test_the_mean_is_within_half_a_level_of_the_levels_own(levels: int) -> None:
    likelihood = DiscretizedLogisticMixture(3, levels)
    got = ops.convert_to_numpy(likelihood.mean(DECODED))
    masses = np.stack(
        [np.exp(density(DECODED, np.full_like(X, v), 3, levels)) for v in grid(levels)[:, 0]]
    )
    exact = np.tensordot(grid(levels)[:, 0].astype("f8"), masses, 1)
    assert got.shape == X.shape
    assert np.abs(got - exact).max() <= 0.5 / (levels - 1) + 1e-5


@pytest.mark.parametrize("levels", [2, 8, 256])
def test_draws_have_the_masses_of_the_levels(levels: int) -> None:
    row = [0.3, -1.0, -0.5, 0.1, 0.8, 0.4, -2.0, -3.0, 0.0]
    drawn = oracle.draws(DiscretizedLogisticMixture(3, levels), Noise(), *row)
    level = drawn.astype("f8") * (levels - 1)
    assert np.abs(level - level.round()).max() < 1e-4
    masses = np.exp(density(np.tile(row, (levels, 1)), grid(levels), 3, levels))[:, 0]
    shares = np.bincount(level.round().astype(int), minlength=levels) / drawn.size
    assert np.abs(shares.cumsum() - masses.cumsum()).max() < 0.02


def test_masked_entries_do_not_count() -> None:
    likelihood = DiscretizedLogisticMixture(3)
    oracle.assert_mask_counts(likelihood, DECODED, X, density(DECODED, X, 3))


def test_data_must_lie_in_the_unit_interval() -> None:
    assert tuple(DiscretizedLogisticMixture().support) == (0, 1)
    for outside in (-0.01, 1.01, 255.0):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
            DiscretizedLogisticMixture().check_support(np.array([[0.0, outside]]))


@pytest.mark.parametrize("levels", [1, 0, -2, 2.5, "many", None])
def test_fewer_than_two_levels_are_refused(levels: Any) -> None:
    with pytest.raises(ValueError, match="`levels` must be"):
        DiscretizedLogisticMixture(levels=levels)


@pytest.mark.parametrize("components", [0, -2, 2.5, "many", None])
def test_fewer_than_one_component_is_refused(components: Any) -> None:
    with pytest.raises(ValueError, match="`components` must be"):
        DiscretizedLogisticMixture(components)
