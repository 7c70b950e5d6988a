from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions.noise import Noise
from keras_ae.priors import AutoregressiveNormal

RNG = np.random.default_rng(0)


def covariance(steps: int, alpha: float) -> np.ndarray:
    return alpha ** abs(np.subtract.outer(range(steps), range(steps)))


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.9])
def test_log_prob_is_that_of_the_stationary_process(alpha: float) -> None:
    z = RNG.normal(size=(5, 6, 2)).astype("float32")
    normal = stats.multivariate_normal(np.zeros(6), covariance(6, alpha))
    wanted = normal.logpdf(z[..., 0]) + normal.logpdf(z[..., 1])
    got = ops.convert_to_numpy(AutoregressiveNormal(alpha).log_prob(z))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_draws_have_the_covariance_of_the_process() -> None:
    drawn = ops.convert_to_numpy(AutoregressiveNormal(0.7).sample((20_000, 4), Noise()))
    np.testing.assert_allclose(np.cov(drawn.T), covariance(4, 0.7), atol=0.05)


@pytest.mark.parametrize("alpha", [0.3, 0.9])
def test_no_independent_normal_comes_nearer_than_the_committed_rate(alpha: float) -> None:
    steps = 5
    precision = np.linalg.inv(covariance(steps, alpha))

    def rate(variances: np.ndarray) -> float:
        log_ratio = np.linalg.slogdet(covariance(steps, alpha))[1] - np.log(variances).sum()
        return 0.5 * float((np.diag(precision) * variances).sum() - steps + log_ratio)

    best = rate(1.0 / np.diag(precision))
    assert AutoregressiveNormal(alpha).committed_rate((steps,)) == pytest.approx(best, rel=1e-9)
    assert all(rate(RNG.gamma(2.0, 0.5, size=steps)) > best for _ in range(100))


def test_a_correlation_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="`correlation` must"):
        AutoregressiveNormal(1.0)
