"""What bad input meets: one test for each kind that other libraries let through or misname."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from keras_ae.estimators import AnomalyDetector

QUICK: dict[str, Any] = {"epochs": 2, "random_state": 0}
X = np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(**QUICK).fit(X)


def frame(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "age": rng.normal(40.0, 9.0, rows),
            "job": rng.choice(["cook", "nurse"], rows),
            "here": rng.random(rows) > 0.5,
        }
    )


@pytest.mark.parametrize("gap", [np.nan, None])
def test_missing_entries_are_named_with_their_columns_and_counts(gap: Any) -> None:
    table = frame()
    table["age"] = table["age"].astype("object")
    table.loc[[3, 5], "age"] = gap
    table["age"] = table["age"].astype("float64")
    with pytest.raises(
        ValueError, match=r"contains NaN\..*'age' \(2 rows\)\. Pass `missing='mask'`"
    ):
        AnomalyDetector(**QUICK).fit(table)


def test_missing_entries_are_learned_around_when_asked() -> None:
    rows = X.copy()
    rows[::3, 1] = np.nan
    found = AnomalyDetector(**QUICK, missing="mask").fit(rows)
    assert np.isfinite(found.anomaly_score(rows)).all()
    assert found.report_["missing_entries"] == 20


@pytest.mark.parametrize("missing", [None, "mask"])
def test_infinite_entries_are_named_with_their_columns(missing: str | None) -> None:
    rows = X.copy()
    rows[7, 2] = -np.inf
    with pytest.raises(ValueError, match=r"contains infinity\..*'x2' \(1 rows\)"):
        AnomalyDetector(**QUICK, missing=missing).fit(rows)


def test_a_constant_column_is_warned_of_once_and_another_value_in_it_stands_out() -> None:
    rows = np.column_stack([X, np.full(60, 4.0)])
    with pytest.warns(UserWarning, match="columns x3 are constant") as caught:
        found = AnomalyDetector(**QUICK).fit(rows)
    assert len([w for w in caught if w.category is UserWarning]) == 1
    changed = rows[:1].copy()
    changed[0, 3] = 14.0
    assert found.anomaly_score(changed)[0] > found.anomaly_score(rows[:1])[0] + 5.0


def test_a_string_in_an_array_is_named_with_its_column() -> None:
    rows = np.array([["1", "2"], ["3", "cook"]] * 20, "object")
    with pytest.raises(TypeError, match=r"Received: 'cook' in column 1\. Pass a DataFrame"):
        AnomalyDetector(**QUICK).fit(rows)


def test_columns_of_a_frame_are_taken_by_their_dtypes() -> None:
    found = AnomalyDetector(**QUICK).fit(frame())
    assert [column.kind for column in found.schema_.columns] == ["number", "category", "boolean"]
    assert found.predict(frame()).shape == (60,)


@pytest.mark.parametrize("dtype", ["int32", "float32", "uint8", "bool"])
def test_other_numbers_are_cast_before_anything_is_subtracted(dtype: str) -> None:
    rows = (100.0 + 20.0 * X).clip(0, 255).astype(dtype)
    if dtype == "bool":
        rows = X > 0
    whole = AnomalyDetector(**QUICK).fit(rows)
    double = AnomalyDetector(**QUICK).fit(rows.astype("float64"))
    np.testing.assert_array_equal(whole.anomaly_score(rows), double.anomaly_score(rows))


def test_another_width_is_refused_in_scikit_learns_words(detector: AnomalyDetector) -> None:
    with pytest.raises(
        ValueError, match="X has 2 features, but AnomalyDetector is expecting 3 features as input"
    ):
        detector.predict(X[:, :2])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["job", "age", "here"], "must be in the same order"),
        (["age", "job", "there"], "unseen at fit time:\n- there"),
    ],
)
def test_other_columns_are_refused_in_scikit_learns_words(columns: list[str], message: str) -> None:
    table = frame()
    found = AnomalyDetector(**QUICK).fit(table)
    other = table.rename(columns={"here": "there"}) if "there" in columns else table
    with pytest.raises(ValueError, match=message):
        found.predict(other[columns])


def test_an_array_cannot_stand_for_categories() -> None:
    found = AnomalyDetector(**QUICK).fit(frame())
    with (
        pytest.warns(UserWarning, match="feature names"),
        pytest.raises(TypeError, match=r"no numbers, job, here\. Received: an array"),
    ):
        found.predict(X)


def test_one_axis_and_three_are_refused_with_a_hint(detector: AnomalyDetector) -> None:
    with pytest.raises(ValueError, match="Reshape your data"):
        detector.predict(X[0])
    with pytest.raises(ValueError, match=r"dim 3.*`X\.reshape\(len\(X\), -1\)`"):
        AnomalyDetector(**QUICK).fit(X[:, :, None])


@pytest.mark.parametrize("rows", [0, 1])
def test_fit_needs_two_rows(rows: int) -> None:
    with pytest.raises(ValueError, match=rf"{rows} sample\(s\).*minimum of 2 is required"):
        AnomalyDetector(**QUICK).fit(X[:rows])
    with pytest.raises(ValueError, match=rf"{rows} sample\(s\).*minimum of 2 is required"):
        AnomalyDetector(**QUICK).fit(frame()[:rows])


def test_one_row_is_scored_and_none_is_refused(detector: AnomalyDetector) -> None:
    assert detector.anomaly_score(X[4:5]).shape == (1,)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        detector.predict(X[:0])


@pytest.mark.parametrize("rows", [2, 5, 33])
def test_fewer_rows_than_a_batch_are_enough(rows: int) -> None:
    found = AnomalyDetector(**QUICK, batch_size=32).fit(X[:rows])
    assert np.isfinite(found.anomaly_score(X[:rows])).all()


def test_a_code_as_long_as_a_row_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="a code of 3 numbers can repeat rows of 3"):
        AnomalyDetector(**QUICK, latent_dim=3).fit(X)


def test_a_new_category_is_one_that_training_has_seen_as_other() -> None:
    table = frame()
    found = AnomalyDetector(**QUICK).fit(table)
    seen = found._with_others(found._scaled(pd.concat([table] * 40)))
    assert 0.003 < seen[:, 3].mean() < 0.03
    other = table[:2].assign(job="pilot")
    with pytest.warns(UserWarning, match=r"2 rows have categories in column 'job'.*'pilot'"):
        assert np.isfinite(found.anomaly_score(other)).all()


def test_numbers_too_large_for_float32_are_cut_off_with_a_warning(
    detector: AnomalyDetector,
) -> None:
    rows = np.array([[1e300, 0.0, 0.0], [-1e300, 0.0, 0.0]])
    with pytest.warns(UserWarning, match=r"more than 20 deviations.*x0 \(2 rows\)"):
        found = detector.anomaly_score(rows)
    assert np.isfinite(found).all()
    assert (found > detector.threshold_).all()


@pytest.mark.parametrize("rule", ["contamination=0", "contamination=0.5"])
def test_a_contamination_of_none_or_a_half_is_allowed(rule: str) -> None:
    # Two rows may be each other's nearest, and then their distances are equal.
    options = {"score_method": "reconstruction", "validation_fraction": 0.0, **QUICK}
    found = AnomalyDetector(threshold=rule, **options).fit(X)
    share = (found.predict(X) < 0).mean()
    assert share == (0.0 if rule.endswith("=0") else 0.5)


def test_a_larger_contamination_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match=r"`share` must be in \[0, 0\.5\]"):
        AnomalyDetector(**QUICK, threshold="contamination=0.6").fit(X)


def test_few_distinct_rows_are_reported() -> None:
    found = AnomalyDetector(**QUICK).fit(np.repeat(X[:4], 15, axis=0))
    assert found.report_ == {"rows": 60, "distinct_rows": 4, "missing_entries": 0}


def test_a_loss_that_is_no_number_stops_with_advice() -> None:
    with pytest.warns(UserWarning, match="Training stopped: the loss became"):
        found = AnomalyDetector(epochs=40, learning_rate=1e30, random_state=0).fit(X)
    assert np.isfinite(found.anomaly_score(X)).all()


def test_nothing_is_said_of_rows_before_fit() -> None:
    for method in ("predict", "decision_function", "explain"):
        with pytest.raises(NotFittedError):
            getattr(AnomalyDetector(), method)(X)
    with pytest.raises(NotFittedError):
        AnomalyDetector().set_threshold("quantile=0.5")
    with pytest.raises(NotFittedError):
        AnomalyDetector().save("detector.estimator")


def test_a_sparse_matrix_is_refused_in_scikit_learns_words() -> None:
    with pytest.raises(TypeError, match="[Ss]parse"):
        AnomalyDetector(**QUICK).fit(scipy.sparse.csr_matrix(X))


def test_a_polars_frame_is_a_table_too() -> None:
    table = frame()
    of_pandas = AnomalyDetector(**QUICK).fit(table)
    of_polars = AnomalyDetector(**QUICK).fit(pl.from_pandas(table))
    np.testing.assert_array_equal(
        of_pandas.anomaly_score(table), of_polars.anomaly_score(pl.from_pandas(table))
    )
    assert of_polars.feature_names_in_.tolist() == ["age", "job", "here"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("missing", "drop"),
        ("epochs", 0),
        ("batch_size", -1),
        ("latent_dim", 1.5),
        ("validation_fraction", 1.0),
        ("learning_rate", 0.0),
        ("members", 0),
        ("trim", 0.5),
        ("score_method", "recontruction"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(parameter: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"`{parameter}` must be"):
        AnomalyDetector(**{**QUICK, parameter: value}).fit(X)
