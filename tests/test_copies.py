"""Models made again, with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

import keras_ae
from keras_ae.copies import copied

X = np.random.default_rng(0).random((4, 8)).astype("float32")


def model() -> keras_ae.LatentModel:
    return keras_ae.create("autoencoder", input_shape=(8,), latent_dim=2, hidden=[3])


def test_a_copy_has_the_weights_and_keeps_them_when_the_model_trains() -> None:
    first = model()
    second = copied(first)
    before = first.encode(X)
    np.testing.assert_array_equal(second.encode(X), before)
    first.compile("sgd")
    first.fit(X, epochs=1, batch_size=4, verbose=0)
    assert (first.encode(X) != before).any()
    np.testing.assert_array_equal(second.encode(X), before)


def test_a_change_of_the_weights_shapes_is_refused() -> None:
    with pytest.raises(
        ValueError, match="weights of the model's shapes.*'latent_dim': 3.* of .*3.*, not .*2"
    ):
        copied(model(), latent_dim=3)
    assert copied(model(), activation="relu").get_config()["activation"] == "relu"
