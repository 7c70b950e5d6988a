"""What every source of data becomes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """Examples in memory, with a test part and labels where there are any.

    Args:
        name: Name of the set, or of the file.
        x_train: Training examples, float32 `(rows, *event_shape)`; images in [0, 1].
        y_train: Their labels `(rows,)`, or None.
        x_test: Test examples.
        y_test: Their labels, or None.
        origin: Where the data were found.
        note: What a user should know: a subset, a scaling, a column taken as labels.
        missing: Where the first missing entry (NaN) is in the source and how many there are;
            empty when all are observed.

    Raises:
        ValueError: Training and test examples differ in shape, or a part is empty.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    origin: str
    note: str = ""
    missing: str = ""

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        train, test = self.x_train.shape, self.x_test.shape
        if train[1:] != test[1:] or 0 in (*train, *test):
            raise ValueError(
                f"training and test examples must have one shape, and neither may be empty. "
                f"Received: {train} and {test} in {self.origin}"
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_train.shape[1:])

    @property
    def is_image(self) -> bool:
        """Whether examples are (height, width, 1 or 3 channels)."""
        return len(self.event_shape) == 3 and self.event_shape[-1] in (1, 3)

    def limited(self, rows: int | None) -> Dataset:
        """Return the first `rows` rows of each part, or all for None.

        Raises:
            ValueError: `rows` is less than 1.
        """
        if rows is None:
            return self
        if rows < 1:
            raise ValueError(f"`limit` must be at least 1. Received: limit={rows}")
        return replace(
            self,
            x_train=self.x_train[:rows],
            y_train=None if self.y_train is None else self.y_train[:rows],
            x_test=self.x_test[:rows],
            y_test=None if self.y_test is None else self.y_test[:rows],
        )


def split(
    name: str,
    x: np.ndarray,
    y: np.ndarray | None,
    *,
    origin: str,
    note: str = "",
    missing: str = "",
    test_fraction: float | None = 0.2,
    seed: int = 0,
) -> Dataset:
    """Return a data set with a random test part of at least one row.

    With a `test_fraction` of None both parts are all rows, in the order of the source.

    Raises:
        ValueError: There are fewer than 2 rows, or the fraction is not between 0 and 1.
    """
    if test_fraction is None:
        return Dataset(name, x, y, x, y, origin, note, missing)
    if not 0 < test_fraction < 1:
        raise ValueError(
            f"`test_fraction` must be between 0 and 1. Received: test_fraction={test_fraction}"
        )
    if len(x) < 2:
        raise ValueError(f"data must have at least 2 rows. Received: {len(x)} rows in {origin}")
    order = np.random.default_rng(seed).permutation(len(x))
    held = min(max(1, round(test_fraction * len(x))), len(x) - 1)
    test, train = order[:held], order[held:]
    y_train, y_test = (None, None) if y is None else (y[train], y[test])
    return Dataset(name, x[train], y_train, x[test], y_test, origin, note, missing)
