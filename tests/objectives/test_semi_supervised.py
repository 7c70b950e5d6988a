"""What a model makes of labels, and of rows that have none."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.conditions import Label
from tests.gradients import weight_gradients

RNG = np.random.default_rng(0)
X = RNG.random((12, 5)).astype("f4")
LABELS = np.array([0, -1, 2, 1, -1, -1, 0, 1, 2, -1, -1, -1], "int32")


def make(**options: Any) -> Any:
    label = {"name": "label", "categories": 3}
    model = keras_ae.create(
        "semi_supervised_vae",
        **{"input_shape": (5,), "latent_dim": 2, "hidden": [4], "condition": label, **options},
    )
    model.compile(keras.optimizers.Adam(1e-2))
    return model


def rows(labels: np.ndarray = LABELS) -> dict[str, np.ndarray]:
    return {"x": X, "condition": labels}


def values(model: Any, labels: np.ndarray) -> np.ndarray:
    for layer in model._flatten_layers():
        if hasattr(layer, "reset_evaluation"):
            layer.reset_evaluation(0)
    batch = model.batch(rows(labels))
    return ops.convert_to_numpy(model.objective[0].value(model, batch, {}, False)).astype("f8")


def test_a_row_without_a_label_has_the_mean_over_labels_and_less_by_the_entropy() -> None:
    model = make(classification=1e-9)
    each = np.stack([values(model, np.full(12, label, "int32")) for label in range(3)], axis=1)
    q = model.class_probabilities(X).astype("f8")
    unlabelled = values(model, np.full(12, -1, "int32"))
    np.testing.assert_allclose(unlabelled, (q * (each + np.log(q))).sum(1), rtol=1e-5)
    exact = -np.log(np.exp(-each).sum(1))  # the best q gives the bound of the mixture
    assert (unlabelled >= exact - 1e-5).all()


def test_the_classifiers_loss_weighs_by_the_share_of_labelled_rows() -> None:
    model, without = make(classification=0.5), make(classification=1e-9)
    without.set_weights(model.get_weights())
    model.objective[0].measure(LABELS)
    got = values(model, LABELS) - values(without, LABELS)
    log_q = np.log(model.class_probabilities(X).astype("f8"))
    known = LABELS >= 0
    wanted = np.where(known, -0.5 / known.mean() * log_q[np.arange(12), np.maximum(LABELS, 0)], 0)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_training_measures_the_share_of_labels() -> None:
    model = make()
    model.fit(rows(), epochs=1, verbose=0)
    share = ops.convert_to_numpy(model.objective[0].labelled_share)
    np.testing.assert_allclose(share, 0.5, rtol=1e-6)


def test_rows_without_a_label_move_the_classifier_too() -> None:
    model = make()
    batch = {"x": ops.convert_to_tensor(X), "condition": ops.full((12,), -1, dtype="int32")}
    weights = model.objective[0].classifier.trainable_variables
    gradients = weight_gradients(lambda: model.compute_loss(batch, training=False), weights)
    assert all(abs(g).max() > 1e-6 for g in gradients)


def test_codes_and_reconstructions_of_unlabelled_rows_take_the_classifiers_word() -> None:
    model = make()
    none = rows(np.full(12, -1, "int32"))
    q = model.class_probabilities(none)
    np.testing.assert_allclose(q.sum(1), 1.0, rtol=1e-5)
    h = ops.convert_to_numpy(model.encoder(np.concatenate([X, q], axis=1)))
    mean = ops.convert_to_numpy(model.bottleneck.mean_head(ops.convert_to_tensor(h)))
    np.testing.assert_allclose(model.encode(none), mean, rtol=1e-4, atol=1e-6)
    decoded = model.decoder(np.concatenate([mean, q], axis=1).astype("f4"))
    wanted = ops.convert_to_numpy(decoded)
    np.testing.assert_allclose(model.reconstruct(none), wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.posterior(none)["mean"], mean, rtol=1e-4, atol=1e-6)


def test_few_labels_and_many_examples_classify() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 600)
    x = (rng.normal(size=(600, 4)) * 0.4 + np.where(classes, 1.5, -1.5)[:, None]).astype("f4")
    labels = np.where(np.arange(600) < 6, classes, -1)
    keras.utils.set_random_seed(0)
    label = {"name": "label", "categories": 2}
    # At 0.1 the classes may form before the labels count, and be exchanged.
    model = make(input_shape=(4,), condition=label, classification=10.0)
    model.fit({"x": x, "condition": labels}, batch_size=50, epochs=10, verbose=0)
    found = model.class_probabilities(x).argmax(1)
    assert (found == classes).mean() > 0.97


def test_a_code_is_decoded_with_a_known_label() -> None:
    model = make()
    with pytest.raises(ValueError, match="a label that is known"):
        model.decode(np.zeros((2, 2)), condition=-1)
    assert model.decode(np.zeros((2, 2)), condition=1).shape == (2, 5)


def test_labels_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="from -1 to 2"):
        make().fit(rows(np.full(12, 3)), verbose=0)
    with pytest.raises(ValueError, match="must be a label"):
        make(condition=(3,))
    with pytest.raises(ValueError, match="may be unknown"):
        keras_ae.LatentModel(
            (5,),
            bottleneck=keras_ae.bottlenecks.Gaussian(2),
            prior="standard_normal",
            objective=[keras_ae.objectives.SemiSupervised()],
            condition=Label(3),
        )
    with pytest.raises(ValueError, match="learns to classify"):
        keras_ae.create("vae", input_shape=(5,)).class_probabilities(X)


def test_names_that_say_nothing_are_unknown_labels() -> None:
    label = Label(2, ["a", "b"], partial=True)
    np.testing.assert_array_equal(label.numbers_of(["b", "", "a"]), [1, -1, 0])
    numbers = Label(2, [3.0, 5.0], partial=True).numbers_of([5.0, np.nan, 3.0, -1])
    np.testing.assert_array_equal(numbers, [1, -1, 0, -1])
    embedded = ops.convert_to_numpy(label.embed(np.array([1, -1, -2])))
    np.testing.assert_array_equal(embedded[:2], [[0, 1], [0, 0]])
    assert np.isnan(embedded[2]).all()
    with pytest.raises(ValueError, match="a label must be one of"):
        Label(2, ["a", "b"]).numbers_of([""])


def test_walks_from_rows_without_a_label_take_the_likeliest() -> None:
    model = make()
    one = {"x": X[:1], "condition": np.array([-1], "int32")}
    likeliest = {**one, "condition": model.class_probabilities(X[:1]).argmax(1)}
    code = model.encode(one)
    walk = model.traverse(one, dimension=0, steps=3)
    middle = np.array([[0.0, code[0, 1]]])
    wanted = model.decode(middle, condition=likeliest["condition"])
    np.testing.assert_allclose(walk[0, 1], wanted[0], rtol=1e-5, atol=1e-6)


def test_class_probabilities_do_not_see_what_a_mask_hides() -> None:
    model, mask = make(), np.ones(X.shape, "f4")
    mask[:, 2] = 0
    other = X.copy()
    other[:, 2] = 9
    found = [model.class_probabilities({"x": x, "mask": mask}) for x in (X, other)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_an_impossible_label_in_a_stream_is_not_taken_as_unknown() -> None:
    model = make()
    batch = {"x": ops.convert_to_tensor(X[:1]), "condition": ops.convert_to_tensor(np.array([7]))}
    assert np.isnan(ops.convert_to_numpy(model.encode_tensor(batch))).all()


def test_what_would_mislead_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="encodes rows as they are"):
        make(corruption="gaussian_noise")
    with pytest.raises(ValueError, match="under wrong labels"):
        make(likelihood="calibrated_gaussian")
    with pytest.raises(ValueError, match="readable more than once"):
        make().fit((rows() for _ in range(2)), epochs=1, verbose=0)
