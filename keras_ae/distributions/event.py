"""Sums over the axes of one example."""

from __future__ import annotations

from keras import ops

from keras_ae.typing import Tensor


def sum_event(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the sum over all axes but the first, of observed entries only, `(batch,)`.

    Args:
        values: One number for each entry, `(batch, ...)`.
        mask: 1 where an entry counts, 0 where it does not; `(batch, ...)` with as many of the
            leading axes of `values` as it has.
    """
    if mask is not None:
        # `where`, not a product: a missing entry may hold a density that is not finite.
        values = ops.where(expand_mask(mask, values) > 0, values, ops.zeros_like(values))
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def expand_mask(mask: Tensor, values: Tensor) -> Tensor:
    """Return a mask over leading axes with as many axes as `values` have, in their type."""
    mask = ops.cast(mask, values.dtype)
    for _ in range(len(values.shape) - len(mask.shape)):
        mask = ops.expand_dims(mask, -1)
    return mask
