from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keras_ae.estimators import Imputer
from tests.estimators.tables import people


def with_gaps(table: pd.DataFrame, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    holed = table.astype({"age": "float64"})
    holed.loc[rng.random(len(table)) < 0.3, "age"] = np.nan
    holed.loc[rng.random(len(table)) < 0.2, "job"] = None
    return holed


@pytest.fixture(scope="module")
def imputer() -> Imputer:
    return Imputer(epochs=40, random_state=0, samples=50).fit(with_gaps(people()))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_gaps_of_new_rows_are_filled_and_the_rest_stays(imputer: Imputer, library: str) -> None:
    clean, holed = people(200, 1), with_gaps(people(200, 1))
    given: Any = holed if library == "pandas" else pl.from_pandas(holed)
    filled = imputer.transform(given)
    if library == "polars":
        assert isinstance(filled, pl.DataFrame)
        filled = filled.to_pandas()
    assert not filled.isna().any().any()
    there = holed.notna()
    for name in holed:
        assert (filled[name][there[name]] == holed[name][there[name]]).all()
    gone = holed["age"].isna()
    assert np.corrcoef(filled["age"][gone], clean["age"][gone])[0, 1] > 0.7
    gone = holed["job"].isna()
    assert (filled["job"][gone] == clean["job"][gone]).mean() > 0.6


def test_rows_without_gaps_come_back_as_they_are(imputer: Imputer) -> None:
    table = people(50, 1).astype({"age": "float64"})
    table.loc[0, "age"] = 1e6  # beyond those of training
    with pytest.warns(UserWarning, match="more than 20 deviations"):
        pd.testing.assert_frame_equal(imputer.transform(table), table)


def test_draws_differ_in_the_gaps_alone(imputer: Imputer) -> None:
    holed = with_gaps(people(100, 1))
    tables = imputer.impute(holed, imputations=4)
    assert len(tables) == 4
    ages = np.stack([table["age"] for table in tables])
    gone = holed["age"].isna()
    assert (ages.std(axis=0)[gone] > 0).all()
    assert (ages.std(axis=0)[~gone] == 0).all()
    again = imputer.impute(holed, imputations=4)
    pd.testing.assert_frame_equal(again[3], tables[3])


def test_arrays_are_filled_too() -> None:
    rows = np.random.default_rng(0).normal(size=(80, 3))
    rows[::4, 1] = np.nan
    filled = Imputer(epochs=2, random_state=0, samples=5).fit_transform(rows)
    assert filled.shape == rows.shape
    np.testing.assert_array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])


def test_the_number_of_draws_is_checked() -> None:
    with pytest.raises(ValueError, match="`samples` must be a whole number above 0"):
        Imputer(samples=0).fit(people())
