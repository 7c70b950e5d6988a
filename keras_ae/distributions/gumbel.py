"""Draws of categories by the largest of logits and Gumbel noise."""

from __future__ import annotations

from keras import ops

from keras_ae.typing import Tensor


def noise(uniform: Tensor) -> Tensor:
    """Return draws of Gumbel(0, 1) made of draws from [0, 1), which may hold 0."""
    inside = ops.clip(uniform, 1e-20, 1.0 - 6e-8)
    return -ops.log(-ops.log(inside))


def category(logits: Tensor, uniform: Tensor, axis: int = -1) -> Tensor:
    """Return the numbers of categories drawn by their logits, float32, without their axis.

    Args:
        logits: Unnormalised log-probabilities.
        uniform: Draws from [0, 1) of the same shape.
        axis: The axis of the categories, negative.

    Reference: Maddison et al. (2014), https://arxiv.org/abs/1411.0030, section 2.
    """
    perturbed = logits + noise(uniform)
    count = logits.shape[axis]
    numbers = ops.reshape(ops.arange(count, dtype="float32"), (count, *(1,) * (-axis - 1)))
    largest = perturbed >= ops.max(perturbed, axis=axis, keepdims=True)
    # The lowest of equals, by operations that every format knows.
    return ops.min(ops.where(largest, numbers, float(count)), axis=axis)


def one_hot(logits: Tensor, uniform: Tensor, axis: int = -1) -> Tensor:
    """Return the drawn categories as vectors of one 1 along the categories' axis, float32."""
    count = logits.shape[axis]
    numbers = ops.reshape(ops.arange(count, dtype="float32"), (count, *(1,) * (-axis - 1)))
    chosen = ops.expand_dims(category(logits, uniform, axis), axis)
    return ops.cast(numbers == chosen, "float32")


def one_hot_of_largest(values: Tensor) -> Tensor:
    """Return one-hot vectors along the last axis, 1 at the largest value, the first of equals."""
    count = values.shape[-1]
    numbers = ops.arange(count, dtype="float32")
    largest = values >= ops.max(values, axis=-1, keepdims=True)
    first = ops.min(ops.where(largest, numbers, float(count)), axis=-1, keepdims=True)
    return ops.cast(numbers == first, "float32")
