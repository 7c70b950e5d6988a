"""Functions of a model on rows, rounded alike whichever rows stand beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_ae.backend.compiled.rowwise import Rowwise, is_possible
from keras_ae.backend.compiled.rowwise.sizes import padded, rows_in

FIXED_ROWS = 2048
"""Rows are computed so many at a time, with others added: in one shape, rounding is the same."""


class Alike:
    """A function of a model on arrays of rows, always in batches of one size.

    Args:
        model: A built Keras model.
        function: Name of its function from a tensor of rows to one.
    """

    def __init__(self, model: Any, function: str) -> None:
        self.model, self.function = model, function
        self.rowwise = Rowwise(model, function, alike=True)

    def __call__(self, x: Any) -> np.ndarray:
        """Return the function of rows `(rows, ...)`, one or more, or of a dict of such."""
        rows = rows_in(x)
        whole = padded(x, rows + -rows % FIXED_ROWS)
        if is_possible(self.model, whole):
            found = self.rowwise(whole, FIXED_ROWS)
        else:
            found = self.model.views.run(self.function, whole, batch_size=FIXED_ROWS)
        return np.asarray(found)[:rows]
