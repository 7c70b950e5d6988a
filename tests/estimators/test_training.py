from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.estimators import training
from keras_ae.estimators.training import Plan

X = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")


@pytest.mark.parametrize("rows", [2, 50, 99, 100, 257, 300, 1_000, 20_000, 100_003])
def test_every_row_is_trained_on_or_held_out(rows: int) -> None:
    trained, held = training.split(rows, 0.1, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate([trained, held])), np.arange(rows))
    if rows < 95:
        assert len(held) == 0
    else:
        assert 0.1 * rows - 1 <= len(held) <= 0.2 * rows + 21


@pytest.mark.parametrize("rows", [1_000, 20_000, 100_003])
def test_many_rows_are_trained_on_in_whole_batches(rows: int) -> None:
    trained, _ = training.split(rows, 0.1, np.random.default_rng(0))
    assert len(trained) % training.batch_size(len(trained)) == 0


def test_no_share_holds_no_row_out() -> None:
    trained, held = training.split(5_000, 0.0, np.random.default_rng(0))
    assert (len(trained), len(held)) == (5_000, 0)


@pytest.mark.parametrize(
    ("rows", "most", "wanted"), [(7, None, 7), (100, 32, 25), (96, 32, 32), (7, 3, 2), (5, 1, 1)]
)
def test_a_batch_leaves_few_rows_for_the_last(rows: int, most: int | None, wanted: int) -> None:
    assert training.batch_size(rows, most) == wanted


def test_epochs_make_the_usual_number_of_steps_within_bounds() -> None:
    assert training.epochs_of(100, 100) == training.MOST_EPOCHS
    assert training.epochs_of(10_000_000, 256) == training.LEAST_EPOCHS
    epochs = training.epochs_of(20_480, 256)
    assert abs(epochs * 80 - training.STEPS) <= 40


def weights_of(seed: int) -> list[np.ndarray]:
    model = training.made("denoising_autoencoder", 4, {}, seed)
    training.fitted(model, X, X[:0], Plan(epochs=2), seed)
    return list(model.get_weights())


def test_a_seed_decides_and_leaves_the_processs_states_as_they_were() -> None:
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    first = weights_of(3)
    drawn = random.random(), np.random.random()  # noqa: NPY002
    random.seed(6)
    second, other = weights_of(3), weights_of(4)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert drawn == (random.random(), np.random.random())  # noqa: NPY002


def test_a_models_weights_are_the_best_of_held_out_rows() -> None:
    model = training.made("autoencoder", 4, {"latent_dim": 1}, 0)
    held = np.random.default_rng(1).normal(size=(20, 4)).astype("float32")
    losses = training.fitted(model, X, held, Plan(epochs=300, patience=2), 0)
    assert len(losses["val_loss"]) < 300
    got = model.evaluate(held, verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(got, min(losses["val_loss"]), rtol=1e-5)


def network(width: int = 4) -> keras.Model:
    rows = keras.Input((width,))
    hidden = keras.layers.Dense(3, activation="tanh")(rows)
    return keras.Model(rows, keras.layers.Dense(width)(hidden))


def test_a_keras_model_from_rows_to_rows_is_copied_and_trained() -> None:
    given = network()
    before = [w.copy() for w in given.get_weights()]
    model = training.made(given, 4, {}, 0)
    untrained = model.reconstruct(X)
    training.fitted(model, X, X[:0], Plan(epochs=3), 0)
    assert ((model.reconstruct(X) - X) ** 2).mean() < ((untrained - X) ** 2).mean()
    np.testing.assert_array_equal(model.encode(X), model.reconstruct(X))
    for a, b in zip(given.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_of_this_package_is_made_again_by_its_options() -> None:
    given = keras_ae.create("vae", input_shape=(4,), latent_dim=2, hidden=[5])
    model = training.made(given, 4, {}, 0)
    assert (model.variant, model.latent_shape) == ("vae", (2,))
    assert model is not given


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        ("autoncoder", ValueError, "Did you mean 'autoencoder'"),
        (3, TypeError, "must be a variant's name, or a model"),
        (network(5), ValueError, r"rows of 4 numbers.*\(5,\)"),
        (
            keras_ae.create("autoencoder", input_shape=(3,), latent_dim=2),
            ValueError,
            r"rows of 4 numbers.*\(3,\)",
        ),
    ],
)
def test_another_model_is_refused(model: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        training.made(model, 4, {}, 0)
