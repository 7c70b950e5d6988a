"""The one input convention: an array, or a dict with `x` and perhaps `condition` and `mask`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_ae import arrays, conditioning, grouping
from keras_ae.backend.loaders import in_tuples
from keras_ae.conditions import Condition
from keras_ae.normalizers import Normalizer
from keras_ae.typing import Shape, Tensor

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


def check_data(
    inputs: Any,
    event_shape: Shape,
    missing: str | None,
    condition: Condition | None = None,
    group_size: int | None = None,
) -> Any:
    """Return arrays ready for training or inference, or refuse them.

    Anything that is not made of arrays (a `tf.data.Dataset`, a DataLoader, a generator) is
    returned as it is; its batches are checked by shape when they arrive.

    Raises:
        TypeError: An array does not hold numbers.
        ValueError: A shape is wrong, there is no row, or an entry is not finite.
    """
    if isinstance(inputs, Mapping):
        read(inputs)
        given = {key: value for key, value in inputs.items() if value is not None or key == "x"}
        checked = {key: arrays.as_numbers(key, value) for key, value in given.items()}
        shape = grouping.shape_of_rows(checked["x"], event_shape, group_size)
        arrays.check_entries("x", checked["x"], shape, missing)
        if "mask" in checked:
            arrays.check_mask(checked["mask"], shape)
            arrays.check_finite("mask", checked["mask"])
        arrays.check_rows(**checked)
        told = checked.get("condition")
        if grouping.are_groups(checked["x"], event_shape, group_size):
            told = grouping.members_of_arrays(told, group_size)
        conditioning.check_condition(told, condition)
        return checked
    if inputs is None:
        raise ValueError("`x` must be given. Received: None")
    if hasattr(inputs, "toarray"):
        raise TypeError(
            f"`x` must be a dense array. Received: {type(inputs).__name__}. Use x.toarray()."
        )
    if not arrays.is_array(inputs):
        return in_tuples(inputs)
    x = arrays.as_numbers("x", inputs)
    shape = grouping.shape_of_rows(x, event_shape, group_size)
    arrays.check_entries("x", x, shape, missing)
    conditioning.check_given(None, condition)
    return x


def check_support(model: Any, inputs: Any, y: Any = None) -> None:
    """Refuse observed entries, as a model scales them, to which its likelihood gives nothing.

    Args:
        model: The model, whose scaling was measured on these data if it has one.
        inputs: Checked inputs, of which a stream is not read.
        y: The target, or None for the input itself.

    Raises:
        ValueError: As said.
    """
    x, _, mask = read(inputs)
    target = x if y is None else y
    if not isinstance(target, np.ndarray):
        return
    start = 0
    for rows in arrays.chunks(target):
        seen, start = None if mask is None else mask[start : start + len(rows)], start + len(rows)
        if seen is not None:
            rows = np.where(arrays.expanded_mask(seen, rows.ndim), rows, np.nan)
        model.likelihood.check_support(_in_range(model.normalizer, rows))


def batches_of(
    data: Any, limit: int | None = None, batches: int | None = None
) -> Iterable[np.ndarray]:
    """Yield the x of arrays, or of anything that can be read again, NaN where a mask is 0.

    Args:
        data: Arrays, a dict of arrays, a dataset, a loader or a `PyDataset`.
        limit: Stop after this many rows.
        batches: Stop after this many batches of a stream.

    Raises:
        ValueError: `data` can be read only once: training would find it empty.
    """
    return (_with_gaps(batch) for batch in _read_again(data, limit, batches))


def first_rows(data: Any, limit: int, batches: int | None = None) -> Any:
    """Return the first rows as an array, or with their conditions and mask as a dict.

    Args:
        data: As for `batches_of`, which says what is raised.
        limit: Number of rows at most.
        batches: Number of batches of a stream at most.
    """
    joined = _joined(_read_again(data, limit, batches))
    rows = {key: a[:limit] for key, a in joined.items()}
    return rows if len(rows) > 1 else rows["x"]


def _read_again(data: Any, limit: int | None, batches: int | None) -> Iterator[dict[str, Any]]:
    """Yield the parts of inputs by their names."""
    if is_in_memory(data):
        yield {key: np.asarray(part[:limit]) for key, part in _parts(data).items()}
        return
    if hasattr(data, "__next__"):
        raise ValueError(
            "what a model takes from its training data beside its steps must be readable more than "
            "once, and a generator is not. Received: a generator. Pass arrays or a dataset; where "
            "it is only the scaling, call `model.adapt(x)` first."
        )
    seen = 0
    for item in itertools.islice(_inputs_of(data), batches):
        batch = _arrays(item)
        yield batch
        seen += len(batch["x"])
        if limit is not None and seen >= limit:
            return


def _with_gaps(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    x, mask = batch["x"], batch.get("mask")
    if mask is None:
        return x
    return np.where(arrays.expanded_mask(mask, x.ndim) > 0, x, np.nan)


def conditions_of_rows(data: Any, batches: int | None = None) -> Iterator[np.ndarray]:
    """Yield the conditions of arrays, or of anything that can be read again.

    Raises:
        ValueError: Rows have none.
    """
    for batch in _read_again(data, None, batches):
        if "condition" not in batch:
            raise ValueError(
                f"rows must have a `condition`. Received: {sorted(batch)}. Pass them as "
                "{'x': x, 'condition': ...}."
            )
        yield batch["condition"]


def _parts(inputs: Any) -> dict[str, Any]:
    named = zip(KEYS, read(inputs), strict=True)
    return {key: part for key, part in named if part is not None}


def _arrays(inputs: Any) -> dict[str, np.ndarray]:
    return {key: np.asarray(ops.convert_to_numpy(a)) for key, a in _parts(inputs).items()}


def _joined(batches: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return what the batches of a stream make up.

    Raises:
        ValueError: There is none, or they have not all the same parts.
    """
    found = list(batches)
    if not found or any(set(batch) != set(found[0]) for batch in found):
        raise ValueError(
            "a stream must have at least one batch, and all batches the same keys. "
            f"Received: {[sorted(batch) for batch in found[:3]]}. A generator can be read only "
            "once: make a new one."
        )
    if len(found) == 1:
        return found[0]
    return {key: np.concatenate([batch[key] for batch in found]) for key in found[0]}


def in_memory(
    inputs: Any, event_shape: Shape, missing: str | None, condition: Condition | None = None
) -> Any:
    """Return checked arrays, or those that the batches of a stream make up, read once.

    Raises:
        TypeError: An array does not hold numbers.
        ValueError: A shape is wrong, there is no row, or an entry is not finite.
    """
    checked = check_data(inputs, event_shape, missing, condition)
    if is_in_memory(checked):
        return checked
    joined = _joined(map(_arrays, _inputs_of(checked)))
    return check_data(joined, event_shape, missing, condition)


def rows_of(inputs: Any) -> int | None:
    """Return the number of rows of arrays or of their batches; None of other streams."""
    if is_in_memory(inputs):
        return len(read(inputs)[0])
    rows = getattr(inputs, "num_rows", None)
    return rows if isinstance(rows, int) else None


def is_in_memory(inputs: Any) -> bool:
    """Return whether inputs are arrays, or a dict of them, and no stream."""
    return arrays.is_array(inputs) or isinstance(inputs, Mapping)


def _in_range(normalizer: Normalizer, rows: np.ndarray) -> np.ndarray:
    """Return rows of the data on which a scaling was measured, in normalised units."""
    if normalizer.kind == "none":
        return rows
    scaled: np.ndarray = ops.convert_to_numpy(normalizer.normalize(rows))
    # The ends of the range are 0 and 1 but for rounding.
    ends = normalizer.scaled if normalizer.kind == "minmax" else False
    return np.where(ends, scaled.clip(0.0, 1.0), scaled)


def _inputs_of(stream: Any) -> Iterable[Any]:
    """Return the inputs of each batch of a stream, without targets and weights."""
    indices = range(len(stream)) if hasattr(stream, "__getitem__") else None
    items = (stream[i] for i in indices) if indices is not None else stream
    return (item[0] if isinstance(item, (list, tuple)) else item for item in items)
