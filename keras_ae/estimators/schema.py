"""What the columns of a table are, and the table as numbers and again."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from keras_ae.estimators import columns, frames
from keras_ae.estimators.columns import Boolean, Category, Column, Date, Number
from keras_ae.estimators.frames import Frame

RARE = 3
"""Categories of fewer rows are among the others, which they teach a network."""
MOST_CATEGORIES = 1_000


@dataclasses.dataclass(frozen=True)
class TableSchema:
    """The columns of a table, in their order, and the dtypes that decoded tables have.

    Args:
        columns: The columns.
        dtypes: Each column's dtype, as a frame's own library names it.
        library: "pandas" or "polars", or "array" for an array without names.
    """

    columns: tuple[Column, ...]
    dtypes: tuple[dict[str, Any], ...]
    library: str

    @classmethod
    def of(cls, table: Any, kinds: Mapping[str, str] | None = None, least: int = RARE) -> Self:
        """Return the schema of a table.

        Numbers, booleans and dates are what their dtypes say; strings, categories and objects are
        categories, which hold each value of `least` rows or more.

        Args:
            table: A pandas or polars DataFrame, or an array of numbers `(rows, columns)`.
            kinds: Column -> "number", "boolean", "category" or "date", where it is another one.
            least: Rows of a category.

        Raises:
            ValueError: It has no rows or no columns, a name twice, or a column of too many
                categories, or what no kind can be made of.
            TypeError: It is no table.
        """
        frame = frames.opened(table)
        if not len(frame.data):
            raise ValueError("a schema needs one row or more. Received: none")
        kinds = dict(kinds or {})
        if unknown := [name for name in kinds if name not in frame.names]:
            raise ValueError(
                f"`kinds` must name columns of the table, {frame.names}. Received: {unknown}"
            )
        found = [_column(frame, name, kinds.get(name), least) for name in frame.names]
        return cls(tuple(found), tuple(frame.dtypes), frame.library)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return sum(column.width for column in self.columns)

    @property
    def slices(self) -> list[slice]:
        """Where each column's numbers are."""
        ends = np.cumsum([0, *(column.width for column in self.columns)])
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]

    @property
    def number_names(self) -> list[str]:
        """A name for each number of a row."""
        return [name for column in self.columns for name in column.names()]

    @property
    def scaled(self) -> np.ndarray:
        """Which numbers a scaling may change, `(width,)` booleans: those of numbers and dates."""
        return np.concatenate(
            [np.full(c.width, isinstance(c, (Number, Date))) for c in self.columns]
        )

    def likelihood(self) -> dict[str, Any]:
        """Return the likelihood of a row's numbers, `MixedTabular`, by its options.

        Neighbouring columns of one kind are one group, but for categories.
        """
        groups: list[dict[str, Any]] = []
        for column in self.columns:
            group = column.likelihood
            last = groups[-1] if groups else None
            if last and last["name"] == group["name"] != "one_hot_categorical":
                last["width"] += group["width"]
            else:
                groups.append(dict(group))
        return {"name": "mixed_tabular", "columns": groups}

    def encode(self, table: Any, unseen: str = "warn") -> np.ndarray:
        """Return a table as numbers, `(rows, width)` float64, NaN where an entry is missing.

        Args:
            table: One of these columns, by name and order.
            unseen: Whether categories that are not known are warned of, "warn", or not, "quiet".

        Raises:
            ValueError: The columns are others, in scikit-learn's words, or an entry is not what
                its column holds.
        """
        frame = frames.opened(table)
        frame.check_names(self.names, self.library)
        parts = []
        for column in self.columns:
            values = frame.values(column.name, column.kind)
            if unseen == "warn" and isinstance(column, Category):
                _warn(column, values)
            parts.append(column.encode(values))
        return np.concatenate(parts, axis=1)

    def decode(self, numbers: Any, like: str | None = None, kept: np.ndarray | None = None) -> Any:
        """Return numbers as a table of the dtypes of training.

        Args:
            numbers: `(rows, width)`.
            like: "pandas", "polars" or "array"; that of training when None.
            kept: Which numbers are observed, `(rows, width)` booleans: they are not brought within
                those of training.

        Raises:
            ValueError: The numbers have another width.
        """
        numbers = np.asarray(numbers, "float64")
        if numbers.ndim != 2 or numbers.shape[1] != self.width:
            raise ValueError(
                f"numbers of a table must have the shape (rows, {self.width}). "
                f"Received: {numbers.shape}"
            )
        values = {}
        for column, part in zip(self.columns, self.slices, strict=True):
            decoded = column.decode(numbers[:, part])
            if kept is not None and isinstance(column, Number):
                decoded = np.where(kept[:, part.start], numbers[:, part.start], decoded)
            values[column.name] = (column, decoded)
        dtypes = dict(zip(self.names, self.dtypes, strict=True))
        return frames.made(values, dtypes, self.library, like)

    def get_config(self) -> dict[str, Any]:
        """Return the schema as data that JSON can hold."""
        return {
            "columns": [columns.to_config(column) for column in self.columns],
            "dtypes": list(self.dtypes),
            "library": self.library,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the schema of `get_config`."""
        made = tuple(columns.from_config(column) for column in config["columns"])
        return cls(made, tuple(config["dtypes"]), config["library"])


def _column(frame: Frame, name: str, kind: str | None, least: int) -> Column:
    kind = kind or frame.kind(name)
    if kind not in columns.KINDS:
        raise ValueError(
            f"a column must be one of {sorted(columns.KINDS)}. Received: {name!r} as {kind!r}"
        )
    values = frame.values(name, kind)
    if kind == "boolean":
        return Boolean(name)
    if kind == "date":
        there = values[~np.isnat(values)]
        origin = there.min().astype("datetime64[D]") if len(there) else np.datetime64("1970-01-01")
        return Date(name, str(origin), frame.zone(name))
    if kind == "number":
        there = values[np.isfinite(values)]
        if not len(there):
            return Number(name)
        whole = frame.is_whole(name)
        return Number(name, whole, float(there.min()), float(there.max()))
    return Category(name, _categories(name, values, least))


def _categories(name: str, values: np.ndarray, least: int) -> tuple[Any, ...]:
    there = values[~columns.is_missing(values)]
    counts: dict[Any, int] = {}
    for value in there:
        counts[value] = counts.get(value, 0) + 1
    kept = [value for value, count in counts.items() if count >= min(least, len(there))]
    kept = kept or list(counts)[:1]
    if len(kept) > MOST_CATEGORIES:
        raise ValueError(
            f"a column must hold {MOST_CATEGORIES:,} categories or fewer. Received: {name!r} with "
            f"{len(kept):,}. Leave it out, or say that it holds numbers or dates"
        )
    return tuple(sorted(kept, key=lambda value: (str(type(value)), value)))


def _warn(column: Category, values: np.ndarray) -> None:
    if not (unseen := column.unseen(values)):
        return
    strange = set(unseen)
    count = sum(value in strange for value in values[~columns.is_missing(values)])
    shown = ", ".join(map(repr, unseen[:5])) + (", ..." if len(unseen) > 5 else "")
    warnings.warn(
        f"{count} rows have categories in column {column.name!r} that training had not, or "
        f"hardly: {shown}. They are taken for one, 'other'",
        stacklevel=3,
    )
