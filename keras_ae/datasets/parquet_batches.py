"""Batches of .parquet files that are larger than memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_ae.datasets.unreadable import unreadable
from keras_ae.naming import nearest
from keras_ae.parts import checked_size

WINDOW_BYTES = 2**25
"""Size of the row groups, as float32, among which rows are shuffled; at least one is read."""


class _Group(NamedTuple):
    """A row group of a file."""

    file: int
    number: int
    rows: int


class ParquetBatches(keras.utils.PyDataset):
    """Numeric columns of .parquet files in batches `(batch_size, columns)`, float32.

    Only a window of row groups is in memory. In each epoch the row groups come in another order
    and the rows of a window are shuffled, both as follows from (seed, epoch) alone. Empty cells
    are NaN.

    Args:
        path: A .parquet file, a folder of them, or a list of files, all with the same columns.
        batch_size: Rows of a batch; the last one holds the rest.
        columns: Names of the columns; all by default.
        exclude: Names of columns to leave out, such as labels.
        shuffle: Whether rows are shuffled.
        seed: Seed of the order.

    Raises:
        ValueError: pyarrow is missing, a file is broken, or a column is not there or not numeric.
    """

    def __init__(
        self,
        path: str | Path | Iterable[str | Path],
        batch_size: int = 32,
        columns: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.batch_size = checked_size("batch_size", batch_size)
        self.shuffle, self.seed = shuffle, seed
        self.paths = _paths(path)
        self._files = [_opened(path) for path in self.paths]
        self.columns = self._chosen(columns, exclude)
        self._groups = [
            _Group(place, number, file.metadata.row_group(number).num_rows)
            for place, file in enumerate(self._files)
            for number in range(file.num_row_groups)
        ]
        self.num_rows = sum(group.rows for group in self._groups)
        if self.num_rows == 0:
            raise ValueError(f"a table must have at least one row. Received: {path}, with none")
        self.start_epoch(0)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return math.ceil(self.num_rows / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        """Return batch `index` of this epoch, (x,)."""
        start = index * self.batch_size
        stop = min(start + self.batch_size, self.num_rows)
        first, last = np.searchsorted(self._starts, [start, stop - 1], side="right") - 1
        parts = []
        for number in range(first, last + 1):
            begin = self._starts[number]
            parts.append(self._window(number)[max(start - begin, 0) : stop - begin])
        return (np.concatenate(parts),)

    def start_epoch(self, epoch: int) -> None:
        """Take the order of an epoch, counted from 0."""
        self.epoch = epoch
        order = list(self._groups)
        if self.shuffle:
            rng = np.random.default_rng([self.seed, epoch])
            order = [order[i] for i in rng.permutation(len(order))]
        self._windows: list[list[_Group]] = []
        most, rows = WINDOW_BYTES // (4 * len(self.columns)), 0
        for group in order:
            if not self._windows or rows + group.rows > most:
                self._windows.append([])
                rows = 0
            self._windows[-1].append(group)
            rows += group.rows
        sizes = [sum(group.rows for group in window) for window in self._windows]
        self._starts = np.cumsum([0, *sizes[:-1]])
        self._held: tuple[int, np.ndarray] | None = None

    def _window(self, number: int) -> np.ndarray:
        """Return the rows of a window in their order; the last one asked for is kept."""
        held = self._held
        if held is None or held[0] != number:
            self._held = held = None  # before the next one is read
            rows = np.concatenate([self._read(group) for group in self._windows[number]])
            if self.shuffle:
                np.random.default_rng([self.seed, self.epoch, number]).shuffle(rows)
            self._held = held = (number, rows)
        return held[1]

    def _read(self, group: _Group) -> np.ndarray:
        """Return the rows of a row group, `(rows, columns)`."""
        import pyarrow

        try:
            table = self._files[group.file].read_row_group(
                group.number, columns=self.columns, use_threads=False
            )
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable(self.paths[group.file], "a whole .parquet table", error) from error
        rows = np.empty((group.rows, len(self.columns)), "float32")
        for index, name in enumerate(self.columns):
            rows[:, index] = table[name].cast(pyarrow.float32(), safe=False).to_numpy()
        return rows

    def _chosen(self, columns: Sequence[str] | None, exclude: Sequence[str]) -> list[str]:
        """Return the names of the columns, checked in every file."""
        import pyarrow.types as types

        chosen: list[str] = []
        for path, file in zip(self.paths, self._files, strict=True):
            schema = file.schema_arrow
            wanted = schema.names if columns is None else columns
            chosen = chosen or [name for name in wanted if name not in exclude]
            for argument, names in (("columns", chosen), ("exclude", exclude)):
                absent = [name for name in names if name not in schema.names]
                if absent:
                    raise ValueError(
                        f"`{argument}` must be columns of {path}. Received: {absent[0]!r}. "
                        f"{nearest(absent[0], schema.names)}"
                    )
            tests = (types.is_integer, types.is_floating, types.is_boolean)
            words = [n for n in chosen if not any(test(schema.field(n).type) for test in tests)]
            if words:
                raise ValueError(
                    f"columns must be numeric. Received: {words[:5]} in {path}. "
                    "Leave them out by `exclude`, or encode them as numbers."
                )
        if not chosen:
            raise ValueError("a table must have at least one column. Received: none")
        return chosen


def _paths(path: str | Path | Iterable[str | Path]) -> list[Path]:
    given = [Path(path)] if isinstance(path, (str, Path)) else [Path(one) for one in path]
    if len(given) == 1 and given[0].is_dir():
        given = sorted(given[0].glob("*.parquet"))
    if not given:
        raise ValueError(f"`path` must have .parquet files. Received: {path}, with none")
    return given


def _opened(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(
            f"reading .parquet needs pyarrow, which is not installed. Received: {path}. "
            "Run: pip install 'keras-ae[parquet]'"
        ) from error
    try:
        return pyarrow.parquet.ParquetFile(path, memory_map=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(path, "a whole .parquet table", error) from error
