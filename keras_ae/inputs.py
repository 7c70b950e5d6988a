"""The one input convention: an array, or a dict with `x` and perhaps `condition` and `mask`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_ae.normalizers import Normalizer
from keras_ae.typing import Batch, Shape, Tensor

KEYS = ("x", "condition", "mask")


def read(inputs: Any) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return (x, condition, mask) of an array or a dict.

    Raises:
        ValueError: A dict has no `x` or has unknown keys.
    """
    if not isinstance(inputs, Mapping):
        return inputs, None, None
    if "x" not in inputs or set(inputs) - set(KEYS):
        raise ValueError(
            f"an input dict must have the key 'x' and may have 'condition' and 'mask'. "
            f"Received keys: {sorted(map(str, inputs))}"
        )
    return inputs["x"], inputs.get("condition"), inputs.get("mask")


def checked_shape(input_shape: Sequence[int] | int) -> Shape:
    """Return the shape of one example as a tuple of ints.

    Raises:
        ValueError: It is empty or holds anything but whole numbers of at least 1.
    """
    shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
    if not shape or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in shape):
        raise ValueError(
            "`input_shape` must be the shape of one example, of whole numbers of at least 1, "
            f"without the batch axis. Received: input_shape={input_shape!r}"
        )
    return shape


def make_batch(
    inputs: Any, y: Tensor | None, normalizer: Normalizer, event_shape: Shape, missing: str | None
) -> Batch:
    """Return a batch in normalised units, its missing entries at 0 and out of the mask.

    Args:
        inputs: Data units; an array `(batch, *event_shape)` or a dict.
        y: The target in data units, or None for the input itself.
        normalizer: The model's scaling.
        event_shape: Shape of one example.
        missing: "mask" when NaN stands for a missing entry, else None.

    Raises:
        ValueError: The shape of x or of y is not the model's.
    """
    x, condition, mask = read(inputs)
    check_shape("x", x, event_shape)
    x = ops.cast(x, "float32")
    if y is None:
        target = x
    else:
        check_shape("y", y, event_shape)
        target = ops.cast(y, "float32")
    if mask is not None:
        mask = _expand(ops.cast(mask, "float32"), len(event_shape) + 1)
    if missing == "mask":
        observed = ops.cast(ops.equal(target, target), "float32")  # NaN differs from itself
        mask = observed if mask is None else observed * mask
    x, target = normalizer.normalize(x), normalizer.normalize(target)
    if missing == "mask":
        x = ops.where(ops.equal(x, x), x, 0.0)
        target = ops.where(ops.equal(target, target), target, 0.0)
    if mask is not None and y is None:
        x = ops.where(mask > 0, x, 0.0)
    return Batch(x, target, condition, mask)


def check_shape(name: str, value: Any, event_shape: Shape) -> None:
    """Refuse a tensor whose shape behind the batch axis is not the model's.

    Raises:
        ValueError: The shapes differ; for y the message says where labels go.
    """
    shape = tuple(value.shape)
    same_rank = len(shape) == len(event_shape) + 1
    if same_rank and all(a in (None, b) for a, b in zip(shape[1:], event_shape, strict=True)):
        return
    wanted = "(batch, " + ", ".join(map(str, event_shape)) + ")"
    hint = ""
    if name == "y":
        hint = (
            " y is the reconstruction target; leave it out to reconstruct x. Labels go through "
            "`condition`: fit({'x': x, 'condition': labels})."
        )
    elif tuple(shape) == tuple(event_shape):
        hint = " For one example use x[None]."
    elif int(np.prod([s or 0 for s in shape[1:]])) == int(np.prod(event_shape)):
        hint = f" Use {name}.reshape(-1, {', '.join(map(str, event_shape))})."
    raise ValueError(f"`{name}` must have the shape {wanted}. Received: shape {shape}.{hint}")


def check_data(inputs: Any, event_shape: Shape, missing: str | None, y: Any = None) -> Any:
    """Return arrays ready for training or inference, or refuse them.

    Anything that is not made of arrays (a `tf.data.Dataset`, a DataLoader, a generator) is
    returned as it is; its batches are checked by shape when they arrive.

    Raises:
        TypeError: An array does not hold numbers.
        ValueError: A shape is wrong, there is no row, or an entry is not finite.
    """
    if isinstance(inputs, Mapping):
        read(inputs)
        checked = {key: as_numbers(key, value) for key, value in inputs.items()}
        check_entries("x", checked["x"], event_shape, missing)
        if "mask" in checked:
            check_mask(checked["mask"], event_shape)
        check_rows(**checked)
        return checked
    if not is_array(inputs):
        return inputs
    x = as_numbers("x", inputs)
    check_entries("x", x, event_shape, missing)
    return x


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


def check_rows(**arrays: Any) -> None:
    """Refuse arrays of different numbers of rows.

    Raises:
        ValueError: As said, with the rows of each.
    """
    rows = {name: len(array) for name, array in arrays.items() if hasattr(array, "shape")}
    if len(set(rows.values())) > 1:
        raise ValueError(f"all arrays must have the same number of rows. Received: {rows}")


def check_entries(name: str, values: Any, event_shape: Shape, missing: str | None) -> None:
    """Refuse arrays of a wrong shape, without rows, or with entries that are not finite.

    Raises:
        ValueError: As said; the message names the first such entry.
    """
    check_shape(name, values, event_shape)
    if values.shape[0] == 0:
        raise ValueError(f"`{name}` must have at least one row. Received: shape {values.shape}.")
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        return
    # One pass without a copy in the good case: a sum is finite unless an entry is not.
    if np.isfinite(values.sum(dtype="float64")):
        return
    bad = ~np.isfinite(values) if missing is None else np.isinf(values)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        hint = " Missing values may be NaN with `missing='mask'`." if missing is None else ""
        raise ValueError(
            f"`{name}` must be finite. Received: {values[where]} at {where}, and "
            f"{int(bad.sum())} such entries in all.{hint}"
        )


def as_numbers(name: str, values: Any) -> Any:
    """Return an array of numbers; float64 becomes float32.

    Raises:
        TypeError: The entries are not numbers.
    """
    if hasattr(values, "detach") or type(values).__module__.startswith(("jax", "tensorflow")):
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"`{name}` must hold numbers. Received: dtype {array.dtype}. "
            "Encode categories as numbers first."
        )
    return array.astype("float32") if array.dtype.kind == "f" else array


def is_array(data: Any) -> bool:
    """Return whether `data` is an array, a list of rows, a data frame or a tensor."""
    return isinstance(data, (list, np.ndarray)) or (
        hasattr(data, "__array__") and hasattr(data, "shape")
    )


def batches_of(data: Any, limit: int | None = None) -> Iterable[np.ndarray]:
    """Yield the x of arrays, or of anything that can be read again, as NumPy arrays.

    Args:
        data: Arrays, a dict of arrays, a dataset, a loader or a `PyDataset`.
        limit: Stop after this many rows.

    Raises:
        ValueError: `data` can be read only once: training would find it empty.
    """
    if is_array(data) or isinstance(data, Mapping):
        x = read(data)[0]
        yield np.asarray(x if limit is None else x[:limit])
        return
    if hasattr(data, "__next__"):
        raise ValueError(
            "statistics of the training data must be measured before training, and a generator "
            "can be read only once. Received: a generator. Call `model.adapt(x)` first."
        )
    seen = 0
    indices = range(len(data)) if hasattr(data, "__getitem__") else None
    for item in (data[i] for i in indices) if indices is not None else data:
        x = read(item[0] if isinstance(item, (list, tuple)) else item)[0]
        rows = np.asarray(ops.convert_to_numpy(x))
        yield rows
        seen += len(rows)
        if limit is not None and seen >= limit:
            return


def _expand(mask: Tensor, rank: int) -> Tensor:
    for _ in range(rank - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    return mask
