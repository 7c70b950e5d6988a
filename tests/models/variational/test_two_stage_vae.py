from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae

RNG = np.random.default_rng(0)
X = RNG.random((40, 6)).astype("float32")


def make() -> Any:
    model = keras_ae.create(
        "two_stage_vae",
        input_shape=(6,),
        latent_dim=2,
        hidden=[4],
        second_hidden=[8],
        second_epochs=2,
    )
    model.compile("adam")
    return model


def test_after_a_fit_codes_are_drawn_from_the_second_stage_also_of_a_file(tmp_path: Any) -> None:
    model = make()
    from_the_prior = model.sample(5, seed=1)
    model.fit(X, epochs=1, verbose=0)
    assert type(model.source).__name__ == "TwoStage"
    drawn = model.sample(5, seed=1)
    assert abs(drawn - from_the_prior).max() > 1e-3
    model.save(tmp_path / "m.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.sample(5, seed=1), drawn, rtol=1e-5, atol=1e-6)


def test_data_that_can_be_read_once_are_refused() -> None:
    def batches() -> Iterator[Any]:
        while True:
            yield X[:10], None

    with pytest.raises(ValueError, match="a second stage needs data that can be read again"):
        make().fit(batches(), steps_per_epoch=1, verbose=0)
