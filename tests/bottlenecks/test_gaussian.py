from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import Gaussian
from keras_ae.bottlenecks.gaussian import log_variance_of_rate
from keras_ae.priors import StandardNormal

H = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")


def test_without_sampling_the_code_is_the_mean() -> None:
    outputs = Gaussian(2)(H)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(outputs["latent"]), ops.convert_to_numpy(outputs["mean"])
    )


def test_draws_have_the_reported_mean_and_variance() -> None:
    code = Gaussian(2)
    outputs = code(np.tile(H[:1], (20_000, 1)), sample=True)
    drawn, mean, log_var = (
        ops.convert_to_numpy(outputs[key]) for key in ("latent", "mean", "log_var")
    )
    deviation = np.exp(log_var[0] / 2)
    assert (abs(drawn.mean(0) - mean[0]) < 0.04 * deviation).all()
    assert (abs(drawn.std(0) / deviation - 1) < 0.03).all()


def test_an_extreme_feature_keeps_the_variance_finite() -> None:
    outputs = Gaussian(2)(1e6 * H, sample=True)
    assert np.isfinite(np.exp(ops.convert_to_numpy(outputs["log_var"]))).all()


@pytest.mark.parametrize("rate", [0.01, 0.5, 4.0])
def test_the_largest_variance_of_a_committed_rate_has_that_rate(rate: float) -> None:
    log_var = log_variance_of_rate(rate)
    assert log_var < 0
    assert 0.5 * (np.exp(log_var) - 1 - log_var) == pytest.approx(rate, rel=1e-9)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e3])
def test_a_committed_rate_is_kept_whatever_the_features(scale: float) -> None:
    code = Gaussian(3, committed_rate=1.5)
    rates = ops.convert_to_numpy(code.kl(code(scale * H), StandardNormal())).sum(1)
    assert (rates >= 1.5 * (1 - 1e-5)).all()


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="`committed_rate` must be"):
        Gaussian(2, committed_rate=-1.0)


def test_every_position_may_have_a_code_of_its_own() -> None:
    bottleneck = Gaussian(2, each=True)
    h = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("f4")
    bottleneck.build((None, 4, 5))
    assert bottleneck.latent_shape == (4, 2)
    outputs = bottleneck(ops.convert_to_tensor(h), sample=True)
    kernel, bias = bottleneck.mean_head.get_weights()
    np.testing.assert_allclose(
        ops.convert_to_numpy(outputs["mean"]), h @ kernel + bias, rtol=1e-4, atol=1e-5
    )
    parts = {key: ops.convert_to_numpy(value).astype("f8") for key, value in outputs.items()}
    z, mean, log_var = parts["latent"], parts["mean"], parts["log_var"]
    wanted = -0.5 * (np.log(2 * np.pi) + log_var + (z - mean) ** 2 / np.exp(log_var))
    got = ops.convert_to_numpy(bottleneck.log_prob(outputs))
    np.testing.assert_allclose(got, wanted.sum((1, 2)), rtol=1e-4)
