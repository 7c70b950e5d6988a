"""Data sets by name: found on this machine, or downloaded and checked."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_ae.datasets.dataset import Dataset, split

DEBIAN = Path("/usr/share/datasets")
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
MNIST_MD5 = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}
MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"


def digits() -> Dataset:
    """scikit-learn's 1797 digits of 8 x 8 pixels, every fifth held out."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x = (bunch.images[..., None] / 16.0).astype("float32")
    return split("digits", x, bunch.target, origin="scikit-learn")


def mnist() -> Dataset:
    """70,000 digits of 28 x 28 pixels."""
    places = idx_places("mnist")
    folder = _first_with(places, list(IDX_FILES.values()))
    if folder is not None:
        return _idx_set("mnist", folder)
    cached = _cache() / "mnist.npz"
    if cached.is_file():
        with np.load(cached) as arrays:
            parts = {key: arrays[key] for key in IDX_FILES}
        return _images("mnist", parts, str(cached))
    try:
        _download_mnist(_cache() / "mnist")
    except OSError as error:
        raise _not_found("mnist", [*places, cached], f"download failed: {error}") from error
    return _idx_set("mnist", _cache() / "mnist")


def fashion_mnist() -> Dataset:
    """70,000 pictures of clothes of 28 x 28 pixels."""
    places = idx_places("fashion_mnist")
    folder = _first_with(places, list(IDX_FILES.values()))
    if folder is None:
        hint = "install Debian's package dataset-fashion-mnist, or put the four .gz files there"
        raise _not_found("fashion_mnist", places, hint)
    return _idx_set("fashion_mnist", folder)


def cifar10() -> Dataset:
    """Colour pictures of 32 x 32 pixels in ten classes, all of them or the subset at hand."""
    places = [*_data_folder("cifar10"), _cache() / "cifar10"]
    found = next((p for place in places for p in sorted(place.glob("*.npz"))), None)
    if found is None:
        raise _not_found(
            "cifar10", places, "put an .npz with x_train, y_train, x_test, y_test there"
        )
    with np.load(found) as arrays:
        parts = {key: arrays[key] for key in IDX_FILES}
    rows, held = len(parts["x_train"]), len(parts["x_test"])
    is_whole = (rows, held) == (50_000, 10_000)
    note = "" if is_whole else f"a subset: {rows} of 50000 training and {held} of 10000 test images"
    return _images("cifar10", parts, str(found), note)


LOADERS: dict[str, Callable[[], Dataset]] = {
    "cifar10": cifar10,
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "mnist": mnist,
}


def at_hand(name: str) -> bool:
    """Return whether a data set is on this machine, so that loading it downloads nothing."""
    if name == "digits":
        return True
    if name == "cifar10":
        return any(any(p.glob("*.npz")) for p in [*_data_folder(name), _cache() / name])
    if name == "mnist" and (_cache() / "mnist.npz").is_file():
        return True
    return _first_with(idx_places(name), list(IDX_FILES.values())) is not None


def idx_places(name: str) -> list[Path]:
    """Return the folders in which the idx files of a set may be."""
    other = name.replace("_", "-")
    return [*_data_folder(name), DEBIAN / other, _cache() / other]


def read_idx(path: Path) -> np.ndarray:
    """Return the array of a gzipped idx file of bytes.

    Raises:
        ValueError: The file is truncated or is not of this format.
    """
    try:
        content = gzip.decompress(path.read_bytes())
        rank = struct.unpack(">I", content[:4])[0] - 0x0800
        shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
        return np.frombuffer(content, "uint8", offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, struct.error, zlib.error, ValueError) as error:
        raise ValueError(
            f"{path.name} must be a whole gzipped idx file of bytes. Received: {path}, "
            f"which cannot be read ({error})"
        ) from error


def _idx_set(name: str, folder: Path) -> Dataset:
    return _images(name, {k: read_idx(folder / f) for k, f in IDX_FILES.items()}, str(folder))


def _images(name: str, parts: dict[str, np.ndarray], origin: str, note: str = "") -> Dataset:
    def pixels(images: np.ndarray) -> np.ndarray:
        images = images if images.ndim == 4 else images[..., None]
        return images.astype("float32") / 255.0

    return Dataset(
        name,
        pixels(parts["x_train"]),
        parts["y_train"].reshape(-1),
        pixels(parts["x_test"]),
        parts["y_test"].reshape(-1),
        origin,
        note,
    )


def _data_folder(name: str) -> list[Path]:
    folder = os.environ.get("KERAS_AE_DATA")
    return [Path(folder) / name] if folder else []


def _cache() -> Path:
    home = os.environ.get("KERAS_HOME", os.path.join(os.path.expanduser("~"), ".keras"))
    return Path(home) / "datasets"


def _first_with(places: list[Path], names: list[str]) -> Path | None:
    return next((p for p in places if all((p / name).is_file() for name in names)), None)


def _download_mnist(folder: Path) -> None:
    """Fetch the four files; each is renamed into place only when its content is the known one."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, name in IDX_FILES.items():
        with urllib.request.urlopen(MIRROR + name, timeout=30) as answer:
            content = answer.read()
        found = hashlib.md5(gzip.decompress(content), usedforsecurity=False).hexdigest()
        if found != MNIST_MD5[key]:
            raise OSError(f"{name} has the checksum {found}, not {MNIST_MD5[key]}")
        partial = folder / f".{name}.part"
        partial.write_bytes(content)
        partial.rename(folder / name)


def _not_found(name: str, places: list[Path], hint: str) -> FileNotFoundError:
    looked = ", ".join(map(str, places))
    return FileNotFoundError(
        f"{name} must be in one of its places. Received: nothing in {looked} ({hint}). "
        f"Set KERAS_AE_DATA to a folder that holds {name}/."
    )
