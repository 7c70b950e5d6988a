"""Counts whose totals have a code of their own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae

RNG = np.random.default_rng(0)
X = RNG.poisson(RNG.lognormal(1.0, 1.0, (40, 1)) * RNG.random((1, 6))).astype("f4")


def measured(model: Any) -> np.ndarray:
    library = model.decoder.get_layer("library")
    return np.array([float(ops.convert_to_numpy(w)) for w in (library.mean, library.deviation)])


def trained(x: Any, **options: Any) -> Any:
    model = keras_ae.create("count_vae", input_shape=(6,), latent_dim=2, hidden=[8], **options)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x, batch_size=10, epochs=1, verbose=0)
    return model


def test_training_starts_from_the_totals_of_its_rows_and_going_on_keeps_them() -> None:
    model = trained(X)
    logs = np.log(np.maximum(X.sum(1), 1.0))
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)
    model.fit(1000 * X, batch_size=10, epochs=1, verbose=0)
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)


@pytest.mark.parametrize("way", ["mask", "gaps"])
def test_entries_that_are_missing_are_not_counted(way: str) -> None:
    seen = np.ones(X.shape, "f4")
    seen[::2, 3:] = 0.0
    if way == "mask":
        model = trained({"x": X, "mask": seen})
    else:
        model = trained(np.where(seen > 0, X, np.nan), missing="mask")
    logs = np.log(np.maximum((X * seen).sum(1), 1.0))
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)


def test_a_condition_reaches_the_shares_and_not_the_total() -> None:
    model = trained(
        {"x": X, "condition": np.arange(40) % 2}, condition={"name": "label", "categories": 2}
    )
    z = RNG.normal(size=(5, 3)).astype("f4")
    here, there = (model.decode(z, condition=c) for c in (0, 1))
    np.testing.assert_allclose(here.sum(1), there.sum(1), rtol=1e-4)
    assert abs(here - there).max() > 1e-4


@pytest.mark.parametrize(
    ("likelihood", "blocks"),
    [("poisson", 1), ("negative_binomial", 2), ("zero_inflated_negative_binomial", 3)],
)
def test_every_likelihood_of_counts_has_its_parameters(likelihood: str, blocks: int) -> None:
    model = trained(X, likelihood=likelihood)
    assert model.decoder.output_shape == (None, 6 * blocks)
    assert np.isfinite(model.log_prob(X, 3)).all()
    sizes = [w for w in model.trainable_variables if "log_size" in w.path]
    assert len(sizes) == (blocks > 1)


def test_data_that_are_read_once_are_refused() -> None:
    model = keras_ae.create("count_vae", input_shape=(6,), latent_dim=2)
    model.compile(keras.optimizers.Adam(1e-3))
    with pytest.raises(ValueError, match="readable more than once"):
        model.fit((X[:8] for _ in range(3)), epochs=1, verbose=0)


def test_totals_are_measured_though_a_step_was_taken_before() -> None:
    model = keras_ae.create("count_vae", input_shape=(6,), latent_dim=2)
    model.compile(keras.optimizers.Adam(1e-3))
    model.train_on_batch(X)
    model.fit(X, epochs=1, verbose=0)
    logs = np.log(np.maximum(X.sum(1), 1.0))
    np.testing.assert_allclose(measured(model), [logs.mean(), logs.std()], rtol=1e-5)


def test_what_is_no_likelihood_of_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="one of counts"):
        keras_ae.create("count_vae", input_shape=(6,), likelihood="gaussian")
