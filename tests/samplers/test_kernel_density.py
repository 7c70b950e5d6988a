from __future__ import annotations

import numpy as np
from keras import ops
from scipy import stats

from keras_ae import samplers
from tests.samplers.models import X, identity


def test_the_kernel_of_a_density_is_scotts() -> None:
    model = identity()
    sampler = samplers.KernelDensity().fit(model, X[:500])
    wanted = stats.gaussian_kde(X[:500].T).covariance
    factor = ops.convert_to_numpy(sampler.kept["factor"])
    np.testing.assert_allclose(factor @ factor.T, wanted, rtol=1e-4, atol=1e-6)
