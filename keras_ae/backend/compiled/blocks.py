"""Batches side by side in one array, so that a block of steps finds them on the device."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

GATHERED = 2**20
"""Numbers of a loop's batches up to which one gather before it is faster than one in each step."""


class Step(NamedTuple):
    """The rows of a block that one step takes.

    Args:
        data: The block: (x,), (x, y) or (x, y, sample_weight).
        rows: Row numbers, int32.
    """

    data: Any
    rows: np.ndarray


class Block:
    """Batches of one form, copied to the places that they have in a block of constant shape.

    They are copied as they arrive: a stream may fill one array again and again.

    Args:
        batch: The first of them, a tuple of arrays.
        most: Batches for which there is room.
    """

    def __init__(self, batch: Any, most: int) -> None:
        self.most, self.form, self.size = most, form(batch), num_rows(batch)
        self.data = map_arrays(lambda a: np.empty((most * len(a), *a.shape[1:]), _dtype(a)), batch)
        self.steps: list[Step] = []

    @property
    def is_full(self) -> bool:
        """Whether there is no room left."""
        return len(self.steps) == self.most

    def fits(self, batch: Any) -> bool:
        """Return whether a batch has the form of the others."""
        return bool(form(batch) == self.form)

    def add(self, batch: Any) -> None:
        """Copy a batch of the same form behind the others."""
        rows = np.arange(self.size, dtype="int32") + len(self.steps) * self.size
        for place, array in zip(_leaves(self.data), _leaves(batch), strict=True):
            place[rows[0] : rows[-1] + 1] = array
        self.steps.append(Step(self.data, rows))


def form(batch: Any) -> Any:
    """Return the shapes and types of a batch's arrays."""
    return map_arrays(lambda a: (a.shape, a.dtype.str), batch)


def num_rows(batch: Any) -> int:
    """Return the rows of a batch."""
    return len(_leaves(batch)[0])


def map_arrays(function: Any, batch: Any) -> Any:
    """Return a batch with another array in the place of each; what is None stays None."""
    return keras.tree.map_structure(lambda a: None if a is None else function(a), batch)


def grouped(
    steps: list[Any], resident: Any, batches: Any, most: int
) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield data and the row numbers of steps on them, `(steps, rows of a batch)`.

    Args:
        steps: Numbers of batches that follow one another, or `Step`s; None, which fills a last
            block, is left out.
        resident: The data that stay on the device, or None.
        batches: What numbers are numbers of, `ArrayBatches`; in their own order where no data are
            resident.
        most: Batches of the blocks of which data that are not resident take the shape; 1 leaves
            them as they are.
    """
    wanted = [step for step in steps if step is not None]
    if wanted and not isinstance(wanted[0], Step):
        for rows in batches.rows_between(wanted[0], wanted[-1] + 1):
            if resident is not None:
                yield resident, rows
                continue
            is_whole = rows.shape[1] == batches.batch_size
            length = max(most * batches.batch_size, rows.size) if is_whole else rows.size
            data = batches.between(rows[0, 0], rows[-1, -1] + 1)
            yield (
                map_arrays(lambda a, length=length: _filled(a, length), data),
                np.arange(rows.size, dtype="int32").reshape(rows.shape),
            )
        return
    for _, group in itertools.groupby(wanted, key=lambda step: id(step.data)):
        of_one = list(group)
        yield of_one[0].data, np.stack([step.rows for step in of_one])


def padded(rows: np.ndarray, steps: int) -> np.ndarray:
    """Return the row numbers of so many steps: what are none take row 0."""
    found = np.zeros((steps, rows.shape[1]), "int32")
    found[: len(rows)] = rows
    return found


def are_few(data: Any, rows: int) -> bool:
    """Return whether so many rows of data are gathered before a loop, not in its steps."""
    return rows * sum(math.prod(a.shape[1:]) for a in _leaves(data)) <= GATHERED


def _filled(array: np.ndarray, length: int) -> np.ndarray:
    """Return rows in one piece of memory, zeros behind them."""
    if len(array) == length and array.flags.c_contiguous and array.flags.writeable:
        return array
    found = np.zeros((length, *array.shape[1:]), array.dtype)
    found[: len(array)] = array
    return found


def _leaves(batch: Any) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(batch) if leaf is not None]


def _dtype(array: np.ndarray) -> Any:
    return np.dtype("float32") if array.dtype == "float64" else array.dtype
