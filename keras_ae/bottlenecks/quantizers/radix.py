"""Numbers of several digits, each with a base of its own, in whole arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_ae.typing import Tensor

MOST = 2**31 - 1
"""The largest number that an index can be."""


def checked_count(bases: Sequence[int]) -> int:
    """Return how many numbers there are.

    Raises:
        ValueError: There are too many for an int32.
    """
    count = math.prod(bases)
    if count > MOST:
        raise ValueError(
            f"codes are numbered up to {MOST:,}. Received: {count:,} codes of {list(bases)}. "
            "Quantize in groups (`GroupedQuantizer`)."
        )
    return count


def number(digits: Tensor, bases: Sequence[int]) -> Tensor:
    """Return the numbers of digits `(..., len(bases))` int32, the first the smallest, `(...)`."""
    return ops.sum(digits * ops.convert_to_tensor(_places(bases)), axis=-1)


def digits(numbers: Tensor, bases: Sequence[int]) -> Tensor:
    """Return the digits of numbers, int32, `(..., len(bases))`."""
    places, size = _places(bases), np.asarray(bases, "int32")
    whole = ops.floor_divide(ops.cast(numbers, "int32")[..., None], ops.convert_to_tensor(places))
    return ops.mod(whole, ops.convert_to_tensor(size))


def _places(bases: Sequence[int]) -> np.ndarray:
    return np.cumprod([1, *bases[:-1]]).astype("int32")
