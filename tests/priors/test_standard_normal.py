from __future__ import annotations

import numpy as np
from keras import ops
from scipy import stats

from keras_ae.distributions.noise import Noise
from keras_ae.priors import StandardNormal


def test_log_prob_is_the_multivariate_normals() -> None:
    z = np.random.default_rng(2).normal(size=(6, 4)).astype("float32")
    got = ops.convert_to_numpy(StandardNormal().log_prob(z))
    wanted = stats.multivariate_normal(np.zeros(4)).logpdf(z)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_draws_are_standard_normal() -> None:
    drawn = ops.convert_to_numpy(StandardNormal().sample((5_000, 2), Noise()))
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-4
