"""NumPy files: .npy, and .npz by the names of its arrays."""

from __future__ import annotations

import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np

from keras_ae.datasets import checks
from keras_ae.datasets.dataset import Dataset, split
from keras_ae.datasets.unreadable import unreadable

EXAMPLES = ("x", "X", "data", "x_train")
LABELS = ("y", "Y", "labels", "y_train")
PARTS = ("x_train", "y_train", "x_test", "y_test")
MAGIC = (b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06")
# What NumPy and zipfile raise at damaged bytes, found by damaging files at random.
BROKEN = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    BadZipFile,
    TokenError,
    zlib.error,
)


def load(path: Path, **cut: Any) -> Dataset:
    """Return the data of an .npy or .npz file, split at random unless it holds x_test.

    Pixels, that is uint8 arrays of rank 3 or more, are divided by 255.

    Args:
        path: The file; an .npz holds `x` (and `y`), or `x_train` and `x_test` (and labels).
        cut: Arguments of `split`.

    Raises:
        ValueError: The file is broken, or its arrays cannot be used.
    """
    found, origin = read(path), str(path)
    if "x_train" in found and "x_test" in found:
        (x_train, x_test), note = examples([found["x_train"], found["x_test"]], origin)
        y_train = checks.labels(found.get("y_train"), len(x_train), origin)
        y_test = checks.labels(found.get("y_test"), len(x_test), origin)
        gaps = checks.missing(x_train, part="x_train") or checks.missing(x_test, part="x_test")
        return Dataset(path.stem, x_train, y_train, x_test, y_test, origin, note, gaps)
    (x,), note = examples([next(found[key] for key in EXAMPLES if key in found)], origin)
    y = next((found[key] for key in LABELS if key in found), None)
    y = checks.labels(y, len(x), origin)
    return split(path.stem, x, y, origin=origin, note=note, missing=checks.missing(x), **cut)


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of examples and labels, by name, without ever unpickling.

    Raises:
        ValueError: The file is truncated, of another format, or holds Python objects.
    """
    kind = "a whole NumPy file of numbers (Python objects are not read)"
    try:
        with path.open("rb") as file:
            if not file.read(6).startswith(MAGIC):
                raise ValueError("it does not start as a NumPy file does")
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"x": content}
        with content:
            names = list(content.files)
            wanted = [key for key in (*EXAMPLES, *LABELS, *PARTS) if key in names]
            found = {key: np.asarray(content[key]) for key in wanted}
    except BROKEN as error:
        raise unreadable(path, kind, error) from error
    if not any(key in found for key in EXAMPLES):
        raise ValueError(
            f"an .npz must hold x, X or data, or x_train and x_test. "
            f"Received: {names[:10]} in {path}"
        )
    return found


def examples(parts: list[np.ndarray], origin: str) -> tuple[list[np.ndarray], str]:
    """Return the parts of a set as float32, pixels in [0, 1] with an axis of channels, and a note.

    Pixels of all parts are scaled alike.

    Raises:
        ValueError: They are not numbers, there are none, or one is infinite.
    """
    floats = [checks.examples(x, origin) for x in parts]
    if any(x.dtype != np.uint8 or x.ndim < 3 for x in parts):
        return floats, ""
    if max(x.max() for x in parts) > 1:
        floats = [x / np.float32(255.0) for x in floats]
        note = "uint8 pixels were divided by 255"
    else:
        note = "uint8 pixels are 0 or 1 and were kept"
    if parts[0].ndim > 3:
        return floats, note
    return [x[..., None] for x in floats], f"{note}, one channel added"
