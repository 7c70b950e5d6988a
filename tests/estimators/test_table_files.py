from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from keras_ae.estimators import TableSchema, table_files

TABLE = pd.DataFrame(
    {
        "age": [31.0, None, 28.0, 45.0],
        "job": ["cook", "nurse", None, "007"],
        "since": pd.to_datetime(["2020-01-02", "2021-03-04", None, "2022-05-06"]),
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_a_table_comes_back_from_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        TABLE.to_parquet(path)
    else:
        TABLE.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    found = table_files.read(path)
    wanted = TABLE.fillna({"job": "none"})
    pd.testing.assert_frame_equal(found.fillna({"job": "none"}), wanted, check_dtype=False)


def test_parts_have_the_columns_of_training(tmp_path: Path) -> None:
    schema = TableSchema.of(TABLE, least=1)
    path = tmp_path / "table.csv"
    pd.concat([TABLE.assign(other=1)[["other", "since", "job", "age"]]] * 5).to_csv(
        path, index=False
    )
    parts = list(table_files.parts(path, schema, rows=6))
    assert [len(part) for part in parts] == [6, 6, 6, 2]
    for part in parts:
        assert part.columns.tolist() == ["age", "job", "since"]
        assert schema.encode(part).shape == (len(part), schema.width)
    assert parts[0]["job"][3] == "007"  # a category, not a number
    TABLE.drop(columns="age").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"columns of training.*without \['age'\]"):
        list(table_files.parts(path, schema))


def test_of_a_long_file_each_row_is_as_likely(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(60.0)[:, None])
    read_in_parts = table_files.parts
    monkeypatch.setattr(table_files, "parts", lambda *a, **k: read_in_parts(*a, **k, rows=7))
    counts = np.zeros(60)
    for seed in range(300):
        found = table_files.read(path, most=20, seed=seed)["x0"].to_numpy()
        assert (np.diff(found) > 0).all()
        assert len(found) == 20
        counts[found.astype(int)] += 1
    assert abs(counts - 100).max() < 4.5 * np.sqrt(300 * (1 / 3) * (2 / 3))


def test_lines_without_names_and_texts_for_gaps(tmp_path: Path) -> None:
    path = tmp_path / "adult.data"
    path.write_text("39, State-gov, 13\n50, ?, 9\n38, Private, ?\n")
    found = table_files.read(path, header=False, na=["?"])
    assert found.columns.tolist() == ["x0", "x1", "x2"]
    assert found.isna().to_numpy().tolist() == [
        [False] * 3,
        [False, True, False],
        [False] * 2 + [True],
    ]
    assert found["x1"][0] == "State-gov"


def test_arrays_are_tables_of_numbers(tmp_path: Path) -> None:
    rows = np.arange(6.0).reshape(3, 2)
    np.savez(tmp_path / "rows.npz", x=rows)
    found = table_files.read(tmp_path / "rows.npz")
    assert found.columns.tolist() == ["x0", "x1"]
    np.testing.assert_array_equal(found, rows)
    np.savez(tmp_path / "other.npz", z=rows)
    with pytest.raises(ValueError, match="must hold `x`"):
        table_files.read(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.xls", b"1", "must be a file of .csv"),
        ("empty.csv", b"", "must hold a table"),
        ("header.csv", b"a,b\n", "one row or more"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "must hold a table"),
        ("broken.parquet", b"PAR1", "must hold a table"),
    ],
)
def test_other_files_are_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        table_files.read(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="not there"):
        table_files.read(tmp_path / "none.csv")


@pytest.mark.parametrize("suffix", table_files.WRITTEN)
def test_parts_are_written_one_after_another(suffix: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"score": [1.0, 2.0], "is_anomaly": [0, 1]})
    to = tmp_path / f"out{suffix}"
    with table_files.writing(to) as add:
        add(rows)
        assert not to.exists()
        add(rows)
    found = np.load(to) if suffix == ".npy" else table_files.read(to).to_numpy()
    np.testing.assert_array_equal(found, pd.concat([rows, rows]))


@pytest.mark.parametrize("suffix", table_files.WRITTEN)
def test_nothing_is_left_of_a_file_that_fails(suffix: str, tmp_path: Path) -> None:
    def fail_halfway() -> None:
        with table_files.writing(tmp_path / f"out{suffix}") as add:
            add(pd.DataFrame({"a": [1.0]}))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []
