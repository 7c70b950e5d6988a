from __future__ import annotations

import datetime
import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ae import likelihoods
from keras_ae.estimators import TableSchema

ROWS = 12
DATES = [datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=7 * i) for i in range(ROWS)]


def of_pandas() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": np.arange(ROWS, dtype="int32"),
            "pay": np.linspace(-1.0, 1.0, ROWS),
            "gone": pd.array([None, *range(ROWS - 1)], dtype="Int64"),
            "is_here": [True, False] * 6,
            "maybe": pd.array([True, None, False] * 4, dtype="boolean"),
            "town": ["Ulm", "Bern", "Ulm"] * 4,
            "size": pd.Categorical(["s", "m", "l"] * 4, ["s", "m", "l", "xl"], ordered=True),
            "day": pd.to_datetime(DATES),
            "zoned": pd.to_datetime(DATES).tz_localize("Europe/Berlin"),
            "text": pd.array(["a", "b"] * 6, dtype="string"),
        }
    )


def of_polars() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "age": pl.Series(range(ROWS), dtype=pl.Int16),
            "pay": np.linspace(-1.0, 1.0, ROWS).astype("float32"),
            "gone": [None, *range(ROWS - 1)],
            "is_here": [True, False] * 6,
            "maybe": [True, None, False] * 4,
            "town": ["Ulm", "Bern", "Ulm"] * 4,
            "size": pl.Series(["s", "m", "l"] * 4, dtype=pl.Enum(["s", "m", "l", "xl"])),
            "day": pl.Series(DATES, dtype=pl.Datetime("ms")),
            "zoned": pl.Series(DATES).dt.replace_time_zone("Europe/Berlin"),
            "date": pl.Series(DATES).dt.date(),
            "kind": pl.Series(["a", "b"] * 6, dtype=pl.Categorical),
        }
    )


def test_a_table_of_pandas_comes_back_with_its_dtypes() -> None:
    table = of_pandas()
    schema = TableSchema.of(table)
    again = schema.decode(schema.encode(table))
    pd.testing.assert_frame_equal(again, table)
    schema = TableSchema.from_config(json.loads(json.dumps(schema.get_config())))
    pd.testing.assert_frame_equal(schema.decode(schema.encode(table)), table)


def test_a_table_of_polars_comes_back_with_its_dtypes() -> None:
    table = of_polars()
    schema = TableSchema.of(table)
    assert schema.decode(schema.encode(table)).equals(table)
    schema = TableSchema.from_config(json.loads(json.dumps(schema.get_config())))
    again = schema.decode(schema.encode(table))
    assert again.equals(table)
    assert again.schema == table.schema


def test_one_library_reads_what_the_other_was_fitted_on() -> None:
    schema = TableSchema.of(of_pandas()[["age", "town", "day", "is_here"]])
    table = of_polars()[["age", "town", "day", "is_here"]]
    numbers = schema.encode(table)
    np.testing.assert_array_equal(numbers, schema.encode(of_pandas()[schema.names]))
    again = schema.decode(numbers, like="polars")
    assert again["town"].to_list() == table["town"].to_list()
    assert again["day"].to_list() == table["day"].to_list()
    assert again["is_here"].to_list() == table["is_here"].to_list()


def test_numbers_are_what_is_said() -> None:
    table = pd.DataFrame(
        {"n": [3, 5, 4], "b": [True, None, False], "c": ["u", "v", None], "d": DATES[:3]}
    ).astype({"b": "boolean"})
    schema = TableSchema.of(table, least=1)
    nan = np.nan
    expected = [
        [3.0, 1.0, 1.0, 0.0, 0.0, 0.0],
        [5.0, nan, 0.0, 1.0, 0.0, 7.0 / 24.0],
        [4.0, 0.0, nan, nan, nan, 14.0 / 24.0],
    ]
    np.testing.assert_allclose(schema.encode(table), expected)
    assert schema.number_names == ["n", "b", "c=u", "c=v", "c=other", "d"]
    assert schema.scaled.tolist() == [True, False, False, False, False, True]
    assert schema.width == 6


def test_neighbours_of_a_kind_share_a_likelihood() -> None:
    schema = TableSchema.of(of_pandas())
    likelihood = likelihoods.get(schema.likelihood())
    assert [group["name"] for group in schema.likelihood()["columns"]] == [
        "gaussian",
        "bernoulli",
        "one_hot_categorical",
        "one_hot_categorical",
        "gaussian",
        "one_hot_categorical",
    ]
    likelihood.check_event((schema.width,))


def test_categories_that_training_hardly_had_are_the_others() -> None:
    table = pd.DataFrame({"c": ["a"] * 5 + ["b"] * 3 + ["r", "q"]})
    schema = TableSchema.of(table)
    assert schema.number_names == ["c=a", "c=b", "c=other"]
    with pytest.warns(UserWarning, match="2 rows have categories in column 'c'.*'q', 'r'"):
        numbers = schema.encode(table)
    np.testing.assert_array_equal(numbers[-2:], [[0, 0, 1]] * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema.encode(table, unseen="quiet")
    assert schema.decode(np.array([[0.2, 0.1, 0.7]]))["c"].tolist() == ["a"]


def test_what_is_decoded_lies_within_training() -> None:
    schema = TableSchema.of(pd.DataFrame({"n": [0, 10], "f": [0.0, 1.0]}))
    table = schema.decode([[3.6, 0.5], [99.0, -4.0]])
    assert table["n"].tolist() == [4, 10]
    assert table["f"].tolist() == [0.5, 0.0]


def test_gaps_are_decoded_as_gaps() -> None:
    table = of_pandas()
    schema = TableSchema.of(table)
    gone = schema.decode(np.full((2, schema.width), np.nan))
    assert gone.isna().all().all()
    counts = schema.decode(np.full((2, schema.width), np.nan), like="polars").null_count()
    assert set(counts.row(0)) == {2}


def test_a_column_in_which_nothing_was_observed_comes_back_empty() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0], "none": [None, None]})
    schema = TableSchema.of(table)
    assert schema.decode([[1.0, 1.0]])["none"].tolist() == [None]
    assert schema.decode(schema.encode(table))["none"].tolist() == [None, None]


def test_an_array_is_a_table_without_names() -> None:
    x = np.arange(12, dtype="uint8").reshape(4, 3)
    schema = TableSchema.of(x)
    assert schema.names == ["x0", "x1", "x2"]
    assert (schema.encode(x) - 5.0).min() == -5.0
    np.testing.assert_array_equal(schema.decode(schema.encode(x)), x)
    with pytest.raises(ValueError, match="X has 2 features, but the schema is expecting 3"):
        schema.encode(x[:, :2])


def test_kinds_may_be_said() -> None:
    table = pd.DataFrame({"code": [1, 2, 1, 2, 1, 2], "when": ["2020-01-01", "2020-01-03"] * 3})
    schema = TableSchema.of(table, {"code": "category", "when": "date"})
    assert schema.number_names == ["code=1", "code=2", "code=other", "when"]
    assert schema.encode(table)[:2, 3].tolist() == [0.0, 2.0]
    assert schema.decode(schema.encode(table))["code"].tolist() == [1, 2] * 3
    with pytest.raises(ValueError, match="`kinds` must name columns.*'cod'"):
        TableSchema.of(table, {"cod": "category"})
    with pytest.raises(ValueError, match="must be one of .*'code' as 'word'"):
        TableSchema.of(table, {"code": "word"})
    with pytest.raises(ValueError, match="column 'when' must hold a number"):
        TableSchema.of(table, {"when": "number"})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["b", "a"], "must be in the same order"),
        (["a", "c"], "unseen at fit time:\n- c\n.*yet now missing:\n- b"),
        (["a"], "yet now missing:\n- b"),
        (["a", "b", "c"], "unseen at fit time:\n- c"),
    ],
)
def test_other_columns_are_refused_as_scikit_learn_does(names: Any, message: str) -> None:
    schema = TableSchema.of(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}))
    with pytest.raises(ValueError, match=f"(?s)feature names should match.*{message}"):
        schema.encode(pd.DataFrame({name: [1.0] for name in names}))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="a table must be a DataFrame.*list"):
        TableSchema.of([[1.0]])
    with pytest.raises(ValueError, match="a table must have two axes"):
        TableSchema.of(np.ones(3))
    with pytest.raises(TypeError, match="names of columns must be strings"):
        TableSchema.of(pd.DataFrame([[1.0]]))
    with pytest.raises(TypeError, match="'t' of Duration"):
        TableSchema.of(pd.DataFrame({"t": pd.to_timedelta([1, 2], "D")}))
    with pytest.raises(ValueError, match="names of their own"):
        TableSchema.of(pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]))
    with pytest.raises(ValueError, match="one column or more"):
        TableSchema.of(pd.DataFrame(index=[0, 1]))
    with pytest.raises(ValueError, match="one row or more"):
        TableSchema.of(pd.DataFrame({"a": []}))
    many = pd.DataFrame({"id": np.repeat([f"u{i}" for i in range(1_001)], 3)})
    with pytest.raises(ValueError, match="1,000 categories or fewer.*'id' with 1,001"):
        TableSchema.of(many)
