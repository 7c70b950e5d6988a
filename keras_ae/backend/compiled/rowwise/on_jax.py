"""A function of a model on batches of rows, on JAX."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_ae.backend.compiled.plan import convolves
from keras_ae.backend.compiled.rowwise.functions import bound
from keras_ae.backend.compiled.rowwise.sizes import (
    compiled_size,
    in_batches,
    is_small,
    padded,
    rows_in,
)


class Program:
    """Runs the function on one batch, or on several in one loop, compiled once for each size.

    Weights are inputs of the program; what moves in it (the state of noise) is written back.

    Args:
        model: A built model.
        function: Name of one of its functions, or a function (model, batch).
        draws: Whether it draws noise.
    """

    MULTIPLICATIONS = 2**26

    def __init__(self, model: Any, function: Any, draws: bool) -> None:
        import jax

        self.model, self.function, self.draws, self.pads = model, function, draws, not draws
        self.fixed = [v for v in model.variables if v.trainable]
        self.moving = [v for v in model.variables if not v.trainable]
        self.one, self.block = jax.jit(self._one), jax.jit(self._block)

    def loops(self, batch_size: int) -> bool:
        """Return whether batches are so small that their dispatch would cost more than they do.

        A loop's body runs on one thread, and its convolutions far slower than outside.
        """
        return is_small(self.model, batch_size) and not convolves(self.model)

    def __call__(self, rows: Any, batch_size: int, block: int) -> Any:
        """Return the function of at most `block` rows; what was padded comes last."""
        count = rows_in(rows)
        fixed, moving = ([v.value for v in group] for group in (self.fixed, self.moving))
        if count > batch_size:
            batches = in_batches(padded(rows, block), batch_size)
            value, moving = self.block(fixed, moving, batches, math.ceil(count / batch_size))
        else:
            size = count if self.draws else compiled_size(count, batch_size)
            value, moving = self.one(fixed, moving, padded(rows, size))
        if self.draws:
            for variable, now in zip(self.moving, moving, strict=True):
                variable.assign(now)
        return value

    def _one(self, fixed: Any, moving: Any, batch: Any) -> Any:
        values = zip([*self.fixed, *self.moving], [*fixed, *moving], strict=True)
        with keras.StatelessScope(state_mapping=list(values)) as scope:
            value = bound(self.model, self.function)(batch)
        if not self.draws:
            return value, []
        return value, [scope.get_current_value(v) for v in self.moving]

    def _block(self, fixed: Any, moving: Any, batches: Any, count: Any) -> Any:
        import jax

        def body(index: Any, carried: Any) -> Any:
            moving, values = carried
            batch = jax.tree.map(lambda a: a[index], batches)
            value, moved = self._one(fixed, moving, batch)
            values = jax.tree.map(lambda all_, one: all_.at[index].set(one), values, value)
            return moved if self.draws else moving, values

        first = jax.tree.map(lambda a: a[0], batches)
        shape = jax.eval_shape(self._one, fixed, moving, first)[0]
        length = rows_in(batches)
        empty = jax.tree.map(lambda s: jax.numpy.empty((length, *s.shape), s.dtype), shape)
        moving, values = jax.lax.fori_loop(0, count, body, (moving, empty))
        return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), values), moving
