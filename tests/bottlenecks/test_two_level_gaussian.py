from __future__ import annotations

import numpy as np
from keras import ops
from scipy import stats

from keras_ae.bottlenecks import TwoLevelGaussian

H = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")


def test_the_density_is_the_product_of_both_levels() -> None:
    code = TwoLevelGaussian(3, 2, hidden=6)
    o = {k: ops.convert_to_numpy(v) for k, v in code(H, sample=True).items()}
    lower, upper = o["latent"][:, :3], o["latent"][:, 3:]
    wanted = stats.norm.logpdf(lower, o["lower_mean"], np.exp(o["lower_log_var"] / 2)).sum(1)
    wanted = wanted + stats.norm.logpdf(upper, o["upper_mean"], np.exp(o["upper_log_var"] / 2)).sum(
        1
    )
    outputs = {k: ops.convert_to_tensor(v) for k, v in o.items()}
    np.testing.assert_allclose(ops.convert_to_numpy(code.log_prob(outputs)), wanted, rtol=1e-5)


def test_the_lower_level_sees_what_was_drawn_above() -> None:
    code = TwoLevelGaussian(3, 2, hidden=6)
    same = np.repeat(H[:1], 50, axis=0)
    o = {k: ops.convert_to_numpy(v) for k, v in code(same, sample=True).items()}
    assert np.ptp(o["upper_mean"], axis=0).max() < 1e-6
    assert np.ptp(o["lower_mean"], axis=0).max() > 1e-3


def test_both_levels_begin_near_variances_of_one() -> None:
    code = TwoLevelGaussian(2, 3, hidden=8)
    h = np.random.default_rng(0).normal(size=(50, 6)).astype("float32")
    for key, log_var in code(h, sample=True).items():
        if key.endswith("log_var"):
            assert abs(ops.convert_to_numpy(log_var)).max() < 0.5
