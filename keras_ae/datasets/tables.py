"""Tables: .csv and .parquet, numeric columns and one of labels."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.datasets import checks
from keras_ae.datasets.dataset import Dataset, split
from keras_ae.datasets.unreadable import unreadable
from keras_ae.naming import nearest

LABELS = ("label", "labels", "target", "class", "y")


def load(path: Path, label_column: str | None, **cut: Any) -> Dataset:
    """Return a table's rows, split at random; empty cells are NaN.

    Args:
        path: A .csv or .parquet file.
        label_column: The column of labels; one called label, labels, target, class or y when None.
        cut: Arguments of `split`.

    Raises:
        ValueError: The file is broken, the label column is not there, or a column is not numeric.
    """
    frame, note = read(path)
    y = _labels(frame, label_column, path)
    columns = [str(column) for column in frame.columns]
    words = [
        name
        for name, dtype in zip(columns, frame.dtypes, strict=True)
        if getattr(dtype, "kind", "O") not in "fiub"
    ]
    if words:
        more = f" and {len(words) - 5} more" if len(words) > 5 else ""
        raise ValueError(
            f"columns must be numeric. Received: {words[:5]}{more} in {path}. "
            "Encode them as numbers, or name the column of labels by `label_column`."
        )
    # Pandas' own missing value has no place in a float array without being named.
    values = frame.to_numpy("float64", na_value=np.nan) if columns else np.empty((len(frame), 0))
    x = checks.examples(values, str(path), columns=columns)
    return split(path.stem, x, y, origin=str(path), note=note, **cut)


def read(path: Path) -> tuple[Any, str]:
    """Return a pandas data frame and a note.

    Raises:
        ValueError: The file is empty, broken or not a table, or pyarrow is missing.
    """
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path), ""
        if _has_header(path):
            return pd.read_csv(path, low_memory=False), ""
        return pd.read_csv(path, header=None, low_memory=False), "the file has no line of names"
    except ImportError as error:
        raise ValueError(
            f"reading .parquet needs pyarrow, which is not installed. Received: {path}. "
            "Run: pip install 'keras-ae[parquet]'"
        ) from error
    except (ValueError, OSError, csv.Error) as error:
        raise unreadable(path, f"a whole {path.suffix.lower()} table", error) from error


def _has_header(path: Path) -> bool:
    """Whether the first line has names; 0, 1, 2, ... are names, as pandas writes them."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next(csv.reader(file), [])
    return first == [str(i) for i in range(len(first))] or not all(map(_is_number, first))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _labels(frame: Any, label_column: str | None, path: Path) -> np.ndarray | None:
    """Take the column of labels out of the frame."""
    names = {str(column): column for column in frame.columns}
    if label_column is not None and label_column not in names:
        raise ValueError(
            f"`label_column` must be a column of {path}. "
            f"Received: label_column={label_column!r}. {nearest(label_column, names)}"
        )
    guessed = (name for word in LABELS for name in names if name.lower() == word)
    name = label_column if label_column is not None else next(guessed, None)
    if name is None:
        return None
    column = frame.pop(names[name])
    kind = getattr(column.dtype, "kind", "O")
    # Words, dates and columns with gaps become text, never Python objects.
    is_plain = kind in "fiub" and isinstance(column.dtype, np.dtype)
    return np.asarray(column.to_numpy() if is_plain else [str(value) for value in column])
