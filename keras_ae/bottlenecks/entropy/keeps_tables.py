"""Distributions that keep the tables by which an entropy coder writes their numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

PREFIX = "table_"
WEIGHTS = "weights"
"""Of the fingerprint of those that the tables were measured with."""


class KeepsTables(keras.layers.Layer):
    """A layer that saves arrays beside its weights: the tables that were measured of it.

    They are no weights: nothing trains them, and their sizes follow from what was learned.
    """

    _tables: dict[str, np.ndarray] | None = None
    _measured_at: bytes = b""

    @property
    def tables(self) -> dict[str, np.ndarray] | None:
        """The arrays by name; None if there are none, or weights have changed since."""
        return self._tables if self._measured_at == self._weights_now() else None

    def keep_tables(self, tables: Mapping[str, np.ndarray]) -> None:
        """Keep arrays that were measured with the weights as they are."""
        self._tables = dict(tables)
        self._measured_at = self._weights_now()

    def _weights_now(self) -> bytes:
        digest = hashlib.sha256()
        for weight in self.weights:
            digest.update(np.ascontiguousarray(ops.convert_to_numpy(weight), "<f4").tobytes())
        return digest.digest()

    def save_own_variables(self, store: Any) -> None:
        """Write weights, and tables that are theirs."""
        super().save_own_variables(store)
        tables = self.tables
        if tables is not None:
            given = {**tables, WEIGHTS: np.frombuffer(self._measured_at, "uint8")}
            for name, array in given.items():
                store[f"{PREFIX}{name}"] = array

    def load_own_variables(self, store: Any) -> None:
        """Read weights, and tables if there are any."""
        names = list(store.keys())
        kept = [name for name in names if name.startswith(PREFIX)]
        super().load_own_variables({name: store[name] for name in names if name not in kept})
        tables = {name.removeprefix(PREFIX): np.asarray(store[name]) for name in kept}
        if tables:
            # Layers inside have their own weights later.
            self._measured_at = tables.pop(WEIGHTS).tobytes()
            self._tables = tables
