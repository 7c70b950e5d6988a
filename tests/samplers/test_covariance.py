from __future__ import annotations

import numpy as np
import pytest

from keras_ae.samplers.covariance import root


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_a_root_of_a_singular_covariance_is_there_at_any_scale(scale: float) -> None:
    codes = scale * np.random.default_rng(0).normal(size=(3, 4))
    codes[:, 3] = codes[:, 0]
    covariance = np.cov(codes, rowvar=False)
    factor = root(covariance)
    np.testing.assert_allclose(
        factor @ factor.T, covariance, atol=2e-6 * max(covariance.trace(), 1e-6)
    )
    assert (np.triu(factor, 1) == 0).all()


def test_roots_of_several_are_theirs() -> None:
    covariances = np.stack([np.eye(2), [[2.0, 1.0], [1.0, 2.0]]])
    factors = root(covariances)
    np.testing.assert_allclose(factors @ factors.transpose(0, 2, 1), covariances, atol=1e-5)
