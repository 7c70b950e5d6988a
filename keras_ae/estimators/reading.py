"""Tables as numbers, by scikit-learn's rules, and in words that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from keras_ae.estimators import frames
from keras_ae.estimators.scaling import listed
from keras_ae.estimators.schema import TableSchema


def is_frame(table: Any) -> bool:
    """Return whether a table has columns with names and dtypes."""
    return hasattr(table, "columns") and hasattr(table, "dtypes")


def library_of(table: Any) -> str:
    """Return "pandas", "polars" or "array"."""
    return frames.opened(table).library if is_frame(table) else "array"


def read(
    estimator: Any,
    table: Any,
    schema: TableSchema | None,
    kinds: Mapping[str, str] | None = None,
    gaps: bool = False,
    least: int = 1,
) -> tuple[np.ndarray, TableSchema]:
    """Return a table as numbers `(rows, width)`, float64, NaN where missing; and its schema.

    Args:
        estimator: Whose `n_features_in_` and `feature_names_in_` are set, or compared with.
        table: A DataFrame of pandas or polars, or what NumPy makes an array of.
        schema: Of training; None in training, for which it is found.
        kinds: Column -> kind, where a dtype does not say it.
        gaps: Whether entries may be missing.
        least: Rows that there must be.

    Raises:
        TypeError: It is no table, or an array whose entries are no numbers.
        ValueError: It has too few rows, other columns than in training, or entries that are not
            finite.
    """
    is_new = schema is None
    if is_frame(table):
        validate_data(estimator, table, reset=is_new, skip_check_array=True)
        _check_rows(estimator, len(table), least)
        if not any(isinstance(name, str) for name in table.columns):  # numbers, as pandas has them
            table = table.set_axis([f"x{i}" for i in range(table.shape[1])], axis=1)
        schema = schema or TableSchema.of(table, kinds)
        numbers = schema.encode(table)
    else:
        _check_axes(table)
        table = _numbers_of_objects(table)
        array = validate_data(
            estimator,
            table,
            reset=is_new,
            dtype="float64",
            ensure_all_finite=False,
            ensure_min_samples=least,
        )
        if schema is not None and schema.library != "array":
            _check_numbers(estimator, schema)
        schema = schema or TableSchema.of(array, kinds)
        numbers = schema.encode(array)
    _check_finite(estimator, numbers, schema, gaps)
    return numbers, schema


def _check_rows(estimator: Any, rows: int, least: int) -> None:
    if rows < least:
        raise ValueError(
            f"Found array with {rows} sample(s) while a minimum of {least} is required by "
            f"{type(estimator).__name__}."
        )


def _check_axes(table: Any) -> None:
    shape = np.shape(table) if isinstance(table, np.ndarray) else ()
    if len(shape) > 2:
        raise ValueError(
            f"Found array with dim {len(shape)}, while dim <= 2 is required: a row of a table has "
            f"one axis. Received: shape {shape}. Make each row flat by `X.reshape(len(X), -1)`, or "
            "take `keras_ae.create` with an `input_shape`, whose models accept images"
        )


def _numbers_of_objects(table: Any) -> Any:
    """Return an array of objects as numbers; a column of others is named."""
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "OUS" or table.ndim != 2:
        return table
    for i, column in enumerate(table.T):
        try:
            column.astype("float64")
        except ValueError:
            wrong = next(entry for entry in column if not _is_number(entry))
            raise TypeError(
                f"an array must hold numbers. Received: {wrong!r} in column {i}. Pass a DataFrame, "
                "of which columns of strings are categories"
            ) from None
    return table.astype("float64")


def _is_number(entry: Any) -> bool:
    try:
        float(entry)
    except (TypeError, ValueError):
        return False
    return True


def _check_numbers(estimator: Any, schema: TableSchema) -> None:
    if others := [c.name for c in schema.columns if c.kind != "number"]:
        raise TypeError(
            f"{type(estimator).__name__} was fitted with columns that are no numbers, "
            f"{listed(others)}. Received: an array. Pass a DataFrame with the columns of training"
        )


def _check_finite(estimator: Any, numbers: np.ndarray, schema: TableSchema, gaps: bool) -> None:
    with np.errstate(invalid="ignore"):
        infinite = np.isinf(numbers)
    kinds = (
        [("infinity", infinite)] if gaps else [("infinity", infinite), ("NaN", np.isnan(numbers))]
    )
    for what, found in kinds:
        if not found.any():
            continue
        counts = [
            (column.name, int(found[:, part].any(axis=1).sum()))
            for column, part in zip(schema.columns, schema.slices, strict=True)
        ]
        shown = listed([f"{name!r} ({count} rows)" for name, count in counts if count])
        fix = (
            "Pass `missing='mask'` to learn from what is observed, or fill the gaps in"
            if what == "NaN"
            else "Leave these rows out, or make them numbers or gaps (NaN)"
        )
        raise ValueError(
            f"Input X contains {what}. {type(estimator).__name__} needs finite numbers. Received: "
            f"{what} in {shown}. {fix}"
        )
