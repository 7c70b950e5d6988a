from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.distributions import poisson
from keras_ae.distributions.noise import Noise


@pytest.mark.parametrize("rate", [1e-4, 0.7, 9.9, 10.1, 300.0, 1e6])
def test_draws_are_poissons(rate: float) -> None:
    drawn = ops.convert_to_numpy(
        poisson.sample(ops.convert_to_tensor(np.full(10_000, rate, "float32")), Noise())
    )
    assert (drawn % 1 == 0).all()
    assert (drawn >= 0).all()
    # Spread over a step of the distribution function, whole numbers become uniform.
    rng = np.random.default_rng(0)
    below, at = stats.poisson.cdf(drawn - 1, rate), stats.poisson.pmf(drawn, rate)
    assert stats.kstest(below + rng.random(len(drawn)) * at, "uniform").pvalue > 1e-4


def test_no_gradient_passes() -> None:
    from tests.gradients import gradient

    noise = Noise()
    got = gradient(
        lambda rate: ops.sum(rate + poisson.sample(rate, noise)), np.array([0.5, 50.0], "float32")
    )
    np.testing.assert_array_equal(got, [1.0, 1.0])
