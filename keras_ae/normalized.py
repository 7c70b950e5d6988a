"""Inputs as the loss sees them: batches in normalised units, with targets, masks and weights."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_ae import arrays, conditioning, grouping
from keras_ae.inputs import read
from keras_ae.typing import Batch, Tensor


def make_batch(model: Any, inputs: Any, y: Tensor | None = None) -> Batch:
    """Return a batch in normalised units, its missing entries at 0 and out of the mask.

    Args:
        model: The model, for its scaling, its shapes and what it is told.
        inputs: Data units; an array `(batch, *event_shape)` or a dict; of a model that takes
            groups perhaps `(rows, group_size, *event_shape)`, whose members become the batch.
        y: The target in data units, or None for the input itself.

    Raises:
        ValueError: The shape of x, of y or of a condition is not the model's.
    """
    x, told, mask = read(inputs)
    shape = model.event_shape
    grouped = grouping.are_groups(x, shape, model.group_size)
    if grouped:
        x, y, mask, told = (grouping.members(part) for part in (x, y, mask, told))
    arrays.check_shape("x", x, shape)
    x = ops.cast(x, "float32")
    if y is None:
        target = x
    else:
        arrays.check_shape("y", y, shape)
        target = ops.cast(y, "float32")
    if mask is not None:
        mask = model.likelihood.entry_mask(mask, x)
    seen = mask
    if model.missing == "mask":
        mask, seen = (_observed(values, mask) for values in (target, x))
    x, target = model.normalizer.normalize(x), model.normalizer.normalize(target)
    if model.missing == "mask":
        x = ops.where(ops.isnan(x), 0.0, x)
        target = ops.where(ops.isnan(target), 0.0, target)
    if mask is not None and y is None:
        x = ops.where(mask > 0, x, 0.0)
    told = conditioning.embedded(told, model.condition)
    ones = ops.ones_like(ops.reshape(x, (ops.shape(x)[0], -1))[:, 0]) if grouped else None
    return Batch(x, target, told, mask, grouped=ones, seen=seen)


def examples(inputs: Any) -> Tensor:
    """Return the rows of a batch without what comes with them."""
    return read(inputs)[0]


def row_weights(model: Any, inputs: Any, weights: Tensor | None) -> Tensor | None:
    """Return a batch's weights as float32 `(batch,)`, a group's for each of its members.

    Raises:
        ValueError: They have another shape than `(rows,)`, which would mix the rows.
    """
    if weights is None:
        return None
    if len(weights.shape) != 1:
        raise ValueError(
            f"`sample_weight` must have the shape (batch,). Received: shape {weights.shape}."
        )
    weights = ops.cast(weights, "float32")
    if grouping.are_groups(read(inputs)[0], model.event_shape, model.group_size):
        weights = ops.repeat(weights, model.group_size, axis=0)
    return weights


def observed_target(model: Any, inputs: Any, y: Tensor | None, reconstruction: Tensor) -> Tensor:
    """Return the target in data units, with the reconstruction itself where an entry is missing."""
    x, _, mask = read(inputs)
    target = x if y is None else y
    if grouping.are_groups(x, model.event_shape, model.group_size):
        target, mask = grouping.members(target), grouping.members(mask)
    if mask is not None:
        mask = model.likelihood.entry_mask(mask, reconstruction)
        target = ops.where(mask > 0, target, reconstruction)
    if model.missing == "mask":
        target = ops.where(ops.isnan(target), reconstruction, target)
    return target


def _observed(values: Tensor, mask: Tensor | None) -> Tensor:
    observed = ops.cast(ops.logical_not(ops.isnan(values)), "float32")
    return observed if mask is None else observed * mask
