"""Which rows train and which are scored."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

MOST_ROWS = 20_000
"""Of a larger set so many, drawn at random and left in the order of the file."""
FEW_ROWS = 1_000
PROTOCOLS = {
    "shuffled": "half of the normal rows, drawn at random, train; the others and all anomalies are "
    "scored",
    "published": "the first half of the normal rows in the order of the file trains, and sets of "
    "fewer than 1,000 rows are drawn from with repetition until they have as many, as in the "
    "published columns",
    "unsupervised": "all rows train and are scored, anomalies too",
}


class Split(NamedTuple):
    """Rows to train on, rows to score, and which of these are anomalies."""

    train: np.ndarray
    test: np.ndarray
    is_anomaly: np.ndarray


def sets() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, rows and labels of each set in `$KERAS_AE_DATA/adbench_classical`, by name."""
    folder = pathlib.Path(os.environ["KERAS_AE_DATA"]) / "adbench_classical"
    files = {path.stem.split("_", 1)[1].lower(): path for path in folder.glob("*.npz")}
    for name in sorted(files):
        with np.load(files[name], allow_pickle=False) as found:
            yield name, found["X"].astype("float64"), found["y"].astype("bool")


def chooses(place: int) -> bool:
    """Return whether a set, by its place in the order of names, is one that choices are made on."""
    return place % 2 == 0


def split(protocol: str, x: np.ndarray, is_anomaly: np.ndarray, seed: int) -> Split:
    """Return a set's rows by a protocol."""
    rng = np.random.default_rng(seed)
    if len(x) > MOST_ROWS:
        kept = np.sort(rng.permutation(len(x))[:MOST_ROWS])
        x, is_anomaly = x[kept], is_anomaly[kept]
    if protocol == "unsupervised":
        return Split(x, x, is_anomaly)
    if protocol == "published" and len(x) < FEW_ROWS:
        drawn = rng.integers(0, len(x), FEW_ROWS)
        x, is_anomaly = x[drawn], is_anomaly[drawn]
    normal = np.flatnonzero(~is_anomaly)
    if protocol == "shuffled":
        normal = rng.permutation(normal)
    train, others = np.split(normal, [len(normal) // 2])
    scored = np.concatenate([others, np.flatnonzero(is_anomaly)])
    return Split(x[train], x[scored], is_anomaly[scored])
