from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from keras_ae import estimators
from keras_ae.estimators import Embedder
from tests.estimators.tables import people

TABLE = people()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(latent_dim=2, epochs=40, random_state=0).fit(TABLE)


def test_codes_are_the_models_own(embedder: Embedder) -> None:
    x = embedder.scaling_.apply(embedder.schema_.encode(TABLE))
    codes = embedder.transform(TABLE)
    assert codes.dtype == "float64"
    np.testing.assert_allclose(codes, embedder.model_.encode(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(embedder.transform(TABLE[:3]), codes[:3])


def test_codes_come_back_as_rows_with_the_dtypes_of_training(embedder: Embedder) -> None:
    again = embedder.inverse_transform(embedder.transform(TABLE))
    assert again.dtypes.tolist() == TABLE.dtypes.tolist()
    assert np.corrcoef(again["age"], TABLE["age"])[0, 1] > 0.9
    assert (again["job"] == TABLE["job"]).mean() > 0.8
    with pytest.raises(ValueError, match=r"shape \(rows, 2\)\. Received: \(1, 3\)"):
        embedder.inverse_transform([[1.0, 2.0, 3.0]])


def test_frames_come_out_when_asked() -> None:
    made = Embedder(latent_dim=2, epochs=1, random_state=0).fit(TABLE)
    assert made.get_feature_names_out().tolist() == ["embedder0", "embedder1"]
    as_pandas = made.set_output(transform="pandas").transform(TABLE)
    assert as_pandas.columns.tolist() == ["embedder0", "embedder1"]
    as_polars = made.set_output(transform="polars").transform(pl.from_pandas(TABLE))
    assert isinstance(as_polars, pl.DataFrame)


def test_codes_are_features_for_a_classifier() -> None:
    labels = TABLE["job"] == "boss"
    pipe = make_pipeline(Embedder(latent_dim=2, epochs=30, random_state=0), LogisticRegression())
    pipe.fit(TABLE.drop(columns="job"), labels)
    assert pipe.score(people(200, 1).drop(columns="job"), people(200, 1)["job"] == "boss") > 0.9


def test_more_rows_train_on() -> None:
    made = Embedder(latent_dim=2, random_state=0).partial_fit(TABLE[:200])
    model, scaling = made.model_, made.scaling_
    first = made.history_["loss"][0]
    for _ in range(5):
        made.partial_fit(TABLE[200:])
    assert made.model_ is model
    assert made.scaling_ is scaling
    assert made.history_["loss"][0] < first


def test_an_embedder_comes_back_from_a_file(embedder: Embedder, tmp_path: Path) -> None:
    again = estimators.load(embedder.save(tmp_path / "embedder.estimator"))
    np.testing.assert_array_equal(again.transform(TABLE), embedder.transform(TABLE))
    assert again.get_params() == embedder.get_params()
