"""The second stage comes after the first."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.samplers import TwoStage
from keras_ae.starting import TrainingRows

X = np.random.default_rng(0).random((40, 6)).astype("f4")


def made() -> Any:
    model = keras_ae.create(
        "two_stage_vae",
        input_shape=(6,),
        latent_dim=2,
        hidden=[8],
        second_hidden=[8],
        second_epochs=2,
    )
    model.compile("adam")
    return model


def test_fit_ends_with_the_second_stage_which_is_saved(tmp_path: Path) -> None:
    model = made()
    assert model.source is model.prior
    model.fit(X, verbose=0)
    assert isinstance(model.source, TwoStage)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.sample(5, seed=0), model.sample(5, seed=0), rtol=1e-5)


@pytest.mark.slow
def test_each_fit_trains_it_again() -> None:
    model = made()
    model.fit(X, verbose=0)
    first = model.sample(5, seed=0)
    model.fit(X, verbose=0)
    assert not np.allclose(first, model.sample(5, seed=0))


def test_it_trains_on_streams_that_can_be_read_again() -> None:
    model = made()
    model.fit(keras_ae.batches.ArrayBatches(X, batch_size=10), verbose=0)
    assert isinstance(model.source, TwoStage)
    with pytest.raises(ValueError, match="must be readable more than once"):
        made().fit(((X[:10],) for _ in range(2)), steps_per_epoch=2, verbose=0)


def test_the_first_stage_learns_its_variance() -> None:
    assert made().likelihood.method == "learned"


def test_a_stream_without_an_end_trains_both_stages() -> None:
    class Endless:
        def __iter__(self) -> Any:
            return itertools.cycle([(X[:10],)])

    model = made()
    model.fit(X, verbose=0)
    model.finish(TrainingRows(Endless(), steps=2))
    assert isinstance(model.source, TwoStage)


def test_a_generator_is_refused_before_any_step_of_a_later_fit_too() -> None:
    model = made()
    model.fit(X, verbose=0)
    steps = int(keras.ops.convert_to_numpy(model.step))
    with pytest.raises(ValueError, match="must be readable more than once"):
        model.fit(((X[:10],) for _ in range(2)), steps_per_epoch=2, verbose=0)
    assert int(keras.ops.convert_to_numpy(model.step)) == steps
