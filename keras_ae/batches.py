"""Batches whose order depends on the seed and the epoch alone."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from keras_ae import arrays
from keras_ae.parts import checked_size


class ArrayBatches(keras.utils.PyDataset):
    """Arrays in batches, shuffled anew in each epoch so that training can stop and go on.

    Keras's own shuffling depends on how often it was asked before; here the order of epoch e is
    a function of (seed, e), so a training resumed at epoch e sees what it would have seen. The
    models' `fit` says which epoch begins (`start_epoch`); Keras's own hooks cannot, since they
    are called for looks at the data as well.

    Args:
        x: Examples `(rows, ...)`, or a dict of arrays.
        y: Targets, or None.
        sample_weight: Weights `(rows,)`, or None; needs `y`.
        batch_size: Rows of a batch; the last one holds the rest.
        shuffle: Whether rows are shuffled.
        seed: Seed of the order.

    Example:
        >>> batches = ArrayBatches(np.arange(6.0).reshape(3, 2), batch_size=2, shuffle=False)
        >>> [batch[0].shape for batch in (batches[0], batches[1])]
        [(2, 2), (1, 2)]
    """

    def __init__(
        self,
        x: Any,
        y: np.ndarray | None = None,
        sample_weight: np.ndarray | None = None,
        *,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if sample_weight is not None and y is None:
            raise ValueError("`sample_weight` needs a y. Received: y=None. Pass y=x.")
        given = [a for a in (x, y, sample_weight) if a is not None]
        lengths = [len(leaf) for leaf in keras.tree.flatten(given)]
        if lengths[0] == 0 or len(set(lengths)) > 1:
            raise ValueError(
                f"`x`, `y` and `sample_weight` must have the same rows, 1 or more. "
                f"Received: {lengths} rows"
            )
        self.arrays: tuple[Any, ...] = tuple(given)
        self.num_rows = lengths[0]
        self.batch_size = checked_size("batch_size", batch_size)
        self.shuffle, self.seed = shuffle, seed
        self._prepared: tuple[Any, Any] = (None, None)
        self.start_epoch(0)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return math.ceil(self.num_rows / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return batch `index` of this epoch: (x,), (x, y) or (x, y, sample_weight)."""
        return self._read(self.rows_of(index))

    def rows_of(self, index: int) -> np.ndarray:
        """Return the row numbers of batch `index` of this epoch, int32."""
        rows: np.ndarray = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        return rows

    def rows_between(self, first: int, stop: int) -> list[np.ndarray]:
        """Return the row numbers of some batches, `(batches, rows)`; a shorter last one apart."""
        size = self.batch_size
        rows = self._order[first * size : stop * size]
        whole = len(rows) // size * size
        return [part for part in (rows[:whole].reshape(-1, size), rows[None, whole:]) if part.size]

    def between(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return rows in their own order: (x,), (x, y) or (x, y, sample_weight)."""
        return self._read(slice(start, stop))

    def start_epoch(self, epoch: int) -> None:
        """Take the order of an epoch, counted from 0."""
        self.prepare_epoch(epoch)
        self.epoch, self._order = epoch, self._prepared[1]

    def prepare_epoch(self, epoch: int) -> None:
        """Make the order of an epoch that may begin next, while there is time."""
        key = (self.seed, self.shuffle, epoch)
        if self._prepared[0] == key:
            return
        order = np.arange(self.num_rows, dtype="int32")
        if self.shuffle:
            np.random.default_rng([self.seed, epoch]).shuffle(order)
        self._prepared = key, order

    def _read(self, rows: Any) -> tuple[Any, ...]:
        batch: tuple[Any, ...] = keras.tree.map_structure(
            lambda a: arrays.as_numbers("x", a[rows]) if arrays.is_mapped(a) else a[rows],
            self.arrays,
        )
        return batch
