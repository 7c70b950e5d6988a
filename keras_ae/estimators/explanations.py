"""Why a row is strange, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

COLUMNS = ["row", "feature", "value", "expected", "contribution"]


def explain(detector: Any, X: Any, rows: Sequence[int] | None = None) -> Any:
    """Return a line for each row and column; see `AnomalyDetector.explain`.

    Contributions are those of one column at a time: they need not add up to the score.

    Raises:
        IndexError: A row is not there.
    """
    import pandas as pd

    numbers = detector._read(X)
    schema, scaling = detector.schema_, detector.scaling_
    scaled = scaling.apply(numbers)
    found = detector._scores(scaled)
    chosen: Any = np.flatnonzero(found > detector.threshold_) if rows is None else rows
    places = np.asarray(chosen, "int64").ravel()
    if len(places) and not (places.min() >= 0 and places.max() < len(scaled)):
        raise IndexError(f"rows must be from 0 to {len(scaled) - 1}. Received: {places.tolist()}")
    x, numbers = scaled[places], numbers[places]
    if not len(x):
        return pd.DataFrame({name: [] for name in COLUMNS})
    means = [np.asarray(m.autoencoder.reconstruct(x)) for m in detector.members_]
    expected = np.mean(means, axis=0)
    values = _entries(schema, numbers, as_they_are=True)
    wanted = _entries(schema, scaling.restore(expected))
    expected = _possible(schema, scaling, expected)
    now, tables = detector._scores(x, original=x), []
    for i, (column, part) in enumerate(zip(schema.columns, schema.slices, strict=True)):
        replaced = x.copy()
        replaced[:, part] = expected[:, part]
        replaced[:, part][np.isnan(x[:, part])] = np.nan
        fall = now - detector._scores(replaced, original=x)
        entries = zip(places, values[i], wanted[i], fall, strict=True)
        tables += [(row, column.name, value, mean, by) for row, value, mean, by in entries]
    table = pd.DataFrame(tables, columns=COLUMNS)
    order = {place: i for i, place in enumerate(places)}
    return (
        table.assign(_at=table["row"].map(order), _by=-table["contribution"])
        .sort_values(["_at", "_by"], kind="stable")[COLUMNS]
        .reset_index(drop=True)
    )


def _possible(schema: Any, scaling: Any, scaled: np.ndarray) -> np.ndarray:
    """Return scaled rows of entries that can be: one category, truths, whole numbers."""
    numbers = scaling.restore(scaled)
    for column, part in zip(schema.columns, schema.slices, strict=True):
        numbers[:, part] = column.encode(column.decode(numbers[:, part]))
    return np.asarray(scaling.apply(numbers))


def _entries(schema: Any, numbers: np.ndarray, as_they_are: bool = False) -> list[list[Any]]:
    """Return the entries of each column in its own kind; numbers perhaps as they came."""
    import pandas as pd

    found = []
    for column, part in zip(schema.columns, schema.slices, strict=True):
        if column.kind == "number" and as_they_are:
            found.append(numbers[:, part][:, 0].tolist())
            continue
        entries = column.decode(numbers[:, part])
        if column.kind == "boolean":
            entries = [None if np.isnan(entry) else bool(entry) for entry in entries]
        found.append(list(pd.to_datetime(entries) if column.kind == "date" else entries))
    return found
