"""Data from one's own files: arrays, tables and folders of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_ae.datasets import arrays, image_folders, tables
from keras_ae.datasets.dataset import Dataset
from keras_ae.naming import nearest

ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".parquet")


def load(
    path: Path, *, label_column: str | None, test_fraction: float | None, seed: int
) -> Dataset:
    """Return the data of one file or folder.

    Raises:
        ValueError: The file is of another kind, is truncated, or holds what cannot be used.
    """
    cut: dict[str, Any] = {"test_fraction": test_fraction, "seed": seed}
    suffix = path.suffix.lower()
    if not path.is_dir() and suffix in TABLES:
        return tables.load(path, label_column, **cut)
    if label_column is not None:
        raise ValueError(
            f"`label_column` must be None unless the data are a table, {' or '.join(TABLES)}. "
            f"Received: label_column={label_column!r} for {path}"
        )
    if path.is_dir():
        return image_folders.load(path, **cut)
    if suffix in ARRAYS:
        return arrays.load(path, **cut)
    known = [*ARRAYS, *TABLES]
    raise ValueError(
        f"a data file must end in one of {known}. Received: {path}. {nearest(suffix, known)}"
    )
