"""One function of a model applied to the rows of arrays, in compiled batches.

Batches have few shapes, so that few programs are compiled; several small ones run in one dispatch;
results are written into one array as they arrive.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend.compiled.rowwise.sizes import LEAST_ROWS, ample_rows, rows_in


def is_possible(model: Any, inputs: Any) -> bool:
    """Return whether the inputs are arrays and the model runs compiled, on one device."""
    leaves = inputs.values() if isinstance(inputs, Mapping) else [inputs]
    if model.run_eagerly or not all(isinstance(leaf, np.ndarray) for leaf in leaves):
        return False
    match keras.backend.backend():
        case "jax":
            return keras.distribution.distribution() is None
        case "tensorflow":
            return bool(model.distribute_strategy.num_replicas_in_sync == 1)
        case _:
            return True


class Rowwise:
    """One function of a model, from tensors to tensors with as many rows, applied to arrays.

    Programs are compiled when they are first needed, and anew when the model's variables are
    others; other values of the same variables are seen.

    Args:
        model: A built model.
        function: Name of the function, or a function (model, batch).
        draws: Whether it draws noise: the noise then depends on the batches, which are Keras's
            own, and no row is added to one.
        alike: Whether batches of one size must be rounded alike, however many there are.
    """

    def __init__(self, model: Any, function: Any, draws: bool = False, alike: bool = False) -> None:
        self.model, self.function, self.draws, self.alike = model, function, draws, alike
        self.variables: list[Any] | None = None

    def __call__(self, inputs: Any, batch_size: int | None = None) -> Any:
        """Return the function of all rows, as NumPy arrays.

        Args:
            inputs: An array or a dict of arrays, `(rows, ...)` each.
            batch_size: Rows that the function sees at once; chosen by their arithmetic when None.
        """
        self._prepare(inputs)
        size = batch_size or (LEAST_ROWS if self.draws else self.ample)
        block = size * max(1, self.ample // size) if self.program.loops(size) else size
        rows = rows_in(inputs)
        whole = rows if self.program.pads else rows - rows % size
        result: Any = None
        before: Any = None
        for start, stop in itertools.pairwise(sorted({*range(0, whole, block), whole, rows})):
            piece = keras.tree.map_structure(lambda a, i=start, j=stop: a[i:j], inputs)
            values = self.program(piece, size, block)
            # What runs asynchronously computes this piece while the one before is copied.
            if before is not None:
                result = _written(result, rows, *before)
            before = start, stop, values
        return _written(result, rows, *before)

    def _prepare(self, inputs: Any) -> None:
        variables = self.model.variables
        if self.variables is not None and _same(variables, self.variables):
            return
        self.variables = variables
        self.program = _program(self.model, self.function, self.draws, self.alike)
        self.ample = ample_rows(self.model, inputs, self.program.MULTIPLICATIONS)


def _same(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _program(model: Any, function: Any, draws: bool, alike: bool) -> Any:
    make: Any
    match keras.backend.backend():
        case "jax":
            from keras_ae.backend.compiled.rowwise import on_jax

            make = on_jax.Program
        case "tensorflow":
            from keras_ae.backend.compiled.rowwise import on_tensorflow

            make = on_tensorflow.Program
        case _:
            from keras_ae.backend.compiled.rowwise import on_torch

            return on_torch.Program(model, function, draws, traces=not (draws or alike))
    return make(model, function, draws)


def _written(result: Any, rows: int, start: int, stop: int, values: Any) -> Any:
    """Return the result, made if it is not yet, with the values of a piece in their place."""
    arrays = keras.tree.map_structure(ops.convert_to_numpy, values)
    if result is None:
        result = keras.tree.map_structure(lambda a: np.empty((rows, *a.shape[1:]), a.dtype), arrays)
    for all_rows, piece in zip(keras.tree.flatten(result), keras.tree.flatten(arrays), strict=True):
        all_rows[start:stop] = piece[: stop - start]
    return result
