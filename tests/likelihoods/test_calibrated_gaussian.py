from __future__ import annotations

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import CalibratedGaussian, MixedTabular
from tests.gradients import gradient
from tests.likelihoods import oracle

RNG = np.random.default_rng(16)
X, MEAN = RNG.normal(size=(2, 6, 4, 2)).astype("float32")
ERROR = X.astype("f8") - MEAN
MASK = (RNG.random(X.shape) < 0.6).astype("float32")


def trained(likelihood: CalibratedGaussian, x: Any = X, mask: Any = None) -> np.ndarray:
    """Return the values of a training step."""
    return ops.convert_to_numpy(likelihood.log_prob(MEAN, x, mask, training=True))


def trained_gradient(likelihood: CalibratedGaussian, x: Any, mask: Any, count: int) -> np.ndarray:
    """Return the gradient of the first `count` rows' values of a training step."""

    def value(mean: Any) -> Any:
        # On jax a state assigned under a gradient would keep the tracer.
        with keras.StatelessScope():
            return ops.sum(likelihood.log_prob(mean, x, mask, training=True)[:count])

    return gradient(value, MEAN)


def stored(likelihood: CalibratedGaussian) -> float:
    return float(ops.convert_to_numpy(likelihood.variance))


def elements(variance: float) -> np.ndarray:
    """Return the log-density of every number under one variance, float64."""
    return stats.norm.logpdf(ERROR, 0, np.sqrt(variance))


@pytest.mark.parametrize("method", ["analytic", "learned"])
@pytest.mark.parametrize("initial_scale", [0.05, 1.0, 3.0])
def test_log_prob_starts_at_the_initial_scale(method: Any, initial_scale: float) -> None:
    got = oracle.log_prob(CalibratedGaussian(method, initial_scale), MEAN, X)
    oracle.assert_near(got, elements(initial_scale**2).sum((1, 2)))


def test_analytic_and_a_scale_of_one_are_the_default() -> None:
    oracle.assert_near(oracle.log_prob(CalibratedGaussian(), MEAN, X), elements(1).sum((1, 2)))
    assert stored(CalibratedGaussian()) == 1
    assert tuple(CalibratedGaussian().decoded_shape((4, 2))) == (4, 2)


def test_the_analytic_training_value_is_that_under_the_batchs_mean_squared_error() -> None:
    # Rybkin et al. (2021): the variance that makes the batch likeliest.
    variance = np.mean(ERROR**2)
    each = -0.5 * (np.log(2 * np.pi * variance) + ERROR**2 / variance)
    got = trained(CalibratedGaussian(initial_scale=3.0))
    oracle.assert_near(got, each.sum((1, 2)))
    optimum = -0.5 * 8 * (np.log(2 * np.pi * variance) + 1)
    oracle.assert_near(got.mean(), optimum)


def test_no_other_variance_makes_the_batch_likelier() -> None:
    best = trained(CalibratedGaussian()).mean()
    for variance in np.mean(ERROR**2) * np.array([0.5, 0.9, 1.1, 2.0]):
        assert best > elements(variance).sum((1, 2)).mean()


def test_the_batchs_mean_squared_error_is_that_of_the_observed_numbers() -> None:
    variance = (ERROR**2 * MASK).sum() / MASK.sum()
    x = np.where(MASK > 0, X, 1e4)
    got = trained(CalibratedGaussian(), x, MASK)
    oracle.assert_near(got, (elements(variance) * MASK).sum((1, 2)))


@pytest.mark.parametrize("axes", [1, 2])
def test_a_mask_of_leading_axes_counts_the_numbers_under_it(axes: int) -> None:
    mask = (RNG.random(X.shape[:axes]) < 0.6).astype("f4")
    full = np.broadcast_to(mask.reshape(mask.shape + (1,) * (3 - axes)), X.shape)
    variance = (ERROR**2 * full).sum() / full.sum()
    got = trained(CalibratedGaussian(), X, mask)
    oracle.assert_near(got, (elements(variance) * full).sum((1, 2)))


@pytest.mark.parametrize("method", ["analytic", "learned"])
def test_masked_entries_do_not_count_outside_of_training(method: Any) -> None:
    likelihood = CalibratedGaussian(method, 0.5)
    oracle.assert_mask_counts(likelihood, MEAN, X, elements(0.25))


def test_training_moves_the_stored_variance_towards_the_batchs() -> None:
    likelihood, variance = CalibratedGaussian(initial_scale=3.0), np.mean(ERROR**2)
    distances = [abs(stored(likelihood) - variance)]
    assert distances[0] > 5
    for _ in range(5):
        trained(likelihood)
        distances.append(abs(stored(likelihood) - variance))
    assert distances[1] < distances[0]
    assert all(b <= a + 1e-6 for a, b in pairwise(distances))
    assert min(variance, 9) - 1e-5 <= stored(likelihood) <= max(variance, 9)


def test_the_stored_variance_ends_at_that_of_batches_all_alike() -> None:
    likelihood = CalibratedGaussian(initial_scale=3.0)
    for _ in range(1000):
        likelihood.log_prob(MEAN[:1], X[:1], training=True)
    np.testing.assert_allclose(stored(likelihood), np.mean(ERROR[:1] ** 2), rtol=0.02)


def test_the_stored_variance_averages_unlike_batches() -> None:
    likelihood = CalibratedGaussian()
    mean = np.zeros((1, 8), "f4")
    for k in range(400):
        likelihood.log_prob(mean, np.full((1, 8), 1.0 + 2.0 * (k % 2), "f4"), training=True)
    assert 4 < stored(likelihood) < 6  # between 1^2 and 3^2


def test_the_stored_variance_forgets_the_errors_of_an_untrained_model() -> None:
    likelihood, mean, wanted = CalibratedGaussian(decay=0.9), np.zeros((1, 8), "f4"), 1.0
    for k in range(120):
        squared = 1.0 + 1e4 * 0.8**k
        likelihood.log_prob(mean, np.full((1, 8), squared**0.5, "f4"), training=True)
        rate = max(10 / (k + 10), 0.1)
        wanted += rate * (squared - wanted)
        if k == 59:  # an even average would be 800
            assert stored(likelihood) < 3
    np.testing.assert_allclose(stored(likelihood), wanted, rtol=1e-5)


def test_rows_count_by_their_weights() -> None:
    weight = np.array([0.0, 1e-3, 2e-3, 0.0, 5e-4, 1e-3], "f4")
    x = X.copy()
    x[[0, 3]] = 1e6
    variance = np.average((ERROR**2).mean((1, 2)), weights=weight)
    for likelihood in (
        CalibratedGaussian(),
        MixedTabular([{"name": "calibrated_gaussian", "width": 2}]),
    ):
        got = likelihood.log_prob(MEAN, x, training=True, weight=ops.convert_to_tensor(weight))
        wanted = elements(variance).sum((1, 2))
        oracle.assert_near(ops.convert_to_numpy(got)[weight > 0], wanted[weight > 0])
        inner = getattr(likelihood, "likelihoods", [likelihood])[0]
        np.testing.assert_allclose(stored(inner), variance, rtol=1e-5)


def test_rows_without_weight_leave_the_stored_variance_alone_in_training() -> None:
    model = keras_ae.create(
        "autoencoder", input_shape=(3,), latent_dim=1, likelihood="calibrated_gaussian"
    )
    model.compile(keras.optimizers.SGD(0.0))
    x = np.concatenate([RNG.normal(size=(8, 3)), np.full((2, 3), 1e4)]).astype("f4")
    model.fit(x, sample_weight=np.array([1.0] * 8 + [0.0] * 2), verbose=0)
    wanted = np.mean((x[:8] - model.predict(x[:8])) ** 2)
    np.testing.assert_allclose(stored(model.likelihood), wanted, rtol=1e-4)


def test_evaluation_leaves_the_stored_variance_alone_and_uses_it() -> None:
    likelihood = CalibratedGaussian(initial_scale=3.0)
    trained(likelihood)
    before = stored(likelihood)
    assert before != 9
    for got in (
        likelihood.log_prob(MEAN, X),
        likelihood.log_prob(MEAN, X, training=False),
        likelihood.log_prob(MEAN, X, None, training=False),
    ):
        oracle.assert_near(ops.convert_to_numpy(got), elements(before).sum((1, 2)))
    assert stored(likelihood) == before


@pytest.mark.parametrize("method", ["analytic", "learned"])
def test_a_rows_value_in_evaluation_does_not_depend_on_other_rows(method: Any) -> None:
    likelihood = CalibratedGaussian(method)
    together = oracle.log_prob(likelihood, MEAN, X)
    other = np.concatenate([X[:1], 100 * X[1:]])
    np.testing.assert_allclose(oracle.log_prob(likelihood, MEAN, other)[0], together[0], rtol=1e-6)
    np.testing.assert_allclose(
        oracle.log_prob(likelihood, MEAN[:1], X[:1])[0], together[0], rtol=1e-6
    )


def test_the_gradient_is_the_error_over_the_variance() -> None:
    got = oracle.log_prob_gradient(CalibratedGaussian(initial_scale=0.5), MEAN, X)
    oracle.assert_near(got, ERROR / 0.25)
    got = trained_gradient(CalibratedGaussian(), X, None, len(X))
    oracle.assert_near(got, ERROR / np.mean(ERROR**2))


def test_no_gradient_flows_through_the_batchs_variance() -> None:
    # Over all rows that gradient is zero; over the first row alone it would not be.
    got = trained_gradient(CalibratedGaussian(), X, None, 1)
    oracle.assert_near(got[:1], ERROR[:1] / np.mean(ERROR**2))
    assert not got[1:].any()


def test_the_learned_variance_is_one_trainable_logarithm() -> None:
    likelihood = CalibratedGaussian("learned", 0.5)
    (weight,) = likelihood.trainable_variables
    np.testing.assert_allclose(ops.convert_to_numpy(weight), 2 * np.log(0.5), rtol=1e-6)
    for log_variance in (-7.0, 0.0, 3.0):
        weight.assign(log_variance)
        for training in (False, True):
            got = ops.convert_to_numpy(likelihood.log_prob(MEAN, X, training=training))
            oracle.assert_near(got, elements(np.exp(log_variance)).sum((1, 2)))


def test_the_analytic_variance_is_state_and_not_trained() -> None:
    likelihood = CalibratedGaussian()
    assert not likelihood.trainable_variables
    assert any(v is likelihood.variance for v in likelihood.non_trainable_variables)
    assert tuple(likelihood.variance.shape) == ()


def test_values_are_exact_far_away_and_gradients_are_finite() -> None:
    mean, x = oracle.rows([-100, -1, 0, 1, 100], [-1e6, -100, 0, 100, 1e6])
    wanted = stats.norm.logpdf(x.astype("f8"), mean, 0.1).sum(1)
    oracle.assert_near(oracle.log_prob(CalibratedGaussian("analytic", 0.1), mean, x), wanted)
    oracle.assert_finite(CalibratedGaussian("analytic", 0.1), mean, x)


@pytest.mark.parametrize("mask", [None, np.zeros_like(X)])
def test_a_batch_without_error_or_without_observed_numbers_stays_finite(mask: Any) -> None:
    likelihood = CalibratedGaussian()
    assert np.isfinite(trained(likelihood, MEAN, mask)).all()
    assert np.isfinite(trained_gradient(likelihood, MEAN, mask, len(X))).all()
    assert np.isfinite(stored(likelihood))
    oracle.assert_finite(likelihood, MEAN, X)
    assert np.isfinite(oracle.draws(likelihood, Noise(), 2.0)).all()


def test_a_batch_without_observed_numbers_leaves_the_stored_variance_alone() -> None:
    likelihood = CalibratedGaussian(initial_scale=3.0)
    assert not trained(likelihood, X, np.zeros_like(X)).any()
    np.testing.assert_allclose(stored(likelihood), 9, rtol=1e-6)


@pytest.mark.parametrize("method", ["analytic", "learned"])
def test_the_mean_is_the_decoders_output_and_draws_have_the_variance(method: Any) -> None:
    likelihood = CalibratedGaussian(method, 0.5)
    np.testing.assert_array_equal(ops.convert_to_numpy(likelihood.mean(MEAN)), MEAN)
    drawn = oracle.draws(likelihood, Noise(), 2.0)
    assert oracle.distance(drawn, stats.norm(2.0, 0.5).cdf) < 0.02
    assert abs(drawn.var() / 0.25 - 1) < 0.05


def test_draws_have_the_stored_variance() -> None:
    likelihood = CalibratedGaussian(initial_scale=3.0)
    trained(likelihood)
    drawn = oracle.draws(likelihood, Noise(), 2.0)
    assert abs(drawn.var() / stored(likelihood) - 1) < 0.05


@pytest.mark.parametrize("method", ["exact", "", None, 1])
def test_an_unknown_method_is_refused(method: Any) -> None:
    with pytest.raises(ValueError, match="`method` must be"):
        CalibratedGaussian(method)


@pytest.mark.parametrize("scale", [0, -1.0, np.nan, np.inf, "wide", None])
def test_an_initial_scale_that_is_not_positive_is_refused(scale: Any) -> None:
    with pytest.raises(ValueError, match="`initial_scale` must be"):
        CalibratedGaussian(initial_scale=scale)


@pytest.mark.parametrize("decay", [-0.1, 1.0, np.nan, "x", None])
def test_a_decay_that_is_no_share_is_refused(decay: Any) -> None:
    with pytest.raises(ValueError, match=r"`decay` must be in \[0, 1\)"):
        CalibratedGaussian(decay=decay)
