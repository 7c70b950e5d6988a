"""Several training steps in one compiled program, on JAX."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


class Steps:
    """Runs up to `per_call` steps of a model in one dispatch, on data that stay on the device.

    It takes the place of the model's train function. The number of steps is an input of the
    program, so that the last block of an epoch needs none of its own; a shorter last batch does.

    Args:
        model: A compiled model.
    """

    def __init__(self, model: Any) -> None:
        import jax

        self.model = model
        self.block = jax.jit(self._block, donate_argnums=0)
        self.one = jax.jit(self._one, donate_argnums=0)

    def bind(self, batches: Any, per_call: int) -> None:
        """Put the data of a training on the device."""
        import jax

        self.data = keras.tree.map_structure(jax.numpy.asarray, batches.arrays)
        self.batch_size, self.per_call = batches.batch_size, per_call

    def release(self) -> None:
        """Let go of the data."""
        self.data = None

    def __call__(self, state: Any, iterator: Iterator[np.ndarray]) -> tuple[Any, Any]:
        """Return (logs, state) after the next steps."""
        batches = list(itertools.islice(iterator, self.per_call))
        if not batches:
            raise StopIteration
        logs: Any = None
        whole = [rows for rows in batches if len(rows) == self.batch_size]
        if whole:
            rows = np.zeros((self.per_call, self.batch_size), "int32")
            rows[: len(whole)] = whole
            logs, state = self.block(state, self.data, rows, len(whole))
        for rest in batches[len(whole) :]:
            logs, state = self.one(state, self.data, rest)
        return logs, state

    def _block(self, state: Any, data: Any, rows: Any, count: Any) -> tuple[Any, Any]:
        import jax

        def step(index: Any, before: Any) -> Any:
            _, after = self._one(before, data, rows[index])
            # A loop's state keeps its types.
            return jax.tree.map(lambda new, old: new.astype(old.dtype), after, before)

        state = jax.lax.fori_loop(0, count, step, state)
        metrics = zip(self.model.metrics_variables, state[3], strict=True)
        with keras.StatelessScope(state_mapping=list(metrics)):
            return self.model.get_metrics_result(), state

    def _one(self, state: Any, data: Any, rows: Any) -> tuple[Any, Any]:
        batch = keras.tree.map_structure(lambda a: a[rows], data)
        logs, after = self.model.train_step(state, batch)
        return logs, tuple(list(part) for part in after)
