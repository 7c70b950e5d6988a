"""Tiny sets in the forms in which the real ones are stored."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype("uint8").tobytes(), mtime=0)


def images(rows: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(rows).integers(0, 256, (rows, *shape), dtype="uint8")


def write_idx_set(folder: Path, train: int = 5, test: int = 2) -> Path:
    folder.mkdir(parents=True)
    parts = (images(train, 4, 3), np.arange(train), images(test, 4, 3), np.arange(test))
    for name, part in zip(IDX, parts, strict=True):
        (folder / name).write_bytes(idx_bytes(part))
    return folder


def write_npz_set(path: Path, train: int = 5, test: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        x_train=images(train, 4, 4, 3),
        y_train=np.arange(train)[:, None],
        x_test=images(test, 4, 4, 3),
        y_test=np.arange(test)[:, None],
    )
    return path
