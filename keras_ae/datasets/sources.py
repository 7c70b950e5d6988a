"""Where data come from: names, files and folders."""

from __future__ import annotations

from pathlib import Path

from keras_ae.datasets import files, named, tables
from keras_ae.datasets.dataset import Dataset
from keras_ae.naming import nearest


def load(
    source: str | Path,
    *,
    limit: int | None = None,
    label_column: str | None = None,
    test_fraction: float | None = 0.2,
    seed: int = 0,
) -> Dataset:
    """Return the data of a name or a path.

    Sets with a name are looked for in `$KERAS_AE_DATA/NAME/`, in Debian's package
    (Fashion-MNIST) and in Keras's cache, then downloaded into that cache and checked.

    Args:
        source: "digits", "mnist", "fashion_mnist", "cifar10", a file (.npy .npz .csv .parquet) or
            a folder of images, whose sub-folders are labels.
        limit: Keep the first rows of each part.
        label_column: The column of labels in a table; one called label, labels, target, class or
            y when None; "none" for a table without labels.
        test_fraction: Share of the rows held out where the source has no test part; None gives
            all rows, in the order of the source, as both parts.
        seed: Seed of that split. Sets with a name have a test part, always the same.

    Raises:
        FileNotFoundError: Nothing is there; the message lists where it was looked for.
        ValueError: The source is unknown, or its content cannot be used.

    Example:
        >>> load("digits").x_train.shape
        (1438, 8, 8, 1)
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={limit}")
    if str(source) not in named.NAMES:
        path = _existing(source)
        data = files.load(path, label_column=label_column, test_fraction=test_fraction, seed=seed)
    elif label_column is not None:
        raise ValueError(
            f"`label_column` must be None for a set with a name. "
            f"Received: label_column={label_column!r} for {source!r}"
        )
    else:
        data = named.load(str(source))
    return data.limited(limit)


def has_column(source: str | Path, name: str | None) -> bool:
    """Return whether a source is a table with a column of this name; every table has "none"."""
    path = Path(source).expanduser()
    is_table = path.is_file() and path.suffix.lower() in files.TABLES
    return is_table and name is not None and name in ("none", *tables.names(path))


def _existing(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if path.exists():
        return path
    if path.suffix or path.name != str(source):
        raise FileNotFoundError(
            f"a path of data must exist. Received: {str(source)!r}, where there is nothing "
            f"(seen from {Path.cwd()})"
        )
    raise FileNotFoundError(
        f"data must be one of {list(named.NAMES)} or a path. "
        f"Received: {source!r}, which is neither. {nearest(str(source), named.NAMES)}"
    )
