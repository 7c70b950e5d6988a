"""Centres of clusters, from which codebooks start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

START_VECTORS = 2**16
"""Vectors that are looked at, at most."""

MOST_ROUNDS, LEAST_GAIN, MOST_WORK = 300, 1e-6, 3e11
"""Rounds of Lloyd's algorithm, by which share of the error a round must help, multiplications."""

ROWS = 2**13
"""Vectors whose distances are computed at once."""


def centres(points: Any, number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return k-means centres of points and how many points each has, `(number, dim)`, `(number,)`.

    The start is greedy k-means++: of some points drawn by their squared distance from the nearest
    centre so far, the one that lowers the sum of these most. A centre that lost all its points is
    put onto one of them.

    Args:
        points: `(n, dim)`, at least one for each centre.
        number: How many centres.
        seed: Of the draws.

    Raises:
        ValueError: There are fewer points than centres.

    Reference:
        Arthur and Vassilvitskii (2007), "k-means++: the advantages of careful seeding", section
        2.2; its conclusion for the greedy form.
    """
    points, rng = np.asarray(points, "float64"), np.random.default_rng(seed)
    if len(points) < number:
        raise ValueError(
            f"a k-means start needs at least one vector for each of the {number} codes. "
            f"Received: {len(points)} vectors. Use fewer codes or more data."
        )
    most = min(max(START_VECTORS, number), len(points))
    if most < len(points):
        points = points[rng.choice(len(points), most, replace=False)]
    start = spread(points, number, rng)
    found, counts = settled(points, start)
    empty = counts == 0
    found[empty] = points[rng.choice(len(points), empty.sum(), replace=False)]
    counts[empty] = 1.0
    return found, counts


def settled(points: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centres moved to the means of their points until that helps little, and the counts."""
    found, before, work = start.copy(), np.inf, 0.0
    while work < MOST_WORK:
        labels, error = assigned(points, found)
        counts = np.bincount(labels, minlength=len(found)).astype("float64")
        sums = np.stack([np.bincount(labels, column, len(found)) for column in points.T], axis=1)
        used = counts > 0
        found[used] = sums[used] / counts[used, None]
        work += points.size * len(found) + MOST_WORK / MOST_ROUNDS
        if error >= (1.0 - LEAST_GAIN) * before:
            break
        before = error
    return found, counts


def assigned(points: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the number of each point's nearest centre, and the sum of squared distances."""
    middle = found.mean(0)
    codes, total = (found - middle).astype("float32"), 0.0
    squares, labels = (codes**2).sum(1), np.empty(len(points), "int64")
    for start in range(0, len(points), ROWS):
        rows = (points[start : start + ROWS] - middle).astype("float32")
        distances = squares - 2.0 * rows @ codes.T
        chosen = distances.argmin(1)
        labels[start : start + ROWS] = chosen
        total += float((rows**2).sum() + distances[np.arange(len(rows)), chosen].sum())
    return labels, total


def spread(points: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return so many of the points, far from each other: the start of greedy k-means++."""
    trials = 2 + int(math.log(number))
    chosen = np.empty((number, points.shape[1]))
    chosen[0] = points[rng.integers(len(points))]
    distances = ((points - chosen[0]) ** 2).sum(1)
    squares = (points**2).sum(1)
    for i in range(1, number):
        total = distances.sum()
        share = distances / total if total > 0 else np.full(len(points), 1.0 / len(points))
        tried = points[rng.choice(len(points), trials, p=share)]
        apart = squares + (tried**2).sum(1)[:, None] - 2.0 * tried @ points.T
        nearest = np.minimum(distances, np.maximum(apart, 0.0))
        best = nearest.sum(1).argmin()
        chosen[i], distances = tried[best], nearest[best]
    return chosen
