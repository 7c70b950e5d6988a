from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.backend.compiled.test_compiled import X, fit, make, weights

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="is torch's step")


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_step_is_that_of_keras(optimizer: str) -> None:
    import torch

    from keras_ae.backend.compiled.traced.single_step import gather, step

    models = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = make()
        model.compile(optimizer=optimizer)
        fit(model, epochs=1)
        models.append(model)
    batch = gather((torch.as_tensor(X),), torch.tensor([3, 1, 4, 5]))
    step(models[0], batch)
    models[1].train_step((torch.as_tensor(X[[3, 1, 4, 5]]),))
    for a, b in zip(*map(weights, models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_only_plain_adam_is_fused() -> None:
    from keras_ae.backend.compiled.traced.single_step import is_fused

    model = make()
    for optimizer, wanted in (
        (keras.optimizers.Adam(0.1), True),
        (keras.optimizers.Adam(0.1, clipnorm=1.0), False),
        (keras.optimizers.SGD(0.1), False),
    ):
        model.compile(optimizer=optimizer)
        assert is_fused(model) == wanted
