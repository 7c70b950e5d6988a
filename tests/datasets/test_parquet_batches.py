from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae.datasets import ParquetBatches, parquet_batches

pytest.importorskip("pyarrow")
ROWS = 50
FRAME = pd.DataFrame(
    {
        "a": np.arange(ROWS, dtype="int64"),
        "b": np.where(np.arange(ROWS) == 3, np.nan, np.arange(ROWS) / 2),
        "flag": np.arange(ROWS) % 2 == 0,
        "label": [f"class {n % 3}" for n in range(ROWS)],
    }
)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven row groups of which three are a window."""
    monkeypatch.setattr(parquet_batches, "WINDOW_BYTES", 24 * 3 * 4)
    FRAME.to_parquet(tmp_path / "table.parquet", row_group_size=8)
    return tmp_path / "table.parquet"


def rows(batches: ParquetBatches) -> np.ndarray:
    return np.concatenate([batches[index][0] for index in range(len(batches))])


def test_columns_come_as_floats_in_order_and_gaps_as_nan(path: Path) -> None:
    batches = ParquetBatches(path, 6, exclude=["label"], shuffle=False)
    wanted = FRAME[["a", "b", "flag"]].to_numpy("float32")
    assert [len(batches[i][0]) for i in range(len(batches))] == [6] * 8 + [2]
    np.testing.assert_array_equal(rows(batches), wanted)
    chosen = ParquetBatches(path, 6, columns=["b", "a"], shuffle=False)
    np.testing.assert_array_equal(rows(chosen), wanted[:, [1, 0]])


def test_the_order_is_a_function_of_seed_and_epoch(path: Path) -> None:
    batches = ParquetBatches(path, 6, columns=["a"], seed=3)
    orders = []
    for epoch in (0, 1, 0):
        batches.start_epoch(epoch)
        orders.append(rows(batches)[:, 0].tolist())
    assert orders[0] == orders[2] != orders[1]
    assert [sorted(order) for order in orders] == [list(range(ROWS))] * 3
    assert rows(ParquetBatches(path, 6, columns=["a"], seed=4))[:, 0].tolist() != orders[0]


def test_rows_mix_across_the_row_groups_of_a_window_and_any_batch_can_be_asked_for(
    path: Path,
) -> None:
    batches = ParquetBatches(path, 24, exclude=["label"], seed=1)
    assert len(set(batches[0][0][:, 0].astype(int) // 8)) == 3
    assert np.diff(batches[0][0][:, 0]).min() < 0
    last = batches[2][0]
    np.testing.assert_array_equal(batches[2][0], last)
    np.testing.assert_array_equal(rows(batches)[48:], last)


def test_folders_and_lists_are_one_table(path: Path) -> None:
    other = path.with_name("table_2.parquet")
    FRAME.to_parquet(other)
    for given in (path.parent, [path, other]):
        batches = ParquetBatches(given, 7, columns=["a"], shuffle=False)
        np.testing.assert_array_equal(rows(batches)[:, 0], [*range(ROWS), *range(ROWS)])


def test_a_model_trains_on_a_table(path: Path) -> None:
    model = keras_ae.create("autoencoder", input_shape=(2,), latent_dim=1, normalize="minmax")
    model.compile("adam")
    batches = ParquetBatches(path, 16, columns=["a", "flag"])
    history = model.fit(batches, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"columns must be numeric\. Received: \['label'\]"),
        ({"columns": ["a", "bb"]}, "`columns` must be columns of .*Received: 'bb'"),
        ({"exclude": ["labels"]}, "`exclude` must be columns of .*Received: 'labels'"),
        ({"columns": ["a"], "exclude": ["a"]}, "at least one column"),
        ({"columns": ["a"], "batch_size": 0}, "`batch_size` must be a whole number of at least 1"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(
    options: dict[str, Any], message: str, path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        ParquetBatches(path, **options)


def test_files_that_cannot_be_read_are_named(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(path.read_bytes()[:200])
    for given in (broken, tmp_path / "absent.parquet"):
        with pytest.raises(ValueError, match="must be a whole .parquet table"):
            ParquetBatches(given)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="must have .parquet files"):
        ParquetBatches(tmp_path / "empty")
    FRAME[:0].to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="at least one row"):
        ParquetBatches(tmp_path / "rows.parquet", columns=["a"])


def test_pyarrow_is_asked_for_by_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install 'keras-ae\[parquet\]'"):
        ParquetBatches(path)
