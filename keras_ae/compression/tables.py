"""Tables of whole-number frequencies, which an entropy coder writes by and reads by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

TOTAL = 2**24
"""Sum of a table's frequencies."""
TAIL = 2.0**-20
"""Mass that a table may leave to numbers beyond it."""
MOST = 2**12
"""A table ends here, whatever its tail."""

LogMass = Callable[[np.ndarray], np.ndarray]
"""From whole numbers `(n,)` to log-masses of each table `(n, tables)`."""


class Tables(NamedTuple):
    """Frequencies of whole numbers, several tables of them.

    Args:
        frequencies: Of each table first that of what lies beyond it, then of its numbers, 0 behind
            the last; each sums to `TOTAL`. uint32 `(tables, 1 + width)`.
        first: The first number of each, int32 `(tables,)`.
        sizes: How many numbers each has, int32 `(tables,)`.
    """

    frequencies: np.ndarray
    first: np.ndarray
    sizes: np.ndarray


def of_channels(code: Any) -> Tables:
    """Return the tables of an `EntropyBottleneck`'s channels, kept with it or measured now."""

    def log_mass(numbers: np.ndarray) -> np.ndarray:
        grid = np.repeat(numbers[:, None], code.channels, axis=1).astype("float32")
        return np.asarray(ops.convert_to_numpy(code.log_mass(ops.convert_to_tensor(grid))))

    return _kept(code, log_mass)


def of_scales(conditional: Any) -> Tables:
    """Return the tables of a conditional distribution's scales, kept with it or measured now."""

    def log_mass(numbers: np.ndarray) -> np.ndarray:
        grid = ops.convert_to_tensor(numbers[:, None].astype("float32"))
        scales = ops.convert_to_tensor(conditional.scales[None].astype("float32"))
        return np.asarray(ops.convert_to_numpy(conditional.log_mass(grid, scales)))

    return _kept(conditional, log_mass)


def _kept(layer: Any, log_mass: LogMass) -> Tables:
    if layer.tables is None:
        layer.keep_tables(measured(log_mass)._asdict())
    return Tables(**layer.tables)


def measured(log_mass: LogMass) -> Tables:
    """Return the tables of distributions: as wide as leaves their tails but a small mass."""
    numbers = np.arange(-MOST, MOST + 1)
    masses = np.exp(np.asarray(log_mass(numbers), "float64"))
    return of_masses([_without_tails(numbers, column) for column in masses.T])


def _without_tails(numbers: np.ndarray, masses: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the first number and the masses, without the ends that hold the least."""
    room = TAIL / 2
    low = int(np.searchsorted(np.cumsum(masses), room, side="right"))
    high = len(masses) - int(np.searchsorted(np.cumsum(masses[::-1]), room, side="right"))
    if high <= low:  # all lies at one number, or nothing is known
        low, high = int(masses.argmax()), int(masses.argmax()) + 1
    return int(numbers[low]), masses[low:high]


def of_masses(tables: Sequence[tuple[int, np.ndarray]]) -> Tables:
    """Return tables of first numbers and masses; what lacks to 1 is that of the rest."""
    width = max(len(masses) for _, masses in tables)
    frequencies = np.zeros((len(tables), 1 + width), "uint32")
    for row, (_, masses) in zip(frequencies, tables, strict=True):
        beyond = max(1.0 - float(masses.sum()), 0.0)
        row[: 1 + len(masses)] = whole(np.concatenate([[beyond], masses]))
    first = np.array([start for start, _ in tables], "int32")
    sizes = np.array([len(masses) for _, masses in tables], "int32")
    return Tables(frequencies, first, sizes)


def whole(masses: np.ndarray) -> np.ndarray:
    """Return whole numbers of at least 1, nearly in the ratio of masses, whose sum is `TOTAL`."""
    free = TOTAL - len(masses)
    shares = masses / max(masses.sum(), 1e-300) * free
    counts = np.floor(shares).astype("int64")
    # What rounding down left goes to those that lost most.
    lost = np.argsort(counts - shares, kind="stable")[: free - int(counts.sum())]
    counts[lost] += 1
    return np.asarray(counts + 1, "uint32")
