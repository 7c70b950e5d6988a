"""What examples and labels must hold, whatever file they come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def examples(x: np.ndarray, origin: str, *, columns: Sequence[str] = ()) -> np.ndarray:
    """Return examples as float32; NaN stays, as what is missing.

    Args:
        x: Examples `(rows, ...)` of any type of number.
        origin: Where they come from, for messages.
        columns: Names of a table's columns, for messages.

    Raises:
        ValueError: They are not numbers, there are none, or one is infinite.
    """
    if x.dtype.kind not in "fiub":
        raise ValueError(f"data must be real numbers. Received: dtype {x.dtype} in {origin}")
    if x.ndim < 2 or x.size == 0:
        raise ValueError(
            f"data must be rows of examples, (rows, ...), and not empty. "
            f"Received: shape {x.shape} in {origin}"
        )
    with np.errstate(over="ignore"):
        floats = x.astype("float32", copy=False)
    if x.dtype.kind == "f" and (infinite := np.isinf(floats)).any():
        where = tuple(int(i) for i in np.unravel_index(np.argmax(infinite), x.shape))
        place = f"row {where[0]}, column {columns[where[1]]!r}" if columns else f"index {where}"
        raise ValueError(
            f"data must be finite in float32 (NaN may stand for what is missing). "
            f"Received: {x[where]} at {place} in {origin}"
        )
    return floats


def missing(x: np.ndarray, *, part: str = "", columns: Sequence[str] = ()) -> str:
    """Return where the first NaN is and how many there are, or nothing where all is observed.

    Args:
        x: Examples `(rows, ...)`, in the order of their source.
        part: Name of the part of the source, for the message.
        columns: Names of a table's columns.
    """
    gaps = np.isnan(x)
    if not gaps.any():
        return ""
    where = tuple(int(i) for i in np.unravel_index(np.argmax(gaps), x.shape))
    place = f"row {where[0]}, column {columns[where[1]]!r}" if columns else f"index {where}"
    return f"nan at {place}{f' of {part}' if part else ''}, and {int(gaps.sum())} such entries"


def labels(y: np.ndarray | None, rows: int, origin: str) -> np.ndarray | None:
    """Return labels as `(rows,)`, or None.

    Raises:
        ValueError: There is not one number or word a row.
    """
    if y is None:
        return None
    if y.dtype.kind not in "fiubU" or y.size != rows or len(y) != rows:
        raise ValueError(
            f"labels must be one number or word a row, ({rows},). "
            f"Received: shape {y.shape}, dtype {y.dtype} in {origin}"
        )
    return y.reshape(-1)
