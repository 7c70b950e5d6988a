"""Sequences of several lengths."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.objectives import LinearWarmup

RNG = np.random.default_rng(0)
LENGTHS = np.array([7, 3, 5, 1, 7, 2, 6, 4])
MASK = (np.arange(7) < LENGTHS[:, None]).astype("f4")
X = RNG.normal(size=(8, 7, 2)).astype("f4")
OTHER = np.where(MASK[:, :, None] > 0, X, RNG.normal(size=X.shape) * 50).astype("f4")


def make(steps: int = 7, **options: Any) -> Any:
    model = keras_ae.create(
        "sequence_vae", input_shape=(steps, 2), latent_dim=3, hidden=[6], **options
    )
    model.compile(keras.optimizers.Adam(1e-2))
    return model


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_what_stands_behind_a_sequences_end_changes_nothing(cell: str) -> None:
    model = make(encoder={"name": "recurrent", "cell": cell})
    rows, others = ({"x": x, "mask": MASK} for x in (X, OTHER))
    for method in (model.encode, model.score, model.elbo):
        np.testing.assert_allclose(method(others), method(rows), rtol=1e-5, atol=1e-6)
    losses = [model.evaluate(given, seed=1, verbose=0)[0] for given in (rows, others)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_padding_of_any_length_gives_the_same_codes() -> None:
    short, long = make(), make(10)
    long.set_weights(short.get_weights())
    padded = np.concatenate([X, np.full((8, 3, 2), 9.0, "f4")], axis=1)
    mask = np.concatenate([MASK, np.zeros((8, 3), "f4")], axis=1)
    got = long.encode({"x": padded, "mask": mask})
    np.testing.assert_allclose(got, short.encode({"x": X, "mask": MASK}), rtol=1e-5, atol=1e-6)
    got = long.score({"x": padded, "mask": mask})
    np.testing.assert_allclose(got, short.score({"x": X, "mask": MASK}), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("normalize", [None, "standard"])
def test_training_does_not_see_what_stands_behind_an_end(normalize: str | None) -> None:
    found = []
    for x in (X, OTHER):
        keras.utils.set_random_seed(0)
        model = make(beta=LinearWarmup(4), normalize=normalize)
        model.fit({"x": x, "mask": MASK}, batch_size=8, epochs=3, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_new_sequences_have_the_full_length() -> None:
    assert make().sample(3, seed=0).shape == (3, 7, 2)


def test_a_convolutional_encoder_takes_series_of_one_length() -> None:
    model = make(8, encoder="conv")
    x = RNG.normal(size=(4, 8, 2)).astype("f4")
    assert model.reconstruct(x).shape == (4, 8, 2)
