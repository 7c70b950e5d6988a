from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from keras_ae.datasets import load


def write(path: Path, frame: pd.DataFrame) -> Path:
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.fixture(params=["table.csv", "table.parquet"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / request.param


def test_numbers_are_split_and_a_column_of_labels_taken_out(path: Path) -> None:
    values = np.arange(10)
    write(path, pd.DataFrame({"a": values, "class": values * 2, "b": values + 0.5}))
    data = load(path)
    assert (data.x_train.shape, data.x_test.shape) == ((8, 2), (2, 2))
    np.testing.assert_array_equal(data.x_train[:, 0] * 2, data.y_train)
    np.testing.assert_array_equal(data.x_test[:, 1], data.x_test[:, 0] + 0.5)


def test_words_may_be_labels(path: Path) -> None:
    write(path, pd.DataFrame({"a": range(4), "kind": list("xyxy")}))
    data = load(path, label_column="kind")
    assert data.x_train.shape == (3, 1)
    assert data.y_train.dtype.kind == "U"
    assert {*data.y_train, *data.y_test} == {"x", "y"}


def test_a_table_without_labels_has_none(path: Path) -> None:
    write(path, pd.DataFrame({"a": range(4), "b": range(4)}))
    assert load(path).y_train is None


def test_gaps_are_nan(path: Path) -> None:
    write(path, pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": [1.0, 2.0, np.nan]}))
    data = load(path)
    assert np.isnan(np.concatenate([data.x_train, data.x_test])).sum() == 2


def test_columns_of_words_are_named(path: Path) -> None:
    write(path, pd.DataFrame({"a": range(4), "town": list("xyxy"), "day": list("xyxy")}))
    with pytest.raises(ValueError, match=r"must be numeric\. Received: \['town', 'day'\] in .*"):
        load(path)


def test_many_columns_of_words_are_counted(path: Path) -> None:
    write(path, pd.DataFrame({f"c{i}": list("xy") for i in range(8)}))
    with pytest.raises(ValueError, match=r"'c4'\] and 3 more in"):
        load(path)


def test_infinity_is_named_by_row_and_column(path: Path) -> None:
    write(path, pd.DataFrame({"label": range(3), "a": range(3), "b": [0.0, np.inf, 1.0]}))
    with pytest.raises(ValueError, match=r"Received: inf at row 1, column 'b' in"):
        load(path)


def test_an_unknown_column_of_labels_gets_the_nearest_name(path: Path) -> None:
    write(path, pd.DataFrame({"a": range(3), "species": range(3)}))
    with pytest.raises(ValueError, match=r"label_column='specie'\. Did you mean 'species'\?"):
        load(path, label_column="specie")


def test_a_table_of_labels_alone_is_refused(path: Path) -> None:
    write(path, pd.DataFrame({"label": range(3)}))
    with pytest.raises(ValueError, match=r"not empty\. Received: shape \(3, 0\)"):
        load(path)


def test_a_table_without_rows_is_refused(path: Path) -> None:
    write(path, pd.DataFrame({"a": np.zeros(0)}))
    with pytest.raises(ValueError, match="Received"):
        load(path)


BROKEN = {
    "empty.csv": b"",
    "ragged.csv": b"a,b\n1,2\n1,2,3\n",
    "binary.csv": b"\xff\xfe\x00\x01\n\x80\x81",
    "empty.parquet": b"",
    "text.parquet": b"PAR1 this is not a table PAR1",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_table_is_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(ValueError, match=rf"^{name} must be a whole .* table\. Received: /") as e:
        load(tmp_path / name)
    assert "\n" not in str(e.value)


def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.parquet", pd.DataFrame({"a": range(100)}))
    whole.write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"^a\.parquet must be a whole"):
        load(whole)


def test_a_file_without_a_line_of_names_loses_no_row(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.csv", np.arange(8.0).reshape(4, 2), delimiter=",")
    data = load(tmp_path / "a.csv")
    assert len(data.x_train) + len(data.x_test) == 4
    assert "no line of names" in data.note


def test_numbered_columns_are_names(tmp_path: Path) -> None:
    data = load(write(tmp_path / "a.csv", pd.DataFrame(np.ones((4, 3)))))
    assert len(data.x_train) + len(data.x_test) == 4
    assert data.x_train.max() == 1.0


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")

    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("Unable to find a usable engine;\ntried using: 'pyarrow'")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(ValueError, match=r"needs pyarrow.*pip install 'keras-ae\[parquet\]'"):
        load(path)


def test_a_first_line_shorter_than_the_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2,3\n4,5,6\n")
    with pytest.raises(ValueError, match="first line has 2 cells, the second 3"):
        load(tmp_path / "table.csv")


def test_row_numbers_without_a_name_are_left_out(tmp_path: Path) -> None:
    pd.DataFrame({"a": [5.0, 6.0, 7.0]}).to_csv(tmp_path / "table.csv")
    data = load(tmp_path / "table.csv")
    assert data.event_shape == (1,)
    assert "row numbers was left out" in data.note
    frame = pd.DataFrame({"Unnamed: 0": [3.0, 1.0, 2.0], "a": [5.0, 6.0, 7.0]})
    frame.to_csv(tmp_path / "other.csv", index=False)
    assert load(tmp_path / "other.csv").event_shape == (2,)  # no row numbers


def test_a_guessed_column_of_labels_is_told_and_can_be_declined(path: Path) -> None:
    write(path, pd.DataFrame({"a": range(6), "y": range(6)}))
    assert "column 'y' was taken as labels" in load(path).note
    declined = load(path, label_column="none")
    assert (declined.y_train, declined.event_shape, declined.note) == (None, (2,), "")


def test_labels_with_gaps_become_words(path: Path) -> None:
    write(path, pd.DataFrame({"a": range(4), "label": [1.0, None, 2.0, 1.0]}))
    assert set(load(path, test_fraction=None).y_train) == {"1.0", "2.0", "nan"}


def test_the_first_missing_entry_is_told_by_row_and_column(path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, np.nan, np.nan]})
    assert load(write(path, frame)).missing == "nan at row 1, column 'b', and 2 such entries"
    assert load(write(path, frame.fillna(0.0))).missing == ""


def test_the_names_of_a_table_are_read_without_its_rows(path: Path) -> None:
    from keras_ae.datasets.tables import names

    assert names(write(path, pd.DataFrame({"a": [1], "b": [2]}))) == ["a", "b"]
