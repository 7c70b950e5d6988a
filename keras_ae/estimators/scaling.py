"""Numbers of a table in units of a network: offset, scale and a limit, in float64."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

LIMIT = 20.0
"""Scaled numbers beyond it, in deviations, are taken for it."""
LEAST_RATIO = 1e-10
"""A column is constant whose deviation is a smaller part of its largest number."""


@dataclasses.dataclass(frozen=True)
class Scaling:
    """(x - offset) / scale in float64, cut off at +-limit, then float32; gaps stay gaps.

    Args:
        offset: `(width,)`.
        scale: `(width,)`, positive.
        limit: In units of the scale.
    """

    offset: np.ndarray
    scale: np.ndarray
    limit: float = LIMIT

    @classmethod
    def of(
        cls,
        numbers: np.ndarray,
        is_scaled: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        names: Sequence[str] | None = None,
    ) -> Self:
        """Return the scaling to mean 0 and deviation 1; a constant column keeps its scale.

        Args:
            numbers: `(rows, width)`, float64, NaN where missing.
            is_scaled: Which columns are, `(width,)` booleans; the others stay as they are.
            weight: Of each row, `(rows,)`.
            names: Of the columns, for the warning of constant ones; none is given when None.
        """
        # Divided by the largest first: squares of large numbers are infinite.
        with np.errstate(invalid="ignore"):
            largest = np.nan_to_num(np.fmax.reduce(np.abs(numbers), axis=0))
        unit = np.where(largest > 0.0, largest, 1.0)
        shares = numbers / unit
        there = ~np.isnan(shares)
        counts = there * (1.0 if weight is None else np.asarray(weight, "float64")[:, None])
        total = np.maximum(counts.sum(axis=0), 1e-300)
        mean = np.where(there, counts * shares, 0.0).sum(axis=0) / total
        square = np.where(there, counts * (shares - mean) ** 2, 0.0).sum(axis=0) / total
        deviation = np.sqrt(square)
        constant = deviation <= LEAST_RATIO
        offset = mean * unit
        scale = np.where(constant, 1.0, deviation * unit)
        if is_scaled is not None:
            offset, scale = np.where(is_scaled, offset, 0.0), np.where(is_scaled, scale, 1.0)
            constant = constant & is_scaled
        if names is not None and constant.any():
            shown = [names[int(i)] for i in np.flatnonzero(constant)]
            warnings.warn(
                f"columns {listed(shown)} are constant. They are kept, in their own units: a row "
                "with another value will stand out",
                stacklevel=4,
            )
        return cls(offset, scale)

    def apply(
        self, numbers: np.ndarray, names: Sequence[str] | None = None, stacklevel: int = 4
    ) -> np.ndarray:
        """Return rows in units of the network, float32.

        Args:
            numbers: `(rows, width)`, float64.
            names: Of the columns, for the warning of what is cut off; none is given when None.
            stacklevel: Of the warning.
        """
        with np.errstate(over="ignore"):
            scaled = (numbers - self.offset) / self.scale
        if names is not None:
            beyond = np.nansum(np.abs(scaled) > self.limit, axis=0)
            if beyond.any():
                shown = [f"{names[int(i)]} ({beyond[i]} rows)" for i in np.flatnonzero(beyond)]
                warnings.warn(
                    f"entries more than {self.limit:g} deviations from the mean of training are "
                    f"taken for that: {listed(shown)}",
                    stacklevel=stacklevel,
                )
        return np.clip(scaled, -self.limit, self.limit).astype("float32")

    def restore(self, scaled: np.ndarray) -> np.ndarray:
        """Return rows in the table's own units, float64."""
        return np.asarray(scaled, "float64") * self.scale + self.offset

    def get_config(self) -> dict[str, Any]:
        """Return the scaling as data that JSON can hold."""
        return {
            "offset": self.offset.tolist(),
            "scale": self.scale.tolist(),
            "limit": self.limit,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the scaling of `get_config`."""
        offset, scale = (np.asarray(config[name], "float64") for name in ("offset", "scale"))
        return cls(offset, scale, config["limit"])


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names for a message, the first few of many."""
    return ", ".join(map(str, list(names)[:most])) + (", ..." if len(names) > most else "")
