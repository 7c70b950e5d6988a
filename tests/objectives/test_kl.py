from __future__ import annotations

import numpy as np
from keras import ops
from scipy import stats

from keras_ae.objectives import KLDivergence
from keras_ae.typing import Batch

RNG = np.random.default_rng(0)
MEAN, LOG_VAR = (RNG.normal(size=(4, 3)).astype("float32") for _ in range(2))


def value() -> np.ndarray:
    outputs = {"mean": ops.convert_to_tensor(MEAN), "log_var": ops.convert_to_tensor(LOG_VAR)}
    return ops.convert_to_numpy(KLDivergence().value(None, Batch(MEAN, MEAN), outputs, False))


def test_it_is_the_closed_form_summed_over_the_code() -> None:
    mu, var = MEAN.astype("f8"), np.exp(LOG_VAR.astype("f8"))
    wanted = -0.5 * (1 + np.log(var) - mu**2 - var).sum(1)
    np.testing.assert_allclose(value(), wanted, rtol=1e-5)


def test_it_is_the_mean_log_ratio_of_draws() -> None:
    scale = np.exp(LOG_VAR[0] / 2)
    draws = stats.norm.rvs(MEAN[0], scale, size=(100_000, 3), random_state=1)
    ratio = (stats.norm.logpdf(draws, MEAN[0], scale) - stats.norm.logpdf(draws)).sum(1)
    assert abs(value()[0] - ratio.mean()) < 4 * ratio.std() / np.sqrt(len(draws))
