"""How a step's batch is divided, so that each thread works on its own part of it.

A framework's threads share one operation after another, and what an operation makes for a whole
batch of images is out of the cache before the next reads it. A thread that takes a few rows at a
time through all operations waits for nobody and stays in the cache.
"""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple, Self

import keras

from keras_ae.backend.compiled.plan import convolves, multiplications
from keras_ae.backend.script import Draw

WORTH_DIVIDING = 20
"""Steps from which on the gain outweighs compiling what finds out whether it is possible."""
MOST_THREADS = 8
LEAST_ROWS = 4
"""Rows of a part at least."""
LEAST_WORK = 32
"""Multiplications of a thread's pass for each weight, whose gradient the pass makes and adds."""
TOLERANCE = 1e-4
"""By how much what is computed of a batch may differ from its parts', relative."""


class Division(NamedTuple):
    """The parts of a batch.

    Args:
        threads: Parts that are worked on side by side.
        passes: Parts of such a part, one after another.
        rows: Rows of each.
    """

    threads: int
    passes: int
    rows: int

    @classmethod
    def of(cls, model: Any, batch_size: int) -> Self | None:
        """Return how to divide a model's batches, None where that is not faster or not possible.

        Products of matrices alone are shared by a framework's own threads as well.
        """
        if not (convolves(model) or _recurs(model)) or not is_sum_of_rows(model):
            return None
        threads = _divisor(batch_size, min(MOST_THREADS, _cores()), LEAST_ROWS)
        rows = batch_size // threads
        passes = _divisor(rows, rows, _rows_of_a_pass(model)) if convolves(model) else 1
        return None if threads * passes == 1 else cls(threads, passes, rows // passes)

    @property
    def parts(self) -> int:
        """The number of all parts."""
        return self.threads * self.passes


def is_sum_of_rows(model: Any) -> bool:
    """Return whether a step's gradient may be the mean of those of its rows.

    What only a forward pass tells, each backend's `is_exact` asks.
    """
    return (
        not model.phases
        and not model.bottleneck.of_batch
        and not any(term.of_batch for term in model.objective)
        and model._compile_metrics is None
        and getattr(model.optimizer, "loss_scale_factor", None) is None
        and not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    )


def is_by_row(draws: list[Draw], rows: int) -> bool:
    """Return whether each draw of a forward pass of so many rows has one for each row first."""
    return all(draw.shape and draw.shape[0] == rows for draw in draws)


def _rows_of_a_pass(model: Any) -> int:
    """Return how many rows a thread takes through convolutions at a time, at least.

    What few rows make stays in the cache; each pass makes and adds a gradient of all weights.
    """
    weights = sum(math.prod(w.shape) for w in model.trainable_weights)
    return max(LEAST_ROWS, math.ceil(LEAST_WORK * weights / max(1, multiplications(model))))


def _recurs(model: Any) -> bool:
    return any(isinstance(layer, keras.layers.RNN) for layer in model._flatten_layers())


def _cores() -> int:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _divisor(number: int, most: int, least_rows: int) -> int:
    """Return the largest divisor up to `most` that leaves each part `least_rows`, or 1."""
    return max(n for n in range(1, most + 1) if n == 1 or _divides(number, n, least_rows))


def _divides(number: int, parts: int, least_rows: int) -> bool:
    return number % parts == 0 and number // parts >= least_rows
