from __future__ import annotations

import pathlib
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import softmax

import keras_ae
from keras_ae import Classifier

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 6)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
LOSS: dict[str, Any] = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
PATCHES: dict[str, Any] = {
    "input_shape": (6,),
    "latent_dim": 4,
    "patch_size": 1,
    "width": 8,
    "heads": 2,
}
MODELS: dict[str, dict[str, Any]] = {
    "vae": {"input_shape": (6,), "latent_dim": 3, "hidden": [5], "normalize": "standard"},
    "masked_autoencoder": {**PATCHES, "depth": 1, "decoder_depth": 1, "decoder_width": 8},
    "top_k_sae": {"input_shape": (6,), "latent_dim": 12, "k": 2},
}


def made(name: str, **options: Any) -> Any:
    model = keras_ae.create(name, **{**MODELS[name], **options})
    model.adapt(X)
    return model


def arrays(variables: Any) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def equal(first: Any, second: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("pool", ["mean", "all"])
@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_a_softmax_of_standardised_codes(name: str, pool: Any) -> None:
    model = made(name)
    classifier = Classifier(model, 3, pool=pool)
    z = model.encode(X)
    z = z.mean(axis=1) if pool == "mean" and z.ndim == 3 else z.reshape(len(z), -1)
    mean, variance = RNG.normal(size=z.shape[1]), RNG.uniform(0.5, 2.0, z.shape[1])
    kernel, bias = RNG.normal(size=(z.shape[1], 3)), RNG.normal(size=3)
    classifier.standardize.set_weights([mean, variance])
    classifier.head.set_weights([kernel, bias])
    want = softmax((z - mean) / np.sqrt(variance + 1e-6) @ kernel + bias, axis=1)
    np.testing.assert_allclose(classifier.predict(X, verbose=0), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("frozen", [True, False])
def test_what_learns_is_the_layer_and_of_its_own_copy_the_encoder(name: str, frozen: bool) -> None:
    model = made(name)
    before = arrays(model.weights)
    classifier = Classifier(model, 2, frozen=frozen)
    copy = classifier.autoencoder
    encoder = [*copy.encoder.trainable_variables, *copy.bottleneck.trainable_variables]
    assert bool(encoder) is not frozen
    counts = {id(v) for v in (*encoder, *classifier.head.trainable_variables)}
    assert {id(v) for v in classifier.trainable_variables} == counts
    weights, head = arrays(copy.weights), arrays(classifier.head.weights)
    classifier.compile(keras.optimizers.Adam(0.05), **LOSS)
    classifier.fit(X, LABELS, epochs=2, verbose=0)
    assert equal(arrays(model.weights), before)
    assert not equal(arrays(classifier.head.weights), head)
    assert equal(arrays(copy.weights), weights) is frozen
    # Labels follow from one number of six: a tuned encoder finds it.
    if not frozen and name == "vae":
        classifier.fit(X, LABELS, epochs=80, verbose=0)
        assert classifier.evaluate(X, LABELS, verbose=0)[1] > 0.9


def test_a_frozen_encoder_has_no_dropout_and_moves_no_averages() -> None:
    encoder = keras.Sequential(
        [
            keras.layers.Input((6,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(4),
            keras.layers.Dropout(0.5),
        ]
    )
    model = keras_ae.create("autoencoder", input_shape=(6,), latent_dim=3, encoder=encoder)
    probe, tuned = (Classifier(model, 2, frozen=frozen) for frozen in (True, False))
    before = arrays(probe.autoencoder.encoder.weights)
    runs = [ops.convert_to_numpy(probe(X, training=True)) for _ in range(2)]
    np.testing.assert_array_equal(*runs)
    assert equal(arrays(probe.autoencoder.encoder.weights), before)
    # Its own averages do, and of an encoder that learns there is dropout.
    assert np.abs(ops.convert_to_numpy(probe.standardize.moving_mean)).max() > 0
    runs = [ops.convert_to_numpy(tuned(X, training=True)) for _ in range(2)]
    assert np.abs(runs[0] - runs[1]).max() > 1e-3


def test_it_is_saved_and_loaded(tmp_path: pathlib.Path) -> None:
    classifier = Classifier(made("vae"), 2, pool="all", frozen=True)
    classifier.compile("adam", **LOSS)
    classifier.fit(X, LABELS, epochs=1, verbose=0)
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras")
    assert (loaded.pool, loaded.frozen) == ("all", True)
    assert len(loaded.trainable_variables) == 2
    want = classifier.predict(X, verbose=0)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), want, rtol=1e-6)
    loaded.fit(X, LABELS, epochs=1, verbose=0)


def test_it_takes_gaps_and_conditions_as_the_model_does() -> None:
    model = keras_ae.create("vae", input_shape=(6,), latent_dim=2, missing="mask", condition=3)
    x = np.where(RNG.random(X.shape) < 0.3, np.nan, X).astype("float32")
    given = {"x": x, "condition": np.eye(3)[np.arange(60) % 3]}
    classifier = Classifier(model, 2)
    classifier.compile("adam", **LOSS)
    history = classifier.fit(given, LABELS, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(classifier.predict(given, verbose=0)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, "`classes` must be 2 or more. Received: classes=1"),
        ({"classes": 0}, "`classes`"),
        ({"classes": 2, "pool": "max"}, "`pool` must be one of"),
        ({"classes": 2, "frozen": "yes"}, "`frozen`"),
        ({"classes": 2, "model": keras.layers.Dense(2)}, "one of keras_ae's. Received: Dense"),
    ],
)
def test_impossible_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classifier(**{"model": made("vae"), **options})


@pytest.mark.parametrize("labels", [[0, 1, 2, 0], [-1, 0, 1, 0], [[0], [1], [2], [0]]])
@pytest.mark.parametrize("named", [True, False])
def test_labels_of_no_class_are_refused(labels: Any, named: bool) -> None:
    probe = Classifier(made("vae"), classes=2, frozen=True)
    probe.compile("sgd", "sparse_categorical_crossentropy")
    given = {"y": np.array(labels)} if named else {}
    with pytest.raises(ValueError, match="from 0 to 1 for classes=2. Received: "):
        probe.fit(X[:4], *([] if named else [np.array(labels)]), **given)
