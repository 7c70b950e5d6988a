from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.batches import ArrayBatches
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import Reconstruction

X = np.random.default_rng(0).random((24, 4)).astype("float32")


def make(name: str = "autoencoder", **options: Any) -> Any:
    model = keras_ae.create(name, input_shape=(4,), latent_dim=2, hidden=[6], **options)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def test_what_was_not_measured_scales_nothing() -> None:
    model = make(normalize="standard")
    for use in (model.predict, model.encode, model.evaluate, model.train_on_batch, model.score):
        with pytest.raises(ValueError, match="a scaling must be measured first"):
            use(X)
    model.adapt(X)
    model.train_on_batch(X)
    assert np.isfinite(model.predict(X)).all()


def test_a_batch_is_tested_as_an_evaluation_is() -> None:
    model = make("vae", likelihood={"name": "gaussian", "scale": 0.1})
    at_mean = float(model.score(X).mean())
    first = model.test_on_batch(X, return_dict=True)["loss"]
    assert first > at_mean
    assert model.evaluate(X, verbose=0, return_dict=True)["loss"] > at_mean


def test_single_steps_of_a_model_with_phases_train() -> None:
    model = make("adversarial_autoencoder", alternate=True, critic_hidden=[4])
    losses = [float(model.train_on_batch(X, return_dict=True)["reconstruction"]) for _ in range(5)]
    assert losses[-1] < losses[0]


def test_a_frozen_encoder_stays_after_compiling_with_the_same_metrics() -> None:
    model = make()
    model.fit(X, epochs=1, verbose=0)
    model.encoder.trainable = False
    # Keras on JAX takes no optimizer that was built for other weights.
    model.compile(model.optimizer if keras.backend.backend() != "jax" else "adam")
    before = [w.copy() for w in model.encoder.get_weights()]
    model.fit(X, epochs=1, verbose=0)
    for a, b in zip(before, model.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Watched(keras_ae.LatentModel):
    """Notes what is done around its steps."""

    notes: Any = ()

    def begin(self, rows: Any, is_new: bool) -> None:
        self.notes = (*self.notes, ("begin", int(self.step), rows.number, is_new))

    def finish(self, rows: Any) -> None:
        self.notes = (*self.notes, ("finish", int(self.step), rows.number))


def test_a_variant_begins_before_and_finishes_after_each_fit() -> None:
    model = Watched((4,), bottleneck=Deterministic(2), objective=[Reconstruction()], hidden=[6])
    model.compile("adam")
    model.fit(X, epochs=2, batch_size=12, verbose=0)
    model.fit(X, epochs=1, batch_size=12, verbose=0)
    model.fit(X, epochs=1, batch_size=6, validation_split=0.25, verbose=0)
    assert tuple(map(tuple, model.notes)) == (
        ("begin", 0, 24, True),
        ("finish", 4, 24),
        ("begin", 4, 24, False),
        ("finish", 6, 24),
        ("begin", 6, 18, False),
        ("finish", 9, 18),
    )


class Counts(Reconstruction):
    """Notes how many rows there are."""

    told: Any = ()

    def adapt(self, rows: int | None) -> None:
        self.told = (*self.told, rows)


def test_terms_are_told_how_many_rows_train() -> None:
    term = Counts()
    model = keras_ae.LatentModel((4,), bottleneck=Deterministic(2), objective=[term], hidden=[6])
    model.compile("adam")
    model.fit(X, verbose=0)
    model.fit({"x": X}, validation_split=0.25, batch_size=6, verbose=0)
    model.fit(ArrayBatches(X, batch_size=5), verbose=0)
    model.fit(((X,) for _ in range(1)), steps_per_epoch=1, verbose=0)
    assert tuple(term.told) == (24, 18, 24, None)
