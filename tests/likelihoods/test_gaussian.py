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


def test_a_learned_variance_starts_at_the_scale_and_is_bounded() -> None:
    offset = RNG.normal(scale=20.0, size=X.shape).astype("float32")
    assert abs(offset).max() > 40
    got = Gaussian(0.5, learned_variance=True).log_prob(np.concatenate([DECODED, offset], -1), X)
    deviation = 0.5 * np.exp(np.clip(offset.astype("f8"), -20, 20) / 2)
    wanted = stats.norm.logpdf(X.astype("f8"), DECODED, deviation).sum((1, 2, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(got), wanted, rtol=1e-4)


def test_the_mean_beside_a_learned_variance_is_the_first_half() -> None:
    got = Gaussian(learned_variance=True).mean(np.concatenate([DECODED, X], -1))
    np.testing.assert_array_equal(ops.convert_to_numpy(got), DECODED)


def test_masked_entries_do_not_count() -> None:
    mask = (RNG.random(X.shape) < 0.5).astype("float32")
    got = ops.convert_to_numpy(Gaussian().log_prob(DECODED, X, mask))
    wanted = (stats.norm.logpdf(X.astype("f8"), DECODED) * mask).sum((1, 2, 3))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_half_precision_is_scored_in_float32() -> None:
    decoded, x = (ops.convert_to_tensor(a.astype("float16")) for a in (DECODED, X))
    got = ops.convert_to_numpy(Gaussian(1e-3).log_prob(decoded, x))
    half = (a.astype("float16").astype("f8") for a in (X, DECODED))
    wanted = stats.norm.logpdf(*half, 1e-3).sum((1, 2, 3))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


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
