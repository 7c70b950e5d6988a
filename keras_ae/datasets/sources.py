"""Where data come from: names, files and folders."""

from __future__ import annotations

from pathlib import Path

from keras_ae.datasets import files, named
from keras_ae.datasets.dataset import Dataset
from keras_ae.naming import nearest

NAMES = tuple(sorted(named.LOADERS))


def load(
    source: str,
    *,
    limit: int | None = None,
    label_column: str | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Return the data of a name or a path.

    Args:
        source: "digits", "mnist", "fashion_mnist", "cifar10", a file (.npy .npz .csv .parquet) or
            a folder of images, whose sub-folders are labels.
        limit: Keep the first rows of each part.
        label_column: The column of labels in a table; one called label, target, class or y when
            None.
        test_fraction: Share of the rows held out where the source has no test part.
        seed: Seed of that split.

    Raises:
        FileNotFoundError: Nothing is there; the message lists where it was looked for.
        ValueError: The source is unknown, or its content cannot be used.

    Example:
        >>> load("digits").x_train.shape
        (1438, 8, 8, 1)
    """
    if source in named.LOADERS:
        return named.LOADERS[source]().limited(limit)
    path = Path(source).expanduser()
    if not path.exists():
        known = [*named.LOADERS, "a path"]
        raise FileNotFoundError(
            f"data must be one of {known}. Received: {source!r}, which is neither. "
            f"{nearest(source, named.LOADERS)}"
        )
    data = files.load(path, label_column=label_column, test_fraction=test_fraction, seed=seed)
    return data.limited(limit)
