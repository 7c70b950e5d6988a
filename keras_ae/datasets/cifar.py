"""The binary version of CIFAR-10, which needs no unpickling."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_ae.datasets import downloads
from keras_ae.datasets.unreadable import unreadable

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
# Of the archive: its authors publish no checksum of the files in it.
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = "test_batch.bin"
FILES = (*TRAIN, TEST)
SIDE = 32


def read(folder: Path) -> dict[str, np.ndarray]:
    """Return x_train, y_train, x_test and y_test, uint8, images `(rows, 32, 32, 3)`.

    Raises:
        ValueError: A file is truncated.
    """
    batches = [_batch(folder / name) for name in TRAIN]
    x_test, y_test = _batch(folder / TEST)
    return {
        "x_train": np.concatenate([x for x, _ in batches]),
        "y_train": np.concatenate([y for _, y in batches]),
        "x_test": x_test,
        "y_test": y_test,
    }


def download(folder: Path) -> None:
    """Fetch the archive, 170 MB, and keep its six files of images.

    Raises:
        OSError: No connection, the folder cannot be written, or the checksum differs.
    """
    members = [f"cifar-10-batches-bin/{name}" for name in FILES]
    downloads.archive_members(URL, SHA256, members, folder)


def _batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels: a record is the label's byte, then three planes of colour."""
    kind, record = "a whole binary batch of CIFAR-10", 1 + 3 * SIDE * SIDE
    try:
        content = np.frombuffer(path.read_bytes(), "uint8")
    except OSError as error:
        raise unreadable(path, kind, error) from error
    if content.size == 0 or content.size % record:
        raise unreadable(path, kind, f"{content.size} bytes are no multiple of {record}")
    rows = content.reshape(-1, record)
    planes = rows[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return planes.transpose(0, 2, 3, 1), rows[:, 0]
