"""Data sets by name: found on this machine, or downloaded and checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_ae.datasets import checks, cifar, downloads, places, stored
from keras_ae.datasets.dataset import Dataset, split


class Known(NamedTuple):
    """Where a set may be, how it is downloaded, and how many images it has when whole.

    Args:
        places: Folders and files to look at in this order; a download goes to the last.
        download: Fetches the set into a folder.
        rows: Training and test images of the whole set.
    """

    places: Callable[[], list[Path]]
    download: Callable[[Path], None]
    rows: tuple[int, int]


def load(name: str) -> Dataset:
    """Return a set by its name.

    Raises:
        FileNotFoundError: It is nowhere, and the download failed.
        ValueError: Its files are broken.
    """
    if name == "digits":
        return digits()
    known = SETS[name]
    looked = known.places()
    parts, origin = stored.first(looked)
    if parts is None:
        try:
            known.download(looked[-1])
        except downloads.FAILURES as error:
            raise _not_found(name, looked, error) from error
        parts, origin = stored.first(looked[-1:])
    if parts is None:
        raise _not_found(name, looked, "the download left no file")
    return _dataset(name, parts(), str(origin), known.rows)


def at_hand(name: str) -> bool:
    """Return whether a data set is on this machine, so that loading it downloads nothing."""
    return name == "digits" or stored.first(SETS[name].places())[0] is not None


def digits() -> Dataset:
    """Return scikit-learn's 1797 digits of 8 x 8 pixels, always the same 359 as test part."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = (bunch.images[..., None] / 16.0).astype("float32")
    return split("digits", x, bunch.target, origin="scikit-learn", note="pixels divided by 16")


SETS = {
    "cifar10": Known(
        lambda: [
            *places.data_folder("cifar10"),
            places.cache() / "cifar10",
            places.cache() / "cifar-10-batches-bin",
        ],
        cifar.download,
        (50_000, 10_000),
    ),
    "fashion_mnist": Known(
        lambda: [
            *places.data_folder("fashion_mnist"),
            places.DEBIAN / "fashion-mnist",
            places.cache() / "fashion-mnist",
        ],
        partial(downloads.idx_files, stored.FASHION_MNIST_URL, stored.FASHION_MNIST_MD5),
        (60_000, 10_000),
    ),
    "mnist": Known(
        lambda: [
            *places.data_folder("mnist"),
            places.cache() / "mnist.npz",
            places.cache() / "mnist",
        ],
        partial(downloads.idx_files, stored.MNIST_URL, stored.MNIST_MD5),
        (60_000, 10_000),
    ),
}
NAMES = tuple(sorted(["digits", *SETS]))


def _not_found(name: str, looked: list[Path], reason: Exception | str) -> FileNotFoundError:
    pickled = places.cache() / "cifar-10-batches-py"
    hint = f"; {pickled} is pickled and never read" if name == "cifar10" else ""
    return FileNotFoundError(
        f"{name} must be on this machine or to be downloaded. Received: nothing in "
        f"{', '.join(map(str, looked))}{hint}; the download failed ({reason}). "
        f"Set KERAS_AE_DATA to a folder that holds {name}/"
    )


def _dataset(
    name: str, parts: dict[str, np.ndarray], origin: str, whole: tuple[int, int]
) -> Dataset:
    x_train, x_test = (_unit(parts[key], origin) for key in ("x_train", "x_test"))
    y_train = checks.labels(parts["y_train"], len(x_train), origin)
    y_test = checks.labels(parts["y_test"], len(x_test), origin)
    note = ""
    if (rows := (len(x_train), len(x_test))) != whole:
        note = f"a subset: {rows[0]} of {whole[0]} training and {rows[1]} of {whole[1]} test images"
    return Dataset(name, x_train, y_train, x_test, y_test, origin, note)


def _unit(pixels: np.ndarray, origin: str) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4):
        raise ValueError(
            f"images must be uint8, (rows, height, width) or (rows, height, width, channels). "
            f"Received: dtype {pixels.dtype}, shape {pixels.shape} in {origin}"
        )
    x = checks.examples(pixels, origin)
    x /= np.float32(255.0)
    return x if x.ndim == 4 else x[..., None]
