from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import integrate, stats

import keras_ae
from keras_ae import likelihoods
from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import DiscretizedLogistic
from tests.likelihoods import oracle

RNG = np.random.default_rng(8)
MEAN = RNG.uniform(-0.2, 1.2, (3, 4, 2)).astype("float32")
LOG_SCALE = RNG.normal(-2.5, 1.0, (3, 4, 2)).astype("float32")
RAW = [-100, -10, -5, -2, 0, 3, 10, 100]


def grid(levels: int) -> np.ndarray:
    """Return every value that data may have, float32 `(levels, 1)`."""
    return (np.arange(levels) / (levels - 1)).reshape(-1, 1).astype("f4")


X = grid(256)[RNG.integers(0, 256, (3, 4, 2)), 0]
X[0, 0] = 0.0, 1.0


def density(x: Any, mean: Any, log_scale: Any, *, levels: int = 256) -> Any:
    """Return the log of the mass in the bin of x, float64.

    F(b) - F(a) = F(b) (1 - F(a)) (1 - exp(a - b)) holds for the logistic F; no term cancels.
    """
    mean, x, half = np.asarray(mean, "f8"), np.asarray(x, "f8"), 0.5 / (levels - 1)
    scale = np.exp(np.clip(np.asarray(log_scale, "f8"), -10, 10))
    below, above = (x - half - mean) / scale, (x + half - mean) / scale
    up_to, beyond = stats.logistic.logcdf(above), stats.logistic.logsf(below)
    inner = up_to + beyond + np.log(-np.expm1(-2 * half / scale))
    return np.where(x < half, up_to, np.where(x > 1 - half, beyond, inner))


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_log_prob_is_the_mass_of_the_bin_summed_over_the_event(levels: int) -> None:
    x = grid(levels)[RNG.integers(0, levels, (3, 4, 2)), 0]
    likelihood = DiscretizedLogistic(levels)
    got = oracle.log_prob(likelihood, oracle.blocks(MEAN, LOG_SCALE), x)
    oracle.assert_near(got, density(x, MEAN, LOG_SCALE, levels=levels).sum((1, 2)))
    assert tuple(likelihood.decoded_shape((4, 2))) == (4, 4)


def test_the_mass_of_a_bin_is_the_difference_of_scipys_distribution_functions() -> None:
    mean, log_scale, x = 0.4, -2.0, grid(256)[1:-1].astype("f8")
    upper, lower = (stats.logistic.cdf(x + h, mean, np.exp(-2.0)) for h in (1 / 510, -1 / 510))
    decoded = np.tile([mean, log_scale], (254, 1))
    got = oracle.log_prob(DiscretizedLogistic(), decoded, x)
    oracle.assert_near(got[:, None], np.log(upper - lower))


@pytest.mark.parametrize("levels", [2, 10, 256])
@pytest.mark.parametrize("mean", [-3.0, 0.0, 0.43, 1.0, 2.0])
@pytest.mark.parametrize("log_scale", [-4.0, -1.0, 5.0])
def test_the_masses_of_all_levels_add_up_to_one(levels: int, mean: float, log_scale: float) -> None:
    decoded = np.tile([mean, log_scale], (levels, 1))
    got = oracle.log_prob(DiscretizedLogistic(levels), decoded, grid(levels))
    assert abs(np.exp(got.astype("f8")).sum() - 1) < 3e-5


def test_values_are_exact_at_the_extremes_and_gradients_are_finite() -> None:
    levels = [0, 1, 127, 254, 255]
    mean, log_scale, level = oracle.rows([-100, -1, 0, 0.5, 1, 2, 100], RAW, levels)
    x, decoded = grid(256)[level[:, 0].astype(int)], oracle.blocks(mean, log_scale)
    likelihood = DiscretizedLogistic()
    # Away from the bounds on the scale. A mean around 1 rounded by an ulp moves the logits by
    # ulp / scale, thousandths at the smallest scale.
    inside = np.clip(log_scale, -9.99, 9.99)
    slack = oracle.slack(lambda *raw: density(x, *raw), mean, inside)
    got = oracle.log_prob(likelihood, decoded, x)
    oracle.assert_near(got[:, None], density(x, mean, log_scale), slack=slack)
    oracle.assert_finite(likelihood, decoded, x)


def test_the_gradient_is_that_of_the_mass() -> None:
    decoded = oracle.blocks(MEAN, LOG_SCALE)
    got = oracle.log_prob_gradient(DiscretizedLogistic(), decoded, X)
    wanted = oracle.slopes(lambda v: density(X, *np.split(v, 2, -1)), decoded)
    oracle.assert_near(got, wanted, 1e-4)


def test_the_mean_is_that_of_the_logistic_held_in_the_unit_interval() -> None:
    mean, log_scale = oracle.rows([-100, -1, 0, 0.3, 0.999, 1, 3, 100], RAW)
    got = ops.convert_to_numpy(DiscretizedLogistic().mean(oracle.blocks(mean, log_scale)))
    scale = np.exp(np.clip(log_scale.astype("f8"), -10, 10))
    wanted = []
    for m, s in zip(mean[:, 0].astype("f8"), scale[:, 0], strict=True):
        # E[clip(x, 0, 1)] is the integral of P(x > t) over [0, 1]; it bends at the mean.
        at = np.clip(m + s * np.array([-20.0, 0.0, 20.0]), 0, 1)
        wanted.append(
            integrate.quad(lambda t, m=m, s=s: stats.logistic.sf(t, m, s), 0, 1, points=at)[0]
        )
    oracle.assert_near(got[:, 0], wanted)


@pytest.mark.parametrize("levels", [8, 256])
def test_the_mean_is_within_half_a_level_of_the_levels_own(levels: int) -> None:
    mean, log_scale = oracle.rows([-1, 0, 0.3, 0.77, 1], [-6, -3, -1, 2])
    likelihood = DiscretizedLogistic(levels)
    got = ops.convert_to_numpy(likelihood.mean(oracle.blocks(mean, log_scale)))
    values = grid(levels).astype("f8").T
    masses = np.exp(density(values, mean, log_scale, levels=levels))
    exact = (masses * values).sum(1, keepdims=True)
    assert np.abs(got - exact).max() <= 0.5 / (levels - 1) + 1e-5


@pytest.mark.parametrize("levels", [2, 8, 256])
@pytest.mark.parametrize(("mean", "log_scale"), [(0.4, -2.0), (0.0, -3.0), (1.3, 1.0)])
def test_draws_have_the_masses_of_the_levels(levels: int, mean: float, log_scale: float) -> None:
    drawn = oracle.draws(DiscretizedLogistic(levels), Noise(), mean, log_scale)
    level = drawn.astype("f8") * (levels - 1)
    assert np.abs(level - level.round()).max() < 1e-4
    masses = np.exp(density(grid(levels)[:, 0], mean, log_scale, levels=levels))
    shares = np.bincount(level.round().astype(int), minlength=levels) / drawn.size
    assert shares.size == levels
    assert np.abs(shares.cumsum() - masses.cumsum()).max() < 0.02


def test_masked_entries_do_not_count() -> None:
    decoded, elements = oracle.blocks(MEAN, LOG_SCALE), density(X, MEAN, LOG_SCALE)
    oracle.assert_mask_counts(DiscretizedLogistic(), decoded, X, elements)


def test_data_must_lie_in_the_unit_interval() -> None:
    assert tuple(DiscretizedLogistic().support) == (0, 1)
    DiscretizedLogistic().check_support(np.array([[0.0, 1.0], [np.nan, 0.2]]))
    for outside in (-0.01, 1.01, 255.0):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
            DiscretizedLogistic().check_support(np.array([[0.0, outside]]))


@pytest.mark.parametrize("levels", [1, 0, -2, 2.5, "many", None])
def test_fewer_than_two_levels_are_refused(levels: Any) -> None:
    with pytest.raises(ValueError, match="`levels` must be"):
        DiscretizedLogistic(levels)


@pytest.mark.parametrize("name", ["discretized_logistic", "discretized_logistic_mixture"])
@pytest.mark.parametrize("levels", [2, 9, 256, 65_536])
def test_data_between_the_levels_are_refused(name: str, levels: int) -> None:
    likelihood = likelihoods.get({"name": name, "levels": levels})
    x = np.arange(levels, dtype="f4") / np.float32(levels - 1)
    likelihood.check_support(x)
    x[1] += 0.02 / (levels - 1) if levels < 1_000 else 0.1 / (levels - 1)
    x[1] = 1.0 - abs(1.0 - x[1])
    with pytest.raises(
        ValueError, match=rf"levels k / {levels - 1}. .*np.round\(x \* {levels - 1}\)"
    ):
        likelihood.check_support(x)


def test_a_scaling_that_leads_between_the_levels_is_refused_before_training() -> None:
    model = keras_ae.create(
        "vae",
        input_shape=(2,),
        latent_dim=1,
        hidden=[3],
        likelihood="discretized_logistic",
        normalize="minmax",
    )
    model.compile("adam")
    x = np.random.default_rng(0).integers(0, 200, (64, 2)).astype("f4")
    x[0], x[1] = 0, 199
    with pytest.raises(
        ValueError, match=r"as normalize='minmax' gives them.*leave `normalize` out"
    ):
        model.fit(x, verbose=0)
    assert int(model.step) == 0
    x[1] = 255
    model.adapt(x)
    model.fit(x, verbose=0)
