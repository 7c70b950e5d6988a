"""Kinds of columns of a table: what each becomes for a network, and again."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

DAY = np.timedelta64(1, "D")
OTHER = "other"
"""What a category that training has not seen, or hardly, is called."""


@dataclasses.dataclass(frozen=True)
class Column(ABC):
    """A column of a table, which is `width` numbers of a row for a network; gaps are NaN.

    Args:
        name: As in the table.
    """

    name: str
    kind: ClassVar[str]

    @property
    def width(self) -> int:
        """How many numbers of a row it becomes."""
        return 1

    @property
    @abstractmethod
    def likelihood(self) -> dict[str, Any]:
        """The likelihood of its numbers, as a group of `MixedTabular`."""

    @abstractmethod
    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the numbers `(rows, width)`, float64, of values `(rows,)`.

        Args:
            values: Float64, NaN where missing; of categories objects, None where missing; of dates
                `datetime64[ns]`.
        """

    @abstractmethod
    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return the values `(rows,)` of numbers `(rows, width)`, the nearest that can be."""

    def names(self) -> list[str]:
        """Return a name for each of its numbers."""
        return [self.name]


@dataclasses.dataclass(frozen=True)
class Number(Column):
    """Numbers as they are.

    Args:
        name: As in the table.
        whole: Whether they are whole, to which they are rounded.
        low: The least of training, below which none is decoded.
        high: The largest of training.
    """

    whole: bool = False
    low: float = -np.inf
    high: float = np.inf
    kind: ClassVar[str] = "number"

    @property
    def likelihood(self) -> dict[str, Any]:
        """A Gaussian."""
        return {"name": "gaussian", "width": 1}

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the numbers themselves."""
        return np.asarray(values, "float64")[:, None]

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return the numbers themselves, within those of training, whole where those are."""
        found = np.clip(np.asarray(numbers, "float64")[:, 0], self.low, self.high)
        return np.rint(found) if self.whole else found


@dataclasses.dataclass(frozen=True)
class Boolean(Column):
    """Truths, as 0 and 1."""

    kind: ClassVar[str] = "boolean"

    @property
    def likelihood(self) -> dict[str, Any]:
        """A Bernoulli distribution."""
        return {"name": "bernoulli", "width": 1}

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return 0 and 1."""
        return np.asarray(values, "float64")[:, None]

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return whether numbers are above 1/2; NaN where they are missing."""
        numbers = np.asarray(numbers, "float64")[:, 0]
        return np.where(np.isnan(numbers), np.nan, numbers > 0.5)


@dataclasses.dataclass(frozen=True)
class Category(Column):
    """One of some values, as 1 among 0s; the last number stands for all other values.

    Args:
        name: As in the table.
        values: In the order of their numbers.
    """

    values: tuple[Any, ...] = ()
    kind: ClassVar[str] = "category"

    @property
    def width(self) -> int:
        """One more than there are values."""
        return len(self.values) + 1

    @property
    def likelihood(self) -> dict[str, Any]:
        """A categorical distribution."""
        return {"name": "one_hot_categorical", "width": self.width}

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return rows of 0s with a 1; of NaN where a value is missing."""
        places = {value: place for place, value in enumerate(self.values)}
        at = np.array([places.get(value, len(places)) for value in values], "int64")
        numbers = np.eye(self.width)[at]
        numbers[is_missing(values)] = np.nan
        return numbers

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return the most likely of the known values; None where numbers are missing."""
        known = np.asarray(numbers)[:, : len(self.values)]
        found = np.full(len(known), None, "object")
        if not self.values:  # of a column in which nothing was observed
            return found
        gone = np.isnan(known).any(axis=1)
        table = np.empty(len(self.values), "object")
        table[:] = self.values
        found[~gone] = table[known[~gone].argmax(axis=1)]
        return found

    def unseen(self, values: np.ndarray) -> list[Any]:
        """Return the values that are there and not known, each once."""
        known = set(self.values)
        there = values[~is_missing(values)]
        return sorted({value for value in there if value not in known}, key=str)

    def names(self) -> list[str]:
        """Return the column's name with each value."""
        return [f"{self.name}={value}" for value in (*self.values, OTHER)]


@dataclasses.dataclass(frozen=True)
class Date(Column):
    """Times, as days since `origin`; float32 holds ten years to half a minute.

    Args:
        name: As in the table.
        origin: In ISO 8601.
        zone: Time zone of the values, which are kept as UTC, or None.
    """

    origin: str = "1970-01-01"
    zone: str | None = None
    kind: ClassVar[str] = "date"

    @property
    def likelihood(self) -> dict[str, Any]:
        """A Gaussian."""
        return {"name": "gaussian", "width": 1}

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return days since the origin."""
        days = (values.astype("datetime64[ns]") - np.datetime64(self.origin, "ns")) / DAY
        return np.asarray(days, "float64")[:, None]

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return times to the second, `datetime64[ns]`."""
        days = np.asarray(numbers, "float64")[:, 0]
        gone = np.isnan(days)
        seconds = np.rint(np.where(gone, 0.0, days) * 86_400.0).astype("timedelta64[s]")
        found = np.datetime64(self.origin, "ns") + seconds.astype("timedelta64[ns]")
        found[gone] = np.datetime64("NaT")
        return np.asarray(found)


KINDS: dict[str, type[Column]] = {kind.kind: kind for kind in (Number, Boolean, Category, Date)}
"""Name of a kind -> its class."""


def to_config(column: Column) -> dict[str, Any]:
    """Return a column as data that JSON can hold."""
    config = {"kind": column.kind, **dataclasses.asdict(column)}
    for bound in ("low", "high"):
        if bound in config and not np.isfinite(config[bound]):
            config[bound] = None
    return config


def from_config(config: dict[str, Any]) -> Column:
    """Return the column of `to_config`.

    Raises:
        ValueError: There is no such kind.
    """
    options = dict(config)
    kind = options.pop("kind")
    if kind not in KINDS:
        raise ValueError(f"a column must be one of {sorted(KINDS)}. Received: {kind!r}")
    for bound, none in (("low", -np.inf), ("high", np.inf)):
        if bound in options and options[bound] is None:
            options[bound] = none
    if "values" in options:
        options["values"] = tuple(options["values"])
    return KINDS[kind](**options)


def is_missing(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Return where objects are None, NaN, NaT or pandas's NA, `(rows,)` booleans."""
    import pandas as pd

    return np.asarray(pd.isna(np.asarray(values, "object")), "bool")
