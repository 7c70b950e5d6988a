"""The standard normal in other units."""

from __future__ import annotations

import numpy as np
from keras import ops
from scipy import stats

from keras_ae.distributions.noise import Noise
from keras_ae.priors import ScaledNormal

SHIFT, SCALE = np.array([1.0, -2.0], "f4"), np.array([0.5, 3.0], "f4")


def made() -> ScaledNormal:
    prior = ScaledNormal()
    prior.make_weights((3, 2), (4,))
    prior.follow(SHIFT, SCALE)
    return prior


def test_its_density_is_that_of_scaled_numbers() -> None:
    z = np.random.default_rng(0).normal(size=(5, 3, 2))
    got = ops.convert_to_numpy(made().log_prob(ops.convert_to_tensor(z)))
    wanted = stats.norm(-SHIFT / SCALE, 1 / SCALE).logpdf(z).sum((1, 2))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_its_draws_are_standard_in_the_old_units() -> None:
    noise = Noise()
    noise.reset_evaluation(0)
    z = ops.convert_to_numpy(made().sample((20_000, 3, 2), noise)) * SCALE + SHIFT
    np.testing.assert_allclose(z.mean((0, 1)), 0.0, atol=0.02)
    np.testing.assert_allclose(z.std((0, 1)), 1.0, atol=0.02)
