from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Gaussian, get

RNG = np.random.default_rng(1)
X = RNG.normal(size=(3, 4, 5, 2)).astype("float32")
DECODED = RNG.normal(size=X.shape).astype("float32")


@pytest.mark.parametrize("scale", [0.05, 1.0, 3.0])
def test_log_prob_is_scipys_summed_over_the_event(scale: float) -> None:
    got = ops.convert_to_numpy(Gaussian(scale).log_prob(DECODED, X))
    wanted = stats.norm.logpdf(X.astype("f8"), DECODED, scale).sum((1, 2, 3))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_learned_variance_is_the_second_half_of_the_last_axis() -> None:
    log_var = RNG.normal(size=X.shape).astype("float32")
    likelihood = Gaussian(learned_variance=True)
    assert likelihood.channels == 2
    got = likelihood.log_prob(np.concatenate([DECODED, log_var], -1), X)
    wanted = stats.norm.logpdf(X.astype("f8"), DECODED, np.exp(log_var / 2)).sum((1, 2, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-5)


def test_masked_entries_do_not_count() -> None:
    mask = (RNG.random(X.shape) < 0.5).astype("float32")
    got = ops.convert_to_numpy(Gaussian().log_prob(DECODED, X, mask))
    wanted = (stats.norm.logpdf(X.astype("f8"), DECODED) * mask).sum((1, 2, 3))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_half_precision_is_scored_in_float32() -> None:
    got = ops.convert_to_numpy(Gaussian(1e-3).log_prob(DECODED.astype("float16"), X))
    assert got.dtype == np.float32
    assert np.isfinite(got).all()


def test_draws_have_the_mean_and_the_scale() -> None:
    drawn = ops.convert_to_numpy(Gaussian(0.5).sample(np.full((1, 20_000), 2.0, "f4"), Noise()))
    assert abs(drawn.mean() - 2.0) < 0.02
    assert abs(drawn.std() - 0.5) < 0.02


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`scale` must be a positive number\. Received: scale=0"):
        Gaussian(0)


def test_names_dicts_and_instances_are_understood_and_others_refused() -> None:
    assert get({"name": "gaussian", "scale": 0.1}).scale == 0.1
    with pytest.raises(ValueError, match="Did you mean 'gaussian'"):
        get("gausian")
    with pytest.raises(ValueError, match="Received: 'sigma'"):
        get({"name": "gaussian", "sigma": 1.0})
    with pytest.raises(TypeError, match="must be a name"):
        get(3)
