from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import ops

import keras_ae
from keras_ae.bottlenecks import EntropyBottleneck


def test_tables_are_those_of_the_weights_that_they_were_measured_with() -> None:
    layer = EntropyBottleneck()
    layer.build((None, 2))
    assert layer.tables is None
    layer.keep_tables({"first": np.arange(2)})
    assert layer.tables is not None
    layer.medians.assign(ops.ones((2,)))
    assert layer.tables is None


def test_they_are_saved_with_the_model(tmp_path: Path) -> None:
    options = {"latent_dim": 2, "hidden": [4], "entropy_model": "factorized"}
    model = keras_ae.create("hyperprior_autoencoder", input_shape=(6,), **options)
    model.bottleneck.keep_tables({"first": np.arange(3), "odd": np.eye(2)})
    for kept in (True, False):
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert (loaded.bottleneck.tables is not None) == kept
        if kept:
            np.testing.assert_array_equal(loaded.bottleneck.tables["odd"], np.eye(2))
        model.bottleneck.medians.assign(ops.ones((2,)))
