from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import keras_ae
from keras_ae import conditions
from keras_ae.conditions import Label, Vector

X = np.random.default_rng(0).random((6, 4)).astype("float32")
C = np.arange(6) % 3


def make(condition: Any = None, **options: Any) -> Any:
    model = keras_ae.create(
        "vae",
        **{"input_shape": (4,), "latent_dim": 2, "hidden": [5], "condition": condition, **options},
    )
    model.compile("adam")
    return model


LABEL = {"name": "label", "categories": 3}


def test_a_condition_is_named_or_given_or_the_shape_of_a_vector() -> None:
    label = Label(3)
    assert conditions.get(None) is None
    assert conditions.get(label) is label
    assert conditions.get(LABEL).categories == 3
    assert conditions.get({"name": "vector", "shape": [2, 3]}).shape == (2, 3)
    assert [conditions.get(given).shape for given in (5, (5,), [2, 3])] == [(5,), (5,), (2, 3)]
    assert isinstance(conditions.get(np.int64(5)), Vector)


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        ("labels", ValueError, "Did you mean 'label'"),
        ("label", ValueError, r"must have the options \['categories'\]"),
        ({"name": "label", "categories": 0}, ValueError, "`categories` must be a whole number"),
        ({"name": "label", "classes": 3}, ValueError, "Received: 'classes'"),
        ((), ValueError, "of at least one axis"),
        (True, ValueError, "`shape` must be a list of whole numbers"),
        ({"categories": 3}, TypeError, "a condition must be a name"),
        (2.5, TypeError, "a condition must be a name"),
    ],
)
def test_what_is_none_is_refused(identifier: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        conditions.get(identifier)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (X, r"must be given to a model with one, Label\(categories=3.*Received: none"),
        ({"x": X}, "must be given to a model with one"),
        ({"x": X, "condition": C + 1}, "from 0 to 2. Received: 3.0 at 2, and 2 such in all"),
        ({"x": X, "condition": C - 1}, "from 0 to 2. Received: -1.0 at 0"),
        ({"x": X, "condition": C + 0.5}, "from 0 to 2. Received: 0.5 at 0"),
        ({"x": X, "condition": np.where(C == 1, np.nan, C)}, "`condition` must be finite"),
        ({"x": X, "condition": C[:, None]}, r"must have the shape \(batch,\).*Use condition\.resh"),
        ({"x": X, "condition": C[:4]}, "same number of rows. Received: {'x': 6, 'condition': 4}"),
    ],
)
def test_rows_whose_condition_is_lacking_or_wrong_are_refused(given: Any, message: str) -> None:
    model = make(LABEL)
    calls = [model.fit, model.evaluate, model.train_on_batch, model.encode, model.score]
    calls += [model.posterior, model.log_prob, model.sample_posterior, model.reconstruct]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call(given)
    good = {"x": X, "condition": C}
    for validation in (given, (given,)):
        with pytest.raises(ValueError, match=message):
            model.fit(good, validation_data=validation, verbose=0)


def test_a_condition_of_a_model_without_one_is_refused() -> None:
    model = make()
    for call in (model.fit, model.encode, model.score, model.log_prob):
        with pytest.raises(ValueError, match="must be left out of a model that takes none"):
            call({"x": X, "condition": C})
    for call in (model.decode, model.sample):
        with pytest.raises(ValueError, match="must be left out of a model that takes none"):
            call(3 if call == model.sample else X[:, :2], condition=C)


def test_words_are_no_conditions() -> None:
    with pytest.raises(TypeError, match="`condition` must hold numbers"):
        make(LABEL).encode({"x": X, "condition": C.astype(str)})


@pytest.mark.parametrize("condition", [None, [0, 1], [[0], [1], [2]], 3, -1, [0.5] * 3, "b"])
def test_codes_and_samples_need_one_condition_or_one_for_each(condition: Any) -> None:
    model = make(LABEL)
    for call in (lambda **c: model.decode(X[:3, :2], **c), lambda **c: model.sample(3, **c)):
        with pytest.raises((ValueError, TypeError), match="`condition` must"):
            call(condition=condition)


def test_streams_are_checked_by_shape_when_they_arrive() -> None:
    for rows, message in (
        (X, "must be given to a model with one"),
        ({"x": X, "condition": np.eye(3)[C]}, r"must have the shape \(batch,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            make(LABEL).fit(((rows,) for _ in range(2)), verbose=0)
    stream = (({"x": X, "condition": C},) for _ in range(3))
    history = make(LABEL).fit(stream, steps_per_epoch=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_labels_of_any_type_are_the_same() -> None:
    model = make(LABEL, encoder={"name": "mlp", "activation": "tanh"})  # whose units never die
    forms = (C, C.astype("uint8"), C.astype("float64"), C.tolist())
    codes = [model.encode({"x": X, "condition": form}) for form in forms]
    for other in codes[1:]:
        np.testing.assert_array_equal(other, codes[0])
    one = model.sample(4, condition=2, seed=0)
    np.testing.assert_array_equal(one, model.sample(4, condition=[2, 2, 2, 2], seed=0))
    np.testing.assert_array_equal(one[:2], model.sample(4, condition=[2, 2, 0, 1], seed=0)[:2])
    assert abs(one[2:] - model.sample(4, condition=[2, 2, 0, 1], seed=0)[2:]).min() > 1e-6
