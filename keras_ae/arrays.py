"""What arrays must hold before anything is computed from them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_ae.typing import Shape

MAPPED_BYTES = 2**27
"""Size from which on an array mapped from a file is left there."""

CHUNK_BYTES = 2**24
"""Size of what is looked at at a time of a large array, as float64."""


def checked_shape(input_shape: Sequence[int] | int) -> Shape:
    """Return the shape of one example as a tuple of ints.

    Raises:
        ValueError: It is empty or holds anything but whole numbers of at least 1.
    """
    sizes: Any = (input_shape,) if isinstance(input_shape, (int, np.integer)) else input_shape
    try:
        shape: tuple[Any, ...] = tuple(sizes)
    except TypeError:
        shape = ()
    whole = all(hasattr(n, "__index__") and not isinstance(n, bool) and n >= 1 for n in shape)
    if not shape or not whole:
        raise ValueError(
            "`input_shape` must be the shape of one example, of whole numbers of at least 1, "
            f"without the batch axis. Received: input_shape={input_shape!r}"
        )
    return tuple(map(int, shape))


def is_array(data: Any) -> bool:
    """Return whether `data` is an array, a list of rows, a data frame or a tensor."""
    return isinstance(data, (list, tuple, np.ndarray)) or (
        hasattr(data, "__array__") and hasattr(data, "shape")
    )


def is_mapped(array: Any) -> bool:
    """Return whether an array's entries are in a file of which memory is a view."""
    while array is not None:
        if isinstance(array, (np.memmap, mmap.mmap)):
            return True
        array = getattr(array, "base", None)
    return False


def chunks(array: Any) -> Iterator[np.ndarray]:
    """Yield an array's rows, so many at a time that they take `CHUNK_BYTES` as float64."""
    rows = max(1, CHUNK_BYTES // (8 * max(1, int(np.prod(array.shape[1:])))))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def as_numbers(name: str, values: Any) -> np.ndarray:
    """Return a NumPy array of numbers, of a type that every backend has.

    Floats become float32, whole numbers too but for bytes; tensors of any framework are copied.
    The hidden entries of a masked array become NaN. A large array that is mapped from a file stays
    there, in its own type.

    Raises:
        TypeError: The entries are not real numbers, or rows differ in length.
    """
    if values is None:
        raise TypeError(f"`{name}` must hold numbers. Received: None")
    if hasattr(values, "detach"):  # a torch tensor, wherever it is and whatever it belongs to
        values = values.detach().cpu().numpy()
    array: Any
    try:
        array = np.ma.asarray(values) if np.ma.isMaskedArray(values) else np.asarray(values)
    except ValueError as error:
        raise TypeError(
            f"`{name}` must hold rows of one length. Received: {type(values).__name__} of others"
        ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"`{name}` must hold numbers. Received: dtype {array.dtype}. "
            "Encode categories as numbers first."
        )
    if np.ma.isMaskedArray(array):
        array = np.ma.filled(array.astype("float32"), np.nan)
    mapped = is_mapped(array)
    if mapped and array.nbytes >= MAPPED_BYTES:
        return array
    # What is mapped for reading only is not for torch.
    return array.astype(array.dtype if array.dtype in ("uint8", "bool") else "float32", copy=mapped)


def check_shape(name: str, value: Any, event_shape: Shape) -> None:
    """Refuse a tensor whose shape behind the batch axis is not the model's.

    Raises:
        ValueError: The shapes differ; for y the message says where labels go.
    """
    shape = tuple(value.shape)
    same_rank = len(shape) == len(event_shape) + 1
    if same_rank and all(a in (None, b) for a, b in zip(shape[1:], event_shape, strict=True)):
        return
    wanted = f"(batch, {', '.join(map(str, event_shape))})" if event_shape else "(batch,)"
    hint = ""
    if name == "y":
        hint = (
            " y is the reconstruction target; leave it out to reconstruct x. Labels go through "
            "`condition`: fit({'x': x, 'condition': labels})."
        )
    elif tuple(shape) == tuple(event_shape):
        hint = " For one example use x[None]."
    elif int(np.prod([s or 0 for s in shape[1:]])) == int(np.prod(event_shape)):
        hint = f" Use {name}.reshape({', '.join(map(str, (-1, *event_shape)))})."
    raise ValueError(f"`{name}` must have the shape {wanted}. Received: shape {shape}.{hint}")


def check_entries(name: str, values: Any, event_shape: Shape, missing: str | None) -> None:
    """Refuse arrays of a wrong shape, without rows, or with entries that are not finite.

    Raises:
        ValueError: As said; the message names the first such entry.
    """
    check_shape(name, values, event_shape)
    if values.shape[0] == 0:
        raise ValueError(f"`{name}` must have at least one row. Received: shape {values.shape}.")
    check_finite(name, values, missing)


def check_finite(name: str, values: Any, missing: str | None = None) -> None:
    """Refuse an array with an entry that is infinite, or NaN unless that stands for a missing one.

    Raises:
        ValueError: As said; the message names the first such entry.
    """
    if values.dtype.kind != "f":
        return
    # One pass without a copy in the good case: a sum is finite unless an entry is not, or there
    # is no room for it. Sums of float64 take three times as long.
    with np.errstate(over="ignore", invalid="ignore"):
        if any(np.isfinite(values.sum(dtype=dtype)) for dtype in (values.dtype, "float64")):
            return
    where, count, start = None, 0, 0
    for rows in chunks(values):
        bad = ~np.isfinite(rows) if missing is None else np.isinf(rows)
        if where is None and bad.any():
            first = np.argwhere(bad)[0].tolist()
            where = (start + first[0], *first[1:])
        count, start = count + int(bad.sum()), start + len(rows)
    if where is not None:
        may_miss = missing is None and name in ("x", "y")
        hint = " Missing values may be NaN with `missing='mask'`." if may_miss else ""
        raise ValueError(
            f"`{name}` must be finite. Received: {values[where]} at {where}, and "
            f"{count} such entries in all.{hint}"
        )


def expanded_mask(mask: Any, rank: int) -> Any:
    """Return a mask over leading axes with as many axes as the rows have."""
    return mask.reshape(*mask.shape, *(1,) * (rank - mask.ndim))


def check_mask(mask: Any, event_shape: Shape) -> None:
    """Refuse a mask that is neither of the whole event's shape nor of its leading axes.

    Raises:
        ValueError: As said.
    """
    shape = tuple(mask.shape[1:])
    if shape != tuple(event_shape[: len(shape)]):
        wanted = " or ".join(
            "(batch" + "".join(f", {n}" for n in event_shape[:axes]) + ")"
            for axes in range(1, len(event_shape) + 1)
        )
        raise ValueError(f"`mask` must have the shape {wanted}. Received: shape {mask.shape}.")


def checked_weights(weights: Any) -> np.ndarray:
    """Return a weight for each row, `(rows,)`, float32.

    Raises:
        TypeError: The weights are not numbers.
        ValueError: They have another shape, or one is negative or not finite.
    """
    checked = as_numbers("sample_weight", weights).astype("float32")
    if checked.ndim != 1:
        raise ValueError(
            f"`sample_weight` must have the shape (rows,). Received: shape {checked.shape}."
        )
    check_finite("sample_weight", checked)
    if (checked < 0).any():
        raise ValueError(
            f"`sample_weight` must not be negative. Received: {checked.min():g} "
            f"at {int(checked.argmin())}"
        )
    return checked


def check_rows(**arrays: Any) -> None:
    """Refuse arrays of different numbers of rows.

    Raises:
        ValueError: As said, with the rows of each.
    """
    rows = {name: len(array) for name, array in arrays.items() if hasattr(array, "shape")}
    if len(set(rows.values())) > 1:
        raise ValueError(f"all arrays must have the same number of rows. Received: {rows}")
