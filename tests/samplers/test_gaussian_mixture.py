"""This sampler, and others, beside the moments of the codes that they were fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_ae import samplers
from tests.samplers.models import X, identity

SAMPLERS = [
    ("autoencoder", {"name": "gaussian_mixture", "components": 2}),
    ("autoencoder", {"name": "kernel_density"}),
    ("autoencoder", {"name": "flow", "flow": "masked_autoregressive", "epochs": 20}),
    ("vae", {"name": "aggregated_posterior"}),
]


@pytest.mark.parametrize(("variant", "sampler"), SAMPLERS, ids=lambda v: str(v)[:40])
def test_draws_have_the_mean_and_covariance_of_the_codes(variant: str, sampler: Any) -> None:
    model = identity(variant)
    samplers.get(sampler).fit(model, X)
    drawn = model.sample(8_000, seed=1)
    np.testing.assert_allclose(drawn.mean(0), X.mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.15)


def test_there_are_no_more_components_than_different_codes() -> None:
    model = identity()
    sampler = samplers.GaussianMixture(5).fit(model, np.repeat(X[:2], 10, axis=0))
    assert sampler.kept["means"].shape == (2, 3)
    drawn = model.sample(40, seed=0)
    apart = np.abs(drawn[:, None] - X[:2]).max(-1).min(1)
    assert (apart < 0.05).all()
