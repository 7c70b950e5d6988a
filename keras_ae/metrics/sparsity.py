"""How sparse codes use their atoms, and which examples an atom is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from keras_ae.parts import checked_size


class Sparsity(NamedTuple):
    """How sparse codes are.

    Args:
        l0: Mean number of entries of a code that are not zero.
        dead_atoms: Share of the atoms that no row uses.
        density: Share of the rows that use each atom, `(atoms,)`.
        histogram: Numbers of used atoms between `edges` of log10 of their density.
        edges: One more than `histogram` has.

    Reference:
        Bricken et al. (2023), https://transformer-circuits.pub/2023/monosemantic-features.
    """

    l0: float
    dead_atoms: float
    density: np.ndarray
    histogram: np.ndarray
    edges: np.ndarray


def sparsity(codes: np.ndarray | Iterable[np.ndarray], bins: int = 20) -> Sparsity:
    """Return how sparse codes are.

    Args:
        codes: `(rows, atoms)`, or such parts one after another.
        bins: Of the histogram, from the density of one row to that of all.

    Raises:
        ValueError: There is no row, or parts differ in the number of atoms.

    Reference:
        Bricken et al. (2023), https://transformer-circuits.pub/2023/monosemantic-features, for the
        histogram of log densities.

    Example:
        >>> sparsity(np.array([[0.0, 2.0, 0.0], [1.0, 3.0, 0.0]])).density.tolist()
        [0.5, 1.0, 0.0]
    """
    uses: np.ndarray | None = None
    rows = 0
    for part in _parts(codes):
        used = np.count_nonzero(part, axis=0)
        uses = used if uses is None else uses + used
        rows += len(part)
    if uses is None:
        raise ValueError("`codes` must have at least one row. Received: none")
    density = uses / rows
    logs = np.log10(density[uses > 0])
    histogram, edges = np.histogram(logs, checked_size("bins", bins), (-np.log10(rows), 1e-9))
    return Sparsity(float(uses.sum() / rows), float((uses == 0).mean()), density, histogram, edges)


def top_examples(
    codes: np.ndarray | Iterable[np.ndarray], count: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows in which each atom is largest, and how large it is there.

    Args:
        codes: `(rows, atoms)`, or such parts one after another.
        count: How many rows of an atom; those that do not use it are left out.

    Returns:
        Numbers of rows, int64 `(atoms, count)`, the largest first and -1 where there are no more;
        and the codes' numbers there, 0 where there are no more.

    Raises:
        ValueError: There is no row, or parts differ in the number of atoms.

    Reference:
        Bricken et al. (2023), https://transformer-circuits.pub/2023/monosemantic-features.

    Example:
        >>> numbers, values = top_examples(np.array([[0.0, 2.0], [1.0, 3.0]]), count=2)
        >>> numbers.tolist()
        [[1, -1], [1, 0]]
    """
    count = checked_size("count", count)
    best: tuple[np.ndarray, np.ndarray] | None = None
    start = 0
    for part in _parts(codes):
        numbers = np.arange(start, start + len(part))[:, None] + np.zeros(part.shape[1], "int64")
        start += len(part)
        values = np.asarray(part)
        if best is not None:
            numbers, values = np.concatenate([best[0], numbers]), np.concatenate([best[1], values])
        # A code may be negative, and is then above none.
        height = np.where(values != 0, values, -np.inf)
        order = np.argsort(-height, axis=0, kind="stable")[:count]
        best = np.take_along_axis(numbers, order, 0), np.take_along_axis(values, order, 0)
    if best is None:
        raise ValueError("`codes` must have at least one row. Received: none")
    numbers, values = (a.T for a in best)
    lacking = count - numbers.shape[1]
    numbers = np.pad(numbers, ((0, 0), (0, max(0, lacking))), constant_values=-1)
    values = np.pad(values, ((0, 0), (0, max(0, lacking))))
    is_used = values != 0
    return np.where(is_used, numbers, -1), np.where(is_used, values, 0.0)


def _parts(codes: np.ndarray | Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the parts that have rows, as arrays."""
    width = None
    for given in [codes] if hasattr(codes, "ndim") else codes:
        part = np.asarray(given)
        if part.ndim != 2 or width not in (None, part.shape[1]):
            raise ValueError(
                "`codes` must have the shape (rows, atoms), the same atoms in all parts. Received: "
                f"shape {part.shape}"
            )
        width = part.shape[1]
        if len(part):
            yield part
