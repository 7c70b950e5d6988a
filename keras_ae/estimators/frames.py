"""Tables of pandas, polars and arrays, read and made alike."""

from __future__ import annotations

import dataclasses
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError

from keras_ae.estimators.columns import Column, is_missing


@dataclasses.dataclass(frozen=True)
class Frame:
    """A table whose columns are asked for by name.

    Args:
        names: Of the columns, in their order.
        dtypes: As data that JSON can hold: a name of the table's own library, and its options.
        library: "pandas", "polars" or "array".
        data: The table.
    """

    names: list[str]
    dtypes: list[dict[str, Any]]
    library: str
    data: Any

    def kind(self, name: str) -> str:
        """Return what a column holds by its dtype: "number", "boolean", "date" or "category".

        Raises:
            TypeError: It is none of these.
        """
        if self.library == "array":
            return "number"
        dtype = self.data[name].dtype
        if dtype == nw.Boolean:
            return "boolean"
        if dtype.is_numeric():
            return "number"
        if dtype in (nw.Datetime, nw.Date):
            return "date"
        if dtype in (nw.String, nw.Categorical, nw.Enum, nw.Object, nw.Unknown):
            return "category"
        raise TypeError(
            "a column must hold numbers, booleans, categories or dates. "
            f"Received: {name!r} of {dtype}. Leave it out, or convert it"
        )

    def is_whole(self, name: str) -> bool:
        """Return whether a column is of whole numbers by its dtype."""
        if self.library == "array":
            return bool(np.issubdtype(self.data.dtype, np.integer))
        return bool(self.data[name].dtype.is_integer())

    def zone(self, name: str) -> str | None:
        """Return the time zone of a column of dates; None if it has none."""
        dtype = self.data[name].dtype
        return getattr(dtype, "time_zone", None)

    def values(self, name: str, kind: str) -> np.ndarray:
        """Return a column, as its kind wants it; see `Column.encode`.

        Raises:
            ValueError: An entry is not what the column holds.
        """
        if self.library == "array":
            return np.asarray(self.data[:, self.names.index(name)], "float64")
        series = self.data[name]
        if kind == "category":
            found = np.empty(len(series), "object")
            found[:] = series.to_list()
            found[is_missing(found)] = None
            return found
        try:
            if kind == "date":
                return _times(series)
            return np.asarray(series.cast(nw.Float64).to_numpy(), "float64")
        except Exception as error:  # each library has its own
            raise ValueError(
                f"column {name!r} must hold a {kind} in each row. Received: {series.dtype}, of "
                f"which one is none: {str(error).splitlines()[0]}"
            ) from error

    def check_names(self, names: list[str], library: str) -> None:
        """Refuse a table of other columns, or of another order, as scikit-learn does.

        Args:
            names: Those of training.
            library: What the table of training was.

        Raises:
            ValueError: As said.
        """
        if self.library == "array" or library == "array":
            if len(self.names) != len(names):
                raise ValueError(
                    f"X has {len(self.names)} features, but the schema is expecting {len(names)} "
                    "features as input"
                )
            return
        if self.names == names:
            return
        unexpected = sorted(set(self.names) - set(names))
        missing = sorted(set(names) - set(self.names))
        message = "The feature names should match those that were passed during fit.\n"
        if unexpected:
            message += f"Feature names unseen at fit time:\n{_listed(unexpected)}"
        if missing:
            message += f"Feature names seen at fit time, yet now missing:\n{_listed(missing)}"
        if not unexpected and not missing:
            message += "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(message)


def opened(table: Any) -> Frame:
    """Return a table to be asked for its columns.

    Args:
        table: A pandas or polars DataFrame, or an array of numbers `(rows, columns)`.

    Raises:
        ValueError: It has no columns, or a name twice.
        TypeError: It is no table.
    """
    if isinstance(table, np.ndarray):
        if table.ndim != 2:
            raise ValueError(f"a table must have two axes. Received: shape {table.shape}")
        names = [f"x{i}" for i in range(table.shape[1])]
        _check_size(names)
        return Frame(names, [{"name": str(table.dtype)}] * len(names), "array", table)
    try:
        data = nw.from_native(table, eager_only=True)
    except DuplicateError as error:
        raise ValueError(
            f"columns must have names of their own. Received: {str(error).splitlines()[0]}"
        ) from error
    except TypeError as error:
        raise TypeError(
            "a table must be a DataFrame of pandas or polars, or an array. "
            f"Received: {type(table).__name__}"
        ) from error
    library = str(data.implementation)
    if library not in ("pandas", "polars"):
        raise TypeError(f"a DataFrame must be one of pandas or polars. Received: one of {library}")
    names = list(data.columns)
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"names of columns must be strings. Received: {wrong[:5]}")
    _check_size(names)
    dtypes = [_described(dtype) for dtype in table.dtypes]
    return Frame(names, dtypes, library, data)


def made(
    values: dict[str, tuple[Column, np.ndarray]],
    dtypes: dict[str, dict[str, Any]],
    library: str,
    like: str | None = None,
) -> Any:
    """Return decoded columns as a table.

    Args:
        values: Name -> column and its decoded values.
        dtypes: Of the library that the table of training was of.
        library: That library.
        like: The library wanted; that one when None.
    """
    like = like or library
    if like == "array":
        return np.stack([np.asarray(v, "float64") for _, v in values.values()], axis=1)
    if like == "polars":
        return _polars(values, dtypes if library == like else {})
    import pandas as pd

    found = {}
    for name, (column, decoded) in values.items():
        series = pd.Series(_zoned(decoded, column), name=name)
        if column.kind == "boolean" and not series.isna().any():
            series = series.astype("bool")
        found[name] = _as(series, dtypes[name]) if library == like else series
    return pd.DataFrame(found)


def _described(dtype: Any) -> dict[str, Any]:
    """Return a dtype of pandas or polars as data that JSON can hold."""
    name = str(dtype).split("(")[0]
    if name == "category":  # of pandas
        return {"name": name, "categories": dtype.categories.tolist(), "ordered": dtype.ordered}
    if name == "Enum":
        return {"name": name, "categories": dtype.categories.to_list()}
    if name == "Datetime":
        return {"name": name, "time_unit": dtype.time_unit, "time_zone": dtype.time_zone}
    return {"name": str(dtype)}


def _as(series: Any, dtype: dict[str, Any]) -> Any:
    """Return a pandas series of a dtype, unless it has gaps for which that has no place."""
    import pandas as pd

    options = dict(dtype)
    name = options.pop("name")
    if name == "bool" and series.isna().any():
        name = "boolean"  # which has a place for gaps
    try:
        return series.astype(pd.CategoricalDtype(**options) if name == "category" else name)
    except (ValueError, TypeError):
        return series


def _zoned(values: np.ndarray, column: Column) -> Any:
    zone = getattr(column, "zone", None)
    if zone is None:
        return values
    import pandas as pd

    return pd.Series(values).dt.tz_localize("UTC").dt.tz_convert(zone)


def _polars(values: dict[str, tuple[Column, np.ndarray]], dtypes: dict[str, dict[str, Any]]) -> Any:
    import polars as pl

    kinds: dict[str, Any] = {"number": pl.Float64, "boolean": pl.Boolean, "category": None}
    found = []
    for name, (column, decoded) in values.items():
        if column.kind == "date":
            series = pl.Series(name, decoded.astype("datetime64[us]"))
            if getattr(column, "zone", None):
                series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(column.zone)  # type: ignore[attr-defined]
        else:
            missing = is_missing(decoded)
            entries = [None if gone else v for v, gone in zip(decoded, missing, strict=True)]
            series = pl.Series(name, entries, dtype=kinds[column.kind], strict=False)
        found.append(_of_polars(series, dtypes.get(name)))
    return pl.DataFrame(found)


def _of_polars(series: Any, dtype: dict[str, Any] | None) -> Any:
    """Return a polars series of a dtype."""
    import polars as pl

    if dtype is None:
        return series
    options = dict(dtype)
    wanted = getattr(pl, options.pop("name"))
    return series.cast(wanted(**options) if options else wanted)


def _times(series: Any) -> np.ndarray:
    """Return a series of dates as UTC, `datetime64[ns]`, NaT where one is missing."""
    dtype = series.dtype
    if dtype == nw.String:
        series = series.str.to_datetime()
    elif dtype == nw.Date:
        series = series.cast(nw.Datetime("ms"))
    elif getattr(dtype, "time_zone", None):
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return np.asarray(series.to_numpy()).astype("datetime64[ns]")


def _check_size(names: list[str]) -> None:
    if not names:
        raise ValueError("a table must have one column or more. Received: none")


def _listed(names: list[str]) -> str:
    shown = [f"- {name}\n" for name in names[:5]]
    return "".join(shown) + ("- ...\n" if len(names) > 5 else "")
