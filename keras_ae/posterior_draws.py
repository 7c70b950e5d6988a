"""Many posterior draws of each row, some of them decoded at a time in compiled batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_ae.backend.compiled.rowwise.sizes import ample_rows
from keras_ae.typing import Tensor

MOST_TOGETHER = 64
"""Draws for one row that are decoded at once."""

MULTIPLICATIONS = 2**30
"""Of the draws of some rows that are decoded at once."""

Function = Callable[[Any, Any], dict[str, Tensor]]
_FUNCTIONS: dict[tuple[Any, ...], Function] = {}


def chunks(
    model: Any,
    function: Callable[..., dict[str, Tensor]],
    given: Mapping[str, Any],
    samples: int,
    *numbers: int,
    verbose: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield what a function finds of some draws of each row, until there were so many.

    Args:
        model: The model, whose noise the draws are of.
        function: (model, given rows, draws for each row, *numbers) -> tensors by name,
            `(rows, ...)` each.
        given: `x`, rows as arrays, and what else the function is given of each.
        samples: Draws for each row, all in all.
        *numbers: Further arguments of the function.
        verbose: 1 to show progress.
    """
    together = min(samples, MOST_TOGETHER)
    ample = ample_rows(model, given["x"], MULTIPLICATIONS)
    sizes = [together] * (samples // together)
    sizes += [samples % together] if samples % together else []
    progress = keras.utils.Progbar(len(sizes), unit_name="chunk") if verbose else None
    for size in sizes:
        run = model.views.rows(_bound(function, size, *numbers), draws=True)
        yield run(given, max(1, ample // size))
        if progress is not None:
            progress.add(1)


def _bound(function: Callable[..., dict[str, Tensor]], *numbers: int) -> Function:
    """Return the function (model, rows) with these numbers, the same object each time."""
    key = (function, *numbers)
    if key not in _FUNCTIONS:
        _FUNCTIONS[key] = lambda model, given: function(model, given, *numbers)
    return _FUNCTIONS[key]
