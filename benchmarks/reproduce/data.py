"""MNIST as the experiments take it: grey, binarised once, or drawn anew for each epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_ae import datasets
from keras_ae.datasets import places

PIXELS = 784


def grey(rows: int | None = None, test_rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the 60,000 and 10,000 images `(rows, 784)` in [0, 1], or the first of each."""
    found = datasets.load("mnist")
    x_train, x_test = (x.reshape(-1, PIXELS) for x in (found.x_train, found.x_test))
    return x_train[:rows], x_test[:test_rows]


def all_digits(rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test images together, `(70000, 28, 28, 1)` in [0, 1], and labels."""
    found = datasets.load("mnist")
    x = np.concatenate([found.x_train, found.x_test])
    return x[:rows], np.concatenate([found.y_train, found.y_test])[:rows]


def fixed(rows: int | None = None, test_rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return Larochelle's 50,000 and 10,000 binarised images, `(rows, 784)` of 0 and 1.

    The 10,000 images for validation are left out. `$KERAS_AE_DATA/binarized_mnist` holds the texts
    binarized_mnist_train.amat and binarized_mnist_test.amat as they were published, or
    binarized_mnist_packed.npz, in which `train` and `test` are bits by `np.packbits(axis=1)`.

    Raises:
        FileNotFoundError: Neither is there.
    """
    for folder in places.data_folder("binarized_mnist"):
        packed = folder / "binarized_mnist_packed.npz"
        if packed.is_file():
            with np.load(packed) as parts:
                train, test = (np.unpackbits(parts[name], axis=1) for name in ("train", "test"))
            break
        texts = [folder / f"binarized_mnist_{name}.amat" for name in ("train", "test")]
        if all(text.is_file() for text in texts):
            train, test = map(read_amat, texts)
            break
    else:
        raise FileNotFoundError(
            "the binarised MNIST must be in $KERAS_AE_DATA/binarized_mnist/. Received: nothing "
            "there, or KERAS_AE_DATA is not set."
        )
    return train[:rows].astype("float32"), test[:test_rows].astype("float32")


def stored(folder: str, name: str) -> dict[str, np.ndarray]:
    """Return the arrays of `$KERAS_AE_DATA/folder/name`, an .npz file.

    Raises:
        FileNotFoundError: It is not there.
    """
    for place in places.data_folder(folder):
        if (place / name).is_file():
            with np.load(place / name, allow_pickle=False) as parts:
                return dict(parts)
    raise FileNotFoundError(
        f"{name} must be in $KERAS_AE_DATA/{folder}/. Received: nothing there, or KERAS_AE_DATA is "
        "not set."
    )


def dense(parts: dict[str, np.ndarray]) -> np.ndarray:
    """Return the matrix of compressed sparse rows, float32."""
    found = np.zeros(parts["shape"], "float32")
    rows = np.repeat(np.arange(len(found)), np.diff(parts["indptr"]))
    found[rows, parts["indices"]] = parts["data"]
    return found


def read_amat(path: Path) -> np.ndarray:
    """Return the images of a text of zeros and ones, `(rows, 784)` uint8."""
    text = np.frombuffer(path.read_bytes(), "uint8")
    return text[(text == ord("0")) | (text == ord("1"))].reshape(-1, PIXELS) - ord("0")


def drawn(x: np.ndarray, *seed: int) -> np.ndarray:
    """Return zeros and ones drawn with the pixels as probabilities, float32."""
    uniform = np.random.default_rng(seed).random(x.shape, dtype="float32")
    return (uniform < x).astype("float32")


class Redrawn(datasets.ArrayBatches):
    """Grey images in shuffled batches, their pixels drawn anew in each epoch.

    What a batch holds follows from the seed, the epoch and its number.

    Args:
        x: Grey images in [0, 1].
        batch_size: Rows of a batch.
        seed: Of the order and the draws.
    """

    def __init__(self, x: np.ndarray, *, batch_size: int, seed: int) -> None:
        super().__init__(x, batch_size=batch_size, seed=seed)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return batch `index` of this epoch, (x,)."""
        return (drawn(self.arrays[0][self.rows_of(index)], self.seed, self.epoch, index),)
