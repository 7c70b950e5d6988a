"""Estimators of tables as SavedModels of the table's own columns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae.estimators import AnomalyDetector, Clusterer, Embedder, Generator
from keras_ae.exporting import tables
from tests.estimators.tables import people

of_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow writes it"
)


def with_dates_and_gaps() -> pd.DataFrame:
    table = people().astype({"age": "float64", "here": "object"})
    days = pd.to_timedelta(np.rint(10 * table["pay"]).astype("int64"), unit="D")
    table = table.assign(since=pd.Timestamp("2020-01-01") + days)
    table.loc[::7, "age"] = np.nan
    table.loc[::5, "job"] = None
    table.loc[::11, "since"] = pd.NaT
    return table.astype({"here": "bool"})


TABLE = with_dates_and_gaps()


def tensors_of(table: pd.DataFrame) -> dict[str, Any]:
    import tensorflow as tf

    since = (table["since"] - pd.Timestamp("1970-01-01")).dt.total_seconds()
    return {
        "age": tf.constant(table["age"].to_numpy("float64")),
        "pay": tf.constant(table["pay"].to_numpy("float64")),
        "job": tf.constant(table["job"].fillna("").to_numpy(str)),
        "here": tf.constant(table["here"].to_numpy("float64")),
        "since": tf.constant(since.to_numpy("float64")),
    }


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(missing="mask", epochs=2, members=2, random_state=0).fit(TABLE)


def signature_of(folder: Path, name: str) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    return lambda **given: {
        key: value.numpy() for key, value in loaded.signatures[name](**given).items()
    }


def check_scores(detector: AnomalyDetector, folder: Path) -> None:
    rows = TABLE[30:90].copy()
    rows.iloc[0, rows.columns.get_loc("job")] = "pilot"
    rows.iloc[1, rows.columns.get_loc("pay")] = 1e9
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = detector.anomaly_score(rows)
    for name in ("score", "serving_default"):
        found = signature_of(folder, name)(**tensors_of(rows))
        np.testing.assert_allclose(found["score"], wanted, rtol=1e-5, atol=1e-5)
        sure = np.abs(wanted - detector.threshold_) > 1e-4
        called = (wanted > detector.threshold_).astype("int64")
        np.testing.assert_array_equal(found["is_anomaly"][sure], called[sure])


@of_tensorflow
def test_scores_of_raw_columns_are_the_detectors(detector: AnomalyDetector, tmp_path: Path) -> None:
    tables.write(detector, tmp_path / "model")
    check_scores(detector, tmp_path / "model")


@of_tensorflow
def test_entries_that_are_no_numbers_stop_the_program(tmp_path: Path) -> None:
    import tensorflow as tf

    made = Embedder(latent_dim=1, epochs=1, random_state=0).fit(TABLE[["pay", "here"]])
    tables.write(made, tmp_path / "model")
    encode = signature_of(tmp_path / "model", "encode")
    given = {
        "pay": tf.constant([1.0, 2.0], tf.float64),
        "here": tf.constant([0.0, 1.0], tf.float64),
    }
    wanted = made.transform(pd.DataFrame({"pay": [1.0, 2.0], "here": [False, True]}))
    np.testing.assert_allclose(encode(**given)["latent"], wanted, rtol=1e-5, atol=1e-5)
    for wrong in (np.nan, np.inf):
        with pytest.raises(tf.errors.InvalidArgumentError, match="finite, and none missing"):
            encode(**{**given, "pay": tf.constant([wrong, 1.0], tf.float64)})


@of_tensorflow
def test_clusters_of_an_array_are_those_of_one_tensor(tmp_path: Path) -> None:
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(60, 4))
    for i, model in enumerate(("idec", "autoencoder")):
        made = Clusterer(3, model=model, latent_dim=2, epochs=1, random_state=0).fit(x)
        tables.write(made, tmp_path / str(i))
        found = signature_of(tmp_path / str(i), "cluster")(x=tf.constant(x))
        np.testing.assert_allclose(found["shares"], made.predict_proba(x), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found["cluster"], found["shares"].argmax(1))


@pytest.mark.slow
def test_a_detector_of_any_backend_is_exported_with_its_columns(
    detector: AnomalyDetector, tmp_path: Path
) -> None:
    report = detector.export(tmp_path / "saved_models" / "people" / "1")
    assert report.signatures == ("score",)
    assert report.parity["score"] <= 1e-5
    assert (tmp_path / "saved_models" / "models.config").read_text().count("people")
    check_scores(detector, report.path)
    again = keras_ae.estimators.load(report.path / "assets.extra" / "fitted.estimator")
    np.testing.assert_allclose(again.anomaly_score(TABLE), detector.anomaly_score(TABLE), rtol=1e-6)


def test_names_of_tensors_are_words_each_once() -> None:
    names = ["age", "hours-per-week", "class", "hours per week", 7, "_x", "class_"]
    assert tables.input_names(names) == [
        "age",
        "hours_per_week",
        "class_",
        "hours_per_week_",
        "column_7",
        "column__x",
        "class__",
    ]


@pytest.mark.slow
def test_a_file_of_an_estimator_is_exported(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    made = Clusterer(3, epochs=1, random_state=0).fit(x)
    report = keras_ae.export(made.save(tmp_path / "groups.estimator"), tmp_path / "model")
    assert report.parity["cluster"] <= 1e-5


def test_what_cannot_be_served_is_refused_and_nothing_is_left(
    detector: AnomalyDetector, tmp_path: Path
) -> None:
    drawn = Generator(epochs=1, random_state=0).fit(TABLE[["pay", "age"]].dropna())
    with pytest.raises(ValueError, match=r"must be one of \['AnomalyDetector'.*Received: Gen"):
        drawn.export(tmp_path / "model")
    with pytest.raises(ValueError, match="whose tensors may be texts"):
        detector.export(tmp_path / "model", format="onnx")
    twice = pd.DataFrame({"a": [1, "1"] * 30, "b": np.arange(60.0)})
    with pytest.raises(ValueError, match="different texts"):
        AnomalyDetector(epochs=1, random_state=0).fit(twice).export(tmp_path / "model")
    assert not list(tmp_path.iterdir())
