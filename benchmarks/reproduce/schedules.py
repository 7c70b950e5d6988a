"""Learning rates and temperatures that stay for some steps, then jump."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any


def steps(values: Sequence[float], lengths: Sequence[int]) -> Any:
    """Return a Keras schedule that has each value for so many steps, and the last one for ever.

    Args:
        values: The values in their order.
        lengths: Steps of each; the last one's is not looked at.
    """
    from keras.optimizers.schedules import PiecewiseConstantDecay

    if len(values) == 1:
        values, lengths = [values[0]] * 2, [1, 1]
    # Keras's boundary is the last step, counted from 0, that has the value before it.
    ends = [end - 1 for end in itertools.accumulate(lengths[: len(values) - 1])]
    return PiecewiseConstantDecay(ends, [float(value) for value in values])
