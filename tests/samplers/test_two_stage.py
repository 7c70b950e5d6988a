from __future__ import annotations

import numpy as np

from keras_ae import samplers
from tests.samplers.models import X, identity


def test_a_second_stage_models_the_codes() -> None:
    model = identity()
    samplers.TwoStage(hidden=[32], epochs=100, batch_size=64).fit(model, X)
    drawn = model.sample(5_000, seed=1)
    np.testing.assert_allclose(drawn.mean(0), X.mean(0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.2)
