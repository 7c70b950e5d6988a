from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from keras import ops
from scipy import stats

from keras_ae.likelihoods import Gaussian
from keras_ae.objectives import Reconstruction
from keras_ae.typing import Batch

RNG = np.random.default_rng(0)
X, TARGET, DECODED = (RNG.normal(size=(3, 4, 2)).astype("float32") for _ in range(3))


def value(mask: np.ndarray | None) -> np.ndarray:
    model = SimpleNamespace(likelihood=Gaussian(0.5))
    outputs = {"decoded": ops.convert_to_tensor(DECODED)}
    return ops.convert_to_numpy(
        Reconstruction().value(model, Batch(X, TARGET, None, mask), outputs, training=False)
    )


def test_it_is_the_negative_log_likelihood_of_the_target() -> None:
    wanted = -stats.norm.logpdf(TARGET.astype("f8"), DECODED, 0.5).sum((1, 2))
    np.testing.assert_allclose(value(None), wanted, rtol=1e-5)


def test_a_mask_over_steps_leaves_whole_steps_out() -> None:
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], "float32")
    density = -stats.norm.logpdf(TARGET.astype("f8"), DECODED, 0.5).sum(2)
    np.testing.assert_allclose(value(mask), (density * mask).sum(1), rtol=1e-5, atol=1e-6)
