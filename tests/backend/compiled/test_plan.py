from __future__ import annotations

import keras_ae
from keras_ae.backend.compiled import plan


def test_a_recurrent_layer_multiplies_at_every_step() -> None:
    model = keras_ae.create("recurrent_autoencoder", input_shape=(7, 2), latent_dim=3, hidden=[4])
    encoder = 7 * (2 * 16 + 4 * 16)
    decoder = 7 * (3 * 16 + 4 * 16)
    found = plan.multiplications(model)
    # Cells are met once more than the layers that hold them.
    assert encoder + decoder + 4 * 3 + 7 * 4 <= found <= 1.2 * (encoder + decoder) + 40


def test_convolutions_are_seen() -> None:
    assert not plan.convolves(keras_ae.create("autoencoder", input_shape=(8,), hidden=[4]))
    assert plan.convolves(
        keras_ae.create("autoencoder", input_shape=(8, 8, 1), encoder="conv", hidden=[4])
    )
