"""The forms in which sets with a name are stored: idx, .npz, CIFAR-10's binary version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from keras_ae.datasets import arrays, cifar
from keras_ae.datasets.idx import read_idx

PARTS = ("x_train", "y_train", "x_test", "y_test")
IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# md5 of the unzipped files: their authors publish the sets, mirrors zip them on their own.
MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
MNIST_MD5 = dict(
    zip(
        IDX,
        (
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        strict=True,
    )
)
FASHION_MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
FASHION_MNIST_MD5 = dict(
    zip(
        IDX,
        (
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
        strict=True,
    )
)

Reader = Callable[[], dict[str, np.ndarray]]


def first(looked: Iterable[Path]) -> tuple[Reader | None, Path | None]:
    """Return what reads the first set there is, and where that is; (None, None) if none is.

    The reader returns x_train, y_train, x_test and y_test as they are stored.
    """
    for place in looked:
        for reader, origin in _forms(place):
            return reader, origin
    return None, None


def _forms(place: Path) -> Iterable[tuple[Reader, Path]]:
    if _holds(place, IDX):
        yield partial(_idx, place), place
    if _holds(place, cifar.FILES):
        yield partial(cifar.read, place), place
    for path in [place] if place.suffix == ".npz" else sorted(place.glob("*.npz")):
        if path.is_file():
            yield partial(_npz, path), path


def _holds(folder: Path, names: Iterable[str]) -> bool:
    return all((folder / name).is_file() for name in names)


def _idx(folder: Path) -> dict[str, np.ndarray]:
    return {part: read_idx(folder / name) for part, name in zip(PARTS, IDX, strict=True)}


def _npz(path: Path) -> dict[str, np.ndarray]:
    found = arrays.read(path)
    if missing := [part for part in PARTS if part not in found]:
        raise ValueError(f"{path} must hold {list(PARTS)}. Received: none named {missing}")
    return found
