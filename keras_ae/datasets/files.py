"""Data from one's own files: arrays, tables and folders of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from keras_ae.datasets.dataset import Dataset, checked, split
from keras_ae.naming import nearest

LABELS = ("label", "labels", "target", "class", "y")
PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SUFFIXES = (".csv", ".npy", ".npz", ".parquet")


def load(path: Path, *, label_column: str | None, test_fraction: float, seed: int) -> Dataset:
    """Return the data of one file or folder.

    Raises:
        ValueError: The file is of another kind, is truncated, or holds what cannot be used.
    """
    cut: dict[str, Any] = {"origin": str(path), "test_fraction": test_fraction, "seed": seed}
    if path.is_dir():
        x, y = image_folder(path)
        return split(path.name, x, y, **cut)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"a data file must end in one of {list(SUFFIXES)}. Received: {path}. "
            f"{nearest(suffix, SUFFIXES)}"
        )
    if suffix in (".csv", ".parquet"):
        x, y = table(path, label_column)
        return split(path.stem, checked(path.stem, x, str(path)), y, **cut)
    arrays = read_arrays(path)
    if "x_train" in arrays and "x_test" in arrays:
        (x_train, note), (x_test, _) = (scaled(arrays[k], path) for k in ("x_train", "x_test"))
        y_train, y_test = arrays.get("y_train"), arrays.get("y_test")
        return Dataset(path.stem, x_train, y_train, x_test, y_test, str(path), note)
    key = next((k for k in ("x", "X", "x_train", "data") if k in arrays), None)
    if key is None:
        raise ValueError(
            f"an .npz must hold x, X or x_train and x_test. Received: {sorted(arrays)} in {path}"
        )
    x, note = scaled(arrays[key], path)
    y = next((arrays[k] for k in ("y", "labels", "y_train") if k in arrays), None)
    return split(path.stem, x, None if y is None else y.reshape(-1), note=note, **cut)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npy or .npz file, without ever unpickling.

    Raises:
        ValueError: The file is truncated, is of another format, or holds Python objects.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"x": content}
        with content:
            return {key: content[key] for key in content.files}
    except (ValueError, EOFError, OSError, BadZipFile) as error:
        raise ValueError(
            f"{path.name} must be a whole NumPy file of numbers. Received: {path}, "
            f"which cannot be read ({str(error).splitlines()[0] if str(error) else error!r})"
        ) from error


def scaled(x: np.ndarray, path: Path) -> tuple[np.ndarray, str]:
    """Return examples as float32 and a note; pixels of 0..255 are divided by 255."""
    is_pixels = x.dtype == np.uint8 and x.ndim >= 3
    x = checked(path.stem, x, str(path))
    if not is_pixels:
        return x, ""
    x = x[..., None] if x.ndim == 3 else x
    return x / np.float32(255.0), "pixels divided by 255"


def table(path: Path, label_column: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the numbers of a table and its labels.

    Raises:
        ValueError: The file cannot be read, the label column is not there, or a column is not
            numeric.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except ImportError as error:
        raise ValueError(
            "reading Parquet needs pyarrow. Received: none. Run: pip install 'keras-ae[parquet]'"
        ) from error
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{path.name} must be a whole table. Received: {path}, "
            f"which cannot be read ({str(error).splitlines()[0]})"
        ) from error
    if label_column is not None and label_column not in frame:
        raise ValueError(
            f"`label_column` must be a column of the table. Received: {label_column!r}; "
            f"{nearest(label_column, map(str, frame.columns))}"
        )
    label = label_column or next((c for c in frame.columns if str(c).lower() in LABELS), None)
    y = None if label is None else frame.pop(label).to_numpy()
    words = [str(c) for c in frame.columns if frame[c].dtype.kind not in "fiub"]
    if words:
        raise ValueError(
            f"columns must be numeric. Received: {words[:5]} in {path}. "
            "Encode them as numbers, or name the labels' column by `label_column`."
        )
    return frame.to_numpy("float32"), y


def image_folder(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the pictures below a folder in [0, 1], and the sub-folder of each as its label.

    Raises:
        ValueError: There is no picture, one cannot be read, or two differ in size.
    """
    from PIL import Image, UnidentifiedImageError

    paths = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
    if not paths:
        raise ValueError(
            f"a folder must hold pictures {list(PICTURES)}. Received: {path}, with none"
        )
    pictures: list[np.ndarray] = []
    for picture in paths:
        try:
            with Image.open(picture) as image:
                mode = "L" if image.mode in ("1", "L", "I;16", "I") else "RGB"
                pixels = np.asarray(image.convert(mode))
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(
                f"every picture must be readable. Received: {picture} ({error})"
            ) from error
        pictures.append(pixels[..., None] if pixels.ndim == 2 else pixels)
        if pictures[-1].shape != pictures[0].shape:
            raise ValueError(
                f"all pictures must have one size and mode. Received: {pictures[0].shape} in "
                f"{paths[0]} and {pictures[-1].shape} in {picture}"
            )
    labels = [p.relative_to(path).parts[0] if p.parent != path else "" for p in paths]
    x = np.stack(pictures).astype("float32") / np.float32(255.0)
    return x, (np.array(labels) if any(labels) else None)
