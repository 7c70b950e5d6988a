"""Input scaling that is stored in the model and adapted on its training data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from keras_ae.parts import Part
from keras_ae.typing import Shape, Tensor

CHUNK_ENTRIES = 2**21
"""Entries that are measured at a time."""


@keras.saving.register_keras_serializable("keras_ae")
class Normalizer(Part):
    """Maps data to normalised units and back, one offset and one scale for each last-axis entry.

    "standard" gives mean 0 and variance 1, "minmax" the interval [0, 1], "none" leaves the data
    as they are. A constant feature keeps a scale of 1. Missing entries (NaN) don't count.

    Args:
        kind: "standard", "minmax" or "none".

    Example:
        >>> scaler = Normalizer("minmax")
        >>> scaler.build((2,))
        >>> scaler.adapt([np.array([[0.0, 5.0], [4.0, 5.0]])])
        >>> np.array(scaler.normalize(np.array([[1.0, 5.0]], "float32"))).tolist()
        [[0.25, 0.0]]
    """

    def __init__(self, kind: Literal["standard", "minmax", "none"] = "standard") -> None:
        super().__init__()
        if kind not in ("standard", "minmax", "none"):
            raise ValueError(
                f"`normalize` must be 'standard', 'minmax' or None. Received: normalize={kind!r}"
            )
        self.kind = kind

    def build(self, event_shape: Shape, scaled: np.ndarray | None = None) -> None:
        """Make the state for examples of this shape.

        Args:
            event_shape: Shape of one example.
            scaled: Which entries of the last axis are scaled, `(event_shape[-1],)`; all when None.
        """
        self.scaled = np.ones(event_shape[-1], "bool") if scaled is None else scaled
        if self.kind != "none":
            state: dict[str, Any] = {"trainable": False, "dtype": "float32", "autocast": False}
            width = (event_shape[-1],)
            self.offset = self.add_weight(shape=width, initializer="zeros", name="offset", **state)
            self.scale = self.add_weight(shape=width, initializer="ones", name="scale", **state)
            self.adapted = self.add_weight(shape=(), initializer="zeros", name="adapted", **state)
        self.built = True

    @property
    def needs_data(self) -> bool:
        """Whether `adapt` has still to be called."""
        return self.kind != "none" and not bool(ops.convert_to_numpy(self.adapted))

    def check_adapted(self) -> None:
        """Refuse to scale by what was never measured.

        Raises:
            ValueError: As said.
        """
        if self.needs_data:
            raise ValueError(
                f"a scaling must be measured first. Received: normalize={self.kind!r} and no data. "
                "Call `fit(x)` or `adapt(x)`."
            )

    def adapt(self, batches: Iterable[Any]) -> None:
        """Measure offset and scale over arrays `(n, *event_shape)`, in one pass."""
        if self.kind == "none":
            return
        offset, scale = (_standard if self.kind == "standard" else _minmax)(batches)
        scale = np.where(self.scaled & (scale > 0) & np.isfinite(scale), scale, 1.0)
        offset = np.where(self.scaled & np.isfinite(offset), offset, 0.0)
        self.offset.assign(offset.astype("float32"))
        self.scale.assign(scale.astype("float32"))
        self.adapted.assign(1.0)

    def normalize(self, x: Tensor) -> Tensor:
        """Return (x - offset) / scale, float32."""
        x = ops.cast(x, "float32")
        return x if self.kind == "none" else (x - self.offset) / self.scale

    def restore(self, x: Tensor) -> Tensor:
        """Return x * scale + offset, float32: data units again."""
        x = ops.cast(x, "float32")
        return x if self.kind == "none" else x * self.scale + self.offset

    def log_scale(self, event_shape: Shape) -> Tensor:
        """Return log(scale) of each last-axis entry, `(event_shape[-1],)` float32."""
        if self.kind == "none":
            return ops.zeros((event_shape[-1],), "float32")
        return ops.log(ops.convert_to_tensor(self.scale))


def get(identifier: Any) -> Normalizer:
    """Return the normalizer of this name, the given one, or for None the one that does nothing."""
    if isinstance(identifier, Normalizer):
        return identifier
    return Normalizer("none" if identifier is None else identifier)


def _standard(batches: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
    count = mean = squares = np.float64(0.0)
    for rows in _feature_rows(batches):
        seen = np.isfinite(rows).sum(axis=0)
        rows_mean = np.where(seen > 0, np.nansum(rows, axis=0) / np.maximum(seen, 1), 0.0)
        rows_squares = np.nansum((rows - rows_mean) ** 2, axis=0)
        # Chan's merge of two samples: exact, where a sum of squares would cancel.
        total = np.maximum(count + seen, 1)
        delta = rows_mean - mean
        squares = squares + rows_squares + delta**2 * count * seen / total
        mean = mean + delta * seen / total
        count = count + seen
    return np.asarray(mean), np.sqrt(squares / np.maximum(count, 1))


def _minmax(batches: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.float64(np.inf), np.float64(-np.inf)
    for rows in _feature_rows(batches):
        low = np.fmin(low, np.fmin.reduce(rows, axis=0))
        high = np.fmax(high, np.fmax.reduce(rows, axis=0))
    return np.asarray(low), np.asarray(high - low)


def _feature_rows(batches: Iterable[Any]) -> Iterable[np.ndarray]:
    for batch in batches:
        array = np.asarray(batch)
        for start in range(0, len(array), size := _chunk_rows(array)):
            rows = array[start : start + size].astype("float64")
            if rows.size:
                yield rows.reshape(-1, rows.shape[-1])


def _chunk_rows(array: np.ndarray) -> int:
    """Return so many rows that float64 copies of them are small whatever the array's size."""
    return max(1, CHUNK_ENTRIES // max(1, int(np.prod(array.shape[1:]))))
