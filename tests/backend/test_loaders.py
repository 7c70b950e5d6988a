from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

import keras_ae
from keras_ae.backend.loaders import in_tuples

X = np.random.default_rng(0).random((24, 4)).astype("float32")


@pytest.mark.parametrize("rows", [list(X), [{"x": row} for row in X]], ids=["bare", "dict"])
def test_a_loader_of_bare_tensors_or_dicts_trains_and_encodes(rows: Any) -> None:
    loader = torch.utils.data.DataLoader(rows, batch_size=8)
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, hidden=[6])
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    history = model.fit(loader, epochs=3, validation_data=loader, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(model.encode(loader), model.encode(X), rtol=1e-5, atol=1e-6)


def test_other_data_stay_as_they_are() -> None:
    for data in (X, iter([X]), {"x": X}):
        assert in_tuples(data) is data
