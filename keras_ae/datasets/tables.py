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
        label_column: The column of labels; one called label, labels, target, class or y when
            None; "none" for a table without labels.
        cut: Arguments of `split`.

    Raises:
        ValueError: The file is broken, the label column is not there, or a column is not numeric.
    """
    frame, note = read(path)
    frame, index = _without_index(frame)
    y, taken = _labels(frame, label_column, path)
    note = "; ".join(filter(None, (note, index, taken)))
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
    gaps = checks.missing(x, columns=columns)
    return split(path.stem, x, y, origin=str(path), note=note, missing=gaps, **cut)


def names(path: Path) -> list[str]:
    """Return the names of a table's columns, without reading its rows."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet

        return list(pyarrow.parquet.read_schema(path).names)
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), [])


def read(path: Path) -> tuple[Any, str]:
    """Return a pandas data frame and a note.

    Raises:
        ValueError: The file is empty, broken or not a table, or pyarrow is missing.
    """
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path), ""
        _check_header(path)
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


def _check_header(path: Path) -> None:
    """Refuse a header shorter or longer than the rows; pandas would take a column for an index."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, first = (next(rows := csv.reader(file), []), next(rows, []))
    if first and len(header) != len(first):
        raise ValueError(f"its first line has {len(header)} cells, the second {len(first)}")


def _without_index(frame: Any) -> tuple[Any, str]:
    """Return the frame without the row numbers that pandas writes as an unnamed first column."""
    first = frame.columns[0] if len(frame.columns) else ""
    numbers = np.arange(len(frame))
    if str(first) != "Unnamed: 0" or not np.array_equal(frame[first], numbers):
        return frame, ""
    return frame.drop(columns=first), "the unnamed column of row numbers was left out"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _labels(frame: Any, label_column: str | None, path: Path) -> tuple[np.ndarray | None, str]:
    """Take the column of labels out of the frame; return it, and a note where it was guessed."""
    names = {str(column): column for column in frame.columns}
    if label_column == "none" and label_column not in names:
        return None, ""
    if label_column is not None and label_column not in names:
        raise ValueError(
            f"`label_column` must be a column of {path}. "
            f"Received: label_column={label_column!r}. {nearest(label_column, names)}"
        )
    guessed = (name for word in LABELS for name in names if name.lower() == word)
    name = label_column if label_column is not None else next(guessed, None)
    if name is None:
        return None, ""
    note = "" if label_column is not None else f"column {name!r} was taken as labels"
    column = frame.pop(names[name])
    kind = getattr(column.dtype, "kind", "O")
    # Words, dates and columns with gaps become text, never Python objects.
    is_plain = kind in "fiub" and isinstance(column.dtype, np.dtype) and not column.isna().any()
    values = column.to_numpy() if is_plain else [str(value) for value in column]
    return np.asarray(values), note
